"""Store what a run on photographs came to, for chapter 08: curves, figures, and a page of its (generated) pictures.

usage: python tools/photos.py RUN CUB FIGURES
(RUN: the folder of `stackgan train --data CUB --out RUN`; FIGURES: what `stackgan evaluate --data CUB --out` wrote)

Writes stackgan/weights/photos/*.csv and figures.json, and images/photos.jpg: sketch and picture for the first captions of
held-out pictures, in a fixed order by chance, none chosen. No photograph is stored.
"""
import json
import shutil
import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from stackgan.generate import StackGAN, read_data
from stackgan.training import write_aside

def main(run, cub, figures):
    root = Path(__file__).parents[1]
    folder = root / "stackgan" / "weights" / "photos"
    for stage in ("stage1", "stage2"):
        write_aside(folder / f"{stage}_metrics.csv", lambda tmp: shutil.copyfile(run / stage / "metrics.csv", tmp))
    stored = {k: v for k, v in json.loads(figures.read_text()).items() if k not in ("model", "data")}  # somebody's folders
    write_aside(folder / "figures.json", lambda tmp: tmp.write_text(json.dumps(stored, indent=1) + "\n"))
    data, model = read_data(cub, "test"), StackGAN.from_pretrained(run / "model")
    captions = [data.captions[i][0] for i in np.random.default_rng(0).permutation(len(data))[:24]]
    fig, axes = plt.subplots(6, 8, figsize=(15, 13), layout="constrained")
    for i, caption in enumerate(captions):
        top, below = axes[i // 8 * 2, i % 8], axes[i // 8 * 2 + 1, i % 8]
        top.imshow(model.stage1(caption, seed=i)[0].resize((256, 256), Image.NEAREST)); below.imshow(model(caption, seed=i)[0])
        top.set_title("\n".join(textwrap.wrap(caption, 30)[:5]), fontsize=7)
    for ax in axes.flat: ax.axis("off")
    write_aside(root / "images" / "photos.jpg", lambda tmp: fig.savefig(tmp, format="jpeg", dpi=80, pil_kwargs=dict(quality=82)))

if __name__ == "__main__": main(*map(Path, sys.argv[1:4]))
