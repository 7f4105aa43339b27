#!/usr/bin/env python3
"""Say whether the repository agrees with itself. Changes nothing; exits 1 and says what to do if not.

- stackgan/*.py is what the notebooks export
- the notebooks are as nbdev_clean leaves them, without errors, machine paths or more than 1.5 MB
- README.md is what nbs/index.ipynb gives
- badges, install lines and links are those of settings.ini
- images/house.svg shows every notebook
- words are spelt, links lead somewhere, pictures have alternative texts (tools/prose.py)
- the package keeps the rules of the house (tools/house.py)
"""
import difflib, json, os, re, shutil, subprocess, sys, tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import house
from links import ROOT, name, notebooks, settings

MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|root|tmp|opt|Users|private|var/folders|work|content|mnt)/\w|\b[A-Z]:\\\\+Users\b")
LIMIT = 1_500_000 # bytes of a notebook


def from_notebooks(work):
    "Export and clean a copy of the notebooks in the folder `work`."
    lib = settings()["lib_path"]
    shutil.copy(ROOT/"settings.ini", work)
    shutil.copytree(ROOT/"nbs", work/"nbs", ignore=shutil.ignore_patterns(".ipynb_checkpoints", "data", "runs"))
    (work/lib).mkdir()
    for own in ("__init__.py", "__main__.py"): shutil.copy(ROOT/lib/own, work/lib) # written by hand
    env = {k: v for k, v in os.environ.items() if k != "IN_TEST"} # with it nbdev_export does nothing
    code = "from nbdev.doclinks import nbdev_export; from nbdev.clean import nbdev_clean; nbdev_export(); nbdev_clean()"
    subprocess.run([sys.executable, "-c", code], cwd=work, env=env, check=True)


def read(path): return path.read_text(encoding="utf-8") if path.is_file() else None


def exported(work):
    "What differs between the modules here and those that the notebooks give."
    lib = settings()["lib_path"]
    files = {p.relative_to(base).as_posix() for base in (ROOT, work) for p in (base/lib).rglob("*.py")}
    for f in sorted(files):
        here, there = read(ROOT/f), read(work/f)
        if here == there: continue
        if here is None: yield f"{f} is missing: run nbdev_export"
        elif there is None: yield f"{f} is exported by no notebook: delete it, or write its notebook"
        else:
            diff = difflib.unified_diff(here.splitlines(), there.splitlines(), f, "from the notebooks", lineterm="", n=1)
            yield "\n    ".join([f"{f} is not what the notebooks export: run nbdev_export", *list(diff)[:20]])


def clean(work):
    "What is untidy in the notebooks."
    for path in notebooks():
        f, text = name(path), path.read_text(encoding="utf-8")
        if text != read(work/f): yield f"{f} is not clean: run nbdev_clean"
        if len(text.encode()) > LIMIT: yield f"{f} has {len(text.encode()):,} bytes, more than {LIMIT:,}: store fewer or smaller pictures"
        cells = json.loads(text)["cells"]
        if not cells or not "".join(cells[0]["source"]).startswith("# "): yield f"{f} does not open with a title (# ...)"
        for cell in cells:
            for out in cell.get("outputs", []):
                data = {k: v for k, v in out.get("data", {}).items() if not k.startswith("image/")}
                found = MACHINE_PATH.search(json.dumps([out.get("text"), data], ensure_ascii=False))
                if out["output_type"] == "error": yield f"{f} stores an error ({out['ename']}): run it again"
                if found: yield f"{f}, cell {cell['id']}: a stored output names a path of one machine ({found[0]}...)"


def tool(script):
    "What another of the tools finds."
    r = subprocess.run([sys.executable, ROOT/"tools"/script, "--check"], capture_output=True, text=True)
    if r.returncode: yield (r.stdout + r.stderr).strip().replace("\n", "\n    ")


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        from_notebooks(work)
        mods = house.modules()
        checks = {"the modules are what the notebooks export": exported(work),
                  "the notebooks are clean": clean(work),
                  "README.md is what index.ipynb gives": tool("readme.py"),
                  "the addresses are those of settings.ini": tool("links.py"),
                  "the map of the house shows every room": tool("drawing.py"),
                  "the prose is spelt, its links lead somewhere, its pictures have texts": tool("prose.py")}
        failed = house.report(checks | {what: check(mods) for what, check in house.CHECKS.items()})
    return 1 if failed else 0


if __name__ == "__main__": sys.exit(main())
