#!/usr/bin/env python3
"""Build the course's site from the notebooks, with mkdocs-material and mkdocs-jupyter: pip install '.[site]'

python tools/site.py                 into site/, with the playground that computes in the browser as a page
python tools/site.py --out FOLDER    elsewhere
python tools/site.py --no-page       without the playground

Warnings of mkdocs are errors, and so is a link or a picture in a built page that leads nowhere.
"""
import argparse, json, re, shutil, subprocess, sys, tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).resolve().parent))
from links import ROOT, notebooks, settings

LINK = re.compile(r"(\]\()([^)\s#:]+)\.(ipynb|md)(#[^)\s]*)?(\))")


def title(path):
    "The first heading of a notebook."
    return "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]).splitlines()[0].lstrip("# ")


def local(text, folder):
    "Markdown whose absolute addresses of this repository are relative to the folder again, for a site that has them all."
    cfg = settings()
    address = re.compile(rf"(?:{re.escape(cfg['git_url'])}/blob|https://raw\.githubusercontent\.com/{cfg['user']}/{cfg['repo']})/{cfg['branch']}/")
    return address.sub("../" * len(folder.parts), text)


def gather(docs):
    "Copy what the site shows into `docs`."
    shutil.copytree(ROOT/"images", docs/"images")
    for name in ("LICENSE", "CITATION.cff"): shutil.copy(ROOT/name, docs)
    for name in ("CONTRIBUTING.md", "TEACHING.md"): (docs/name).write_text(local((ROOT/name).read_text(encoding="utf-8"), Path()), encoding="utf-8")
    (docs/"index.md").write_text(local((ROOT/"README.md").read_text(encoding="utf-8"), Path()), encoding="utf-8")
    for card in cards():
        at = docs/card.relative_to(ROOT)
        at.parent.mkdir(parents=True)
        at.write_text(re.sub(r"\A---\n.*?\n---\n", "", local(card.read_text(encoding="utf-8"), card.relative_to(ROOT).parent), flags=re.S), encoding="utf-8")
    for path in notebooks():
        if path.name == "index.ipynb": continue
        at = path.relative_to(ROOT)
        nb = json.loads(path.read_text(encoding="utf-8"))
        for cell in nb["cells"]:
            if cell["cell_type"] != "markdown": continue
            text = re.sub(r"\]\((\.\./nbs/)?index\.ipynb", "](../index.html", local("".join(cell["source"]), at.parent))
            text = LINK.sub(r"\1\2.html\4\5", text).replace("/README.html", "/index.html") # as mkdocs names it
            cell["source"] = text.splitlines(keepends=True)
        (docs/at).parent.mkdir(parents=True, exist_ok=True)
        (docs/at).write_text(json.dumps(nb, ensure_ascii=False), encoding="utf-8")


def cards(): return sorted((ROOT/settings()["lib_path"]/"weights").glob("*/README.md")) # of models and of stored results


FRAME = """# Try it

<iframe src="playground/index.html" title="The playground: type a sentence, a picture is computed in this browser"
 style="width: 100%; height: 1600px; border: 0"></iframe>

[The playground alone](playground/index.html)
"""


def nav(playground):
    "The pages in their order: chapters with their engine rooms behind them, then solutions."
    found = [p for p in notebooks() if p.name != "index.ipynb"]
    page = lambda p: {f"{p.stem.split('_')[0] + ' ' if p.stem[0].isdigit() else ''}{title(p)}": p.relative_to(ROOT).as_posix()}
    chapters = [p for p in found if p.parent.name == "nbs" and re.match(r"\d\d_", p.stem)]
    rooms = [p for p in found if p.parent.name == "nbs" and re.match(r"\d\d[a-z]", p.stem)]
    rest = [p for p in found if p.parent.name == "nbs" and not p.stem[0].isdigit()]
    first = ["index.md", *[{"Try it": "try.md"}] * playground, *map(page, rest)]
    return [{"Start": first}, {"Chapters": [*map(page, chapters)]}, {"Engine rooms": [*map(page, rooms)]},
            {"Solutions": [*map(page, (p for p in found if p.parent.name == "solutions"))]},
            {"Cards": [{c.parent.name: c.relative_to(ROOT).as_posix()} for c in cards()]},
            {"More": [{"Teaching": "TEACHING.md"}, {"Contributing": "CONTRIBUTING.md"}]}]


class Targets(HTMLParser):
    "The addresses that a page names."
    def __init__(self): super().__init__(); self.found = []
    def handle_starttag(self, tag, attrs):
        for key, value in attrs:
            if key in ("href", "src") and value: self.found.append(value)


def dead(site):
    "Links and pictures of the built pages that lead nowhere."
    for path in sorted(site.rglob("*.html")):
        if path.name == "404.html" or "playground" in path.relative_to(site).parts: continue
        page = Targets()
        page.feed(path.read_text(encoding="utf-8"))
        for target in page.found:
            if re.match(r"[a-z][a-z0-9+.-]*:|//|#", target, re.I): continue
            file = (path.parent/unquote(re.split(r"[?#]", target)[0])).resolve()
            if not file.exists(): yield f"{path.relative_to(site)}: {target} is not there"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT/"site", help="the folder of the site")
    parser.add_argument("--no-page", action="store_true", help="leave the playground out")
    args, cfg = parser.parse_args(), settings()
    out = args.out.resolve()
    with tempfile.TemporaryDirectory() as work:
        docs = Path(work)/"docs"
        docs.mkdir()
        gather(docs)
        if not args.no_page:
            subprocess.run([sys.executable, "-m", "stackgan.cli", "page", "--out", docs/"playground"], check=True)
            (docs/"try.md").write_text(FRAME, encoding="utf-8")
        more = dict(docs_dir=str(docs), site_url=f"{cfg['doc_host']}{cfg['doc_baseurl']}/", repo_url=cfg["git_url"], site_description=cfg["description"], nav=nav(not args.no_page))
        lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in more.items()] # JSON is YAML
        base = (ROOT/"mkdocs.yml").read_text(encoding="utf-8")
        (Path(work)/"mkdocs.yml").write_text(base + "\n".join(lines) + "\n", encoding="utf-8")
        subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-f", Path(work)/"mkdocs.yml", "-d", out], check=True)
    wrong = [*dead(out)]
    print(*wrong or [f"{sum(1 for _ in out.rglob('*.html'))} pages in {args.out}"], sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__": sys.exit(main())
