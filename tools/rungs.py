#!/usr/bin/env python3
"""Measure what the ladder of chapter 11 does not: extras of Stage-II, and how unlike the pictures of one sentence are.

python tools/rungs.py stage2 FOLDER     Stage-II at 64 pixels with `Consistency` or `Restore`, and without, two seeds, sentences about
                                        validation species: FOLDER/results.csv, an hour of one CPU core; may be stopped and called again
python tools/rungs.py variety FOLDER    of the ladder's runs with and without `ModeSeeking`, which `stackgan ablate --recipe --out FOLDER`
                                        has left in FOLDER: FOLDER/variety.csv, a minute

What is stored of it is extras.csv and variety.csv in stackgan/weights/ablation; the card beside them says more.
"""
import argparse, csv, sys
from pathlib import Path

import numpy as np
import torch

import stackgan.ablation as ablation
from stackgan.ablation import BUDGETS, EXTRAS, RECIPE_ARMS, Arm, Budget, load_material, run_arms, train_arm
from stackgan.judge import AttributeJudge, feature_network
from stackgan.extras import Consistency, Restore
from stackgan.files import as_bytes
from stackgan.metrics import pairwise_distance

sample = ablation.sample_birds


def unlike(folder):
    look, budget = feature_network("judge", AttributeJudge.from_pretrained()), BUDGETS["recipe"]
    material = load_material(folder, budget)
    phi = material.text.embed([sentence for _, sentence, _ in sample("test", 300, 7)][:20])
    place = next(i for i, arm in enumerate(RECIPE_ARMS) if arm.name == "+ mode seeking")
    rows = [(arm.name, seed, *variety(train_arm(arm, seed, material, budget, folder), phi, look))
            for arm in RECIPE_ARMS[place - 1:place + 1] for seed in (0, 1, 2)]
    with open(folder/"variety.csv", "w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows([("arm", "seed", "features", "pixels"), *rows])
    for row in rows: print(*row)


def variety(net, phi, look, each=16):
    "How unlike 16 pictures of one sentence are, the mean over sentences: in the judge's features, and a pixel in [-1, 1]."
    features, pixels, net = [], [], net.cpu().eval()
    for i, row in enumerate(phi):
        g = torch.Generator().manual_seed(i)
        with torch.no_grad(): x = net(row[None].repeat(each, 1), *(torch.randn(each, dim, generator=g) for dim in net.noise_dims)).images
        pixels.append((x[:, None] - x[None]).abs().mean().item())
        features.append(pairwise_distance(look(as_bytes(torch.nn.functional.interpolate(x, 64)))))
    return round(float(np.mean(features)), 3), round(float(np.mean(pixels)), 4)


def stage2(folder):
    ablation.sample_birds = lambda split, n, seed: sample("val", n, seed) # the test species stay unseen
    arm = lambda name, *more: Arm(name, 64, 16, shortcut=True, changes=dict(extras=[*EXTRAS, *more]))
    arms = [arm("none"), arm("Consistency", Consistency(2.)), arm("Restore", Restore(20.)), arm("Restore, patches", Restore(20., .3)),
            arm("Restore, patches, sketched", Restore(20., 1., .3))]
    run_arms(arms, folder, (0, 1), Budget(steps1=600, steps2=800, sentences=300), progress=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["stage2", "variety"])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    (stage2 if args.what == "stage2" else unlike)(args.folder)


if __name__ == "__main__": sys.exit(main())
