#!/usr/bin/env python3
"""Check the course's prose: spelling, links, pictures. Changes nothing; exits 1 and says where and what if something is wrong.

python tools/prose.py            all notebooks and the Markdown files beside them
python tools/prose.py --words    print the words that no dictionary knows, to be added to tools/words.txt if they are right

- Every word is in the English dictionary of pyspellchecker, in tools/words.txt (names, terms, British spelling), or in `code`.
- Every link to a file of this repository leads to one, and every #part of it to a heading there.
- Every picture has alternative text (tools/alt.py).
- Every name that a block of Python imports from the package is there.
"""
import argparse, ast, importlib, json, re, subprocess, sys
from pathlib import Path
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).resolve().parent))
from links import ROOT, name, notebooks, settings

WORDS = ROOT/"tools"/"words.txt"
NOT_PROSE = re.compile(r"```.*?```|~~~.*?~~~|\$\$.*?\$\$|\$[^$\n]+\$|`[^`]*`|<[^>]*>|https?://\S+|[\w.+-]+@[\w.-]+", re.S)
WORD = re.compile(r"(?<![\w'-])[A-Za-z][a-z]*(?:'[a-z]+)?(?![\w])")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*([^)\s]+)\s*\)")
HTML_IMAGE = re.compile(r"<img\b[^>]*>")


def texts():
    "(file, where in it, Markdown) for all prose of the course."
    for path in notebooks():
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown": yield path, f"cell {cell['id']}", "".join(cell["source"])
    for path in sorted(ROOT.glob("*.md")): yield path, "text", path.read_text(encoding="utf-8")


def unknown():
    "{word: where it stands first} of the words in no dictionary."
    from spellchecker import SpellChecker # from the extra `dev`
    known, found = SpellChecker(language="en", distance=1), {}
    known.word_frequency.load_words(w for w in WORDS.read_text(encoding="utf-8").split())
    for path, where, text in texts():
        prose = NOT_PROSE.sub(" ", LINK.sub(r" \2 ", text))
        for word in WORD.findall(prose):
            plain = word.lower().removesuffix("'s").removesuffix("'")
            if len(plain) > 2 and not word.isupper() and plain not in found and known.unknown([plain]): found[plain] = f"{name(path)}, {where}"
    return found


def anchors(path):
    "What a link to this file may name behind its #."
    if path.suffix == ".ipynb": lines = [l for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "markdown"
                                         for l in "".join(c["source"]).splitlines()]
    else: lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    heads = [re.sub(r"^#+ *", "", l).strip() for l in lines if l.startswith("#")]
    return {h.replace(" ", "-") for h in heads} | {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}


def links():
    "What is wrong with the links and pictures in prose."
    cfg = settings()
    ours = re.compile(rf"(?:{re.escape(cfg['git_url'])}/(?:blob|tree|raw)|https://raw\.githubusercontent\.com/{cfg['user']}/{cfg['repo']}"
                      rf"|https://colab\.research\.google\.com/github/{cfg['user']}/{cfg['repo']}/blob)/{re.escape(cfg['branch'])}/(.*)")
    for path, where, text in texts():
        text = re.sub(r"```.*?```|`[^`\n]*`", " ", text, flags=re.S)
        for picture, words, target in LINK.findall(text):
            if picture and not words.strip(): yield f"{name(path)}, {where}: the picture {target} has no alternative text"
            inside, (target, _, part) = ours.match(target), target.partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:", target, re.I) and not inside: continue # another's address
            file = ROOT/unquote(inside[1].partition("#")[0]) if inside else (path.parent/unquote(target) if target else path)
            if not file.exists(): yield f"{name(path)}, {where}: {target} is not here"
            elif part and file.is_file() and unquote(part) not in anchors(file): yield f"{name(path)}, {where}: {target} has no heading #{part}"
        for tag in HTML_IMAGE.findall(text):
            if not re.search(r'\balt="[^"]', tag): yield f"{name(path)}, {where}: a picture has no alternative text: {tag[:80]}"


def alt():
    "What tools/alt.py finds."
    r = subprocess.run([sys.executable, ROOT/"tools"/"alt.py", "--check"], capture_output=True, text=True)
    if r.returncode: yield from (r.stdout + r.stderr).strip().splitlines()


def imports():
    "What blocks of Python in prose import from the package, and it does not have."
    for path, where, text in texts():
        for line in re.findall(r"^\s*(from stackgan.* import (?:\([^)]*\)|.*))", "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.S)), flags=re.M):
            node, = ast.parse(line).body
            there = importlib.import_module(node.module)
            for one in node.names:
                if one.name != "*" and not hasattr(there, one.name): yield f"{name(path)}, {where}: {node.module} has no {one.name}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="what it does anyway; the other tools have this option")
    parser.add_argument("--words", action="store_true", help="print the unknown words alone")
    args, new = parser.parse_args(), unknown()
    if args.words: print(*sorted(new), sep="\n"); return 0
    wrong = [f"{where}: is \"{word}\" a word? Then add it to tools/words.txt" for word, where in new.items()] + [*links(), *imports(), *alt()]
    print(*wrong or ["every word is spelt, every link leads somewhere, every import is there, every picture has its text"], sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__": sys.exit(main())
