"""Make a finished run on photographs the packaged model `photos`, and store its figures and a page of its pictures for chapter 12.

usage: python tools/photos.py begin BEGIN
       python tools/photos.py NAME RUN CUB FIGURES [FIGURES ...]
(NAME: of this model among those before it, as "third"; RUN: the folder of `stackgan train --data CUB --preset photos --out RUN`;
FIGURES: what `stackgan evaluate --data CUB --out` wrote, once for each network)

`begin` writes a model to go on from: text encoder and Stage-I of the packaged `photos`, Stage-II's layers of `birds`. Then
`stackgan train --data CUB --preset photos --init BEGIN --epochs1 0 --out RUN` teaches these layers photographs.

The second form writes stackgan/weights/photos: the model in 16 bits, the curves of the stages that learned, figures.json, which also
has `through_stage2` and the share of sketches with patches of saturated blue of this model and, under their names, of those that
were there; and images/photos.jpg: sketch and picture for the first captions of held-out pictures, in a fixed order by chance,
none chosen. No photograph is stored.
"""
import json
import shutil
import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image

from stackgan.basics import write_aside
from stackgan.data import read_data
from stackgan.generate import StackGAN
from stackgan.judge import draw_sentences
from stackgan.metrics import as_tensor
from stackgan.photographs import _halves, through_stage2
from stackgan.stage2 import StageIIGenerator

def begin(out):
    photos, birds = StackGAN.from_pretrained("photos"), StackGAN.from_pretrained("birds")
    g2 = StageIIGenerator(photos.g1, **birds.g2.config())
    g2.load_state_dict({k: v for k, v in birds.g2.state_dict().items() if not k.startswith("stage1.")}, strict=False)
    StackGAN(photos.text, photos.g1, g2, words=photos.words).save_pretrained(out)

def patched(sketches): # (N, 3, S, S) uint8 -> share of them of which a hundredth or more is far bluer than it is red or green
    x = sketches.float()
    return (x[:, 2] - x[:, :2].amax(1) > 90).float().mean((1, 2)).ge(.01).float().mean().item()

def sketches_of(model, cub, how): # for the sentences of `evaluate_photos`
    data = read_data(cub, how["split"])
    own, sentences, *_ = _halves(cub, data, how["n"], how["seed"], model.g1.size)
    return as_tensor(own, model.g1.size), draw_sentences(model, sentences, how["seed"])["stage1"]

def main(name, run, cub, *figures):
    run, cub, root = Path(run), Path(cub), Path(__file__).parents[1]
    folder, figures = root / "stackgan" / "weights" / "photos", map(Path, figures)
    before = json.loads((folder / "figures.json").read_text())
    if name in before["through"]: sys.exit(f"{name} is the name of a model before this one: {', '.join(before['through'])}.")
    for stage in ("stage1", "stage2"):
        if (curves := run / stage / "metrics.csv").exists():  # --epochs1 0 keeps a stage and its curves
            write_aside(folder / f"{stage}_metrics.csv", lambda tmp: shutil.copyfile(curves, tmp))
    results = [json.loads(f.read_text()) for f in figures]
    stored = {k: v for k, v in results[0].items() if k not in ("model", "data")}  # somebody's folders
    for other in results[1:]:
        if any(other[k] != stored[k] for k in ("n", "split", "seed")): sys.exit("The figures are of different sentences: evaluate with the same --n, --split and --seed.")
        stored["figures"] |= other["figures"]
    model = StackGAN.from_pretrained(run / "model")
    real, sketches = sketches_of(model, cub, stored)
    found = through_stage2(model, cub, *(stored[k] for k in ("n", "split", "seed")))
    stored["through"] = before["through"] | {name: found}
    stored["blue"] = before["blue"] | dict(photographs=patched(real)) | {name: patched(sketches)}
    write_aside(folder / "figures.json", lambda tmp: tmp.write_text(json.dumps(stored, indent=1) + "\n"))
    data = read_data(cub, "test")
    model.save_pretrained(folder, torch.float16)
    captions = [data.captions[i][0] for i in np.random.default_rng(0).permutation(len(data))[:24]]
    fig, axes = plt.subplots(6, 8, figsize=(15, 13), layout="constrained")
    for i, caption in enumerate(captions):
        top, below = axes[i // 8 * 2, i % 8], axes[i // 8 * 2 + 1, i % 8]
        top.imshow(model.stage1(caption, seed=i)[0].resize((256, 256), Image.NEAREST)); below.imshow(model(caption, seed=i)[0])
        top.set_title("\n".join(textwrap.wrap(caption, 30)[:5]), fontsize=7)
    for ax in axes.flat: ax.axis("off")
    write_aside(root / "images" / "photos.jpg", lambda tmp: fig.savefig(tmp, format="jpeg", dpi=80, pil_kwargs=dict(quality=82)))

if __name__ == "__main__": begin(sys.argv[2]) if sys.argv[1] == "begin" else main(*sys.argv[1:])
