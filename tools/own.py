"""Measure what own pictures give: the same number of steps on 30, 300 and 3,000 of them; stored for chapter 10.

usage: python tools/own.py train WORK [ARM...]      (one thread; WORK: a new folder, or one to go on in)
       python tools/own.py store WORK

The pictures are drawn by chapter 00's code and then are plain files with captions.csv, as a user has them: three captions a
picture, no classes, no attributes. Every arm trains a text encoder on its own captions, then Stage-I at 16 and Stage-II at 64
pixels, for as many steps; the last arm plays twice as long with the most pictures. `store` writes stackgan/weights/own/pictures.csv
and WORK/own.png: for each arm the first picture (seed 0) of four sentences, none chosen.
"""
import csv
import io
import sys
import textwrap
import time
import warnings
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from PIL import Image

from stackgan.basics import write_aside
from stackgan.birds import describe
from stackgan.data import read_data
from stackgan.drawing import draw_bird
from stackgan.evaluate import attribute_accuracy
from stackgan.extras import Contrast, DiffAugment, InitialSigma
from stackgan.generate import StackGAN
from stackgan.judge import AttributeJudge, draw_sentences, sample_birds
from stackgan.matching import train_text_encoder
from stackgan.recipes import presets, train_stackgan

ROOT = Path(__file__).parents[1]
ARMS = {"30": (30, 1), "300": (300, 1), "3000": (3000, 1), "3000, longer": (3000, 2)}  # pictures, how often the steps
TEXT, STEPS = 500, (2000, 200)  # steps of the text encoder; of Stage-I, of Stage-II
SENTENCES = ["a small red bird with black wings", "a blue bird with a white belly", "this yellow bird has a long curved bill",
             "a large brown bird is flying"]


def pictures(home, n):
    "n drawings as a user's folder."
    if (home / "captions.csv").exists(): return home
    home.mkdir(parents=True)
    text = io.StringIO()
    rows = csv.writer(text)
    for i, (bird, _, _) in enumerate(sample_birds("train", n, seed=0)):
        draw_bird(bird, 96).save(home / f"{i:04}.png")
        rows.writerows([f"{i:04}.png", said] for said in describe(bird, 3))
    write_aside(home / "captions.csv", lambda tmp: tmp.write_text(text.getvalue()))
    return home


def recipe(n, times):
    "The preset `tiny`, somewhat wider, with the rates of `small`, epochs for the steps wanted, and only extras that own pictures feed."
    tiny, stages = presets()["tiny"], {}
    for (name, stage), steps, widths in zip(tiny.stages.items(), STEPS, ((32, 16), (16, 16))):
        epochs = times * steps / (n // 16)
        stages[name] = replace(stage, batch_size=16, lr_g=4e-4, ema=.995, width_g=widths[0], width_d=widths[1], epochs=epochs,
                               halve_every=epochs / 2, log_every=50, sample_every=500, checkpoint_every=500, patience=0,
                               extras=[InitialSigma(.2), Contrast(2.), DiffAugment(20_000)])
    return replace(tiny, min_channels=16, **stages)


def train(work, arm):
    "A row of the table."
    n, times = ARMS[arm]
    own, begin = pictures(work / f"own{n}", n), time.process_time()
    text = train_text_encoder(read_data(own), "tiny", steps=TEXT, progress=False)[0]
    model = train_stackgan(own, recipe(n, times), work / arm.replace(", ", "-"), resume=True, text=text, progress=False)
    minutes, judge, row = (time.process_time() - begin) / 60, AttributeJudge.from_pretrained(), {}
    for name, split in (("seen", "train"), ("new", "test")):
        birds = sample_birds(split, 200, seed=0 if name == "seen" else 1)
        if name == "seen": birds = birds[:n]
        drawn = draw_sentences(model, [sentence for _, sentence, _ in birds], 1)
        other = birds[1:] + birds[:1]
        for column, stage, truth in ((f"{name}_sketch", "stage1", birds), (name, "stage2", birds), (f"{name}_shuffled", "stage2", other)):
            right, total = map(sum, zip(*attribute_accuracy(judge, drawn[stage], truth).values()))
            row[column] = round(right / total, 4)
    return dict(arm=arm, pictures=n, captions=3 * n, steps_text=TEXT, steps1=times * STEPS[0], steps2=times * STEPS[1], cpu_minutes=round(minutes, 2), **row)


def write(rows, path):
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader(), table.writerows(rows)
    write_aside(path, lambda tmp: tmp.write_text(text.getvalue()))


def read(path):
    with open(path, newline="") as f: return list(csv.DictReader(f))


def store(work):
    rows = sorted(read(work / "pictures.csv"), key=lambda row: list(ARMS).index(row["arm"]))
    write(rows, ROOT / "stackgan" / "weights" / "own" / "pictures.csv")
    fig, axes = plt.subplots(len(SENTENCES), len(rows), figsize=(1.8 * len(rows), 2 * len(SENTENCES)), layout="constrained", squeeze=False)
    for column, row in zip(axes.T, rows):
        model = StackGAN.from_pretrained(work / row["arm"].replace(", ", "-") / "model")
        for ax, sentence in zip(column, SENTENCES): ax.imshow(model(sentence, seed=0)[0].resize((128, 128), Image.NEAREST))
        column[0].set_title(f"{int(row['pictures']):,} pictures,\n{float(row['cpu_minutes']):.0f} CPU minutes", fontsize=9)
    for row, sentence in zip(axes, SENTENCES): row[0].set_ylabel("\n".join(textwrap.wrap(sentence, 20)), fontsize=8)
    for ax in axes.flat: ax.set(xticks=[], yticks=[])
    write_aside(work / "own.png", lambda tmp: fig.savefig(tmp, format="png", dpi=90))


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    work = Path(sys.argv[2])
    if sys.argv[1] == "store": store(work)
    else:
        done = read(work / "pictures.csv") if (work / "pictures.csv").exists() else []
        for arm in sys.argv[3:] or ARMS:
            if any(row["arm"] == arm for row in done): continue
            done.append(train(work, arm))
            write(done, work / "pictures.csv")
            print(done[-1], flush=True)
