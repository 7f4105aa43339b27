"""Draw images/index.png, the picture at the head of the index and README: sentences, Stage-I's sketches, Stage-II's pictures.

usage: python tools/pictures.py      (needs the package installed; the packaged model draws, with seed 0, the first picture of each sentence)
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

def main():
    model = StackGAN.from_pretrained("birds")
    rows = [model.stage1(SENTENCES, seed=0), model(SENTENCES, seed=0)]
    fig, axes = plt.subplots(2, len(SENTENCES), figsize=(13.2, 5.2), layout="constrained", facecolor="white")
    for i, s in enumerate(SENTENCES):
        for ax, row in zip(axes[:, i], rows): ax.imshow(row[i], interpolation="nearest"); ax.axis("off")
        axes[0, i].set_title("\n".join(textwrap.wrap(s, 24)), fontsize=9)
    for ax, name in zip(axes[:, 0], ("Stage-I, 64 x 64", "Stage-II, 256 x 256")):
        ax.text(-0.06, 0.5, name, transform=ax.transAxes, rotation=90, va="center", ha="right", fontsize=9)
    path = Path(__file__).parents[1] / "images" / "index.png"
    fig.savefig(path, dpi=100)
    print(path.name)

if __name__ == "__main__": main()
