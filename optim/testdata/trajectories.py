"""Writes trajectories.json: twenty steps of every optimizer on one small problem.

The problem is E[token] * g -> W, + b -> H, against targets t: loss = sum (y - t)^2 / (2 n). Its gradients are PyTorch's.
AdamW, Adam and SGD are torch.optim's in float32. Lion, TVR, decoupled SGD and Muon are their formulas in float64, here
below: PyTorch has no Lion, no TVR, no SGD with decoupled decay, and runs Muon's Newton-Schulz in bfloat16. That Muon,
with its bfloat16 replaced by float64, is checked to agree with the formula to 1e-6 on the matrices.

Run with PyTorch 2.15 (the CPU is enough): python trajectories.py > trajectories.json
"""

import json
import math

import torch

torch.manual_seed(14)
torch.set_num_threads(1)
STEPS = 20
TOKENS = [0, 1, 2, 3, 4, 1, 3, 0]
SHAPES = [
    ("embedding", "embedding", -1, (5, 4)),
    ("gain", "vector", 0, (4,)),
    ("w.weight", "matrix", 0, (3, 4)),
    ("w.bias", "vector", 0, (3,)),
    ("head", "head", -1, (2, 3)),
]
START = [torch.ones(s) if n == "gain" else torch.randn(s) * (0.1 if n == "w.bias" else 0.7) for n, _, _, s in SHAPES]
TARGET = torch.randn(len(TOKENS), 2)


def loss(p):
    e, g, w, b, h = p
    y = ((e[TOKENS] * g) @ w.T + b) @ h.T
    return ((y - TARGET.to(y)) ** 2).sum() / (2 * len(TOKENS))


def factors(case):
    """The learning rate and the decay of each parameter."""
    usual = {"matrix": (1, 1), "vector": (1, 0), "embedding": (1, 1), "head": (1, 1)}
    for kind, g in case.get("groups", {}).items():
        usual[kind] = (g.get("lr_factor", usual[kind][0]), g.get("weight_decay_factor", usual[kind][1]))
    return [(case["lr"] * usual[k][0], case["weight_decay"] * usual[k][1]) for _, k, _, _ in SHAPES]


def with_torch(case, make):
    p = [x.clone().requires_grad_() for x in START]
    o = make([{"params": [x], "lr": lr, "weight_decay": wd} for x, (lr, wd) in zip(p, factors(case))])
    for _ in range(STEPS):
        o.zero_grad()
        loss(p).backward()
        o.step()
        yield [x.detach() for x in p]


def with_formula(case, update, after=lambda p, count: None):
    p = [x.double().requires_grad_() for x in START]
    state = [{} for _ in p]
    for count in range(1, STEPS + 1):
        grads = torch.autograd.grad(loss(p), p)
        with torch.no_grad():
            for x, g, s, (lr, wd), (_, kind, _, _) in zip(p, grads, state, factors(case), SHAPES):
                update(x, g, s, lr, wd, kind, count)
            after(p, count)
        yield [x.detach() for x in p]


def lion(x, g, s, lr, wd, kind, count, b1=0.9, b2=0.99):
    m = s.setdefault("m", torch.zeros_like(x))
    x.sub_(lr * ((b1 * m + (1 - b1) * g).sign() + wd * x))
    m.mul_(b2).add_((1 - b2) * g)


def sgdw(nesterov):
    def update(x, g, s, lr, wd, kind, count, momentum=0.9):
        b = s.setdefault("b", torch.zeros_like(x))
        b.mul_(momentum).add_(g)
        x.sub_(lr * ((g + momentum * b if nesterov else b) + wd * x))

    return update


def adamw(x, g, s, lr, wd, kind, count, b1=0.9, b2=0.95, eps=1e-8):
    m, v = s.setdefault("m", torch.zeros_like(x)), s.setdefault("v", torch.zeros_like(x))
    m.mul_(b1).add_((1 - b1) * g)
    v.mul_(b2).add_((1 - b2) * g * g)
    x.sub_(lr * (m / (1 - b1**count) / ((v / (1 - b2**count)).sqrt() + eps) + wd * x))


def newton_schulz(x):
    if x.shape[0] > x.shape[1]:
        return newton_schulz(x.T).T
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


def muon(scale, embeddings="adamw", vectors="adamw", momentum=0.95):
    def update(x, g, s, lr, wd, kind, count):
        if kind in ("embedding", "head") and embeddings == "adamw" or kind == "vector" and vectors == "adamw":
            return adamw(x, g, s, lr, wd, kind, count)
        b = s.setdefault("b", torch.zeros_like(x))
        b.mul_(momentum).add_(g)
        u = g + momentum * b
        u = u / (u.norm() + 1e-7)
        rows, cols = x.shape if x.ndim == 2 else (1, x.numel())
        if x.ndim == 2:
            u = newton_schulz(u)
        factor = 0.2 * math.sqrt(max(rows, cols)) if scale == "match_rms_adamw" else math.sqrt(max(1, rows / cols))
        x.mul_(1 - lr * wd).sub_(lr * factor * u)

    return update


def tvr(every, std, threshold, depth):
    def after(p, count):
        if count % every:
            return
        for i, (name, kind, layer, _) in enumerate(SHAPES):
            target = std / math.sqrt(layer + 1) if depth else std
            w = p[i]
            if kind != "matrix" or not w.std() > threshold * target:
                continue
            mean = w.mean()
            w.copy_((w - mean) / w.std() * target + mean)
            p[i + 1].zero_()  # w.bias

    return after


CASES = [
    {"name": "adamw", "optimizer": "adamw", "params": {"beta1": 0.9, "beta2": 0.95}, "lr": 0.05, "weight_decay": 0.1,
     "run": lambda c: with_torch(c, lambda g: torch.optim.AdamW(g, betas=(0.9, 0.95), eps=1e-8))},
    {"name": "adamw by groups", "optimizer": "adamw", "params": {"beta2": 0.999}, "lr": 0.05, "weight_decay": 0.1,
     "groups": {"embedding": {"lr_factor": 0.1, "weight_decay_factor": 0}, "vector": {"lr_factor": 1, "weight_decay_factor": 1}, "head": {"lr_factor": 0.5, "weight_decay_factor": 2}},
     "run": lambda c: with_torch(c, lambda g: torch.optim.AdamW(g, betas=(0.9, 0.999), eps=1e-8))},
    {"name": "adam", "optimizer": "adam", "params": {}, "lr": 0.05, "weight_decay": 0.1,
     "run": lambda c: with_torch(c, lambda g: torch.optim.Adam(g, betas=(0.9, 0.95), eps=1e-8))},
    {"name": "sgd", "optimizer": "sgd", "params": {"momentum": 0}, "lr": 0.1, "weight_decay": 0,
     "run": lambda c: with_torch(c, lambda g: torch.optim.SGD(g, lr=1))},
    {"name": "sgd, momentum, coupled", "optimizer": "sgd", "params": {"momentum": 0.9, "coupled": True}, "lr": 0.05, "weight_decay": 0.1,
     "run": lambda c: with_torch(c, lambda g: torch.optim.SGD(g, lr=1, momentum=0.9))},
    {"name": "sgd, nesterov, coupled", "optimizer": "sgd", "params": {"momentum": 0.9, "nesterov": True, "coupled": True}, "lr": 0.05, "weight_decay": 0.1,
     "run": lambda c: with_torch(c, lambda g: torch.optim.SGD(g, lr=1, momentum=0.9, nesterov=True))},
    {"name": "sgd, momentum, decoupled", "optimizer": "sgd", "params": {}, "lr": 0.05, "weight_decay": 0.1,
     "run": lambda c: with_formula(c, sgdw(False))},
    {"name": "sgd, nesterov, decoupled", "optimizer": "sgd", "params": {"nesterov": True}, "lr": 0.05, "weight_decay": 0.1,
     "run": lambda c: with_formula(c, sgdw(True))},
    {"name": "lion", "optimizer": "lion", "params": {}, "lr": 0.02, "weight_decay": 0.5,
     "run": lambda c: with_formula(c, lion)},
    {"name": "muon", "optimizer": "muon", "params": {}, "lr": 0.05, "weight_decay": 0.1,
     "run": lambda c: with_formula(c, muon("match_rms_adamw"))},
    {"name": "muon, spectral", "optimizer": "muon", "params": {"scale": "spectral"}, "lr": 0.02, "weight_decay": 0.1,
     "run": lambda c: with_formula(c, muon("spectral"))},
    {"name": "muon without adam", "optimizer": "muon", "params": {"embeddings": "muon", "vectors": "normalised"}, "lr": 0.05, "weight_decay": 0.1,
     "run": lambda c: with_formula(c, muon("match_rms_adamw", "muon", "normalised"))},
    {"name": "muon without adam, spectral", "optimizer": "muon", "params": {"scale": "spectral", "embeddings": "muon", "vectors": "normalised"}, "lr": 0.02, "weight_decay": 0.1,
     "run": lambda c: with_formula(c, muon("spectral", "muon", "normalised"))},
    {"name": "adamw and tvr", "optimizer": "adamw", "params": {}, "lr": 0.05, "weight_decay": 0.1,
     "after_step": {"every": 5, "std": 0.4, "threshold": 1.2, "depth": False},
     "run": lambda c: with_formula(c, adamw, tvr(5, 0.4, 1.2, False))},
]


def check_muon(adjust, scale):
    """torch.optim.Muon on W alone, its bfloat16 being float64, against the formula under the same gradients."""
    generator = torch.Generator().manual_seed(3)
    for shape in [(3, 4), (5, 4)]:
        a, b = torch.randn(shape, generator=generator).double(), None
        b, state = a.clone(), {}
        a.requires_grad_()
        o = torch.optim.Muon([a], lr=0.05, weight_decay=0.1, momentum=0.95, adjust_lr_fn=adjust)
        half, torch.bfloat16 = torch.bfloat16, torch.float64
        for count in range(STEPS):
            g = torch.randn(shape, generator=generator).double()
            a.grad = g.clone()
            o.step()
            muon(scale)(b, g, state, 0.05, 0.1, "matrix", count)
        torch.bfloat16 = half
        assert (a - b).abs().max() < 1e-6 * b.abs().max(), (adjust, shape, (a - b).abs().max())


check_muon("original", "spectral")
check_muon("match_rms_adamw", "match_rms_adamw")


def numbers(x):
    return [float(f"{v:.9g}") for v in x.flatten().tolist()]


out = {
    "made_by": f"trajectories.py with PyTorch {torch.__version__.split('+')[0]}",
    "tokens": TOKENS,
    "target": numbers(TARGET),
    "params": [{"name": n, "kind": k, "layer": l, "shape": s, "value": numbers(x)} for (n, k, l, s), x in zip(SHAPES, START)],
    "cases": [{k: v for k, v in c.items() if k != "run"} | {"steps": [[numbers(x) for x in p] for p in c["run"](c)]} for c in CASES],
}
print(json.dumps(out).replace('"name": "', '\n"name": "'))
