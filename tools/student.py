#!/usr/bin/env python3
"""A student's copy of the course, and what its exercises say.

python tools/student.py make FOLDER        write the copy: chapters without stored outputs and without answers, no solutions
python tools/student.py grade FOLDER       run the exercises in the notebooks of such a copy, handed in again, and list what each
                                           check says; --only 04_game takes one chapter, --out marks.csv writes a table too
python tools/student.py prove [NB...]      show that the checks tell a stub from a solution: grade a fresh copy (nothing may be
                                           right) and one with the worked solutions written in (everything must be)

The notebooks are run in small (IN_TEST=1), with the package that is installed, in temporary copies: what was handed in stays as it is.
"""
import argparse, ast, csv, json, os, re, shutil, subprocess, sys, tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from links import ROOT, settings

ANSWERS = re.compile(r"\n*<details>\s*<summary>[^<]*[Aa]nswers?[^<]*</summary>.*?</details>\n*", re.S)
SOLUTION_LINK = re.compile(r"[^.\n]*\]\([^)]*solutions/[^)]*\)[^.\n]*\.?\s*")
HOMEWORK = """# The StackGAN course: your copy

    pip install git+{git_url}
    pip install jupyterlab && jupyter lab nbs

Open a chapter, run it from the top, and write the functions under "Exercises": each raises `NotImplementedError` until you do. The
cell below a stub says "right" or gives a hint. Hand in the notebooks you have changed.
"""


def read(path): return json.loads(Path(path).read_text(encoding="utf-8"))
def source(cell): return "".join(cell["source"])


def write(nb, path):
    "Write a notebook aside, then rename it."
    aside = Path(path).with_suffix(".part")
    aside.write_text(json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
    os.replace(aside, path)


def chapters(folder):
    "The notebooks in a folder, solutions apart."
    return sorted(p for p in (Path(folder)/"nbs").glob("*.ipynb") if p.name != "index.ipynb")


def exercises(nb):
    "The cells from the first heading that says Exercise(s): (number, cell)."
    numbered = list(enumerate(nb["cells"]))
    return next((numbered[i:] for i, c in numbered if c["cell_type"] == "markdown" and re.match(r"#+ *(An )?[Ee]xercises?\b", source(c))), [])


def stubs(cell):
    "The functions and classes of a cell that still raise NotImplementedError: (name, first line, last line), lines from 1."
    if cell["cell_type"] != "code" or "raise NotImplementedError" not in source(cell): return
    for node in ast.parse(source(cell)).body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)): continue
        raised = [n for n in ast.walk(node) if isinstance(n, ast.Raise) and "NotImplementedError" in ast.dump(n)]
        if raised: yield node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.end_lineno


def blanks(cell):
    "Values to be filled in, in a cell with a stub: (name, first line, last line) of each assignment that holds None."
    if not list(stubs(cell)): return
    for node in ast.parse(source(cell)).body:
        if isinstance(node, ast.Assign) and any(isinstance(n, ast.Constant) and n.value is None for n in ast.walk(node.value)):
            yield ast.unparse(node.targets[0]), node.lineno, node.end_lineno


def make(folder):
    "Write the student's copy into a folder that is not there yet."
    folder = Path(folder)
    if folder.exists(): raise SystemExit(f"{folder} is there already: name a new folder, or remove that one")
    aside = folder.with_name(folder.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    (aside/"nbs").mkdir(parents=True)
    shutil.copytree(ROOT/"images", aside/"images")
    for path in chapters(ROOT):
        nb = read(path)
        for cell in nb["cells"]:
            if cell["cell_type"] == "code": cell.update(outputs=[], execution_count=None)
            else: cell["source"] = SOLUTION_LINK.sub("", ANSWERS.sub("\n", source(cell))).strip().splitlines(keepends=True)
        write(nb, aside/"nbs"/path.name)
    (aside/"README.md").write_text(HOMEWORK.format(git_url=settings()["git_url"]), encoding="utf-8")
    shutil.copy(ROOT/"LICENSE", aside)
    os.replace(aside, folder)


def ran(path):
    "The notebook, run in small by nbdev's own runner, in a process and a folder of its own; a cell that fails does not stop it."
    code = "import sys; from execnb.shell import CaptureShell; CaptureShell().execute(sys.argv[1], sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, path.name], cwd=path.parent, env=os.environ | {"IN_TEST": "1"},
                          capture_output=True, text=True, timeout=1800)
    if done.returncode: raise SystemExit(f"{path.name} could not be run: {done.stderr.strip().splitlines()[-1:]}")
    return read(path)


def verdicts(nb):
    "What each exercise's check says: (name of the stub or function, text)."
    found, name = [], None
    for _, cell in exercises(nb):
        if cell["cell_type"] != "code": continue
        defined = [n.name for n in ast.parse(source(cell)).body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
        name = next((n for n in defined if not n.startswith("check")), name)
        for out in cell.get("outputs", []):
            text = "".join(out.get("data", {}).get("text/plain", out.get("text", "")))
            if out["output_type"] == "error": text = f"{out['ename']}: {out['evalue']}"
            if out["output_type"] == "error" or re.match(r"""['"]?(right|not|it )""", text, re.I): found.append((name, text.strip("'\"")))
    return found


def grade(folder, only=()):
    "(chapter, exercise, what its check says) for each exercise in the notebooks of `folder`."
    with tempfile.TemporaryDirectory() as work:
        shutil.copytree(folder, Path(work)/"copy", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        for path in chapters(Path(work)/"copy"):
            nb = read(path)
            if only and path.stem not in only or not any(list(stubs(c)) or "check" in source(c) for _, c in exercises(nb)
                                                         if c["cell_type"] == "code"): continue
            for name, text in verdicts(ran(path)): yield path.stem, name, text


def with_solutions(folder, only=()):
    "Write the worked solutions, with their imports, into the stubs of a copy; what has none is said."
    for path in chapters(folder):
        if only and path.stem not in only: continue
        solved, imports, nb = {}, [], read(path)
        for worked in sorted((ROOT/"nbs"/"solutions").glob(f"{path.stem[:2]}*.ipynb")): # a room's stand in its chapter's
            for cell in read(worked)["cells"]:
                if cell["cell_type"] != "code" or re.search(r"^ *[%!]", source(cell), re.M): continue
                for node in ast.parse(source(cell)).body:
                    if isinstance(node, (ast.FunctionDef, ast.ClassDef)): solved[node.name] = ast.unparse(node)
                    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name): solved[node.targets[0].id] = ast.unparse(node)
                    if isinstance(node, (ast.Import, ast.ImportFrom)): imports.append(ast.unparse(node))
        for _, cell in exercises(nb):
            lines = source(cell).splitlines()
            for name, first, last in sorted([*stubs(cell), *blanks(cell)], key=lambda s: -s[1]):
                if name in solved: lines[first - 1:last] = [*imports, *solved[name].splitlines()]
                else: print(f"{path.stem}: no notebook in solutions/ defines {name}")
            cell["source"] = "\n".join(lines).splitlines(keepends=True)
        write(nb, path)


def prove(only=()):
    "Grade a fresh copy and a solved one; True if no stub is right and every solution is."
    good = True
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work)/"student"
        make(copy)
        left = [p.name for p in chapters(copy) for c in read(p)["cells"] if c.get("outputs") or "<summary>Answers" in source(c)]
        if left or (copy/"nbs"/"solutions").exists(): print(f"outputs or answers are left in {sorted({*left})}"); good = False
        for what, wanted in (("stub", False), ("solution", True)):
            if wanted: with_solutions(copy, only)
            n = 0
            for chapter, name, text in grade(copy, only):
                n += 1
                right = text.lower().startswith("right")
                broke = re.match(r"\w*(Error|Exception)\b", text)
                if right != wanted or broke: print(f"{chapter}, {name}: the {what} gets {text[:150]!r}"); good = False
            print(f"{n} exercises, each with its {what}")
            good = good and n > 0
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "grade", "prove"])
    parser.add_argument("names", nargs="*", help="the folder; for prove, chapters such as 04_game")
    parser.add_argument("--only", nargs="*", default=(), metavar="NB", help="chapters to grade, such as 04_game")
    parser.add_argument("--out", type=Path, help="a CSV file for the marks")
    args = parser.parse_args()
    if args.what == "prove": return 0 if prove(args.names) else 1
    if len(args.names) != 1: parser.error(f"{args.what} takes one folder")
    if args.what == "make": make(args.names[0]); print(f"written to {args.names[0]}"); return 0
    rows = []
    for row in grade(args.names[0], args.only): print(*row, sep=", "); rows.append(row)
    if args.out:
        with open(args.out, "w", newline="", encoding="utf-8") as f: csv.writer(f).writerows([("chapter", "exercise", "check"), *rows])
    return 0


if __name__ == "__main__": sys.exit(main())
