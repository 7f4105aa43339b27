#!/usr/bin/env python3
"""Say whether the package keeps the rules of the house. Changes nothing; exits 1 and says what breaks them if not.

- a module imports only modules that stand before it in ORDER, at its top, and no private name of theirs, nor one that is not there
- no import circle
- no function over 60 lines, no class over 120, no TrainConfig of more than 16 fields
- the public face, stackgan/__init__.py, names the modules where its names live, and `import stackgan` loads no other package
- the scripts in tools/ import names from where they live
"""
import ast, json, re, subprocess, sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from links import ROOT, settings

LIB = settings()["lib_path"]
ORDER = ("basics grammar drawing birds checked large files downloads published folders rules datasets shards data lessons text matching conditioning processes players game recorded runs training convolutions detail further stage1 stage2 "
         "folded export models generate metrics judge evaluate networks known scenery extras plans minutes recipes ablation photographs textbook scale sentences visitors playground webpage shell cli").split()
FUNCTION, CLASS, FIELDS = 60, 120, 16 # lines, lines, of TrainConfig
FACE = """StackGAN load_official CUB200 CaptionedImages Batches ImageCache download_cub write_birds Bird draw_bird TextEncoder CharCNNRNN
    SentenceEncoder PrecomputedEmbeddings ConditioningAugmentation StageIGenerator StageIDiscriminator StageIIGenerator
    StageIIDiscriminator Trainer TrainConfig Preset presets train_stackgan crop_to_bird evaluate_birds packaged_models""".split()


def modules():
    "Every exported module by name, parsed."
    return {p.stem: ast.parse(p.read_text(encoding="utf-8")) for p in sorted((ROOT/LIB).glob("*.py")) if not p.stem.startswith("_")}


def defined(tree):
    "The names that a module defines at its top."
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)): yield node.name
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for t in targets: yield from (x.id for x in ast.walk(t) if isinstance(x, ast.Name))


def imports(tree, names, face):
    "Each import of a module of ours: (the module, what is taken from it, line, whether at the module's top)."
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        found = []
        if isinstance(node, ast.Import):
            found = [(a.name.split(".")[1], None) for a in node.names if a.name.startswith(f"{LIB}.")]
        elif isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".") if not node.level else [LIB, *filter(None, [node.module])]
            if parts[0] == LIB and len(parts) > 1: found = [(parts[1], a.name) for a in node.names]
            elif parts[0] == LIB: found = [(a.name, None) if a.name in names else (face[a.name], a.name)
                                           for a in node.names if a.name in names or a.name in face]
        for module, name in found: yield module, name, node.lineno, id(node) in top


def available(tree):
    "All names of a module that another can import."
    yield from defined(tree)
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)): yield from ((a.asname or a.name).split(".")[0] for a in node.names)


def circles(edges):
    "Every circle of imports, once."
    seen = set()
    def walk(path):
        for m in sorted(edges.get(path[-1], ())):
            if m in path:
                ring = path[path.index(m):]; i = ring.index(min(ring)); ring = ring[i:] + ring[:i]
                if tuple(ring) not in seen: seen.add(tuple(ring)); yield " -> ".join([*ring, ring[0]])
            else: yield from walk([*path, m])
    for m in sorted(edges): yield from walk([m])


def order(mods):
    "Imports that do not go from a later room to an earlier one."
    face, edges = public(), {}
    for m in mods:
        if m not in ORDER: yield f"{LIB}/{m}.py stands nowhere in the order: give it a place in ORDER, tools/house.py"
    for m, tree in mods.items():
        for other, name, line, top in imports(tree, mods, face):
            at = f"{LIB}/{m}.py:{line}"
            edges.setdefault(m, set()).add(other)
            if other not in mods: yield f"{at} imports {other}, which is no module"
            elif name and name not in {*available(mods[other])}: yield f"{at} takes {name} from {other}, which has no such name"
            if {m, other} <= {*ORDER} and ORDER.index(other) >= ORDER.index(m): yield f"{at} imports forward: {other}"
            if not top and m not in ("shell", "cli"): yield f"{at} imports {other} inside a function: import it at the top"
            if name and name.startswith("_") and not name.startswith("__"): yield f"{at} takes {other}.{name}, which is private"
    for ring in circles(edges): yield f"import circle: {ring}"


def sizes(mods):
    "What is too long."
    for m, tree in mods.items():
        for node in ast.walk(tree):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)): continue
            lines, most = node.end_lineno - node.lineno + 1, CLASS if isinstance(node, ast.ClassDef) else FUNCTION
            if lines > most: yield f"{LIB}/{m}.py:{node.lineno} {node.name} has {lines} lines, more than {most}"
            if node.name == "TrainConfig":
                fields = sum(isinstance(x, ast.AnnAssign) and "ClassVar" not in ast.unparse(x.annotation) for x in node.body)
                if fields > FIELDS: yield f"{LIB}/{m}.py:{node.lineno} TrainConfig has {fields} fields, more than {FIELDS}"
    if not any("TrainConfig" in defined(tree) for tree in mods.values()): yield "no module defines TrainConfig"


def public():
    "The public names by module, as stackgan/__init__.py has them."
    tree = ast.parse((ROOT/LIB/"__init__.py").read_text(encoding="utf-8"))
    rooms = next(ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "_rooms")
    return {name: room for room, names in rooms.items() for name in names.split()}


# run in a fresh process, in which for each name the package is as if it had never been imported
IMPORT = """
import sys, json
before = set(sys.modules)
import stackgan
heavy = sorted({m.split(".")[0] for m in set(sys.modules) - before} - {"stackgan", *sys.stdlib_module_names})
if heavy: print("import stackgan loads", *heavy)
for name in json.loads(sys.argv[1]):
    for m in [m for m in sys.modules if m.split(".")[0] == "stackgan"]: del sys.modules[m]
    try: exec(f"from stackgan import {name}")
    except Exception as e: print(f"from stackgan import {name}: {type(e).__name__}: {e}")
    if name not in dir(sys.modules["stackgan"]): print(f"dir(stackgan) has no {name}")
"""


def installed():
    "Is everything here that the package needs to run?"
    try: return all(metadata.version(re.split("[<>=]", need)[0]) for need in settings()["requirements"].split())
    except metadata.PackageNotFoundError: return False


def face(mods):
    "Names of the public face that are missing, or not where it says."
    has = public()
    for name in FACE:
        if name not in has: yield f"{LIB}/__init__.py does not give {name}"
    for name, room in has.items():
        homes = [m for m, tree in mods.items() if name in defined(tree)]
        if room not in homes: yield f"{LIB}/__init__.py looks for {name} in {room}: it is in {' and '.join(homes) or 'no module'}"
    names = json.dumps(list(has) if installed() else []) # without torch: only that `import stackgan` needs none
    r = subprocess.run([sys.executable, "-c", IMPORT, names], cwd=ROOT, capture_output=True, text=True)
    yield from r.stdout.splitlines()
    if r.returncode: yield r.stderr.strip().replace("\n", "\n    ")


def tools(mods):
    "Names that the tools, which no test runs, and the command line, late, import from where they are not."
    late = [ROOT/LIB/f"{m}.py" for m in ("shell", "cli") if m in mods]
    for path in [*sorted((ROOT/"tools").glob("*.py")), *late]:
        for m, name, line, _ in imports(ast.parse(path.read_text(encoding="utf-8")), mods, public()):
            if name and (m not in mods or name not in defined(mods[m])):
                homes = [x for x, tree in mods.items() if name in defined(tree)]
                yield f"{path.relative_to(ROOT)}:{line} takes {name} from {m}: it is in {' and '.join(homes) or 'no module'}"


CHECKS = {"no module looks forward": order, "nothing is too long": sizes, "the public face is true": face,
          "the tools and the command line find what they import": tools}


def report(checks):
    "Print each check with its findings; how many found something."
    failed = 0
    for what, findings in checks.items():
        findings = list(dict.fromkeys(findings))
        failed += bool(findings)
        print(f"{'FAILED' if findings else 'ok'}: {what}", *(f"  - {x}" for x in findings), sep="\n", flush=True)
    return failed


if __name__ == "__main__":
    mods = modules()
    sys.exit(bool(report({what: check(mods) for what, check in CHECKS.items()})))
