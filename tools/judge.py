"""Train the packaged judge, stackgan/weights/judge, on 10,000 drawings of birds whose attributes are drawn independently.

usage: python tools/judge.py [EPOCHS]      (about 20 minutes, drawing included, on one CPU core that computes in bfloat16)
       python tools/judge.py pair [FOLDER] (the second text encoder and matcher, for R-precision; FOLDER: drawn birds, if there are some; a quarter of an hour)

The species of chapter 00 would not do: there are 130 combinations of attributes to learn from, and a network that recognises the species
knows all its attributes without looking at each. It then fails on species it has not seen.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch

from stackgan.birds import Bird
from stackgan.drawing import draw_bird
from stackgan.evaluate import accuracy_table, attribute_accuracy
from stackgan.files import save_model
from stackgan.judge import sample_birds, train_judge
from stackgan.matching import fast_bf16

def main(epochs=18.0, pictures=10_000, size=128):
    rng = np.random.default_rng(11)
    birds = [Bird.random(rng) for _ in range(pictures)]
    images = torch.empty(pictures, 3, size, size, dtype=torch.uint8)
    for i, bird in enumerate(birds): images[i] = torch.from_numpy(np.array(draw_bird(bird, size))).permute(2, 0, 1)
    with torch.autocast("cpu", torch.bfloat16, enabled=fast_bf16(), cache_enabled=False):  # a cache would keep the first weights
        judge = train_judge(images, [vars(b) for b in birds], epochs=epochs, seed=1, channels=(40, 80, 112, 144))
    unseen = sample_birds("test", 1000, seed=9)
    result = attribute_accuracy(judge, [draw_bird(b, 256) for b, _, _ in unseen], unseen, mentioned=False)
    keep(judge=judge)
    print(accuracy_table(unseen_drawings=result))

def keep(**parts):
    "Write these parts; what else the folder holds stays."
    weights = Path(__file__).parents[1] / "stackgan" / "weights" / "judge"
    note = weights / "config.json"
    before = json.loads(note.read_text()) if note.exists() else {}
    save_model(weights, torch.float16, **parts)
    note.write_text(json.dumps(before | json.loads(note.read_text()), indent=1) + "\n")

def pair(folder=None):
    "A text encoder and a matcher that no generator has seen: the recipe of `train_text_encoder` from another seed, with a coarser picture encoder, beside the judge."
    import tempfile
    from stackgan.birds import write_birds
    from stackgan.data import CUB200
    from stackgan.matching import train_text_encoder
    with tempfile.TemporaryDirectory() as own:
        data = CUB200(folder or write_birds(Path(own) / "birds", 24_000, seed=0), "train")
        data.boxes = None
        text, matcher, history = train_text_encoder(data, "small", seed=1, steps=5000, fragments=0., strangers=16_000, image_epochs=12,
                                                     image_channels=(24, 48, 96, 128), fine=False)  # "small" as it was
    keep(text=text, matcher=matcher)
    print(history[-1])

if __name__ == "__main__" and sys.argv[1:2] == ["pair"]: pair(*sys.argv[2:3])
elif __name__ == "__main__": main(*map(float, sys.argv[1:2]))
