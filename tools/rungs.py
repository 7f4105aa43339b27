#!/usr/bin/env python3
"""Measure what single extras are worth, beside the ladder of chapter 11: pairs of runs that differ in one extra.

python tools/rungs.py stage1 FOLDER     the recipe with and without `ModeSeeking`, at 32 pixels; also how unlike the pictures of one sentence are
python tools/rungs.py stage2 FOLDER     Stage-II at 64 pixels with `Consistency` or `Restore`, and without
                                        (FOLDER: a new one for each, or one to continue; 20 and 60 minutes on one CPU core)

Two seeds, sentences about validation species, results in FOLDER/results.csv. What is stored of it is stackgan/weights/ablation/extras.csv
and variety.csv; the card beside them says at which commit, and what was dropped.
"""
import argparse, csv, sys
from pathlib import Path

import numpy as np
import torch

import stackgan.ablation as ablation
from stackgan.ablation import ALL, EXTRAS, Arm, Budget, load_material, run_arms, train_arm
from stackgan.extras import Consistency, ModeSeeking, Restore
from stackgan.files import as_bytes
from stackgan.judge import AttributeJudge, feature_network
from stackgan.metrics import pairwise_distance

SEEDS, sample = (0, 1), ablation.sample_birds
ablation.sample_birds = lambda split, n, seed: sample("val", n, seed) # the test species stay unseen


def stage1(folder):
    changes = dict(batch_size=16, kl_weight=.03, ema=.995, lr_g=4e-4)
    arms = [Arm("all, 32", 32, changes=changes | dict(extras=ALL)),
            Arm("without ModeSeeking, 32", 32, changes=changes | dict(extras=[e for e in ALL if not isinstance(e, ModeSeeking)]))]
    budget = Budget(steps1=800, steps2=0, sentences=300)
    run_arms(arms, folder, SEEDS, budget, progress=True)
    look, material = feature_network("judge", AttributeJudge.from_pretrained()), load_material(folder, budget)
    sentences = [s for _, s, _ in sample("val", 300, 7)][:20]
    rows = [(arm.name, seed, *variety(train_arm(arm, seed, material, budget, folder), material.text.embed(sentences), look)) for arm in arms for seed in SEEDS]
    with open(folder/"variety.csv", "w", newline="") as f: csv.writer(f).writerows([("arm", "seed", "features", "pixels"), *rows])


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
    arm = lambda name, *more: Arm(name, 64, 16, shortcut=True, changes=dict(extras=[*EXTRAS, *more]))
    arms = [arm("none"), arm("Consistency", Consistency(2.)), arm("Restore", Restore(20.)), arm("Restore, patches", Restore(20., .3)),
            arm("Restore, patches, sketched", Restore(20., 1., .3))]
    run_arms(arms, folder, SEEDS, Budget(steps1=600, steps2=800, sentences=300), progress=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["stage1", "stage2"])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    (stage1 if args.what == "stage1" else stage2)(args.folder)


if __name__ == "__main__": sys.exit(main())
