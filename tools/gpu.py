"""Use a rented GPU for some minutes: try recipes against each other, train both stages by the clock, measure all there is.

usage: python tools/gpu.py --out OUT [--seconds 560] [--stage1 ARM,ARM] [--stage2 ARM,ARM] [--tests] [--steps] [--tiny]
       python tools/gpu.py --out OUT --wheels FOLDER ...      installs what is missing from FOLDER first

Needs Python and pip. All cores draw the birds of the preset `small` into WORK (/tmp/stackgan) in a process that goes on
after this one, so that a second call finds them. Arms of one stage share its time; the one with the smaller Frechet
distance among those within .01 of the best named share goes on. A step is recorded once and replayed (chapter 04c);
rates are halved at a quarter, half and three quarters of an arm's time, and are a twentieth in the last tenth.
Files of 15 MB at most are in OUT as soon as their part is done, also when the run is cut off:

    report.json                          device, scores and curves of all arms, milliseconds of steps, results of tests
    stage1.safetensors, stage2...        the averaged generators, 16 bits; .00, .01: join these
    stage1_d.safetensors, stage2_d...    their discriminators, without which nobody can go on

`python tools/gpu.py --pack OUT --out MODEL` makes a model's folder of them, with the packaged text encoder and matcher.
"""
import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

BEGAN, ROOT = time.time(), Path(__file__).resolve().parents[1]
WORK = Path(os.environ.get("WORK", "/tmp/stackgan"))
PIECE = 15_000_000  # bytes of the largest file

def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--out", type=Path, required=True, help="a folder, made if missing")
    p.add_argument("--seconds", type=float, default=560, help="for everything")
    p.add_argument("--share", type=float, default=.42, help="of that time, Stage-I's")
    p.add_argument("--stage1", default="small", help=f"arms of Stage-I: {', '.join(ARMS)}; packaged: none, take the packaged one")
    p.add_argument("--stage2", default="small", help="arms of Stage-II: the same names; none: Stage-I alone")
    p.add_argument("--tests", action="store_true", help="then test the chapters that train")
    p.add_argument("--steps", action="store_true", help="then time a step beside the textbook's")
    p.add_argument("--tiny", action="store_true", help="small pictures and networks: tries this script on a CPU")
    p.add_argument("--wheels", type=Path, help="install from this folder, without a network")
    p.add_argument("--pack", type=Path, help="make a model of what an earlier run left in this folder")
    p.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    return p.parse_args()

# what an arm changes in the game of the preset `small`: D with BatchNorm? R1's weight; the matcher's; are D's pictures disturbed? D that look
# through ImageNet's network, as in `photos` (needs the extra)? ModeSeeking's weight; is restoring a part of Stage-II's game?
ARMS = dict(small={}, r1=dict(norm=False, r1=(.1, 1.)), unhelped=dict(matching=(1., .5)),
            undisturbed=dict(disturbed=False), plain=dict(norm=False, r1=(.1, .1), matching=(1., .5), disturbed=False),
            projected=dict(projected=True, matching=(2., .5), spread=0, restore=10., within=True), within=dict(restore=10., within=True),
            first=dict(norm=False, r1=(.1, 1.), matching=(6., 2.), restore=10.))  # the run of 26 November 2026

if __name__ == "__main__":  # the imports below need the packages
    ASK = arguments()
    if ASK.wheels:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--break-system-packages",
                        *map(str, ASK.wheels.glob("*.whl"))])
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load, save_file

import steps
from stackgan.basics import refusal
from stackgan.birds import near_misses, plan_birds
from stackgan.datasets import Batch
from stackgan.drawing import draw_bird, draw_birds
from stackgan.evaluate import attribute_accuracy
from stackgan.extras import Contrast, DiffAugment, InitialSigma, Matching, ModeSeeking, Restore, Unconditional
from stackgan.files import as_bytes
from stackgan.game import Game
from stackgan.generate import StackGAN
from stackgan.judge import AttributeJudge, feature_network, sample_birds
from stackgan.metrics import frechet_distance
from stackgan.networks import ProjectedDiscriminator, degrade
from stackgan.players import Extra, TrainConfig
from stackgan.recipes import SIDES
from stackgan.recorded import Recorded
from stackgan.stage1 import StageIDiscriminator, StageIGenerator
from stackgan.stage2 import StageIIDiscriminator, StageIIGenerator

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = True

def say(*words): print(f"{time.time() - BEGAN:6.1f}", *words, flush=True)

# --- drawings and sentences

def plan(tiny): # (species, bird) of training birds, shuffled
    rows = [(number, bird) for _, number, kind, bird in plan_birds(*((300, 0, 100) if tiny else (24000, 0, 15600))) if kind.split == "train"]
    return [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]

def _draw(job):
    i, bird, size = job
    image = draw_bird(bird, size)
    for name, picture in (("big", image), ("small", image.resize((size // 4, size // 4), Image.BICUBIC))):
        np.load(WORK / f"{name}.npy", mmap_mode="r+")[i] = np.asarray(picture).transpose(2, 0, 1)
    return near_misses(bird, 6, side=True)

def prepare(tiny):
    "Draw all birds and embed all sentences into WORK; `done` says that all is there."
    torch.set_num_threads(1)
    rows, size = plan(tiny), 64 if tiny else 256
    for name, side in (("big", size), ("small", size // 4)):
        np.lib.format.open_memmap(WORK / f"{name}.npy", mode="w+", dtype=np.uint8, shape=(len(rows), 3, side, side))
    np.save(WORK / "labels.npy", np.array([number for number, _ in rows]))
    with multiprocessing.get_context("fork").Pool(max(1, os.cpu_count() - 3)) as pool: # before a GPU is touched
        told = pool.map(_draw, [(i, bird, size) for i, (_, bird) in enumerate(rows)], 16)
    text = StackGAN.from_pretrained("birds").text.to(DEVICE)
    np.save(WORK / "phi.npy", text.embed_captions([[right for right, _ in own] for own in told], 1024).half().numpy())
    (WORK / "done").touch()

def prepared(tiny, limit=400):
    "Wait for what `prepare` makes; begin it where nobody has."
    began = time.time()
    if not (WORK / "big.npy").exists():
        WORK.mkdir(parents=True, exist_ok=True)
        subprocess.Popen([sys.executable, __file__, "--out", str(WORK), "--prepare", *["--tiny"] * tiny], start_new_session=True)
    while not (WORK / "done").exists():
        if time.time() - began > limit: raise TimeoutError(f"{WORK} was not ready within {limit} seconds: see what `prepare` says, delete it")
        time.sleep(.2)
    say("birds drawn, sentences embedded")

class Data:
    "Pictures, embeddings and labels on the device, and batches of them without a wait; what a `Game` asks of `Batches`."
    workers = 0
    def __init__(self, name, batch_size):
        read = lambda n: torch.from_numpy(np.load(WORK / f"{n}.npy")).to(DEVICE)
        self.pixels, self.phi, self.labels = map(read, (name, "phi", "labels"))
        self.size, self.batch_size = self.pixels.shape[-1], batch_size
        _, self.of, self.count = self.labels.unique(return_inverse=True, return_counts=True)
        self.by_class = self.of.argsort(stable=True)
        self.first, self.order, self.at = self.count.cumsum(0) - self.count, None, 0
    def __len__(self): return len(self.labels) // self.batch_size
    def next(self):
        b, n, old = self.batch_size, len(self.labels), self.order is not None and self.at + self.batch_size <= len(self.labels)
        if not old: self.order, self.at = torch.randperm(n, device=DEVICE), 0
        i = self.order[self.at:self.at + b]; self.at += b
        own, other = torch.randint(self.phi.shape[1], (2, b), device=DEVICE)
        count = self.count[self.of[i]]  # the others follow the own class, in a ring
        skip = count + (torch.rand(b, device=DEVICE, dtype=torch.float64) * (n - count)).long()
        wrong = self.by_class[(self.first[self.of[i]] + skip) % n]
        return Batch(self.pixels[i], self.phi[i, own].float(), self.phi[wrong, other].float(), self.labels[i], i)

# --- the arms

@dataclass(frozen=True)
class R1(Extra):
    "D's slope at real pictures is kept small (Mescheder et al. 2018), every so many steps (Karras et al. 2020)."
    weight: float = 1.0
    every: int = 16
    def phase(self, step): return step % self.every == 0
    def d(self, turn):
        if not self.phase(turn.game.step): return None
        images = turn.look(turn.real).detach().requires_grad_(True)
        said = turn.game.players["d"](images, turn.batch.phi).float()
        slope, = torch.autograd.grad(said.pairs[0].sum() + said.unconditional.sum(), images, create_graph=True)
        return self.weight / 2 * self.every * slope.square().flatten(1).sum(1).mean()

@dataclass(frozen=True)
class Restored(Restore):
    "As `Restore`, from half of the batch, degraded ahead of the step, so that the step can be recorded."
    recordable = True
    def ask(self, turn):
        if self.share: turn.given = (turn.game.supplies["degraded"],)
    def g(self, turn):
        if turn.given: return super().g(turn)
        game, degraded = turn.game, turn.game.supplies["degraded"]
        real, k = turn.real[:len(degraded)], len(degraded)
        with game.accelerator.autocast(): restored = game.G.refine(degraded, turn.batch.phi[:k], turn.noise[1][:k]).images
        return self.weight * (restored - real).abs().mean()

def awake(d):
    "Initial weights with which a picture's differences survive the layers of a D without BatchNorm (He et al. 2015)."
    for m in d.modules():
        if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)): torch.nn.init.kaiming_normal_(m.weight, .2)
    for head in (d.score, d.alone, d.match): torch.nn.init.normal_(head.weight, 0, .5 * head.weight[0].numel() ** -.5)
    if hasattr(d.features[-1], "block"): torch.nn.init.zeros_(d.features[-1].block[-1].weight)
    return d

def make_game(number, arm, data, supplies, g1=None, tiny=False):
    "One stage's game by an arm's rules: Stage-I of width 64, or Stage-II of width 48."
    how, at = dict(norm=True, r1=None, matching=(4., 1.), disturbed=True, restore=20., projected=False, spread=.5, within=False) | ARMS[arm], number - 1
    torch.manual_seed(at)
    width, width_d = ((64, 64), (48, 32))[at] if not tiny else (16, 8)
    g = StageIGenerator(256, data.size, width) if number == 1 else StageIIGenerator(g1, width, min_channels=2 * width // 3, shortcut=True)
    heads = dict(unconditional=True, contrast=True, norm=how["norm"])
    if how["projected"]: d = ProjectedDiscriminator(256, 64, side=(96, 192)[at], plain=32 // number, size=data.size, **heads)
    else: d = (StageIDiscriminator, StageIIDiscriminator)[at](256, data.size, width_d, **heads)
    if not how["norm"]: awake(d)
    extras = [InitialSigma(.2), Unconditional(), Contrast(2.), Matching(how["matching"][at], 3.)]
    if number == 2: extras.append(Restored(how["restore"], share=.5 * how["within"]))
    elif how["spread"]: extras.append(ModeSeeking(how["spread"]))
    if how["disturbed"]: extras.append(DiffAugment(40_000))
    if how["r1"]: extras.append(R1(how["r1"][at]))
    config = TrainConfig(batch_size=data.batch_size, lr_g=4e-4, kl_weight=.03, ema=.999, precision="auto", extras=extras)
    return Game(*(net.to(memory_format=torch.channels_last) for net in (g, d)), data, config, **supplies)

def degrade_first(game, batch, noise): # for `Restored`
    choices, old = torch.Generator().manual_seed(game.step), game.supplies.get("degraded")
    new = degrade(batch.real()[:len(batch) // 2], game.G.stage1.size, noise, choices)
    if old is None: game.supplies["degraded"] = new.clone()
    else: old.copy_(new)

def play(game, data, seconds, name, end):
    "Train for so many seconds; the curves, a row for every 100 steps."
    play, began, rows, sums, noise = Recorded(game), time.time(), [], {}, torch.Generator(DEVICE)
    last, restores = began, any(isinstance(e, Restored) for e in game.config.extras)
    seconds = min(seconds, end - began)
    for net in game.players.values(): net.train()
    while (share := (time.time() - began) / max(seconds, 1e-9)) < 1:
        for key, opt in game.opts.items():
            for group in opt.param_groups if game.step % 20 == 0 else ():
                rate = game.rates[key] * (.5 ** int(4 * share) if share < .9 else .05)
                if torch.is_tensor(group["lr"]): group["lr"].fill_(rate)
                else: group["lr"] = rate
        batch = data.next()
        if restores: degrade_first(game, batch, noise)
        for key, value in play(batch).items():
            total, n = sums.get(key, (0, 0))
            sums[key] = total + value.float(), n + 1
        if game.step % 100 == 0:
            now = time.time()
            row = dict(step=game.step, epoch=round(game.step / len(data), 3), lr=float(game.opts["g"].param_groups[0]["lr"]),
                       images_per_s=round(100 * data.batch_size / (now - last), 1))
            rows.append(row | {k: round(float(total) / n, 5) for k, (total, n) in sums.items()})
            if len(rows) % 20 == 1: say(name, rows[-1])
            sums, last = {}, now
    return rows

class Look:
    "Named attributes, and the Frechet distance by the judge, of a generator's pictures of validation species."
    def __init__(self, n):
        self.judge, self.birds, others = AttributeJudge.from_pretrained(), sample_birds("val", n, 1), sample_birds("val", n, 1001)
        sentences = [f"{s} facing {bird.facing}" if "facing" not in named else s for bird, s, named in self.birds]
        self.phi, self.see = StackGAN.from_pretrained("birds").text.embed(sentences).to(DEVICE), feature_network("judge", self.judge)
        self.others, self.reference = [bird for bird, _, _ in others], {}
    @torch.no_grad()
    def __call__(self, net):
        random, mode, size = torch.Generator().manual_seed(0), net.training, net.size
        noise = [torch.randn(len(self.phi), dim, generator=random).to(DEVICE) for dim in net.noise_dims]
        parts = zip(*(x.split(50) for x in (self.phi, *noise)))
        pictures = as_bytes(torch.cat([net.eval()(*part).images.float().cpu() for part in parts]))
        net.train(mode)
        if size not in self.reference: self.reference[size] = self.see(draw_birds(self.others, size, 2 if size < 128 else 1))
        hits = attribute_accuracy(self.judge, pictures, self.birds)
        return dict(named=sum(r for r, _ in hits.values()) / sum(n for _, n in hits.values()),
                    frechet=frechet_distance(self.see(pictures), self.reference[size])) | {k: r / max(1, n) for k, (r, n) in hits.items()}

# --- the report

class Report:
    "OUT/report.json, written again after every part."
    def __init__(self, out):
        out.mkdir(parents=True, exist_ok=True)
        name = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "cpu"
        self.out, self.found = out, dict(device=name, cores=os.cpu_count(), torch=torch.__version__)
    def note(self, **found):
        self.found |= found
        tmp = self.out / "report.tmp"
        tmp.write_text(json.dumps(self.found, indent=1) + "\n"); tmp.replace(self.out / "report.json")
    def keep(self, name, net, without="\0"):
        state = {k: (v.half() if v.is_floating_point() else v).cpu().contiguous() for k, v in net.state_dict().items() if not k.startswith(without)}
        save_file(state, WORK / "tmp.safetensors")
        whole = (WORK / "tmp.safetensors").read_bytes()
        pieces = [whole[i:i + PIECE] for i in range(0, len(whole), PIECE)]
        for i, piece in enumerate(pieces): (self.out / f"{name}.safetensors{f'.{i:02d}' * (len(pieces) > 1)}").write_bytes(piece)

def stage(number, ask, report, look, supplies, g1, end):
    "All arms of a stage, each with its part of the time; the best one's averaged generator."
    arms, best, found = (ask.stage1, ask.stage2)[number - 1].split(","), None, {}
    data = Data(("small", "big")[number - 1], (8, 4)[number - 1] if ask.tiny else (64, 32)[number - 1])
    seconds = (ask.share * (end - time.time()) if number == 1 and ask.stage2 != "none" else end - time.time()) / len(arms) - 2
    for arm in arms:
        game = make_game(number, arm, data, supplies, g1, ask.tiny)
        rows = play(game, data, seconds, f"stage{number} {arm}", end)
        found[arm] = dict(steps=game.step, scores=look(game.ema), curves=rows)
        say(f"stage{number}", arm, game.step, {k: round(v, 3) for k, v in found[arm]["scores"].items()})
        report.note(**{f"stage{number}": found})
        named = max(f["scores"]["named"] for f in found.values()) - .01
        if arm == min((f["scores"]["frechet"], a) for a, f in found.items() if f["scores"]["named"] >= named)[1]:
            best = game.ema
            report.keep(f"stage{number}", game.ema, "stage1."); report.keep(f"stage{number}_d", game.D)
    return best

def chapters(report, end):
    "`nbdev_test` of the chapters that train, beside each other."
    env, runs = os.environ | dict(PYTHONPATH=f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", MPLBACKEND="agg"), {}
    for name in ("04_game", "05_stage1", "06_stage2"):
        code = f"from nbdev.test import nbdev_test; nbdev_test('nbs/{name}.ipynb', n_workers=1, do_print=True)"
        runs[name] = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = {}
    for name, run in runs.items():
        try: said, _ = run.communicate(timeout=max(1, end - time.time()))
        except subprocess.TimeoutExpired: run.kill(); said = "cut off"
        found[name] = dict(passed=run.returncode == 0, said=said.splitlines()[-20:] if run.returncode else [])
    say({k: v["passed"] for k, v in found.items()})
    report.note(tests=found)

def pack(folder, out):
    "A model's folder of what a run has left."
    model = StackGAN.from_pretrained("birds")
    def read(name):
        pieces = sorted(folder.glob(f"{name}.safetensors*"))
        if not pieces: raise refusal(f"{folder} holds no {name}.safetensors", "what a run of this script left", "check the folder", FileNotFoundError)
        return load(b"".join(p.read_bytes() for p in pieces))
    one, two = read("stage1"), read("stage2")
    g1 = StageIGenerator(256, 64, one["to_rgb.weight"].shape[1] * 2); g1.load_state_dict(one)
    width = two["encoder.0.weight"].shape[0]
    g2 = StageIIGenerator(g1, width, min_channels=2 * width // 3, shortcut=True); g2.load_state_dict(two, strict=False)
    StackGAN(model.text, g1, g2, [SIDES], model.matcher).save_pretrained(out, torch.float16)

def main(ask):
    end, report = BEGAN + ask.seconds, Report(ask.out)
    prepared(ask.tiny)
    packaged = StackGAN.from_pretrained("birds")
    supplies = lambda: dict(matcher=packaged.matcher)
    look, after = Look(20 if ask.tiny else 300), (60 if ask.tests else 0) + (60 if ask.steps else 0)
    g1 = packaged.g1 if ask.stage1 == "packaged" else stage(1, ask, report, look, supplies(), None, end - after)
    if ask.stage2 != "none": stage(2, ask, report, look, supplies(), g1.cpu().eval(), end - after)
    if ask.steps:
        rows = []
        for row in steps.rows(ask.tiny): rows.append(row); say(row); report.note(milliseconds=rows)
    if ask.tests: chapters(report, end)
    say("end")

if __name__ == "__main__":
    if ASK.prepare: prepare(ASK.tiny)
    elif ASK.pack: pack(ASK.pack, ASK.out)
    else: main(ASK)
