#!/usr/bin/env python3
"""Write this repository's addresses, as settings.ini gives them, into everything that names them.

python tools/links.py            rewrite Colab badges, Colab install lines and links, then export again; links of a notebook to files
                                 beside it become addresses, so that they lead somewhere in Colab, too (the index, README's source, apart)
python tools/links.py --check    change nothing; list what differs and exit 1 if anything does
"""
import argparse, importlib.util, posixpath, re, subprocess, sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLAB = re.compile(r'https://colab\.research\.google\.com/github/([\w.-]+)/([\w.-]+)/blob/([^/\s"\\]+)/([^\s"\\)#]+?\.ipynb)')
BESIDE = re.compile(r"(\]\()((?![a-z][a-z0-9+.-]*:|#|/)[^)\s#]+\.(?:ipynb|md|cff)|(?:\.\./)+[A-Z]+)(#[^)\s]*)?(\))") # a link to a file beside the notebook
INSTALL = re.compile(r'(%pip install [^"\n]*?)git\+https?://[^\s"\\]+')


def notebooks():
    "Every notebook of the course, solutions included, as nbdev finds them."
    found = sorted((ROOT/"nbs").rglob("*.ipynb"))
    return [p for p in found if not any(part.startswith(("_", ".")) for part in p.relative_to(ROOT).parts)]


def settings():
    "The addresses of settings.ini."
    config = ConfigParser(delimiters=["="])
    config.read(ROOT/"settings.ini", encoding="utf-8")
    return config["DEFAULT"]


def name(path): return path.relative_to(ROOT).as_posix()


def has_badge(path): # the index links to the chapters' own badges, the solutions are reached from their chapter
    return path.suffix == ".ipynb" and path.name != "index.ipynb" and path.parent.name != "solutions"


def inside(path, target): return posixpath.normpath(posixpath.join(path.parent.relative_to(ROOT).as_posix(), target))


def rewrite(
    text, # of one file
    path, # of that file
    cfg, # settings.ini's addresses
    old, # {(user, repo)} that badges have named so far
):
    "`text` with every address of ours as `cfg` gives it."
    here, badge_done = f"{cfg['user']}/{cfg['repo']}", not has_badge(path)

    def colab(m):
        nonlocal badge_done
        target = m[4]
        if not badge_done: target, badge_done = name(path), True # a notebook's first Colab link is its own badge
        elif (m[1], m[2]) not in old: return m[0]
        return f"https://colab.research.google.com/github/{here}/blob/{cfg['branch']}/{target}"

    text = COLAB.sub(colab, text)
    if path.suffix == ".ipynb" and path.name != "index.ipynb": # in Colab there is nothing beside a notebook
        text = BESIDE.sub(lambda m: f"{m[1]}{cfg['git_url']}/blob/{cfg['branch']}/{inside(path, m[2])}{m[3] or ''}{m[4]}", text)
    at = "" if cfg["branch"] in ("main", "master") else f"@{cfg['branch']}"
    text = INSTALL.sub(lambda m: f"{m[1]}git+{cfg['git_url']}{at}", text)
    for user, repo in sorted(old):
        address = re.escape(f"{user}/{repo}") + r"(?:\.git\b)?(?![\w-]|\.\w)" # the whole name and no longer one
        text = re.sub(rf"https://github\.com/{address}(/(?:blob|tree|raw)/)[^/\s\"\\)]+",
                      lambda m: f"{cfg['git_url']}{m[1]}{cfg['branch']}", text)
        text = re.sub(rf"https://github\.com/{address}", lambda m: cfg["git_url"], text)
        text = re.sub(rf"(https://raw\.githubusercontent\.com/){address}/[^/\s\"\\)]+",
                      lambda m: f"{m[1]}{here}/{cfg['branch']}", text)
        text = re.sub(rf"https://{re.escape(user)}\.github\.io/{re.escape(repo)}(?![\w-])", lambda m: cfg["doc_host"] + cfg["doc_baseurl"], text)
        text = re.sub(rf"https://{re.escape(user)}\.github\.io\b", lambda m: cfg["doc_host"], text)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if anything differs")
    check = parser.parse_args().check
    cfg, nbs = settings(), notebooks()
    old, wrong, changed = {(cfg["user"], cfg["repo"])}, [], []
    for path in nbs:
        badge = COLAB.search(path.read_text(encoding="utf-8")) if has_badge(path) else None
        if badge: old.add((badge[1], badge[2]))
        elif has_badge(path): wrong.append(f"{name(path)}: no Colab badge in it")
    others = [ROOT/"README.md", ROOT/"CONTRIBUTING.md", *sorted((ROOT/cfg["lib_path"]).rglob("*.py"))]
    for path in [*nbs, *(p for p in others if p.is_file())]:
        before = path.read_text(encoding="utf-8")
        after = rewrite(before, path, cfg, old)
        wrong += [f"{name(path)}: a Colab link to {m[4]}, which is not here" for m in COLAB.finditer(after)
                  if (m[1], m[2]) == (cfg["user"], cfg["repo"]) and not (ROOT/m[4]).is_file()]
        if after == before: continue
        changed.append(path)
        for a, b in zip(before.splitlines(), after.splitlines()):
            if a != b: print(f"{name(path)}:\n  - {a.strip()}\n  + {b.strip()}")
        if not check: path.write_text(after, encoding="utf-8", newline="\n")
    for line in wrong: print(line)
    if changed and not check:
        if importlib.util.find_spec("nbdev"):
            subprocess.run([sys.executable, "-c", "from nbdev.doclinks import nbdev_export; nbdev_export()"], cwd=ROOT, check=True)
        else: print("nbdev is not installed here: run nbdev_export where it is")
    if changed and check: print("These addresses are not those of settings.ini: run python tools/links.py")
    elif not wrong: print(f"{len(changed) or 'no'} files changed: every address is {cfg['git_url']}, branch {cfg['branch']}")
    return 1 if wrong or (check and changed) else 0


if __name__ == "__main__": sys.exit(main())
