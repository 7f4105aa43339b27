"""Teach the packaged model to draw birds of which everything is known: what a caption leaves open stands in its noise (chapter 09c),
and what lies around the bird (chapter 09d).

usage: python tools/known.py data OUT              (draws 48,000 birds and embeds their captions: 20 minutes on 2 CPU cores)
       python tools/known.py mapping OUT [MINUTES] (23 if not given)
       python tools/known.py stage1 OUT [MINUTES]  (71; goes on where OUT/stage1.pt ends)
       python tools/known.py pen OUT [MINUTES]     (9, and 8 before them: teaches Stage-II's pen alone, with pixels; between two runs of `stage2`)
       python tools/known.py stage2 OUT [MINUTES]  (100; goes on where OUT/stage2.pt ends)
       python tools/known.py package OUT           (writes both stages into stackgan/weights/birds, in 16 bits)
       python tools/known.py begin OUT             (puts the packaged run's players into OUT, so that `stage1` and `stage2` go on with them; then `data`)

`mapping`: a new network before Stage-I's first layer learns to tell all attributes and the place from sentence and noise (of bits only the sign), and the
first layer to hand on what the packaged model's does, where that is sure. With any noise there is no drawing, but it can be told in words what sentence
and noise say: that is asked, too, here and in `stage1`.
`stage1`: Stage-I learns to draw the bird that both describe, compared with its drawing pixel by pixel, more closely in the bird's box and most closely
on lines. Four small layers are asked, here and in `mapping`, for points of the drawing, between which lines go through the picture (`frames`, chapter 05c). The grids of noise
that lie in the picture are read before its last doubling (`fields`); Stage-II reads both once more (`finer`). `stage2`: Stage-II makes the large drawing of Stage-I's sketch of the same bird, compared so, too, and in what ImageNet's network and the matcher
see, against a discriminator of patches; three steps of four see a square around the bird, and half of the sketches lie somewhere between the sketch and
the drawing made small: so it learns first where a line is that a sketch does not show. The paper's grain is in the noise, too (`grain`). Discriminator and eyes see all pictures a little blurred, and weigh
little: they fill with a grid of spots what nobody can know, such as the plumage's scallops. At last they are
left out, or nearly, and only pixels and the matcher are asked. In both BatchNorm uses the statistics it came with: those of a batch would be noise,
where one picture is right.
`pen`: the lines of feathers are few pixels among many, so that Stage-II's pen (chapter 06a), which sees one pixel at a time, is taught them from pixels of
some thousand pictures near wings, tails and other lines, all together, while nothing else is changed.
All begin with the packaged networks; where those are narrower, the new channels change nothing at first. It needs the extra `photos`. OUT keeps all
networks and optimisers; `package` keeps Stage-II's discriminator in tools/known.safetensors, too, in 16 bits.
"""
import copy
import os
import pickle
import random
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from stackgan.basics import write_aside
from stackgan.birds import ATTRIBUTES, Bird, describe, near_misses, write_birds
from stackgan.checked import load_weights, save_weights
from stackgan.conditioning import kl_to_standard_normal
from stackgan.data import CUB200
from stackgan.extras import matching_loss
from stackgan.files import ImageCache, save_model
from stackgan.game import BETAS, discriminator_loss, generator_loss
from stackgan.generate import StackGAN
from stackgan.known import FRAMES, LAYOUT, NAMES, PLACES, OpenBirds, landmarks_of
from stackgan.matching import fast_bf16, load_matcher, rough
from stackgan.models import find_model, load_words, save_words
from stackgan.networks import PatchDiscriminator, fixed_imagenet, imagenet_maps
from stackgan.recipes import SIDES
from stackgan.scenery import FIELDS, GRAIN, SCENERY, Scenery
from stackgan.stage1 import StageIGenerator
from stackgan.stage2 import StageIIGenerator

WIDTHS, NARROWEST, MAPPING = (96, 48), 48, 512 # of the stages; of Stage-II's last features; of the network before Stage-I's first layer
DETAIL = 2, 6 # residual blocks behind Stage-I's doublings; Stage-II's at the sketch's size
SIGNS = [PLACES["wing_bars"].start, PLACES["posture"].stop] # the numbers of z that spell attributes in bits
PEN = [4, 5, 6] # of `FRAMES`: across the tail, along and across the wing
PLAYERS = Path(__file__).with_name("known.safetensors")

def half_precision(): return torch.autocast("cpu", torch.bfloat16, enabled=fast_bf16())

class Drawings:
    "Drawn birds with the embeddings of their captions and what each leaves open, in OUT."
    def __init__(self, out, size):
        self.data = CUB200(out / "birds", "train")
        self.boxes, self.data.boxes = torch.as_tensor(self.data.boxes).float(), None
        self.cache, self.phi = ImageCache(self.data, size, progress=False), load_weights(out / "phi.safetensors")[0]["phi"]
        self.labels = torch.as_tensor(self.data.labels)
        self.landmarks, self.open, self.scenery = pickle.loads((out / "known.pickle").read_bytes())
        self.layout = torch.cat([self.open.layout, self.scenery.dice], 1)
        self.bodiless = (~self.open.told[..., NAMES.index("body")]).nonzero() # captions that leave the body open are few

    def any(self, n, bodiless=0.): # numbers, captions, phi, noise
        i, c, few = torch.randint(len(self.phi), (n,)), torch.randint(self.phi.shape[1], (n,)), int(bodiless * n)
        i[:few], c[:few] = self.bodiless[torch.randint(len(self.bodiless), (few,))].T
        return i, c, self.phi[i, c].float(), torch.randn(n, 100)

    def some(self, n, bodiless=0.): # numbers, phi, noise that says the rest
        i, c, phi, z = self.any(n, bodiless)
        return i, phi, self.scenery.noise(i, self.open.noise(i, c, z))

    def pictures(self, i): return torch.as_tensor(self.cache[i]).float() / 127.5 - 1

    def said(self, i): return self.phi[i, torch.randint(self.phi.shape[1], (len(i),))].float()

    def wrong(self, i): # phi of birds of another class
        other = torch.randint(len(self.phi), (20 * len(i),))
        return self.said(other[self.labels[other] != self.labels[i].repeat(20)][:len(i)])

def inside(boxes, side, rim): # (B, 1, side, side): 1 in the birds' boxes, 0 elsewhere
    at, (x, y, w, h) = torch.arange(float(side)), boxes.T[..., None]
    rows, columns = ((at > low - rim) & (at < low + long + rim) for low, long in ((y, h), (x, w)))
    return (rows[:, None, :, None] & columns[:, None, None, :]).float()

def weights(real, box, near, faint=0): # up to 7 times as much on lines: what differs from its surroundings; more on the bird
    lines = (real - F.avg_pool2d(real, near, 1, near // 2)).abs().mean(1, keepdim=True)
    if faint: lines = (faint * lines).clamp(max=1)
    return (1 + .4 * box) * (1 + 6 * F.max_pool2d(lines, 3, 1, 1))

def relative(some, true): return sum((a.float() - b.float()).abs().mean() / b.float().abs().mean() for a, b in zip(some, true))

def follow(average, net, share): # BatchNorm's statistics are copied
    with torch.no_grad():
        for a, b in zip(average.parameters(), net.parameters()): a.lerp_(b, share)
        for a, b in zip(average.buffers(), net.buffers()): a.copy_(b)

def keep(file, step, nets, opts):
    torch.save(dict(step=step) | {k: v.state_dict() for k, v in (nets | opts).items()}, file.with_suffix(".part"))
    os.replace(file.with_suffix(".part"), file)

def go_on(file, nets, opts): # the step
    if not file.exists(): return 0
    state = torch.load(file, weights_only=True)
    for name, part in (nets | opts).items():
        if name in state: part.load_state_dict(state[name])
    return state["step"]

def learn(opt, loss):
    opt.zero_grad(); loss.backward(); opt.step()

def clock(minutes): # the share of the time that is over, until all of it is
    begin = time.monotonic()
    while (done := (time.monotonic() - begin) / 60 / minutes) < 1: yield done

def hold(net): # BatchNorm's statistics
    for m in net.train().modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm): m.eval()

def falling(opt, rate, done, share): # the last `share` of the time
    for group in opt.param_groups: group["lr"] = rate * group.get("times", 1) * min(1, max(.03, (1 - done) / share))

def data(out):
    write_birds(out / "birds", 16_000, seed=0, others=32_000)
    birds = [Bird.from_row(row) for row in CUB200(out / "birds", "train").bird_attributes()]
    phi = StackGAN.from_pretrained("birds").text.embed_captions([[right for right, _ in near_misses(b, side=True)] for b in birds])
    save_weights(out / "phi.safetensors", dict(phi=phi.half()))
    told = [[t for _, t in describe(b, return_attributes=True)] for b in birds] # `near_misses` adds the side to four captions of five
    left_open = OpenBirds(birds, [[[*t, "facing"] if k % 5 < 4 else t for k, t in enumerate(each)] for each in told])
    known = torch.tensor([landmarks_of(b).tolist() for b in birds]), left_open, Scenery(birds, processes=None)
    write_aside(out / "known.pickle", lambda tmp: tmp.write_bytes(pickle.dumps(known)))

def grown(new, old): # all of `old` in the first channels of `new`, which draws the same: its further channels lead nowhere yet
    with torch.no_grad():
        for name, now in new.state_dict().items():
            was = old.state_dict().get(name)
            if was is None or was.dim() != now.dim() or any(a > b for a, b in zip(was.shape, now.shape)): continue
            if was.shape != now.shape:
                if now.dim() > 1: now.normal_(0, was.std().item())
                else: now.fill_(was.mean() if name.endswith((".weight", "_var")) else 0)
                if now.dim() == 4: now[:len(was)] = 0
            now[tuple(slice(n) for n in was.shape)] = was
            if name == "joint.0.weight": # of features and, behind them, c
                now[:len(was), len(was):] = 0
                now[:len(was), -(was.shape[1] - len(was)):] = was[:, len(was):]
    return new

def stage1_net():
    old = StackGAN.from_pretrained("birds").g1
    z_dim = 100 + sum(c * h * w for c, h, w in FIELDS) + GRAIN ** 2
    return grown(StageIGenerator(old.phi_dim, 64, WIDTHS[0], z_dim=z_dim, mapping=MAPPING, signs=SIGNS, detail_blocks=DETAIL[0], frames=FRAMES,
                                 fields=FIELDS, unread=GRAIN ** 2), old)

def stage2_net(g1):
    old = StackGAN.from_pretrained("birds").g2
    new = StageIIGenerator(g1, **old.config() | dict(width=WIDTHS[1], min_channels=NARROWEST, detail_blocks=DETAIL[1], finer=True, grain=GRAIN, pen=PEN))
    nn.init.dirac_(new.detail[0].weight) # the features pass, and what the blocks add is nothing yet
    for block in new.detail[2:]:
        for n in (0, 3): nn.init.kaiming_normal_(block.block[n].weight)
        nn.init.zeros_(block.block[4].weight)
    return grown(new, old)

class Telling(nn.Module):
    "What a mapping network's output is asked for: attributes and place."
    def __init__(self, n_in=MAPPING // 2):
        super().__init__()
        self.values = [len(v) for v in ATTRIBUTES.values()]
        self.facts = nn.Linear(n_in, sum(self.values) + len(LAYOUT) + len(SCENERY))

    def answers(self, h): # logits of each attribute, the dice of bird and scenery
        *values, places = self.facts(h).float().split([*self.values, len(LAYOUT) + len(SCENERY)], 1)
        return values, places

    def wrong(self, h, labels, layout, able=1):
        values, places = self.answers(h)
        each = [F.cross_entropy(v, labels[:, k], reduction="none") for k, v in enumerate(values)]
        return (torch.stack(each, 1) * able).sum(1).mean() + F.mse_loss(places, layout)

    def sure(self, h, labels): # rows whose labels all get more than .8
        return torch.stack([v.softmax(1).gather(1, labels[:, k:k + 1])[:, 0] for k, v in enumerate(self.answers(h)[0])]).amin(0) > .8

def packaged_telling(): # of fewer dice, perhaps: it knows nothing of the others yet
    facts = {k.removeprefix("tell."): v for k, v in load_weights(PLAYERS)[0].items() if k.startswith("tell.facts")}
    tell = Telling(facts["facts.weight"].shape[1])
    with torch.no_grad():
        for name, p in tell.named_parameters(): p.zero_()[:len(facts[name])] = facts[name].float()
    return tell

def condition(G, phi, z, eps=None): # Conditioning Augmentation, mapping: what both say, what the first layer is told
    c, mu, logvar = G.ca(phi, eps)
    said = torch.cat([c, z[:, :G.plain]], 1)
    return said, G.map(said), .001 * kl_to_standard_normal(mu.float(), logvar.float())

def told_points(G, said): # not in 16 bits: they would be a tenth of a pixel off
    with torch.autocast("cpu", enabled=False): return G.finer.frames.points(said.float())

def misplaced(drawn, G, said, i): return (told_points(G, said) - drawn.landmarks[i]).abs().mean()

def misheard(drawn, G, tell, n): # of sentences and any noise: there is no drawing, but it is known what both say
    i, c, phi, z = drawn.any(n, bodiless=1 / 8)
    labels, able = drawn.open.meant(i, c, z)
    first = PLACES[LAYOUT[0]].start
    return tell.wrong(condition(G, phi, z)[1], labels, z[:, first:first + len(LAYOUT) + len(SCENERY)], able)

def mapping(out, minutes=23., batch=384, rate=1e-3):
    drawn, old, G, tell = Drawings(out, 64), StackGAN.from_pretrained("birds").g1, stage1_net(), Telling()
    old_tell = packaged_telling()
    opt, scale, step = torch.optim.Adam([*G.map.parameters(), *G.ca.parameters(), *G.fc.parameters(), *G.finer.frames.parameters(), *tell.parameters()], rate, (.9, .99)), None, 0
    for done in clock(minutes):
        falling(opt, rate, done, .7)
        i, phi, z = drawn.some(batch, bodiless=1 / 8)
        with half_precision():
            eps = torch.randn(batch, G.c_dim)
            said, h, kl = condition(G, phi, z, eps)
            parts = dict(facts=(tell.wrong(h, drawn.open.labels[i], drawn.layout[i]) + misheard(drawn, G, tell, batch)) / 2,
                         points=5 * misplaced(drawn, G, said, i), kl=kl)
            if step % 3 == 0: # on a third of the rows: 12,288 numbers a row are the larger part of the work
                few = slice(batch - batch // 3, batch)
                with torch.no_grad():
                    was = condition(old, phi[few], z[few], eps[few])[1]
                    true, sure = old.fc(was).float(), old_tell.sure(was, drawn.open.labels[i[few]])
                    if scale is None: scale = true.std(0).clamp(min=1e-3)
                parts["first"] = 3 * (((G.fc(h[few]).float() - true) / scale)[sure] ** 2).mean()
        learn(opt, sum(parts.values()))
        step += 1
        if step % 600 == 1: print(f"{step:6}", *(f"{k} {v.item():.3f}" for k, v in parts.items()), flush=True)
    keep(out / "stage1.pt", 0, dict(G=G, average=G, tell=tell), {})

def stage1(out, minutes=71., batch=32, rate=5e-4):
    drawn, G, tell = Drawings(out, 64), stage1_net(), Telling()
    average = copy.deepcopy(G).requires_grad_(False)
    nets, file = dict(G=G, average=average, tell=tell), out / "stage1.pt"
    slow = [*G.map.parameters(), *G.ca.parameters(), *tell.facts.parameters()] # they know nearly all already
    opts = dict(opt_G=torch.optim.Adam([dict(params=[*G.fc.parameters(), *G.norm.parameters(), *G.up.parameters(), *G.to_rgb.parameters()]),
                                        dict(params=[*G.finer.blocks.parameters(), *G.finer.near.parameters()], times=2),
                                        dict(params=G.finer.fields.parameters(), times=5),
                                        dict(params=G.finer.frames.parameters(), times=.1),
                                        dict(params=slow, times=.3)], rate, (.9, .99)))
    step = go_on(file, nets, opts)
    hold(G)
    for done in clock(minutes):
        falling(opts["opt_G"], rate, done, .65)
        i, phi, z = drawn.some(batch)
        x = drawn.pictures(i)
        with half_precision():
            said, h, kl = condition(G, phi, z)
            y = G.norm(G.fc(h)).relu().view(batch, -1, 4, 4)
            images = G.to_rgb(G.finer(G.up, y, said, told_points(G, said).detach(), z[:, G.plain:G.z_dim - G.unread])).tanh().float()
            j, c, phi, z = drawn.any(16 * batch)
            other = torch.cat([G.ca(phi)[0], drawn.open.noise(j, c, z)], 1)
            points = misplaced(drawn, G, said, i) + misplaced(drawn, G, other, j)
            facts = tell.wrong(h, drawn.open.labels[i], drawn.layout[i]) + .5 * misheard(drawn, G, tell, 6 * batch)
        e = weights(x, inside(drawn.boxes[i] / 4, 64, 2), 5) * (images - x)
        square = 2 * (e * (images - x)).mean()
        slopes = (e[..., 1:] - e[..., :-1]).abs().mean() + (e[..., 1:, :] - e[..., :-1, :]).abs().mean()
        learn(opts["opt_G"], 10 * (e.abs().mean() + slopes + F.avg_pool2d(e, 4).abs().mean() + square) + .3 * facts + 5 * points + kl)
        follow(average, G, .004)
        step += 1
        if step % 100 == 0: print(f"{step:6} pixels {(images - x).abs().mean().item():.4f} facts {facts.item():.3f}", flush=True)
        if step % 1000 == 0: keep(file, step, nets, opts)
    keep(file, step, nets, opts)

class Eyes:
    "What ImageNet's network, at strides 4 and 8, and the matcher see on the way."
    def __init__(self, matcher): self.matcher, self.imagenet = matcher, fixed_imagenet()

    def general(self, made, real):
        with torch.no_grad(): real = imagenet_maps(self.imagenet, real, (2, 4))
        return relative(imagenet_maps(self.imagenet, made, (2, 4)), real)

    def layers(self, images):
        x, found = F.adaptive_avg_pool2d(images, self.matcher.size), []
        for layer in self.matcher.encoder.convolutions:
            x = layer(x)
            if isinstance(layer, nn.ReLU): found.append(x)
        return found[1:]

    def special(self, made, real):
        with half_precision():
            with torch.no_grad(): real = self.layers(real)
            return relative(self.layers(made), real)

def told_apart(matcher, images, phi, own, drawn, large): # `Matching` of chapter 09, at both sizes in turn
    rows = torch.randint(len(drawn.phi), (112,))
    same = drawn.labels[own][:, None] == torch.cat([drawn.labels[own], drawn.labels[rows]])
    seen = torch.rand(len(images), len(matcher.encoder.targets)) < .5
    small = F.adaptive_avg_pool2d(images, matcher.size if large else matcher.size // 2)
    with half_precision(): scores = matcher(rough(small, .35, True, None), torch.cat([phi, drawn.said(rows)]), seen, 3.)
    return matching_loss(scores, same)

def weighted(made, real, begun, boxes): # half of the weight lies where the small picture is wrong: at eyes and outlines
    wrong = (F.interpolate(begun, real.shape[-1], mode="bilinear") - real).abs().mean(1, keepdim=True)
    w = weights(real, inside(boxes, real.shape[-1], 6), 9, faint=4) * (.5 + .5 * wrong / wrong.mean((1, 2, 3), keepdim=True))
    return (w * (made - real).abs()).mean()

def places(boxes, side, whole=256, step=8): # corners of squares whose middles lie in the birds' boxes
    middle = boxes[:, :2] + boxes[:, 2:] * (.1 + .8 * torch.rand(len(boxes), 2))
    return (((middle - side / 2).clamp(0, whole - side) / step).round().int() * step).tolist()

def cut(images, corners, side): return torch.stack([v[:, y:y + side, x:x + side] for v, (x, y) in zip(images, corners)])

def pieces(sheets, corners, side): # of what Stage-II reads besides, where fields have cells of 8 pixels and waves of 4
    small = [[(y // n, x // n) for y, x in corners] for n in (8, 4)]
    return [cut(v, small[0], side // 8) for v in sheets[0]], cut(sheets[1], small[1], side // 4), *(cut(v, corners, side) for v in sheets[2:])

def softened(images): # nearly without the paper's grain
    kernel = torch.tensor([1., 2., 1.]).outer(torch.tensor([1., 2., 1.])) / 16
    return F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), kernel.expand(3, 1, 3, 3), groups=3)

def stage2(out, minutes=100., batch=8, rates=(3e-4, 6e-4), square=160):
    drawn, model, matcher = Drawings(out, 256), StackGAN.from_pretrained("birds"), load_matcher(find_model("birds"))[1].eval().requires_grad_(False)
    g1, D, eyes = stage1_net(), PatchDiscriminator(model.g1.phi_dim), Eyes(matcher)
    G = stage2_net(g1)
    average = copy.deepcopy(G).requires_grad_(False)
    own = [p for name, p in G.named_parameters() if not name.startswith(("stage1.", "further."))]
    opts = dict(opt_G=torch.optim.Adam([dict(params=own), dict(params=G.further.parameters(), times=4)], rates[0], BETAS), opt_D=torch.optim.Adam(D.parameters(), rates[1], BETAS))
    nets, file = dict(G=G, D=D, average=average), out / "stage2.pt"
    step = go_on(file, nets, opts)
    hold(G)
    g1.load_state_dict(torch.load(out / "stage1.pt", weights_only=True)["average"]); g1.eval().requires_grad_(False)
    for done in clock(minutes):
        for opt, rate in zip(opts.values(), rates): falling(opt, rate, done, .35)
        i, phi, z = drawn.some(batch)
        x, boxes, whole = drawn.pictures(i), drawn.boxes[i].clone(), step % 4 == 0
        with torch.no_grad(): begun, sheets = g1(phi, z, torch.randn(batch, g1.c_dim)).images, G.further.sheets(g1, phi, z)
        half = batch // 2 # lies somewhere between the sketch and the drawing made small
        begun[:half] = begun[:half].lerp(F.interpolate(x[:half], 64, mode="bicubic", antialias=True).clamp(-1, 1), torch.rand(half, 1, 1, 1))
        if not whole:
            at = places(boxes, square, step=16)
            x, begun = cut(x, at, square), cut(begun, [(a // 4, b // 4) for a, b in at], square // 4)
            boxes[:, :2] -= torch.tensor(at)
            sheets = pieces(sheets, at, square)
        piece, seen = ([places(boxes, side) for side in (square, 128)] if whole else
                       ([(0, 0)] * batch, [(8 * random.randint(0, 4), 8 * random.randint(0, 4)) for _ in i]))
        with half_precision():
            made = G.refine(begun, phi, torch.randn(batch, G.c_dim), sheets)
            images = made.images.float()
            soft_x, soft_y = (softened(v) for v in (x, images))
            real, fake = D(cut(soft_x, piece, square), phi, drawn.wrong(i)), D(cut(soft_y, piece, square).detach(), phi)
        learn(opts["opt_D"], discriminator_loss(*real.pairs, fake.pairs[0], real.unconditional, fake.unconditional)[0])
        D.requires_grad_(False)
        with half_precision(): fake = D(cut(soft_y, piece, square), phi)
        D.requires_grad_(True)
        alone = done > .85 # without D, nearly without eyes
        parts = dict(pixels=8 * weighted(images, x, begun, boxes), general=(.06 if alone else .4) * eyes.general(cut(soft_y, seen, 128), cut(soft_x, seen, 128)),
                     kl=.03 * kl_to_standard_normal(made.mu.float(), made.logvar.float()))
        if not alone: parts["patches"] = .04 * generator_loss(fake.pairs[0], fake.unconditional)
        if whole: parts |= dict(special=(.03 if alone else .2) * eyes.special(soft_y, soft_x), matcher=told_apart(matcher, images, phi, i, drawn, step // 4 % 2))
        learn(opts["opt_G"], sum(parts.values()))
        follow(average, G, .003)
        step += 1
        if step % 100 == 1: print(f"{step:6}", *(f"{k} {v.item():.3f}" for k, v in parts.items()), flush=True)
        if step % 500 == 0: keep(file, step, nets, opts)
    keep(file, step, nets, opts)

def sampled(drawn, G, wing, n=8): # of some pixels: features, chart, picture without the pen before tanh, drawing, weights
    i, phi, z = drawn.some(n)
    x, box, seen = drawn.pictures(i), inside(drawn.boxes[i], 256, 6), []
    with torch.no_grad():
        begun = G.stage1(phi, z, torch.randn(n, G.c_dim)).images
        if random.random() < (1 / 2 if wing else 1 / 3): begun = F.interpolate(x, 64, mode="bicubic", antialias=True).clamp(-1, 1)
        *sheets, chart = G.further.sheets(G.stage1, phi, z)
        look = G.to_rgb.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        base = G.refine(begun, phi, torch.randn(n, G.c_dim), (*sheets, None)).images.clamp(-.9999, .9999).atanh()
        look.remove()
    w = weights(x, box, 9, faint=8 if wing else 4)
    near = lambda k, along, across: (chart[:, k].abs() < along) & (chart[:, len(G.stage1.finer.frames.lines) + k].abs() < across)
    if wing: chance = (near(5, .72, .45) | near(4, .3, .5)).float()[:, None] * box + .002
    else: chance = (w / 1.4 - 1).clamp(min=0) * box + .12 * box + .02
    at = (torch.empty_like(chance).exponential_() / chance).flatten(1).topk(5000 if wing else 4000, largest=False).indices[:, None]
    def take(v, kind): return v.flatten(2).gather(2, at.expand(-1, v.shape[1], -1)).transpose(0, 1).flatten(1).to(kind)
    return take(seen[0], torch.bfloat16), take(chart, torch.float16), *(take(v, torch.bfloat16) for v in (base, x, w))

def pen(out, minutes=9., batch=12_000, rate=2e-3, pictures=(2000, 2400)):
    drawn, G = Drawings(out, 256), stage2_net(stage1_net())
    file = out / "stage2.pt"
    state = torch.load(file, weights_only=True)
    G.load_state_dict(state["average"]); G.eval()
    G.stage1.load_state_dict(torch.load(out / "stage1.pt", weights_only=True)["average"])
    pools = [[sampled(drawn, G, wing) for _ in range(n // 8)] for wing, n in zip((True, False), pictures)]
    own = G.further.pen.requires_grad_(True)
    opt = torch.optim.Adam(own.parameters(), rate, (.9, .99))
    step = 0
    for done in clock(minutes):
        falling(opt, rate, done, .6)
        if step % 16 == 0: # pixels of 40 pictures
            some = [random.choice(pool) for pool in (pools[0],) * 3 + (pools[1],) * 2]
            x, u, base, real, w = (torch.cat(v, 1) for v in zip(*some))
            order = torch.randperm(x.shape[1])
        k = order[step % 16 * batch:][:batch]
        with half_precision(): added = own.draw(x[None, :, None, k], u[None, :, None, k].float())[0, :, 0].float()
        loss = (w[:, k] * ((base[:, k].float() + added).tanh() - real[:, k]).abs()).mean()
        learn(opt, loss)
        step += 1
        if step % 1000 == 1: print(f"{step:6} {loss.item():.4f}", flush=True)
    for name in ("G", "average"): state[name] |= {f"further.pen.{k}": v for k, v in own.state_dict().items()}
    state.pop("opt_G", None) # its averages are of other weights
    torch.save(state, file.with_suffix(".part")); os.replace(file.with_suffix(".part"), file)

def package(out):
    weights = Path(__file__).parents[1] / "stackgan" / "weights" / "birds"
    (text, matcher), g1 = load_matcher(weights), stage1_net()
    g2, (first, last) = stage2_net(g1), (torch.load(out / f"stage{n}.pt", weights_only=True) for n in (1, 2))
    g1.load_state_dict(first["average"]); g2.load_state_dict({k: v for k, v in last["average"].items() if not k.startswith("stage1.")} | {"stage1." + k: v for k, v in g1.state_dict().items()})
    words = load_words(weights)
    save_model(weights, torch.float16, dict(completions=[SIDES]), text=text, stage1=g1, stage2=g2, matcher=matcher)
    save_words(weights, words)
    players = {f"{part}.{k}": v for part, net in dict(tell=first["tell"], D2=last["D"]).items() for k, v in net.items()}
    save_weights(PLAYERS, {k: v.half() if v.is_floating_point() else v for k, v in players.items()}, dict(step1=first["step"], step2=last["step"]))

def begin(out):
    players, about = load_weights(PLAYERS)
    D2 = {k.removeprefix("D2."): v.float() if v.is_floating_point() else v for k, v in players.items() if k.startswith("D2.")}
    g1 = stage1_net()
    g2 = stage2_net(g1).state_dict()
    torch.save(dict(step=about["step1"], G=g1.state_dict(), average=g1.state_dict(), tell=packaged_telling().state_dict()), out / "stage1.pt")
    torch.save(dict(step=about["step2"], G=g2, average=g2, D=D2), out / "stage2.pt")

if __name__ == "__main__":
    commands = dict(begin=begin, data=data, mapping=mapping, stage1=stage1, stage2=stage2, package=package)
    if len(sys.argv) < 3 or sys.argv[1] not in commands: sys.exit(__doc__)
    torch.manual_seed(0)
    command, out, *more = sys.argv[1:]
    Path(out).mkdir(parents=True, exist_ok=True)
    commands[command](Path(out), *map(float, more))
