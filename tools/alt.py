#!/usr/bin/env python3
"""Give every picture among the stored outputs its alternative text, as the cell that made it states it.

A cell that shows a picture opens with Quarto's option, `#| fig-alt: what is to be seen`. Jupyter and nbconvert read the text from
the output's metadata instead: this copies it there. Run it after a notebook was executed; nbdev_clean keeps what it writes.

python tools/alt.py [NB...]            write the texts into these notebooks, or into all
python tools/alt.py --check [NB...]    change nothing; list pictures without a text and exit 1 if there are any
"""
import argparse, json, re, sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from links import name, notebooks

TEXT = re.compile(r"^#\|\s*fig-alt:\s*(.+?)\s*$", re.M)
EMPTY = re.compile(r"!\[\s*\]\(|<img(?![^>]*\balt=)[^>]*>") # in prose


def pictures(cell):
    "The stored outputs of a cell that are pictures, each with its kinds of image."
    for out in cell.get("outputs", []):
        kinds = [kind for kind in out.get("data", {}) if kind.startswith("image/")]
        if kinds: yield out, kinds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if a picture has no text")
    parser.add_argument("notebooks", nargs="*", type=Path, help="all, if none is given")
    args, wrong = parser.parse_args(), []
    for path in (p.resolve() for p in args.notebooks or notebooks()):
        nb, changed = json.loads(path.read_text(encoding="utf-8")), False
        for cell in nb["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown" and EMPTY.search(source): wrong.append(f"{name(path)}, cell {cell['id']}: a picture in prose without a text")
            if cell["cell_type"] != "code": continue
            text = TEXT.search(source)
            for out, kinds in pictures(cell):
                if not text: wrong.append(f"{name(path)}, cell {cell['id']}: no `#| fig-alt: ...` for its picture"); break
                for kind in kinds:
                    own = out.setdefault("metadata", {}).setdefault(kind, {})
                    if own.get("alt") == text[1]: continue
                    if args.check: wrong.append(f"{name(path)}, cell {cell['id']}: the stored picture lacks the text: run python tools/alt.py")
                    own["alt"] = text[1]; changed = True
        if changed and not args.check: path.write_text(json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__": sys.exit(main())
