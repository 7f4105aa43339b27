"""Train the paper's recipe at the widths of a laptop, on photographs, and store what chapter 12 shows of it.

usage: python tools/recipes.py train paper CUB RUN
       python tools/recipes.py store CUB PAPER PHOTOS
(CUB: a folder in CUB's layout; RUN: a new folder, or one to continue; PAPER: the finished run; PHOTOS: a file, see below)

Both generators are as wide as the first packaged `photos` (48 and 20), whose phi they get; pictures in a batch and precision are
those of the preset `small`; losses, rates and everything else are the recipe's own. Stage-I goes 42 times through the
pictures, half as often as the packaged model did, Stage-II 4 times. Before `store`, at 64 and at 256 pixels:

    stackgan evaluate --model RUN/stage1/model --data CUB --n 238 --matcher EXAMINER --out RUN/figures.json
    stackgan evaluate --model RUN/model --data CUB --n 238 --matcher EXAMINER --out RUN/figures256.json
    stackgan evaluate --model photos --data CUB --n 238 --matcher EXAMINER --out PHOTOS

(The last once, of the packaged model. EXAMINER: as chapter 12 trains it.)

`store` writes stackgan/weights/photos/recipes.json, figures and curves of the run, and the figures of PHOTOS; and
images/recipes.jpg: sketch and picture for the first captions of held-out pictures, in the fixed order of
tools/photos.py, none chosen. No photograph is stored. What recipes.json holds of `modern`, a recipe that gained
nothing and has been dropped, is kept.
"""
import json
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from stackgan.basics import write_aside
from stackgan.data import read_data
from stackgan.generate import StackGAN
from stackgan.recipes import presets, train_stackgan
from stackgan.runs import read_metrics

def train(recipe, cub, run):
    theirs, small = presets()[recipe], presets()["small"]
    def stage(name, width_g, width_d):
        batch_size = getattr(small, name).batch_size
        return replace(getattr(theirs, name), batch_size=batch_size, precision="auto", width_g=width_g, width_d=width_d)
    preset = replace(theirs, text="small", min_channels=16, stage1=stage("stage1", 48, 40), stage2=stage("stage2", 20, 16))
    began = time.time()
    train_stackgan(cub, preset, run, resume=True, text_name="photos", epochs1=42, epochs2=4)
    print(f"{(time.time() - began) / 3600:.2f} hours")

def figures(path): return {k: v for k, v in json.loads(Path(path).read_text()).items() if k not in ("model", "data")}  # which are somebody's folders

def store(cub, paper, photos):
    runs = dict(paper=Path(paper))
    root, data = Path(__file__).parents[1], read_data(cub, "test")
    stored = root / "stackgan" / "weights" / "photos" / "recipes.json"
    found = json.loads(stored.read_text()) | {name: dict(sketches=figures(run / "figures.json"), pictures=figures(run / "figures256.json"),
                        curves={s: read_metrics(run / s / "metrics.csv") for s in ("stage1", "stage2")}) for name, run in runs.items()}
    found["photos"] = dict(pictures=figures(photos))
    write_aside(stored, lambda tmp: tmp.write_text(json.dumps(found) + "\n"))
    captions = [data.captions[i][0] for i in np.random.default_rng(0).permutation(len(data))[:8]]
    models = {name: StackGAN.from_pretrained(run / "model") for name, run in runs.items()}
    shown = [(name, stage) for name in models for stage in ("Stage-I", "Stage-II")]
    fig, axes = plt.subplots(len(shown), 8, figsize=(15, .8 + 1.9 * len(shown)), layout="constrained")
    for row, (name, stage) in zip(axes, shown):
        draw = models[name].stage1 if stage == "Stage-I" else models[name]
        for i, caption in enumerate(captions): row[i].imshow(draw(caption, seed=i)[0].resize((256, 256), Image.NEAREST))
        row[0].set_ylabel(f"{name}, {stage}")
    for ax, caption in zip(axes[0], captions): ax.set_title("\n".join(textwrap.wrap(caption, 30)[:5]), fontsize=7)
    for ax in axes.flat: ax.set(xticks=[], yticks=[])
    write_aside(root / "images" / "recipes.jpg", lambda tmp: fig.savefig(tmp, format="jpeg", dpi=70, pil_kwargs=dict(quality=82)))

if __name__ == "__main__": {"train": train, "store": store}[sys.argv[1]](*sys.argv[2:])
