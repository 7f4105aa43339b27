"""How long is a step? The game as the paper writes it and as the package plays it, at the paper's widths.

usage: python tools/steps.py [tiny]

The textbook's: float32, upsampling and then convolution, one pass of the discriminator for each question,
every gradient computed, Adam as it comes. The package's: a `Trainer`, in float32 and in what the hardware is
quick in. Both draw the same batches, on a GPU where there is one.
"""
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F

from stackgan import (Batches, StageIDiscriminator, StageIGenerator, StageIIDiscriminator, StageIIGenerator,
                      TrainConfig, Trainer)
from stackgan.stage1 import UpBlock
from stackgan.runs import read_metrics

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
MEMORY = Path("/dev/shm")  # the runs' checkpoints go there, where it exists

class Textbook(UpBlock):
    "The paper's block as written."
    def forward(self, x):
        return self.norm(F.conv2d(F.interpolate(x, scale_factor=2), self.weight, padding=1)).relu()

def networks(stage, width, size):
    g = StageIGenerator(size=size if stage == 1 else size // 4, width=width)
    if stage == 1: return g, StageIDiscriminator(size=size, width=width // 2)
    return StageIIGenerator(g, width=width), StageIIDiscriminator(size=size, width=width // 2)

def says(verdict, real):
    scores, = verdict
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, real))

def textbook(stage, width, batches, steps):
    "Seconds of a step as it is written."
    g, d = (net.to(DEVICE).train() for net in networks(stage, width, batches.size))
    for m in g.modules():
        if type(m) is UpBlock: m.__class__ = Textbook
    opt_g, opt_d = (torch.optim.Adam([p for p in n.parameters() if p.requires_grad], 2e-4, (.5, .999))
                    for n in (g, d))
    def step(real, phi, wrong):
        fake = g(phi, torch.randn(len(phi), 100, device=DEVICE))
        d_loss = says(d(real, phi), 1) + (says(d(real, wrong), 0) + says(d(fake.images.detach(), phi), 0)) / 2
        opt_d.zero_grad(); d_loss.backward(); opt_d.step()
        kl = (fake.mu.square() + fake.logvar.exp() - 1 - fake.logvar).mean() / 2
        opt_g.zero_grad(); (says(d(fake.images, phi), 1) + 2 * kl).backward(); opt_g.step()
    took, todo = [], (b for e in range(3 * steps) for b in batches.epoch(e))
    for _ in range(3):  # the first warms up
        began = time.perf_counter()
        for b in islice(todo, steps): step(b.images.float() / 127.5 - 1, b.phi, b.wrong_phi)
        if DEVICE == "cuda": torch.cuda.synchronize()
        took.append((time.perf_counter() - began) / steps)
    return min(took[1:])

def ours(stage, width, batches, steps, precision):
    "Seconds of a step of the same game by a `Trainer`, files of the run apart."
    config = TrainConfig(epochs=3 * steps / len(batches), batch_size=batches.batch_size, precision=precision,
                         ema=0, log_every=steps, sample_every=10 ** 9, checkpoint_every=10 ** 9)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as run:
        Trainer(*networks(stage, width, batches.size), batches, run, config).fit(progress=False)
        return batches.batch_size / max(read_metrics(f"{run}/metrics.csv")["images_per_s"][1:])

class Noise:
    "Pictures in memory, as `Batches` wants them."
    def __init__(self, n, size):
        self.size, self.array = size, torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8).numpy()
    def __len__(self): return len(self.array)

def rows(tiny=False):
    "Seconds of a step, a row for each stage and size of batch."
    for stage, n in ((1, 16), (1, 64), (2, 4), (2, 16)):
        width, size, steps = (16, (16, 64)[stage - 1], 2) if tiny else (128, (64, 256)[stage - 1], 10)
        torch.manual_seed(0)
        phi, labels = torch.randn(4 * n, 1, 1024), list(range(4 * n))
        batches = Batches(Noise(4 * n, size), phi, labels, n, size, flip=False, device=DEVICE)
        row = dict(stage=stage, batch=n, width=width, textbook=textbook(stage, width, batches, steps))
        yield row | {p: ours(stage, width, batches, steps, p) for p in ("no", "auto")}

if __name__ == "__main__":
    for row in rows("tiny" in sys.argv): print(row, flush=True)
