"""Draw the pictures of the index and README: sentences, Stage-I's sketches, Stage-II's pictures.

usage: python tools/pictures.py      (needs the package installed; the packaged models draw, with seed 0, the first picture of each sentence)

Writes images/index.png (the model `birds`) and images/index_photos.jpg (the model `photos`).
"""
import textwrap
from pathlib import Path

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

from stackgan.generate import StackGAN

SENTENCES = [
    "a small red bird with black wings and a short pointed bill",
    "a yellow bird with black wings swimming on the water",
    "a large blue bird with white wings and a red crown, perched on a branch",
    "a white bird with grey wings standing in the grass facing left",
    "a brown bird with a yellow breast flying in the sky",
    "this green bird has a long hooked bill and is standing in the snow",
]

PHOTOS = [
    "this bird is red all over with a black face and a thick bill",
    "a bright blue bird with black wings",
    "a small brown bird with a speckled breast",
    "this bird has a green belly and a grey head",
    "a black bird with a long bill",
    "a white bird with grey wings and an orange bill",
]

def draw(name, sentences, path, **options):
    model = StackGAN.from_pretrained(name)
    rows = [model.stage1(sentences, seed=0), model(sentences, seed=0)]
    fig, axes = plt.subplots(2, len(sentences), figsize=(13.2, 5.2), layout="constrained", facecolor="white")
    for i, s in enumerate(sentences):
        for ax, row in zip(axes[:, i], rows): ax.imshow(row[i], interpolation="nearest"); ax.axis("off")
        axes[0, i].set_title("\n".join(textwrap.wrap(s, 24)), fontsize=9)
    for ax, stage in zip(axes[:, 0], ("Stage-I, 64 x 64", "Stage-II, 256 x 256")):
        ax.text(-0.06, 0.5, stage, transform=ax.transAxes, rotation=90, va="center", ha="right", fontsize=9)
    fig.savefig(Path(__file__).parents[1] / "images" / path, dpi=100, **options)
    print(path)

def main():
    draw("birds", SENTENCES, "index.png")
    draw("photos", PHOTOS, "index_photos.jpg", pil_kwargs=dict(quality=85))

if __name__ == "__main__": main()
