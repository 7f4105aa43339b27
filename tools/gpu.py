"""Use a rented GPU for some minutes: train the packaged recipe, and measure all there is.

usage: python tools/gpu.py --out OUT [--minutes 8] [--preset small] [--wheels FOLDER]

Needs Python and pip: what is missing is installed first, from FOLDER where there is no network. A trial run
of a few birds measures the machine; then as many birds are drawn, and both stages go through them as often,
as the minutes allow. The result is evaluated and a step timed beside the textbook's; the chapters that train
are tested meanwhile. Files of 16 MB at most are in OUT as soon as their part is done, also when the run is
cut off or a part fails:

    report.json                 what each part found, or what stopped it; written again after every part
    stage1.csv, stage2.csv      curves of the training
    model.zip, judges.zip       the model; its discriminators; 16 bits (.00, .01, ...: join these)
    grid.jpg                    the first picture of 64 sentences about unseen species, in the report's order
    scores.md                   chapter 08's figures for unseen species
"""
import argparse
import configparser
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT, BEGAN, SIZE = Path(__file__).resolve().parents[1], time.time(), 15_500_000  # bytes of the largest file

def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--out", type=Path, required=True, help="a folder, made if missing")
    p.add_argument("--minutes", type=float, default=8, help="for everything; the tests are cut off there")
    p.add_argument("--preset", choices=("small", "tiny"), default="small")
    p.add_argument("--wheels", type=Path, help="install from this folder, without a network")
    return p.parse_args()

def provide(wheels):
    "Install what the package and its tests need and this Python lacks; what is there stays as it is."
    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini")
    needs, dev = (settings["DEFAULT"][k].split() for k in ("requirements", "dev_requirements"))
    needs += [w for w in dev if re.match("nbdev|execnb|fastcore|ghapi|fastgit", w)]
    def lacking(wanted):
        try: version(re.match(r"[\w.-]+", wanted)[0])
        except PackageNotFoundError: return True
    missing = [*filter(lacking, needs)]
    offline = ["--no-index", "--find-links", wheels] if wheels else []
    env = os.environ | dict(PIP_BREAK_SYSTEM_PACKAGES="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    if missing: subprocess.run([sys.executable, "-m", "pip", "install", *offline, *missing], env=env)

if __name__ == "__main__":  # the imports below need it
    ASK = arguments()
    provide(ASK.wheels)
os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"  # for the tests
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import steps
from stackgan import StackGAN, evaluate_birds, presets, train_stackgan
from stackgan.evaluate import evaluation_table, sample_birds
from stackgan.training import read_metrics

# --- the clock and the report

class Report:
    "What was found, in OUT/report.json; a part that fails leaves its reason there, and the next one begins."
    def __init__(self, out, minutes):
        self.out, self.end, self.tests = out, BEGAN + 60 * minutes, Tests()
        self.rang = self.cut_off = self.guarded = False
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
        self.found = dict(minutes=minutes, device=device, cores=os.cpu_count(), torch=torch.__version__)
        out.mkdir(parents=True, exist_ok=True)
        for s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, self._cut)
        signal.signal(signal.SIGALRM, self._ring)
        self.write()

    def _cut(self, *_):
        self.cut_off = not self.rang
        if not self.guarded: raise KeyboardInterrupt

    def _ring(self, *_):
        self.rang = True
        os.kill(os.getpid(), signal.SIGINT)  # a Trainer finishes its step and saves

    def left(self): return self.end - time.time()
    def write(self):
        tmp, self.found["tests"] = self.out / "report.tmp", dict(self.tests.found)
        tmp.write_text(json.dumps(self.found, indent=1) + "\n")
        tmp.replace(self.out / "report.json")

    def part(self, name, work, *args, keep=0., always=False):
        "Run `work(report, *args)` until `keep` seconds before the end; what it returns is the part's result."
        seconds, began = self.left() - keep, time.time()
        found = self.found[name] = {}
        if not always and (self.cut_off or seconds < 1): found["skipped"] = True; return found
        print(f"{began - BEGAN:6.0f} s  {name}", flush=True)
        self.rang, self.guarded = False, always
        if not always: signal.setitimer(signal.ITIMER_REAL, seconds)
        try: found |= work(self, *args) or {}
        except KeyboardInterrupt:
            self.cut_off = not self.rang
            found["stopped"] = "by the clock" if self.rang else "from outside"
        except BaseException: found["failed"] = traceback.format_exc().splitlines()[-12:]
        finally: signal.setitimer(signal.ITIMER_REAL, 0)
        self.guarded = self.cut_off  # whoever stops it twice waits for the weights
        found["seconds"] = round(time.time() - began, 1)
        self.write()
        return found

# --- the recipe

def fitting(preset, share, **changes): # the preset with a share of its birds, and other habits in both stages
    one, two = (replace(s, sample_every=10 ** 9, **changes) for s in (preset.stage1, preset.stage2))
    birds, others = max(200, int(share * preset.birds)), int(share * preset.others)
    return replace(preset, birds=birds, others=others, stage1=one, stage2=two)

def pictures(preset): return round(.65 * preset.birds) + preset.others  # of 130 species in 200; strangers

def learn(preset, run, first, second):
    train_stackgan("birds", preset, run, text_name="birds", epochs1=first, epochs2=second, progress=False)

def rates(run): return [read_metrics(run / f"stage{i}" / "metrics.csv")["images_per_s"][-1] for i in (1, 2)]

def trial(report, preset):
    "A small run: seconds that a picture costs before training, and pictures a second of both stages."
    few = fitting(preset, min(1, 120 * os.cpu_count() / preset.birds), log_every=5)
    n, began = pictures(few), time.time()
    count = [max(5, min(60, int(s.epochs * n / s.batch_size / 3))) for s in (few.stage1, few.stage2)]
    images = [k * s.batch_size for k, s in zip(count, (few.stage1, few.stage2))]
    with tempfile.TemporaryDirectory() as run:
        learn(few, run, images[0] / n, images[1] / n)
        speeds = rates(Path(run))
    before = time.time() - began - sum(i / s for i, s in zip(images, speeds))
    return dict(pictures=n, before=max(before, .1) / n, images_per_s=speeds)

def train(report, preset, measured, run, keep):
    "The recipe: as many birds as a third of the time allows, as many epochs as the rest does."
    measured = dict(before=.05, images_per_s=(20, 10)) | measured  # the trial may have failed
    seconds = report.left() - keep
    part = min(1, seconds / 3 / measured["before"] / pictures(preset))
    plan = fitting(preset, part, log_every=50 if preset.birds > 1000 else 5)
    n, recipe = pictures(plan), [preset.stage1.epochs, preset.stage2.epochs]
    full = sum(e * n / s for e, s in zip(recipe, measured["images_per_s"]))
    share = min(3, .85 * (seconds - n * measured["before"]) / full)
    epochs = [max(e * share, 2 * s.batch_size / n) for e, s in zip(recipe, (plan.stage1, plan.stage2))]
    report.found["train"] |= dict(pictures=n, epochs=epochs, of_the_recipe=share)
    report.write()
    learn(plan, run, *epochs)
    return dict(images_per_s=rates(run))

def pack(out, name, folder):
    "One zip file of a folder, or pieces of it."
    whole = Path(shutil.make_archive(folder / name, "zip", folder)).read_bytes()
    parts = [whole[i:i + SIZE] for i in range(0, len(whole), SIZE)]
    for i, part in enumerate(parts): (out / f"{name}.zip{f'.{i:02d}' * (len(parts) > 1)}").write_bytes(part)

def finished(run): # the best model of a run that may have been cut off
    for folder in (run / "model", run / "stage2" / "model", run / "stage1" / "model"):
        if (folder / "config.json").exists(): return folder
    raise FileNotFoundError("no stage was trained long enough to leave a model")

def weights(report, run):
    "Curves first, then the model, then the discriminators, without which nobody can go on."
    for csv in run.glob("stage?/metrics.csv"): shutil.copyfile(csv, report.out / f"{csv.parent.name}.csv")
    with tempfile.TemporaryDirectory() as tmp:
        StackGAN.from_pretrained(finished(run)).save_pretrained(tmp, torch.float16)
        pack(report.out, "model", Path(tmp))
    with tempfile.TemporaryDirectory() as tmp:
        for newest in sorted(run.glob("stage?/checkpoints/*.safetensors")):  # a stage's last is written last
            state = {k: v.half() if v.is_floating_point() else v for k, v in load_file(newest).items()
                     if {"d", "p", "D", "P", "patches"} & {*k.split(".")[:2]} and "exp_avg" not in k}
            save_file(state, Path(tmp) / f"{newest.parts[-3]}.safetensors")
        pack(report.out, "judges", Path(tmp))
    return dict(model=finished(run).relative_to(run.parent).as_posix())

def grid(report, run):
    model, sentences = StackGAN.from_pretrained(finished(run)), [s for _, s, _ in sample_birds("test", 64, 1)]
    side = model.size + 2
    page = Image.new("RGB", (8 * side - 2, 8 * side - 2), "white")
    for i, s in enumerate(sentences): page.paste(model(s, seed=i)[0], (i % 8 * side, i // 8 * side))
    page.save(report.out / "grid.jpg", quality=90)
    return dict(sentences=sentences)

def evaluate(report, run):
    "A few sentences first; then as many as half of the time that is left allows."
    model, n = StackGAN.from_pretrained(finished(run)), 20
    while True:
        began = time.time()
        report.found["evaluate"]["figures"] = found = evaluate_birds(model, n)
        (report.out / "scores.md").write_text(evaluation_table(found) + "\n", encoding="utf-8")
        report.write()
        more = min(500, int(n * report.left() / 2 / (time.time() - began)))
        if n > 20 or more < 50: return dict(n=n)
        n = more

def speed(report, tiny):
    rows = report.found["speed"]["rows"] = []
    for row in steps.rows(tiny): rows.append(row); report.write()

# --- the chapters that train

class Tests(threading.Thread):
    "nbdev_test of chapters 04 to 06, one process, beside everything else; killed at the end."
    def __init__(self): super().__init__(daemon=True); self.found, self.process, self.over = {}, None, False
    def run(self):
        call = "from nbdev.test import nbdev_test; nbdev_test({!r}, n_workers=1, do_print=True)"
        options = dict(cwd=ROOT, env=os.environ | dict(OMP_NUM_THREADS="2"), start_new_session=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for path in sorted((ROOT / "nbs").glob("0[456]*.ipynb")):
            began = time.time()
            code = call.format(f"nbs/{path.name}")
            self.process = subprocess.Popen([sys.executable, "-c", code], **options)
            said, ok = self.process.communicate()[0], self.process.returncode == 0
            how = "cut off" if self.over else "ok" if ok else "failed"
            self.found[path.name] = dict(result=how, seconds=int(time.time() - began))
            if not ok: self.found[path.name]["said"] = said.splitlines()[-15:]
            if self.over: return
    def stop(self):
        self.over = True
        if self.process and self.process.poll() is None: os.killpg(self.process.pid, signal.SIGKILL)
        self.join(10)

def wait(report): report.tests.join(max(0, report.left() - 2))

def main(ask, run):
    report, preset, keep = Report(ask.out, ask.minutes), presets()[ask.preset], .3 * 60 * ask.minutes
    report.tests.start()
    measured = report.part("trial", trial, preset, keep=2 * keep)
    report.part("train", train, preset, measured, run, keep, keep=keep)
    report.part("weights", weights, run, always=True)
    report.part("grid", grid, run)
    report.part("evaluate", evaluate, run, keep=keep / 2)
    report.part("speed", speed, preset.name == "tiny")
    report.part("wait", wait)
    report.tests.stop()
    report.found["cut off"] = report.cut_off
    report.write()

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as tmp: main(ASK, Path(tmp) / "run")
