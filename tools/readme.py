#!/usr/bin/env python3
"""Make README.md from nbs/index.ipynb.

python tools/readme.py            write README.md
python tools/readme.py --check    change nothing; exit 1 if README.md is not what the notebook gives
"""
import argparse, difflib, os, posixpath, re, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made from nbs/index.ipynb by tools/readme.py: edit the notebook, not this file. -->\n\n"
LINK = re.compile(r'(\]\(|\b(?:src|href|srcset)=")(?!#|[a-z][a-z0-9+.-]*:)([^)\s"]+)', re.I)


def markdown():
    "What nbs/index.ipynb says, for the repository's root, and the links in it that lead nowhere."
    import nbformat
    from nbconvert import MarkdownExporter
    nb = nbformat.read(ROOT/"nbs"/"index.ipynb", as_version=4)
    nb.cells = [c for c in nb.cells if not re.search(r"^#\| *hide\b", c.source, re.M)]
    for c in nb.cells:
        if c.cell_type == "code": c.source = re.sub(r"^#\|.*\n?", "", c.source, flags=re.M)
    nb.cells = [c for c in nb.cells if c.source.strip()]
    text, resources = MarkdownExporter().from_notebook_node(nb)
    if resources.get("outputs"):
        raise SystemExit("nbs/index.ipynb stores pictures in its outputs: save them in images/ and show them from there, "
                         f"so that README.md can too ({len(resources['outputs'])} found)")
    dead = []

    def from_root(m):
        path, hash_, part = m[2].partition("#")
        path = posixpath.normpath(posixpath.join("nbs", path))
        if not (ROOT/path).exists(): dead.append(path)
        return f"{m[1]}{path}{hash_}{part}"

    text = LINK.sub(from_root, text)
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return NOTE + re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n", dead


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if README.md differs")
    check = parser.parse_args().check
    new, dead = markdown()
    readme = ROOT/"README.md"
    old = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    for path in dead: print(f"nbs/index.ipynb links to {path}, which is not here")
    if check:
        diff = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "README.md", "from nbs/index.ipynb", lineterm=""))
        print("\n".join([*diff, "README.md is not what nbs/index.ipynb gives: run python tools/readme.py"] if diff
                        else ["README.md is what nbs/index.ipynb gives"]))
        return 1 if diff or dead else 0
    if new != old:
        aside = readme.with_suffix(".md.part")
        aside.write_text(new, encoding="utf-8", newline="\n")
        os.replace(aside, readme)
    print("README.md " + ("written" if new != old else "unchanged"))
    return 1 if dead else 0


if __name__ == "__main__": sys.exit(main())
