#!/usr/bin/env python3
"""Draw images/house.svg, the map of the notebooks, from the notebooks themselves.

python tools/drawing.py            write it
python tools/drawing.py --check    change nothing; exit 1 if it is not what the notebooks give
"""
import argparse, re, sys, textwrap
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from links import ROOT

SVG = ROOT/"images"/"house.svg"
FLOORS = (("drawn birds, pictures, words", "#e6eef7", "#4a78a8", ("00", "01", "02")), ("the paper", "#e7f3ea", "#4a8a5c", ("03", "04", "05", "06")),
          ("use it, measure it", "#e6eef7", "#4a78a8", ("07", "08")), ("beyond the paper", "#e6eef7", "#4a78a8", ("09", "10", "11", "12")),
          ("at speed, with buttons, in a shell", "#e6eef7", "#4a78a8", ("13", "13b", "14", "15"))) # from the ground up


def rooms():
    "number -> (name of the chapter, names of its engine rooms), such as 04 -> (04_game, [04a_players, ...]). 13b is a chapter, too."
    stems = sorted(p.stem for p in (ROOT/"nbs").glob("*.ipynb"))
    chapters = [s for s in stems if re.match(r"\d\d_", s) or s == "13b_wider"]
    return {s.split("_")[0]: (s, [r for r in stems if re.match(rf"{s.split('_')[0]}[a-z]_", r) and r not in chapters]) for s in chapters}


def box(x, y, w, h, fill, line, dash=""):
    return f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="7" fill="{fill}" stroke="{line}" stroke-width="1.6"{dash}/>'


def text(x, y, said, more=""): return f'<text x="{x:g}" y="{y:g}" text-anchor="middle"{more}>{escape(said)}</text>'


def draw():
    "The drawing."
    found, out, left, width, y = rooms(), [], 24, 912, 116
    small = ' font-size="12.5" fill="#51606e"'
    for name, fill, line, numbers in reversed(FLOORS):
        gap, each = 12, (width - 12 * (len(numbers) - 1)) / len(numbers)
        carried = {n: textwrap.wrap(" · ".join(r.replace("_", "\u00a0") for r in found[n][1] if r != "00a_basics"), int(each / 6.6)) for n in numbers}
        tall = max(map(len, carried.values()))
        out.append(text(left + width / 2, y + 2, name, small + ' font-style="italic"'))
        for i, n in enumerate(numbers):
            x = left + i * (each + gap)
            out += [box(x, y + 10, each, 42, fill, line), text(x + each / 2, y + 36, found[n][0].replace("_", " "), ' font-weight="bold"')]
            if not carried[n]: continue
            out.append(box(x, y + 56, each, 10 + 17 * tall, "#f1edf5", "#8a5c9c", ' stroke-dasharray="5 3"'))
            out += [text(x + each / 2, y + 73 + 17 * k, row, small) for k, row in enumerate(carried[n])]
        y += 84 + 17 * tall
    out += [box(left, y, width, 34, "#f1edf5", "#8a5c9c", ' stroke-dasharray="5 3"'), text(left + width / 2, y + 22, "00a basics, which everything stands on", small)]
    tall = y + 58
    head = ['<path d="M10 104 L480 14 L950 104z" fill="#f6f1e4" stroke="#b59a52" stroke-width="1.6"/>', text(480, 62, "index", ' font-weight="bold"'),
            text(480, 84, "quickstart · glossary", small)]
    told = "The house: the course's notebooks as rooms, chapters in solid boxes, their engine rooms in dashed boxes below them"
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 {tall}" font-family="Helvetica, Arial, sans-serif" font-size="15" fill="#1b2733" role="img">',
                      f"<title>{escape(told)}</title>", f'<rect width="960" height="{tall}" rx="10" fill="#ffffff"/>', *head, *out, "</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if it differs")
    check, new = parser.parse_args().check, draw()
    same = SVG.is_file() and SVG.read_text(encoding="utf-8") == new
    if not check and not same: SVG.write_text(new, encoding="utf-8", newline="\n")
    print("images/house.svg " + ("is what the notebooks give" if same else "is not what the notebooks give: run python tools/drawing.py" if check else "written"))
    return 1 if check and not same else 0


if __name__ == "__main__": sys.exit(main())
