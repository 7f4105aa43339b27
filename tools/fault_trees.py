"""Data sets in CUB-200-2011's layout with faults in them, and a second, plain reading of them to compare with."""
import os, shutil, unicodedata
from pathlib import Path

import numpy as np
from PIL import Image

TABLES = "images bounding_boxes image_class_labels classes".split()
FLOATS = ("0", "-3", "1e308", "nan", "inf", "1e400", "", "x", "0x10", "1_0", "٣")


def make_tree(root, classes=10, each=3):
    "A small sound data set with captions, boxes and attributes."
    rng, cub = np.random.default_rng(0), Path(root)/"CUB_200_2011"
    names = [f"{k + 1:03d}.Kind_{'abcdefghijklmnop'[k]}" for k in range(classes)]
    rows = {t: [] for t in TABLES}
    rows["classes"] = [f"{k + 1} {n}" for k, n in enumerate(names)]
    for k, name in enumerate(names):
        (cub/"images"/name).mkdir(parents=True); (Path(root)/"text"/name).mkdir(parents=True)
        for j in range(each):
            i = len(rows["images"]) + 1
            Image.fromarray(rng.integers(0, 255, (40, 48, 3), np.uint8)).save(cub/"images"/name/f"Bird_{i:04d}.jpg")
            (Path(root)/"text"/name/f"Bird_{i:04d}.txt").write_text(f"a bird of kind {k} with number {i}\nit has {j} spots\n")
            rows["images"].append(f"{i} {name}/Bird_{i:04d}.jpg"); rows["image_class_labels"].append(f"{i} {k + 1}")
            rows["bounding_boxes"].append(f"{i} {4 + j}.0 {5 + j}.0 30.0 25.0")
    for t, lines in rows.items(): (cub/f"{t}.txt").write_text("\n".join(lines) + "\n")
    for split, part in dict(train=names[:-2], test=names[-2:]).items(): (Path(root)/f"{split}classes.txt").write_text("\n".join(part) + "\n")


# ---------------------------------------------------------------- faults
def _table(root, rng): return root/"CUB_200_2011"/f"{rng.choice(TABLES)}.txt"
def _lines(path): return path.read_text(errors="surrogateescape").split("\n")[:-1]
def _write(path, lines): path.write_text("\n".join(lines) + "\n", errors="surrogateescape")
def _pick(root, rng, top): return rng.choice(sorted(p for p in (root/top).rglob("*") if p.is_file() or p.is_symlink()))
def _picture(root, rng): return _pick(root, rng, "CUB_200_2011/images")
def _text(root, rng): return _pick(root, rng, "text")
def _list(root, rng): return root/f"{rng.choice(['train', 'test'])}classes.txt"

def cut_table(root, rng): p = _table(root, rng); p.write_bytes(p.read_bytes()[:rng.randrange(p.stat().st_size)])
def bit_in_table(root, rng):
    p = _table(root, rng); data = bytearray(p.read_bytes()); data[rng.randrange(len(data))] ^= 1 << rng.randrange(8); p.write_bytes(bytes(data))
def drop_line(root, rng): p = _table(root, rng); lines = _lines(p); lines.pop(rng.randrange(len(lines))); _write(p, lines)
def double_line(root, rng): p = _table(root, rng); lines = _lines(p); lines.append(rng.choice(lines)); _write(p, lines)
def swap_lines(root, rng): p = _table(root, rng); lines = _lines(p); rng.shuffle(lines); _write(p, lines)
def swap_values(root, rng): # two pictures with each other's class, box or file
    p = _table(root, rng); lines = [line.split(" ", 1) for line in _lines(p)]; i, j = rng.sample(range(len(lines)), 2)
    lines[i][1], lines[j][1] = lines[j][1], lines[i][1]; _write(p, [" ".join(x) for x in lines])
def odd_id(root, rng):
    p = _table(root, rng); lines = _lines(p); i = rng.randrange(len(lines))
    lines[i] = f"{rng.choice(['0', '-1', '999999', 'x', '01', '1.0', ''])} {lines[i].split(' ', 1)[1]}"; _write(p, lines)
def odd_box(root, rng):
    p = root/"CUB_200_2011"/"bounding_boxes.txt"; lines = [line.split() for line in _lines(p)]
    lines[rng.randrange(len(lines))][rng.randrange(1, 5)] = rng.choice(FLOATS); _write(p, [" ".join(x) for x in lines])
def big_box(root, rng):
    p = root/"CUB_200_2011"/"bounding_boxes.txt"; lines = _lines(p); i = rng.randrange(len(lines))
    lines[i] = f"{lines[i].split()[0]} {rng.choice(['40 35 30 25', '0 0 999 999', '-20 -20 22 22', '100 100 5 5', '0 0 0.2 0.2'])}"; _write(p, lines)
def odd_name(root, rng):
    p = root/"CUB_200_2011"/"images.txt"; lines = _lines(p); i = rng.randrange(len(lines)); k = lines[i].split()[0]
    lines[i] = f"{k} {rng.choice(['../../secret.jpg', '/etc/passwd', 'no/such.jpg', 'a' * 300, '.', 'C:/a.jpg', '~/a.jpg', 'é.jpg', lines[i - 1].split()[1]])}"; _write(p, lines)
def same_class_name(root, rng): p = root/"CUB_200_2011"/"classes.txt"; lines = _lines(p); lines[1] = f"2 {lines[0].split()[1]}"; _write(p, lines)
def extra_column(root, rng): p = _table(root, rng); lines = _lines(p); i = rng.randrange(len(lines)); lines[i] += " 7"; _write(p, lines)
def other_encoding(root, rng):
    p = rng.choice([_table, _text, _list])(root, rng)
    p.write_bytes((p.read_text(errors="replace") + "é 鳥\n").encode(rng.choice(["latin-1", "utf-16", "utf-8-sig", "utf-32", "cp1252"]), "replace"))
def windows_lines(root, rng): p = rng.choice([_table, _text, _list])(root, rng); p.write_bytes(p.read_bytes().replace(b"\n", b"\r\n"))
def blank_lines(root, rng): p = _table(root, rng); _write(p, [x for line in _lines(p) for x in (line, "", "   ")])
def nul(root, rng): p = rng.choice([_table, _text, _list])(root, rng); p.write_bytes(p.read_bytes()[:9] + bytes(5) + p.read_bytes()[9:])
def long_line(root, rng): p = _table(root, rng); p.write_bytes(p.read_bytes() + b"1 " + b"a" * 2_000_000)
def gone(root, rng): p = rng.choice([_table, _text, _list, _picture])(root, rng); p.unlink()
def empty(root, rng): p = rng.choice([_table, _text, _list, _picture])(root, rng); p.write_bytes(rng.choice([b"", b"\n", b" \n \n"]))
def other_kind(root, rng): # a folder, a pipe, a link to nothing or to itself, where a file should be
    p = rng.choice([_table, _text, _list, _picture])(root, rng); p.unlink()
    rng.choice([lambda: p.mkdir(), lambda: os.mkfifo(p), lambda: p.symlink_to("nothing"), lambda: p.symlink_to(p.name), lambda: p.symlink_to("/dev/zero")])()
def cut_picture(root, rng): p = _picture(root, rng); p.write_bytes(p.read_bytes()[:rng.randrange(p.stat().st_size)])
def bit_in_picture(root, rng): # in its head: pixels have no checksum
    p = _picture(root, rng); data = bytearray(p.read_bytes()); data[rng.randrange(30)] ^= 1 << rng.randrange(8); p.write_bytes(bytes(data))
def odd_picture(root, rng):
    p = _picture(root, rng)
    rng.choice([lambda: Image.new("RGB", (1, 1)).save(p), lambda: Image.new("F", (48, 40)).save(p, "TIFF"), lambda: Image.new("I", (48, 40)).save(p, "TIFF"),
                lambda: Image.new("RGBA", (48, 40), (9, 9, 9, 0)).save(p, "PNG"), lambda: Image.new("P", (48, 40)).save(p, "GIF"), lambda: p.write_text("<svg/>"),
                lambda: Image.new("CMYK", (48, 40)).save(p), lambda: Image.new("1", (48, 40)).save(p, "PNG"), lambda: p.write_bytes(b"\x00" * 999)])()
def move_picture(root, rng): p = _picture(root, rng); p.rename(p.parent.parent/rng.choice(sorted(os.listdir(p.parent.parent)))/f"x{p.name}")
def odd_captions(root, rng): p = _text(root, rng); p.write_text(rng.choice(["   \n\n", "...\n", "a" * 100_000 + "\n", "\u202e\u2066\n", "a\tbird\u00a0\n" * 99]))
def odd_list(root, rng):
    p = _list(root, rng); lines = _lines(p); i = rng.randrange(len(lines))
    what = rng.choice(["cut", "typo", "twice", "both", "none"])
    if what == "cut": lines = lines[:i]
    if what == "typo": lines[i] = lines[i][:-1] + "é"
    if what == "twice": lines.append(lines[i])
    if what == "both": lines += _lines(root/"testclasses.txt") + _lines(root/"trainclasses.txt")
    if what == "none": lines = []
    _write(p, lines)
def no_folder(root, rng): shutil.rmtree(rng.choice([root/"text", root/"CUB_200_2011"/"images", *sorted((root/"text").iterdir())[:2]]), ignore_errors=True)

FAULTS = [f for f in list(globals().values()) if callable(f) and getattr(f, "__code__", None) and f.__code__.co_varnames[:2] == ("root", "rng") and not f.__name__.startswith("_")]

def mutate(root, rng):
    "Put one fault into a data set: its name."
    fault = rng.choice(FAULTS)
    try: fault(root, rng)
    except (OSError, IndexError, ValueError): return f"({fault.__name__})"  # the fault before it left no place for this one
    return fault.__name__


# ---------------------------------------------------------------- a second reading
def wrong_in(root, data):
    "What a data set that was read has otherwise than its files; None where there is nothing."
    def table(name):
        lines = (root/"CUB_200_2011"/f"{name}.txt").read_text(encoding="utf-8-sig").replace("\r", "").split("\n")
        pairs = [line.split(None, 1) for line in lines if line.strip()]
        if len({k for k, _ in pairs}) != len(pairs): raise AssertionError(f"{name}.txt has an id twice and was read")
        return {k: v.strip() for k, v in pairs}
    images, of, classes = (table(n) for n in ("images", "image_class_labels", "classes"))
    if not set(images) == set(of): return "ids differ and were read"
    boxes = table("bounding_boxes") if (root/"CUB_200_2011"/"bounding_boxes.txt").exists() else None
    by_file = {f: k for k, f in images.items()}
    if len(by_file) != len(images): return "a picture twice"
    for i, path in enumerate(data.paths):
        name = str(path.relative_to(root/"CUB_200_2011"/"images")); k = by_file[name]
        if data.classes[data.labels[i]] != classes[of[k]]: return f"{name} has another class"
        if boxes and not np.allclose(data.boxes[i], [float(x) for x in boxes[k].split()]): return f"{name} has another box"
        text = (root/"text"/name).with_suffix(".txt").read_text(encoding="utf-8-sig")
        told = [" ".join(unicodedata.normalize("NFKC", line).split()) for line in text.replace("\r", "\n").split("\n") if line.strip()]
        if [" ".join(c.split()) for c in data.captions[i]] != told: return f"{name} has other captions"
        if Image.open(path).mode in ("F", "I") : return f"{name} has no known white"
        x, y, w, h = data.boxes[i] if boxes else (0, 0, 9, 9)
        if not (w >= 1 and h >= 1 and np.isfinite([x, y, w, h]).all()): return f"{name} has the box {x} {y} {w} {h}"
    return None
