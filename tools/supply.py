#!/usr/bin/env python3
"""Say where everything comes from that this package stands on, and whether it can be passed on. Exits 1 if something is wrong.

usage: python tools/supply.py            the checks that need no time: requirements, licences, workflows, addresses
       python tools/supply.py --build    and those that do: wheel and sdist install and draw outside the repository

- what is installed fits together (pip check), and every package, down to the last one, has a licence under which it can
  be used (PyTorch brings NVIDIA's libraries for its GPUs, which are NVIDIA's own)
- the lower bounds in settings.ini are the versions with which CI runs (tools/lowest.txt)
- the workflows name every action by its commit
- what is fetched by address has a checksum, and is fetched in one place
"""
import argparse, os, re, subprocess, sys, tempfile
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from links import ROOT, settings

FREE = re.compile(r"\b(MIT|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|HPND|Unlicense|Zlib|CC0|Public Domain|LGPL|"
                  r"CNRI|Artistic|Boost|BSL|NVIDIA|ZPL|Historical Permission)", re.I)
# said neither in the package's metadata nor in a file of its own
KNOWN = {"cuda-toolkit": "NVIDIA, a list of its packages"}


def licence(name):
    "A package's licence, as its metadata has it."
    m = metadata.metadata(name)
    said = [m.get("License-Expression"), *(c.rpartition(" :: ")[2] for c in m.get_all("Classifier", []) if c.startswith("License ::") and c.count("::") > 1)]
    said += [(m.get("License") or "").strip().split("\n")[0][:60]]
    text = next((p.locate().read_text(errors="replace")[:600] for p in metadata.files(name) or [] if p.name.startswith(("LICENSE", "LICENCE", "COPYING"))), "")
    said += [" ".join(found.split()) for found in re.findall(r"(?:MIT|BSD|Apache|GNU)[\w ]* License", text, re.I)[:1]]
    return next((s for s in said if s and s not in ("UNKNOWN", "OSI Approved")), KNOWN.get(name.lower().replace("_", "-"), "unknown"))

def needed(names):
    "All installed packages that these need, and those that they need."
    seen, todo = {}, [re.split(r"[<>=!~ \[;]", n)[0] for n in names]
    while todo:
        name = todo.pop(); key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen: continue
        try: seen[key] = metadata.distribution(name)
        except metadata.PackageNotFoundError: seen[key] = None; continue
        for need in seen[key].requires or []:
            if "extra ==" not in need: todo.append(re.split(r"[<>=!~ \[;(]", need)[0])
    return seen

def licences(show):
    "Packages whose licence is unknown, or none of those that were looked at."
    cfg = settings()
    for part in ("requirements", "text_requirements", "photos_requirements", "web_requirements", "shards_requirements"):
        for key, there in sorted(needed(cfg[part].split()).items()):
            if there is None: continue  # of another system or Python
            said = licence(key)
            if show: print(f"  {part.removesuffix('_requirements'):12} {key:28} {there.version:14} {said}")
            if not FREE.search(said): yield f"{key} {there.version} has the licence {said!r}: look, and add it to KNOWN in tools/supply.py"

def installed():
    r = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    if r.returncode: yield from r.stdout.splitlines()

def lowest():
    "Requirements whose lower bound is not the version in tools/lowest.txt."
    lines = (ROOT/"tools"/"lowest.txt").read_text().splitlines()
    known = dict(line.split("==") for line in lines if "==" in line)
    for need in settings()["requirements"].split():
        name, _, least = need.partition(">=")
        if known.get(name) != least: yield f"settings.ini asks for {need}, tools/lowest.txt for {known.get(name, 'none')}"

def workflows():
    for path in sorted((ROOT/".github"/"workflows").glob("*.yml")):
        for n, line in enumerate(path.read_text().splitlines(), 1):
            if (m := re.search(r"uses:\s*(\S+)", line)) and not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", m[1]):
                yield f"{path.name}:{n} names {m[1]}: give its commit, 40 hexadecimal digits"

def addresses():
    for path in sorted((ROOT/settings()["lib_path"]).glob("*.py")):
        text = path.read_text()
        if path.stem != "downloads" and re.search(r"urlopen|urlretrieve|requests\.get|load_state_dict_from_url", text):
            yield f"{path.name} fetches by address: let stackgan/downloads.py do it"
    text = (ROOT/settings()["lib_path"]/"downloads.py").read_text()
    table = text[text.index("SOURCES = "):]; table = table[:table.index("\nCUB_URL")]
    if len(re.findall(r'"https://', table)) != len(re.findall(r'"[0-9a-f]{32}"', table)): yield "an address in SOURCES has no checksum"
    if text.count("https://") != table.count("https://"): yield "downloads.py has an address outside SOURCES"


DRAW = """
import sys, stackgan
from stackgan.generate import StackGAN
picture = StackGAN.from_pretrained("birds")("a small red bird", seed=0)[0]
assert picture.size == (256, 256) and not stackgan.__file__.startswith(sys.argv[1]), stackgan.__file__
"""

def builds():
    "What keeps wheel and sdist from drawing in another folder."
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder); env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        subprocess.run(f"git -C '{ROOT}' archive HEAD | tar -x -C '{work}' --one-top-level=source", shell=True, check=True)
        def run(*words, cwd=work/"source", **more):
            r = subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, env=env | more)
            return None if not r.returncode else (r.stderr or r.stdout).strip().splitlines()[-1]
        make = "from setuptools.build_meta import build_sdist, build_wheel; build_sdist(%r); build_wheel(%r)" % (f"{work}/dist", f"{work}/dist")
        (work/"dist").mkdir()
        if said := run("-c", make): yield f"building: {said}"; return
        for kind in ("*.whl", "*.tar.gz"):
            built, home = next((work/"dist").glob(kind)), work/f"home{kind[1:]}"
            said = run("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(home), str(built), cwd=work)
            (work/"elsewhere").mkdir(exist_ok=True)
            said = said or run("-c", DRAW, str(ROOT), cwd=work/"elsewhere", PYTHONPATH=str(home))
            said = said or run(str(home/"bin"/"stackgan"), "models", cwd=work/"elsewhere", PYTHONPATH=str(home))
            if said: yield f"{built.name}: {said}"
            print(f"  {built.name}: {built.stat().st_size / 1e6:.1f} MB")

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", action="store_true"); p.add_argument("--list", action="store_true", help="print every package with its licence")
    args = p.parse_args()
    checks = {"what is installed fits together": installed(), "every licence is known": licences(args.list),
              "lower bounds are the versions that are tested": lowest(),
              "the workflows name actions by their commits": workflows(), "what is fetched has a checksum": addresses()}
    if args.build: checks["wheel and sdist draw outside the repository"] = builds()
    import house
    return int(house.report(checks) > 0)

if __name__ == "__main__": sys.exit(main())
