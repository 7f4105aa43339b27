#!/usr/bin/env python3
"""How fast is ours, beside the textbook's form? One table, as ratios.

usage: python benchmarks/run.py            all rows, 20 to 40 minutes of one core; also writes benchmarks/results.csv
       python benchmarks/run.py --short    three rows in about a minute; fails on gross loss alone
       python benchmarks/run.py --rows step1,draw1     some rows (--list names them), which replace those of benchmarks/results.csv
       python benchmarks/run.py --against ea5a718      with the preset `small` beside an older commit of this repository

Every row alternates both forms, each in a process of its own with one thread, and takes medians: times are the processor's,
ratios are of each pair of turns. A ratio above 1 says that ours is faster (memory, import: below 1 is less).
"""
import argparse
import csv
import io
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from PIL import Image

from stackgan.basics import keep_heap
from stackgan.data import Batches
from stackgan.matching import fast_bf16
from stackgan.textbook import race

RESULTS = Path(__file__).with_name("results.csv")
GROSS = dict(step1=1.3, step2=1.3, draw1=1.4, draw16=1.4)  # below these, a change has lost what was won


def hardware():
    "The class of this machine, in words."
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
        name = names[0] if names else name
    amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}, {'AMX' if amx else 'no AMX'}, one thread, torch {torch.__version__}"


def step(stage, times, *size, forms=("textbook", "ours")): return race("step", times, stage, *size, forms=forms)["ratio"]


def half(stage, *size):
    "A step in bfloat16 against the textbook's float32, where the processor computes in bfloat16."
    if not fast_bf16(): return None
    return step(stage, 3, *size, forms=("textbook", "ours auto"))


def memory():
    "MB of a Stage-II step beyond the imports, ours / textbook."
    textbook, ours = race("step", 2, 2, 128, 4, 256)["memory"]
    return ours / textbook if textbook else None


def imports(times=5):
    "Processor seconds of `from stackgan import StackGAN` / of `import torch`."
    def seconds(line):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", line], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = "import torch", "from stackgan import StackGAN"
    for line in lines: seconds(line)
    torch_, ours = zip(*[[seconds(line) for line in lines] for _ in range(times)])
    return statistics.median(b / a for a, b in zip(torch_, ours))


class Photographs(torch.utils.data.Dataset):
    "JPEG files, as the published code reads them: open, cut out, resize, crop at random, mirror, scale."
    def __init__(self, files, size): self.files, self.size = files, size
    def __len__(self): return len(self.files)
    def __getitem__(self, i):
        large = round(self.size * 76 / 64)
        im = Image.open(self.files[i]).convert("RGB").crop((60, 20, 400, 360)).resize((large, large), Image.BILINEAR)
        x, y = torch.randint(large - self.size + 1, (2,)).tolist()
        im = im.crop((x, y, x + self.size, y + self.size))
        if torch.rand(()) < .5: im = im.transpose(Image.FLIP_LEFT_RIGHT)
        return torch.from_numpy(np.asarray(im).copy()).permute(2, 0, 1).float() / 127.5 - 1


class Stored:
    "Decoded pictures, as an `ImageCache` holds them."
    def __init__(self, n, size):
        self.size, self.array = size, np.random.default_rng(0).integers(0, 256, (n, 3, size, size), dtype=np.uint8)
    def __len__(self): return len(self.array)


def loading(size, batch, turns=9):
    "Batches a second against a PIL `DataLoader` with two workers that are never disturbed: half of its processor time."
    keep_heap()
    with tempfile.TemporaryDirectory() as folder:
        random, files = np.random.default_rng(0), []
        for i in range(batch):
            smooth = Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=np.uint8)).resize((500, 375), Image.BICUBIC)
            files.append(f"{folder}/{i}.jpg"); smooth.save(files[-1], quality=90)
        pictures = Photographs(files, size)
        ours = Batches(Stored(4 * batch, round(size * 76 / 64)), torch.randn(4 * batch, 1, 1024), range(4 * batch), batch, size)
        def seconds(read, n): began = time.process_time(); read(); return (time.process_time() - began) / n
        def peer(): return [*torch.utils.data.DataLoader(pictures, batch, num_workers=0)]
        def own(): return [b.real() for b in ours.epoch(len(took))]
        took = []
        for _ in range(turns + 3): took.append((seconds(peer, 2), seconds(own, len(ours))))
    return statistics.median(a / b for a, b in took[3:])  # the first ones fill the heap


def small(stage, commit, times=5):
    "A step of the preset `small` with its extras, at an older commit / here."
    if not commit: return None
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder) / "old"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", old, commit], cwd=ROOT, check=True)
        try:
            def start(root):
                command = [sys.executable, str(Path(__file__).with_name("small.py")), str(stage)]
                return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(root)}, cwd=folder,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            racers, took = [start(old), start(ROOT)], [[], []]
            for _ in range(times + 1):
                for racer, seen in zip(racers, took):
                    racer.stdin.write("go\n"); racer.stdin.flush(); seen.append(float(racer.stdout.readline()))
            for racer in racers: racer.stdin.close(); racer.wait()
        finally: subprocess.run(["git", "worktree", "remove", "--force", old], cwd=ROOT, check=True)
    return statistics.median(a / b for a, b in zip(*(seen[1:] for seen in took)))


def table(commit=None): # name -> what, the least wanted (or, for memory and import, the most), a function
    return dict(
        step1=("Stage-I step, batch 16", "2.0", lambda: step(1, 5, 128, 16, 64)),
        step2=("Stage-II step, batch 4", "1.8", lambda: step(2, 3, 128, 4, 256)),
        draw1=("a 256-pixel picture from phi, batch 1", "1.8", lambda: race("draw", 9, 2, 128, 1, 256)["ratio"]),
        draw16=("the same, batch 16", "2.3", lambda: race("draw", 3, 2, 128, 16, 256)["ratio"]),
        half1=("Stage-I step, bfloat16 by AMX", "3.6", lambda: half(1, 128, 16, 64)),
        half2=("Stage-II step, bfloat16 by AMX", "3.0", lambda: half(2, 128, 4, 256)),
        load64=("a batch of 64 at 64 px against PIL, 2 workers", "30", lambda: loading(64, 64)),
        load256=("a batch of 16 at 256 px against PIL, 2 workers", "6", lambda: loading(256, 16)),
        memory=("peak memory of a Stage-II step, batch 4", "at most 0.7", memory),
        imports=("`from stackgan import StackGAN` against `import torch`", "at most 1.2", imports),
        small1=(f"preset small, Stage-I step, against {commit or 'an older commit'}", "1.5", lambda: small(1, commit)),
        small2=(f"preset small, Stage-II step, against {commit or 'an older commit'}", "1.5", lambda: small(2, commit)))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--short", action="store_true", help="three rows; exits 1 where one is below its gross limit")
    p.add_argument("--rows", help="names of rows, with commas")
    p.add_argument("--list", action="store_true", help="name the rows")
    p.add_argument("--against", metavar="COMMIT", help="measure the preset `small` against this commit, too")
    ask = p.parse_args()
    rows = table(ask.against)
    if ask.list: return print(*rows)
    names = ["step1", "draw1", "draw16"] if ask.short else ask.rows.split(",") if ask.rows else [*rows]
    unknown = [name for name in names if name not in rows]
    if unknown: p.error(f"{unknown[0]} is no row, expected some of {', '.join(rows)}: see --list")
    if ask.short:  # fewer turns, less work
        rows["step1"] = *rows["step1"][:2], lambda: step(1, 2, 128, 16, 64)
        rows["draw1"] = *rows["draw1"][:2], lambda: race("draw", 5, 2, 128, 1, 256)["ratio"]
        rows["draw16"] = "the same, batch 4", rows["draw16"][1], lambda: race("draw", 2, 2, 128, 4, 256)["ratio"]
    print(hardware(), flush=True)
    found = {}
    for name in names:
        what, wanted, measure = rows[name]
        found[name] = measure()
        for _ in range(2):  # what is lost stays lost: a row below its limit may try twice more
            if ask.short and found[name] < GROSS[name]: found[name] = measure()
        value = "not measured" if found[name] is None else f"{found[name]:.2f}"
        print(f"{what:58} {value:>13}   wanted {wanted}", flush=True)
    if ask.short:
        lost = [f"{rows[n][0]}: {found[n]:.2f}, below {GROSS[n]}" for n in names if found[n] < GROSS[n]]
        sys.exit("\n".join(lost) or 0)
    kept = {line["row"]: [*line.values()] for line in csv.DictReader(RESULTS.open())} if ask.rows and RESULTS.exists() else {}
    measured = {n: [n, rows[n][0], "" if found[n] is None else f"{found[n]:.2f}", rows[n][1], hardware()] for n in names}
    text = io.StringIO(); out = csv.writer(text, lineterminator="\n")
    out.writerow(["row", "what", "ratio", "wanted", "hardware"])
    out.writerows((kept | measured)[n] for n in rows if n in kept | measured)
    RESULTS.write_text(text.getvalue())


if __name__ == "__main__": main()
