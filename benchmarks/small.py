"""A step of the preset `small` with its extras: a turn for each line of the input, then a line with its processor seconds.

Runs at ea5a718, where recipes were fields, and at any commit since.
"""
import os
import sys
import tempfile
import time

os.environ["ACCELERATE_USE_CPU"] = "true"
import numpy as np
import torch

from stackgan.data import Batches
from stackgan.generate import StackGAN
from stackgan.stage1 import StageIDiscriminator, StageIGenerator
from stackgan.stage2 import StageIIDiscriminator, StageIIGenerator
from stackgan.training import Trainer

class Noise:
    "Pictures in memory, as `Batches` wants them."
    def __init__(self, n, size):
        self.size, self.array = size, np.random.default_rng(0).integers(0, 256, (n, 3, size, size), dtype=np.uint8)
    def __len__(self): return len(self.array)

def trainer(number):
    "A `Trainer` of that stage."
    model = StackGAN.from_pretrained("birds")
    size, dim = 64 * 4 ** (number - 1), model.g1.phi_dim
    try:
        from stackgan.plans import stage_networks
        from stackgan.recipes import presets
        preset = presets()["small"]
        config, more = preset.stages[f"stage{number}"], {}
        nets = stage_networks(preset, number, dim)
    except ImportError:
        from stackgan.stage2 import PatchDiscriminator
        from stackgan.training import presets
        p = presets()["small"]
        config = getattr(p, f"stage{number}")
        g = StageIGenerator(dim, p.size, p.width_g1)
        if number == 1: nets = g, StageIDiscriminator(dim, size, p.width_d1, **p.heads(1))
        else:
            nets = (StageIIGenerator(g, p.width_g2, min_channels=p.min_channels, shortcut=p.shortcut),
                    StageIIDiscriminator(dim, size, p.width_d2, **p.heads(2)))
        more = dict(invented=torch.randn(1000, 2, dim), patches=PatchDiscriminator() if config.sharpen else None)
    n = 8 * config.batch_size
    batches = Batches(Noise(n, size), torch.randn(n, 4, dim), list(range(n)), config.batch_size, size, near=torch.randn(n, 4, dim))
    return Trainer(*nets, batches, tempfile.mkdtemp(), config, matcher=model.matcher, **more)

if __name__ == "__main__":
    torch.set_num_threads(1); torch.manual_seed(0)
    from importlib import import_module
    for room in ("basics", "training"):  # where it was, and where it is
        try: getattr(import_module(f"stackgan.{room}"), "keep_heap")(); break
        except (ImportError, AttributeError): pass
    t = trainer(int(sys.argv[1]))
    for net in (t.G, t.D): net.train()
    batches = [b for b in t.batches.epoch(0)]
    for i, _ in enumerate(sys.stdin):
        began = time.process_time(); t.train_step(batches[i % len(batches)]); print(time.process_time() - began, flush=True)
