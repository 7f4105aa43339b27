"""Make a finished run of drawn birds the packaged model: stackgan/weights/birds, in 16 bits.

usage: python tools/package.py RUN      (RUN: the folder of `stackgan train --data birds --preset small --out RUN`)

Text encoder, matcher, both generators, the words of the captions, and the curves of both stages. How it was made is then written into README.md there, its model card.
"""
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import torch

from stackgan.basics import write_aside
from stackgan.birds import Bird
from stackgan.grammar import caption
from stackgan.matching import load_matcher
from stackgan.files import save_model
from stackgan.recipes import SIDES
from stackgan.generate import StackGAN

def main(run):
    weights = Path(__file__).parents[1] / "stackgan" / "weights" / "birds"
    model, (text, matcher) = StackGAN.from_pretrained(run / "model"), load_matcher(run / "text")
    save_model(weights, torch.float16, dict(completions=[SIDES]), text=text, stage1=model.g1, stage2=model.g2, matcher=matcher)
    rng = np.random.default_rng(0)
    words = {word for _ in range(6000) for word in re.findall("[a-z]+", caption(Bird.random(rng), rng)[0])}
    write_aside(weights / "words.txt", lambda tmp: tmp.write_text("\n".join(sorted(words)) + "\n"))
    for stage in ("stage1", "stage2"):
        write_aside(weights / f"{stage}_metrics.csv", lambda tmp: shutil.copyfile(run / stage / "metrics.csv", tmp))
    sizes = {path.name: path.stat().st_size for path in sorted(weights.iterdir())}
    print(*(f"{size / 1e6:8.2f} MB  {name}" for name, size in sizes.items()), f"{sum(sizes.values()) / 1e6:8.2f} MB  altogether", sep="\n")

if __name__ == "__main__": main(Path(sys.argv[1]))
