"""Teach the packaged Stage-II to finish Stage-I's sketches: by drawings that a network has learned to spoil as Stage-I does.

usage: python tools/finish.py data OUT              (draws 24,000 birds and embeds their captions: 4 minutes on 2 CPU cores)
       python tools/finish.py spoiler OUT [MINUTES] (10 if not given)
       python tools/finish.py stage2 OUT [MINUTES]  (35 if not given; goes on where OUT/stage2.pt ends)
       python tools/finish.py package OUT           (writes Stage-II into stackgan/weights/birds, in 16 bits, and images/spoilt.png)
       python tools/finish.py begin OUT             (puts the packaged run's players into OUT, so that `stage2` goes on with it; then `data`)

Nobody knows the finished picture of a sketch, but that of a spoilt drawing. `degrade` of chapter 09b spoils by rules; the spoiler is a network that learns
it from the sketches: it may change a small drawing so far that a discriminator (`ProjectedDiscriminator`) takes it for a sketch, and is held to the drawing's
blocks of 4 x 4 pixels. Then Stage-II finishes two small drawings, one degraded, three spoilt, and two sketches a step. The first six must become the drawing:
in pixels, in what ImageNet's network sees of them, and in what the matcher does. All eight are judged by discriminators of patches and by the matcher.
It needs the extra `photos`. OUT keeps all networks and optimisers; `package` keeps spoiler and discriminators in tools/finish.safetensors, too, in 16 bits.
"""
import copy
import os
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from stackgan.basics import write_aside
from stackgan.birds import Bird, near_misses, write_birds
from stackgan.checked import load_weights, save_weights
from stackgan.conditioning import kl_to_standard_normal
from stackgan.data import CUB200
from stackgan.extras import matching_loss
from stackgan.files import ImageCache, save_model
from stackgan.game import BETAS, discriminator_loss, generator_loss
from stackgan.generate import StackGAN
from stackgan.matching import fast_bf16, load_matcher, rough
from stackgan.models import find_model
from stackgan.networks import PatchDiscriminator, ProjectedDiscriminator, Spoiler, degrade, fixed_imagenet, imagenet_maps
from stackgan.recipes import SIDES

PLAYERS = Path(__file__).with_name("finish.safetensors")
ROWS = dict(small=2, degraded=1, spoilt=3, sketches=2) # of a step of Stage-II
RATES = dict(spoiler=4e-4, spoiler_d=2e-4, stage2=2e-4, patches=6e-4) # Adam's; Stage-II's fall to a thirtieth in the last 40 % of the time

def half_precision(): return torch.autocast("cpu", torch.bfloat16, enabled=fast_bf16())

def shrunk(images, side=64): return F.interpolate(images, (side, side), mode="bicubic", antialias=True, align_corners=False).clamp(-1, 1)

class Drawings:
    "Drawn birds with the embeddings of their captions, in OUT."
    def __init__(self, out, size):
        self.data = CUB200(out / "birds", "train"); self.data.boxes = None
        self.cache, self.phi = ImageCache(self.data, size, progress=False), load_weights(out / "phi.safetensors")[0]["phi"]
        self.labels = torch.as_tensor(self.data.labels)

    def some(self, n): # numbers, pictures, phi
        i = torch.randint(len(self.phi), (n,))
        return i, torch.as_tensor(self.cache[i]).float() / 127.5 - 1, self.said(i)

    def said(self, i): return self.phi[i, torch.randint(self.phi.shape[1], (len(i),))].float()

    def wrong(self, i): # phi of birds of another class
        other = torch.randint(len(self.phi), (20 * len(i),))
        return self.said(other[self.labels[other] != self.labels[i].repeat(20)][:len(i)])

def sketches(g1, phi):
    with torch.no_grad(): return g1(phi, *(torch.randn(len(phi), d) for d in g1.noise_dims)).images.float()

def relative(some, true): return sum((a.float() - b.float()).abs().mean() / b.float().abs().mean() for a, b in zip(some, true))

def follow(average, net, share): # what stays as it is, and BatchNorm's statistics, apart
    with torch.no_grad():
        for a, b in zip(average.parameters(), net.parameters()): a.lerp_(b, share)
        for a, b in zip(average.buffers(), net.buffers()): a.copy_(b)

def keep(file, step, nets, opts):
    torch.save(dict(step=step) | {k: v.state_dict() for k, v in (nets | opts).items()}, file.with_suffix(".part"))
    os.replace(file.with_suffix(".part"), file)

def weighted(made, real, begun): # half of the weight lies where the small picture is wrong: at eyes and outlines
    wrong = (F.interpolate(begun, real.shape[-1], mode="bilinear") - real).abs().mean(1, keepdim=True)
    return ((.5 + .5 * wrong / wrong.mean((1, 2, 3), keepdim=True)) * (made - real).abs()).mean()

def learn(opt, loss):
    opt.zero_grad(); loss.backward(); opt.step()

def data(out):
    write_birds(out / "birds", 16_000, seed=0, others=8_000)
    birds = [Bird.from_row(row) for row in CUB200(out / "birds", "train").bird_attributes()]
    phi = StackGAN.from_pretrained("birds").text.embed_captions([[right for right, _ in near_misses(b, side=True)] for b in birds])
    save_weights(out / "phi.safetensors", dict(phi=phi.half()))

def spoiler(out, minutes=10., held=3., batch=24):
    drawn, g1 = Drawings(out, 64), StackGAN.from_pretrained("birds").g1.eval()
    S, D = Spoiler(), ProjectedDiscriminator(g1.phi_dim, 64, side=64, plain=32, size=64)
    average, end, step = copy.deepcopy(S), time.monotonic() + 60 * minutes, 0
    trained = dict(S=(S, RATES["spoiler"]), D=(D.judges, RATES["spoiler_d"]))
    opts = {k: torch.optim.Adam(net.parameters(), lr, BETAS) for k, (net, lr) in trained.items()}
    while time.monotonic() < end:
        (_, x, phi), (_, _, other) = drawn.some(batch), drawn.some(batch)
        with half_precision():
            made = S(x).float()
            real, fake = D(sketches(g1, other), other).pairs[0].float(), D(made.detach(), phi).pairs[0].float()
        learn(opts["D"], F.softplus(-real).mean() + F.softplus(fake).mean())
        D.judges.requires_grad_(False)
        with half_precision(): fake = D(made, phi).pairs[0].float()
        changed = (F.avg_pool2d(made, 4) - F.avg_pool2d(x, 4)).abs().mean()
        learn(opts["S"], F.softplus(-fake).mean() + held * changed)
        D.judges.requires_grad_(True)
        follow(average, S, .005)
        step += 1
        if step % 100 == 0: print(f"{step:6} D's gap {(real.mean() - fake.mean()).item():.2f}, changed by {changed.item():.3f}", flush=True)
    keep(out / "spoiler.pt", step, dict(S=S, D=D.judges, average=average), {f"opt_{k}": opt for k, opt in opts.items()})

class Eyes:
    "What ImageNet's network, at strides 4 and 8, and the matcher see on the way."
    def __init__(self, matcher): self.matcher, self.imagenet = matcher, fixed_imagenet()

    def general(self, images): return imagenet_maps(self.imagenet, images, (2, 4))

    def special(self, images):
        x, found = F.adaptive_avg_pool2d(images, self.matcher.size), []
        for layer in self.matcher.encoder.convolutions:
            x = layer(x)
            if isinstance(layer, nn.ReLU): found.append(x)
        return found[1:]

    def gap(self, made, real):
        with torch.no_grad():
            general = self.general(real)
            with half_precision(): special = self.special(real)
        with half_precision(): seen = self.special(made)
        return 2 * relative(self.general(made), general) + relative(seen, special)

def told_apart(matcher, images, phi, own, drawn, large): # `Matching` of chapter 09, at both sizes in turn
    rows = torch.randint(len(drawn.phi), (112,))
    same = drawn.labels[own][:, None] == torch.cat([drawn.labels[own], drawn.labels[rows]])
    seen = torch.rand(len(images), len(matcher.encoder.targets)) < .5
    small = F.adaptive_avg_pool2d(images, matcher.size if large else matcher.size // 2)
    with half_precision(): scores = matcher(rough(small, .35, True, None), torch.cat([phi, drawn.said(rows)]), seen, 3.)
    return matching_loss(scores, same)

def stage2(out, minutes=35.):
    drawn, model, matcher = Drawings(out, 256), StackGAN.from_pretrained("birds"), load_matcher(find_model("birds"))[1].eval().requires_grad_(False)
    g1, G, D, eyes, S = model.g1.eval(), model.g2.requires_grad_(True), PatchDiscriminator(model.g1.phi_dim), Eyes(matcher), Spoiler()
    g1.requires_grad_(False)
    S.load_state_dict(torch.load(out / "spoiler.pt", weights_only=True)["average"]); S.requires_grad_(False)
    average = copy.deepcopy(G).requires_grad_(False)
    own = [p for name, p in G.named_parameters() if not name.startswith("stage1.")]
    opts = dict(opt_G=torch.optim.Adam(own, RATES["stage2"], BETAS), opt_D=torch.optim.Adam(D.parameters(), RATES["patches"], BETAS))
    nets, file, step, begin = dict(G=G, D=D, average=average), out / "stage2.pt", 0, time.monotonic()
    if file.exists():
        state = torch.load(file, weights_only=True)
        step = state["step"]
        for name, part in (nets | opts).items():
            if name in state: part.load_state_dict(state[name]) # `begin` has no optimisers
    a, b, c, d = ROWS.values()
    known = a + b + c # rows of which the answer is known
    while (done := (time.monotonic() - begin) / 60 / minutes) < 1:
        for opt, rate in zip(opts.values(), (RATES["stage2"], RATES["patches"])): opt.param_groups[0]["lr"] = rate * min(1, max(.03, (1 - done) / .4))
        G.train(); g1.eval()
        i, x, phi = drawn.some(known + d)
        small = shrunk(x[:known])
        with torch.no_grad(), half_precision():
            begun = torch.cat([small[:a], degrade(x[a:a + b], 64), S(small[a + b:]).float(), sketches(g1, phi[known:])])
        with half_precision():
            made = G.refine(begun, phi, torch.randn(len(x), G.c_dim))
            images = made.images.float()
            real, fake = D(x, phi, drawn.wrong(i)), D(images.detach(), phi)
        learn(opts["opt_D"], discriminator_loss(*real.pairs, fake.pairs[0], real.unconditional, fake.unconditional)[0])
        D.requires_grad_(False)
        with half_precision(): fake = D(images, phi)
        D.requires_grad_(True)
        parts = dict(patches=.3 * generator_loss(fake.pairs[0], fake.unconditional),
                     pixels=10 * weighted(images[:known], x[:known], begun[:known]), eyes=eyes.gap(images[:known], x[:known]),
                     matcher=told_apart(matcher, images, phi, i, drawn, step % 2),
                     sketch=2 * (F.adaptive_avg_pool2d(images[known:], 64) - begun[known:]).abs().mean(),
                     kl=.03 * kl_to_standard_normal(made.mu.float(), made.logvar.float()))
        learn(opts["opt_G"], sum(parts.values()))
        follow(average, G, .003)
        step += 1
        if step % 100 == 0: print(f"{step:6}", *(f"{k} {v.item():.3f}" for k, v in parts.items()), flush=True)
        if step % 500 == 0: keep(file, step, nets, opts)
    keep(file, step, nets, opts)

def show(drawn, S, model, file): # small drawings; the same, spoilt; sketches of other sentences; the spoilt ones, finished
    (_, x, phi), (_, _, other) = drawn.some(8), drawn.some(8)
    with torch.no_grad():
        spoilt = S(shrunk(x))
        rows = shrunk(x), spoilt, sketches(model.g1.eval(), other), F.adaptive_avg_pool2d(model.g2.eval().refine(spoilt, phi).images, 128)
    sheet = torch.cat([torch.cat(list(F.interpolate(r, 128)), 2) for r in rows], 1)
    pixels = ((sheet + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    write_aside(file, lambda tmp: Image.fromarray(pixels).save(tmp, format="png", optimize=True))

def keep_players(out): # all that the packaged model lacks for its run to go on, but for the optimisers
    S, spoilt_by, last = Spoiler(), torch.load(out / "spoiler.pt", weights_only=True)["average"], torch.load(out / "stage2.pt", weights_only=True)
    S.load_state_dict(spoilt_by)
    players = {f"spoiler.{k}": v for k, v in spoilt_by.items()} | {f"D.{k}": v for k, v in last["D"].items()}
    save_weights(PLAYERS, {k: v.half() for k, v in players.items()}, dict(step=last["step"]))
    return S

def package(out):
    root = Path(__file__).parents[1]
    weights = root / "stackgan" / "weights" / "birds"
    model, (text, matcher) = StackGAN.from_pretrained("birds"), load_matcher(weights)
    model.g2.load_state_dict(torch.load(out / "stage2.pt", weights_only=True)["average"])
    save_model(weights, torch.float16, dict(completions=[SIDES]), text=text, stage1=model.g1, stage2=model.g2, matcher=matcher)
    S = keep_players(out)
    show(Drawings(out, 256), S, model, root / "images" / "spoilt.png")

def begin(out):
    players, about = load_weights(PLAYERS)
    part = {name: {k.partition(".")[2]: v.float() for k, v in players.items() if k.startswith(name + ".")} for name in ("spoiler", "D")}
    now = StackGAN.from_pretrained("birds").g2.state_dict()
    torch.save(dict(average=part["spoiler"]), out / "spoiler.pt")
    torch.save(dict(step=about["step"], G=now, average=now, D=part["D"]), out / "stage2.pt")

if __name__ == "__main__":
    commands = dict(begin=begin, data=data, spoiler=spoiler, stage2=stage2, package=package)
    if len(sys.argv) < 3 or sys.argv[1] not in commands: sys.exit(__doc__)
    command, out, *more = sys.argv[1:]
    torch.manual_seed(0)
    Path(out).mkdir(parents=True, exist_ok=True)
    commands[command](Path(out), *map(float, more))
