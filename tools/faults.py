#!/usr/bin/env python3
"""Break things on purpose and count what goes wrong: a table of promises, trials and failures. Exits 1 if any promise fails.

usage: python tools/faults.py [--long] [--only WORD] [--trials N] [--seed N]

The short form takes a minute of two idle cores and is part of CI; the long form takes an hour or two. Linux only.
A trial is fine if nothing is lost and the result is the undisturbed one, or if one sentence says what is wrong.
"""
import argparse, io, json, os, pickle, pickletools, random, re, resource, shutil, signal, subprocess, sys, tarfile, tempfile, time, traceback, warnings
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["ACCELERATE_USE_CPU"] = "true"

import numpy as np
import torch
from PIL import Image

from stackgan.basics import write_aside
from stackgan.birds import write_birds
from stackgan.checked import load_weights, read_config, save_config, save_weights
from stackgan.cli import main as command
from stackgan.data import CUB200, Batches
from stackgan.downloads import unpack
from stackgan.files import ImageCache
from stackgan.generate import StackGAN
import stackgan.recipes  # with which all extras are known
from stackgan.plans import run_config
from stackgan.players import ToyBirds, ToyDiscriminator, ToyGenerator, TrainConfig
from stackgan.published import PrecomputedEmbeddings, read_pickle
from stackgan.runs import alone_in, read_metrics
from stackgan.training import Trainer

torch.set_num_threads(1)
TOKEN = f"faults-{os.getpid()}"


# ---------------------------------------------------------------- children and sentences
def fork(work, **limits):
    "Run a function in a process of its own: its pid."
    sys.stdout.flush()
    if pid := os.fork(): return pid
    os.environ["STACKGAN_FAULTS"] = TOKEN
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, most in limits.items(): resource.setrlimit(getattr(resource, name), (most, most))
        work(); code = 0
    except SystemExit as e: code = e.code
    except KeyboardInterrupt: code = 130
    except BaseException as e:
        code = 2 if isinstance(e, (ValueError, OSError)) and ", expected " in str(e) else 70
        if code == 70: traceback.print_exc()
    finally: os._exit(code)

def ended(pid, seconds=120):
    "How a child has ended: its exit code, or minus the signal; None if it hangs."
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done: return os.waitstatus_to_exitcode(status)
        time.sleep(.01)
    os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)

def left_over(seconds=10):
    "Processes that a child has started and that are still there."
    def find():
        for p in Path("/proc").glob("[0-9]*"):
            try:
                if f"STACKGAN_FAULTS={TOKEN}".encode() in (p/"environ").read_bytes(): yield p.name
            except OSError: pass
    until = time.monotonic() + seconds
    while (found := list(find())) and time.monotonic() < until: time.sleep(.05)
    return found

@contextmanager
def within(seconds):
    "Ends what hangs."
    def stop(*_): raise TimeoutError("it hangs")
    signal.signal(signal.SIGALRM, stop); signal.alarm(seconds)
    try: yield
    finally: signal.alarm(0)

def outcome(work, same, seconds=30):
    "None where a function gives the same, or one sentence; else what it does."
    try:
        with warnings.catch_warnings(), within(seconds):
            warnings.simplefilter("ignore")
            got = work()
    except TimeoutError as e: return str(e)
    except (ValueError, OSError) as e:
        if ", expected " in str(e) and "\n" not in str(e) and len(str(e)) < 2000: return None
        return f"{type(e).__name__}: {str(e)[:200]}"
    except BaseException as e: return f"{type(e).__name__}: {str(e)[:200]}"
    return None if same(got) else "another result without a word"

def spoil(data, rng):
    "Bytes with one fault: a bit, a hole, a cut, a repetition, another's bytes."
    if not data: return b"\0"
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2)); b = min(b, a + 400)
    bit = bytearray(data); bit[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return rng.choice([bytes(bit), data[:a] + bytes(b - a) + data[b:], data[:a], data[:a] + data[b:], data[:b] + data[a:],
                       b"", rng.randbytes(200), data + rng.randbytes(9), data[:a] + rng.randbytes(b - a) + data[b:]])

def tree(folder):
    "All files of a folder with their bytes."
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file() and ".lock" not in p.name}


# ---------------------------------------------------------------- stopping
def birds_killed(work, n, rng):
    "Drawing birds, killed at any instant: all of them or none, no process left, and again they are drawn"
    def draw(): write_birds(work/"birds", 140, size=16, processes=2, progress=False)
    start = time.monotonic(); ended(fork(draw)); took = time.monotonic() - start
    whole = tree(work/"birds")
    for _ in range(n):
        shutil.rmtree(work/"birds", ignore_errors=True)
        if rng.random() < .5: (work/"birds").mkdir()  # a folder that is there already takes another way
        pid = fork(draw); time.sleep(rng.uniform(.2, 1.1) * took)
        os.kill(pid, rng.choice([signal.SIGKILL, signal.SIGTERM])); ended(pid)
        if left := left_over(): yield f"processes {left} live on"; continue
        if (work/"birds"/"CUB_200_2011"/"images.txt").exists():
            yield None if {k: v for k, v in tree(work/"birds").items() if ".part" not in k} == whole else "half a data set"; continue
        if code := ended(fork(draw)): yield f"drawn again: exit {code}"; continue
        hidden = [p.name for p in work.rglob("*.part")]
        yield None if tree(work/"birds") == whole and not hidden else f"drawn again, it is another, or leaves {hidden}"

def cache_killed(work, n, rng):
    "A cache, killed at any instant: all of it or none, no process left, and again it is built"
    write_birds(work/"drawn", 140, size=32, processes=1, progress=False)
    data = CUB200(work/"drawn", "all")
    def build(): ImageCache(data, 200, progress=False, workers=2)
    folder = work/"drawn"/"cache"
    start = time.monotonic(); ended(fork(build)); took = time.monotonic() - start
    whole = tree(folder)
    for _ in range(n):
        shutil.rmtree(folder)
        pid = fork(build); time.sleep(rng.uniform(.1, 1.1) * took); os.kill(pid, signal.SIGKILL); ended(pid)
        if left := left_over(): yield f"processes {left} live on"; continue
        there = [p.name for p in folder.glob("*.npy")] if folder.exists() else []
        if there and (folder/there[0]).read_bytes() != whole[there[0]]: yield "half a cache"; continue
        if code := ended(fork(build)): yield f"built again: exit {code}"; continue
        yield None if tree(folder) == whole else "built again, it is another"

def toy_run(folder, steps=40, **options):
    birds = ToyBirds(64)
    batches = Batches(birds, birds.phi, birds.species, batch_size=8, size=16, augment=False)
    config = TrainConfig(epochs=steps / len(batches), batch_size=8, log_every=3, checkpoint_every=7, sample_every=20, **options)
    torch.manual_seed(0)
    return Trainer(ToyGenerator(), ToyDiscriminator(), batches, folder, config)

def weights(run): # the model, the samples, and the newest checkpoint: which older one is kept depends on where a run was stopped
    found = {k: v for k, v in tree(run).items() if k.endswith((".safetensors", ".png"))}
    older = sorted(k for k in found if k.startswith("checkpoints/"))[:-1]
    return {k: v for k, v in found.items() if k not in older}

def training_stopped(work, n, rng):
    "Training, killed, stopped by SIGTERM or by Ctrl-C at any instant, and resumed: the very weights of an undisturbed run"
    begun = work/"begun" # each process touches it at its own first step
    def train():
        trainer = toy_run(work/"run"); step = trainer.train_step
        def noted(batch): begun.touch(); return step(batch)
        trainer.train_step = noted
        trainer.fit(resume=True, progress=False)
    def over(pid): return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    start = time.monotonic(); ended(fork(train)); took = time.monotonic() - start
    whole = weights(work/"run")
    for i in range(n):
        shutil.rmtree(work/"run")
        how = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[i % 3]
        for _ in range(2 if n > 10 else 1):
            begun.unlink(missing_ok=True); pid = fork(train)
            if how is not signal.SIGKILL:  # a sentence and an exit code are promised once the steps have begun
                while not begun.exists() and not over(pid): time.sleep(.01)
            time.sleep(rng.uniform(0, .9) * took); os.kill(pid, how); code = ended(pid)
            if code not in (0, -9, {signal.SIGTERM: 143, signal.SIGINT: 130}.get(how)): yield f"{how.name}: exit {code}"
        code = ended(fork(train))
        yield None if code == 0 and weights(work/"run") == whole else f"{how.name}, resumed: exit {code}, or other weights"

def locked(work, n, rng):
    "Two that train in one folder: the second is told who is there; a dead one's lock is free"
    for _ in range(n):
        def hold():
            with alone_in(work/"held"): (work/"ready").touch(); time.sleep(60)
        pid = fork(hold)
        while not (work/"ready").exists(): time.sleep(.01)
        try: toy_run(work/"held").fit(resume=True, progress=False); yield "both train"
        except OSError as e: yield None if f"in use by process {pid} on" in str(e) else f"said: {e}"
        os.kill(pid, signal.SIGKILL); ended(pid); (work/"ready").unlink()
        with alone_in(work/"held"): pass


# ---------------------------------------------------------------- damaged files
def trained(work):
    toy_run(work/"run").fit(progress=False)
    return work/"run"

def checkpoints_damaged(work, n, rng):
    "A damaged newest checkpoint: the older one is taken, and the run ends with the same weights"
    run = trained(work); whole = tree(run)
    newest = sorted((run/"checkpoints").iterdir())[-1]
    good = newest.read_bytes()
    for _ in range(n):
        newest.write_bytes(spoil(good, rng))
        if newest.read_bytes() == good: continue
        def resume(): return toy_run(run).fit(resume=True, progress=False)
        said = outcome(resume, lambda _: newest.read_bytes() == good)
        if not newest.exists() or newest.read_bytes() != good: said = said or "the checkpoint is not written anew"
        yield said
        for name, data in whole.items(): (run/name).write_bytes(data)

def curves_damaged(work, n, rng):
    "A damaged metrics.csv: bad rows are lost, the run goes on"
    run = trained(work); whole = (run/"metrics.csv").read_bytes()
    first = sorted((run/"checkpoints").iterdir())[0]
    for _ in range(n):
        for file in (run/"checkpoints").iterdir():
            if file != first: file.rename(work/file.name)
        (run/"metrics.csv").write_bytes(spoil(whole, rng))
        def resume(): return toy_run(run).fit(resume=True, progress=False)
        yield outcome(resume, lambda _: read_metrics(run/"metrics.csv")["step"][-1] == 39)
        for file in work.glob("step_*"): file.unlink()

def files_damaged(work, n, rng):
    "Damaged settings, weights, models, caches: refused in one sentence, or the same"
    save_weights(work/"w.safetensors", state := dict(a=torch.randn(40, 9), b=torch.arange(5)), dict(step=3))
    save_config(work/"config.json", settings := dict(stage1=dict(size=64, width=8), words=["a"] * 9))
    write_birds(work/"drawn", 8, size=32, progress=False)
    data = CUB200(work/"drawn", "all"); cache = ImageCache(data, 16, progress=False); pixels = cache[[0, 7]]
    def again(): return ImageCache(data, 16, progress=False)[[0, 7]]
    arrays = [np.full((2, 3), i, "f4") for i in range(4)]
    (work/"filenames.pickle").write_bytes(pickle.dumps([f"a/{i}" for i in range(4)], 2))
    (work/"e.pickle").write_bytes(pickle.dumps(arrays, 2))
    kinds = {work/"w.safetensors": (lambda: load_weights(work/"w.safetensors"), lambda got: all(torch.equal(got[0][k], v) for k, v in state.items())),
             work/"config.json": (lambda: read_config(work/"config.json"), lambda got: got == settings),
             cache.path: (again, lambda got: torch.equal(got, pixels)),
             # a pickle has no checksum: another number is not seen, but nothing else may happen
             work/"e.pickle": (lambda: PrecomputedEmbeddings(work/"e.pickle"), lambda got: got.phi.shape == (4, 2, 3)),
             work/"filenames.pickle": (lambda: PrecomputedEmbeddings(work/"e.pickle"), lambda got: len(got) == 4)}
    for path, (read, same) in kinds.items():
        good = path.read_bytes()
        for _ in range(n):
            path.write_bytes(spoil(good, rng)); said = outcome(read, same)
            yield said and f"{path.name}: {said}"
            path.write_bytes(good)

def models_damaged(work, n, rng):
    "A model with a damaged or strange file: refused in one sentence, or the same pictures"
    from stackgan.stage1 import StageIGenerator
    from stackgan.text import CharCNNRNN
    torch.manual_seed(0)
    StackGAN(CharCNNRNN(8, (8, 8, 8), 8), StageIGenerator(8, 16, 4)).save_pretrained(model := work/"model")
    draw = lambda: StackGAN.from_pretrained(model)("a red bird", seed=0)[0].tobytes()
    whole, files = draw(), {p: p.read_bytes() for p in model.iterdir()}
    config = json.loads((model/"config.json").read_text())
    def hostile(): # settings that somebody has written
        strange = json.loads(json.dumps(config)); strange.pop("checksum")
        part = rng.choice(["stage1", "text"]); name = rng.choice([*strange[part]])
        strange[part][name] = rng.choice([10**9, -1, 0, "x", None, [], {}, 1.5, True, [10**9] * 3, "a" * 10**6])
        if strange[part] == config[part]: strange[part]["more"] = 1
        return json.dumps(strange).encode()
    for _ in range(n):
        path = rng.choice([*files]); path.write_bytes(spoil(files[path], rng))
        if rng.random() < .4: path = model/"config.json"; path.write_bytes(hostile())
        said = outcome(draw, lambda got: got == whole)
        yield said and f"{path.name}: {said}"
        for p, data in files.items(): p.write_bytes(data)

def archives_damaged(work, n, rng):
    "A damaged or hostile archive, a pickle of random instructions: one sentence, nothing outside, no wait"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for i in range(9): m = tarfile.TarInfo(f"a/{i}"); m.size = 700; tar.addfile(m, io.BytesIO(bytes(700)))
    (home := work/"archives").mkdir(); codes = [c.encode("latin1") for c in pickletools.code2op]
    for _ in range(n):
        (file := home/"a.tar").write_bytes(spoil(out.getvalue(), rng))
        def look(): unpack(file, home/"x"/"y")
        said = outcome(look, lambda _: True)
        outside = {p.name for p in home.iterdir()} - {"a.tar", "x", "p.pickle"} or {p.name for p in (home/"x").iterdir()} - {"y"} if (home/"x").exists() else ()
        shutil.rmtree(home/"x", ignore_errors=True)
        yield said or (f"written outside: {outside}" if outside else None)
        body = b"".join(rng.choice(codes) + rng.randbytes(rng.randrange(4)) for _ in range(rng.randrange(60)))
        (home/"p.pickle").write_bytes(b"\x80\x02" + body + b".")
        yield outcome(lambda: read_pickle(home/"p.pickle"), lambda _: True, 20)


# ---------------------------------------------------------------- a full disk
def disk_full(work, n, rng):
    "No room for a file: one sentence, what was there before is unharmed, nothing is left over"
    write_birds(work/"drawn", 40, size=64, processes=1, progress=False)
    data = CUB200(work/"drawn", "all")
    save_weights(work/"w.safetensors", dict(a=torch.zeros(9)))
    toy_run(work/"run").fit(steps=14, progress=False)
    jobs = dict(weights=lambda: save_weights(work/"w.safetensors", dict(a=torch.zeros(10**6))),
                cache=lambda: ImageCache(data, 300, progress=False, workers=rng.choice([1, 2])),
                picture=lambda: write_aside(work/"p.png", lambda tmp: Image.fromarray(np.random.default_rng(0).integers(0, 255, (600, 600, 3), np.uint8)).save(tmp, "PNG")),
                birds=lambda: write_birds(work/"more", 140, size=500, processes=2, progress=False),
                run=lambda: toy_run(work/"run").fit(resume=True, progress=False))
    before = tree(work)
    for i in range(n):
        name = [*jobs][i % len(jobs)]
        most = dict(weights=10**6, cache=10**6, picture=300_000, birds=rng.randrange(2000, 9000), run=rng.randrange(300, 20_000))[name]
        code = ended(fork(jobs[name], RLIMIT_FSIZE=most))
        after = {k: v for k, v in tree(work).items() if k in before or k.endswith((".tmp", ".part"))}
        grown = {k for k in after if after[k] != before.get(k) and not k.endswith("metrics.csv")}
        yield f"{name}: exit {code}" if code != 2 else f"{name}: {sorted(grown)[:3]}" if grown else None
        if name == "run":
            code = ended(fork(jobs[name]))
            yield None if code == 0 else f"resumed when there is room: exit {code}"
            shutil.rmtree(work/"run"); toy_run(work/"run").fit(steps=14, progress=False); before = tree(work)


def shell(words, log):
    "The exit code of the command, and what it says in a file."
    def work():
        with open(log, "w") as out: os.dup2(out.fileno(), 1), os.dup2(out.fileno(), 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        code = command([str(w) for w in words])
        sys.stdout.flush(), sys.stderr.flush()
        sys.exit(code)
    return ended(fork(work)), log.read_text()

def disk_really_full(work, n, rng):
    "A small disk (a mount, as root) that fills up in training, a cache, birds, a model, pictures: one sentence, exit 2; with room, the same result"
    disk, log, own = work/"disk", work/"log", work/"own"
    disk.mkdir(); own.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=500m", "none", disk]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode: print("  left out: only root can mount a small disk"); return
    for i in range(24): Image.fromarray(np.random.default_rng(i).integers(0, 255, (40, 40, 3), np.uint8)).save(own/f"{i}.png")
    (own/"captions.csv").write_text("".join(f"{i}.png,a bird of kind {i}\n" for i in range(24)))
    run, data, brief = disk/"run", disk/"own", ["--text", "birds", "--preset", "tiny"]
    def train(data, run):
        short = [] if run_config(run) else ["--batch", 8, "--epochs1", 1, "--epochs2", 1]
        return ["train", "--data", data, "--out", run, *brief, *short, *["--resume"] * (not short)]
    jobs = dict(train=(lambda: train(own, run), lambda: {k: v for k, v in tree(run).items() if k.startswith("model/")}),
                cache=(lambda: train(data, work/"run"), lambda: {k: v for k, v in tree(data).items() if k.startswith("cache/") and "64px" not in k}),
                birds=(lambda: ["birds", "--out", disk/"birds", "--n", 20, "--size", 64], lambda: tree(disk/"birds")),
                generate=(lambda: ["generate", "a small red bird", "--n", 4, "--force", "--out", disk], lambda: {p.name: p.read_bytes() for p in disk.glob("*.png")}))
    whole = {}
    def fresh(size):
        subprocess.run(["umount", disk], check=True); subprocess.run([*mount[:4], f"size={size}k", "none", disk], check=True)
        shutil.rmtree(work/"run", ignore_errors=True)
    try:
        for i in range(n):
            name = [*jobs][i % len(jobs)]; words, result = jobs[name]
            if name not in whole: # undisturbed, with what it takes
                fresh(500_000)
                if name == "cache": shutil.copytree(own, data)
                before = shutil.disk_usage(disk).used
                code, said = shell(words(), log); whole[name] = result(), before // 1024, shutil.disk_usage(disk).used // 1024 - before // 1024
                if code or not whole[name][0]: yield f"{name}, undisturbed: exit {code}: {said[-200:]}"; continue
            good, before, takes = whole[name]
            fresh(max(8, before + int(takes * rng.random()) // 4 * 4))
            if name == "cache": shutil.copytree(own, data)
            code, said = shell(words(), log)
            sentence = re.findall(r"(?m)^stackgan: .*", said)[-1:]
            if code not in (0, 2) or "Traceback" in said or code and not re.search("full|are free", sentence[0]): yield f"{name}: exit {code}: {said[-300:]}"; continue
            left = [p.name for p in disk.rglob("*") if p.name.endswith((".tmp", ".part"))]
            if left: yield f"{name}: {left} are left over"; continue
            subprocess.run(["mount", "-o", "remount,size=500m", disk], check=True)
            if code: code, said = shell(words(), log)
            yield f"{name}, with room: exit {code}: {said[-300:]}" if code else None if result() == good else f"{name}, with room: another result"
    finally: subprocess.run(["umount", "-l", disk])


# ---------------------------------------------------------------- mutated data sets
from fault_trees import make_tree, mutate, wrong_in

def trees_mutated(work, n, rng):
    "A data set in CUB's layout with one to three faults: told in one sentence, or read as it stands there"
    make_tree(work/"tree")
    for i in range(n):
        shutil.rmtree(work/"one", ignore_errors=True); shutil.copytree(work/"tree", work/"one", symlinks=True)
        done = [mutate(work/"one", rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        split = rng.choice(["train", "test", "all"])
        def read():
            data = CUB200(work/"one", split)
            ImageCache(data, 8, progress=False)
            return wrong_in(work/"one", data)
        said = outcome(read, lambda wrong: not wrong or print("   ", wrong), 20)
        yield said and f"{' + '.join(done)} ({split}): {said}"


PROMISES = { # function: trials of the short form, of the long one
    birds_killed: (1, 30), cache_killed: (1, 30), training_stopped: (3, 60), locked: (1, 10), checkpoints_damaged: (3, 100),
    curves_damaged: (3, 100), files_damaged: (20, 500), models_damaged: (20, 500), archives_damaged: (40, 1000), disk_full: (5, 50),
    disk_really_full: (4, 64), trees_mutated: (40, 1000)}

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--long", action="store_true"); p.add_argument("--only", default=""); p.add_argument("--trials", type=int); p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    if sys.platform != "linux": print("left out: these faults are made for Linux"); return 0
    failed, rows = 0, []
    for promise, trials in PROMISES.items():
        if args.only not in promise.__name__: continue
        start, said, done = time.monotonic(), [], 0
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            try:
                for fault in promise(Path(folder), args.trials or trials[args.long], random.Random(f"{args.seed} {promise.__name__}")):
                    done += 1
                    if fault: said.append(fault); print(f"  {promise.__name__}: {fault}", flush=True)
            except Exception: traceback.print_exc(); said.append("the trial itself broke off"); done += 1
        failed += bool(said); rows.append((promise.__doc__, done, len(said), f"{time.monotonic() - start:.0f} s"))
        print(f"{'FAILED' if said else 'ok'}: {promise.__name__}, {done} trials, {len(said)} failures ({rows[-1][3]})", flush=True)
    print("", "promise | trials | failures | time", "--- | --- | --- | ---", *(" | ".join(map(str, row)) for row in rows), sep="\n")
    return int(bool(failed))

if __name__ == "__main__": sys.exit(main())
