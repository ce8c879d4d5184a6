"""PyTorch's training step on the model that bench/step trains, as fast as PyTorch can be on a CPU.

The model is that of trainer.Default(): pre-norm RMSNorm with a gain (eps 1e-6) and another before the head, RoPE (theta 1e4,
pairs of channels (i, i + E/2)), no biases, one product for q, k and v, GELU with erf and 4x width, an untied head, and weights
from N(0, .02^2). The optimizer is AdamW(lr 1e-3, betas .9 .95, eps 1e-8, decay .1, none on gains), with the global gradient
norm clipped at 1. A step is forward, mean cross-entropy, backward, clipping, AdamW. B is batch, T context, D width, H heads,
E = D/H, V vocabulary.

Three things favour PyTorch: batches are drawn before the clock starts (ours makes each within the step), Python's garbage
collector is off, and the loss is never read (ours reads it at every step).

Without --whole the script runs by turns. After the warm-up it prints one JSON line {torch, threads, params, first_loss, ms,
warm_seconds}. Then it answers each line N on its input by N steps and one line {"ms": [N numbers]}. With --whole it does one
training from import to torch.save and prints one line {loss, peak_kib}.

This script tunes: fused AdamW and zero_grad(set_to_none) (as in PyTorch's performance tuning guide), torch.compile with static
shapes, forward and loss in one unit (with its backward), foreach clipping, and attention either as
scaled_dot_product_attention or as baddbmm + softmax + bmm (without a flash kernel, whose blocks do not pay at T <= 256). The
allocator, MKL's dispatch and OpenMP's threads are tuned in ../tuning.go.
"""
import argparse
import gc
import json
import math
import os
import statistics
import sys
import time

# Answers go to the original standard output. Everything else that is printed goes to standard error.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

SIZES = {  # layers, width, heads, context, batch, vocabulary, as in size.go
    "a": (2, 64, 2, 64, 16, 256),
    "b": (4, 128, 4, 128, 16, 256),
    "c": (6, 256, 8, 256, 8, 4096),
    "d": (8, 512, 8, 256, 8, 8192),
}
TOKENS = 65  # distinct tokens that our data source draws; neither side sees the rest of the vocabulary
BATCHES = 64  # drawn beforehand and used cyclically
MODES = {  # options of torch.compile; None does not compile
    "eager": None,
    "compile": {},
    "max-autotune": {"mode": "max-autotune"},
    "cpp-wrapper": {"options": {"cpp_wrapper": True}},  # calls the compiled kernels from C++, not from Python
}


def attend_sdpa(q, k, v, mask):  # q, k, v [B, H, T, E]
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def attend_baddbmm(q, k, v, mask):  # q, k, v [B, H, T, E]
    B, H, T, E = q.shape
    q, k, v = (x.reshape(B * H, T, E) for x in (q, k, v))
    scores = torch.baddbmm(mask.to(q.dtype), q, k.transpose(1, 2), alpha=1 / math.sqrt(E))  # [B H, T, T]
    return torch.bmm(torch.softmax(scores, -1), v).view(B, H, T, E)


ATTENTIONS = {"sdpa": attend_sdpa, "baddbmm": attend_baddbmm}


class Block(nn.Module):
    def __init__(self, width, heads, attend):
        super().__init__()
        self.heads, self.attend = heads, attend
        self.attn_norm = nn.RMSNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.RMSNorm(width, eps=1e-6)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x, cos, sin, mask):  # x [B, T, D]
        B, T, D = x.shape
        qkv = self.qkv(self.attn_norm(x)).view(B, T, 3, self.heads, D // self.heads)
        qk, v = qkv[:, :, :2].permute(2, 0, 3, 1, 4), qkv[:, :, 2].transpose(1, 2)  # [2, B, H, T, E], [B, H, T, E]
        a, b = qk.chunk(2, -1)
        q, k = torch.cat((a * cos - b * sin, a * sin + b * cos), -1)
        y = self.attend(q, k, v, mask)  # [B, H, T, E]
        x = x + self.out(y.transpose(1, 2).reshape(B, T, D))
        return x + self.down(F.gelu(self.up(self.mlp_norm(x))))


class Model(nn.Module):
    def __init__(self, layers, width, heads, context, vocab, attend):
        super().__init__()
        self.embedding = nn.Embedding(vocab, width)
        self.blocks = nn.ModuleList(Block(width, heads, attend) for _ in range(layers))
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.head = nn.Linear(width, vocab, bias=False)
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02)
        pairs = width // heads // 2
        angles = torch.outer(torch.arange(context), 1e4 ** (-torch.arange(pairs) / pairs))  # [T, E/2]
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        later = torch.ones(context, context, dtype=torch.bool).triu(1)
        self.register_buffer("mask", torch.zeros(context, context).masked_fill(later, -math.inf), persistent=False)

    def streams(self, tokens):
        """The residual stream [B, T, D] after each block."""
        x, after = self.embedding(tokens), []
        for block in self.blocks:
            x = block(x, self.cos, self.sin, self.mask)
            after.append(x)
        return after

    def forward(self, tokens, targets):  # [B, T] both; the mean loss
        logits = self.head(self.norm(self.streams(tokens)[-1]))  # [B, T, V]
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class Training:
    def __init__(self, o):
        torch.set_num_threads(o.threads)
        torch.manual_seed(0)
        layers, width, heads, context, batch, vocab = SIZES[o.size]
        self.model = Model(layers, width, heads, context, vocab, ATTENTIONS[o.attention])
        self.params = list(self.model.parameters())
        drawn = torch.randint(TOKENS, (BATCHES, batch, context + 1))
        self.batches = [(d[:, :-1].contiguous(), d[:, 1:].contiguous()) for d in drawn]
        self.optimizer = torch.optim.AdamW(
            [{"params": [p for p in self.params if p.dim() == 2], "weight_decay": 0.1},
             {"params": [p for p in self.params if p.dim() == 1], "weight_decay": 0.0}],
            lr=1e-3, betas=(0.9, 0.95), eps=1e-8, fused=True)
        how = MODES[o.mode]
        self.loss = self.model if how is None else torch.compile(self.model, fullgraph=True, dynamic=False, **how)
        if o.precision == "bf16":
            inner = self.loss

            def autocast(tokens, targets):
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    return inner(tokens, targets)

            self.loss = autocast
        self.done = 0

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(*self.batches[self.done % BATCHES])
        loss.backward()
        nn.utils.clip_grad_norm_(self.params, 1.0, foreach=True)
        self.optimizer.step()
        self.done += 1
        return loss

    def timed(self, steps):
        """The milliseconds of each of that many steps."""
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            self.step()
            times.append(1e3 * (time.perf_counter() - start))
        return times


def answer(**what):
    print(json.dumps(what), file=answers, flush=True)


def turns(o):
    t = Training(o)
    start = time.perf_counter()
    first = t.step().item()
    t.timed(2)  # the second compilation, if there is one, and the optimizer's state
    warm = t.timed(1)
    while len(warm) < 20 and sum(warm) < 1000:
        warm += t.timed(1)
    gc.collect()
    gc.freeze()
    gc.disable()
    answer(torch=torch.__version__, threads=torch.get_num_threads(), params=sum(p.numel() for p in t.params),
           first_loss=first, ms=statistics.median(warm), warm_seconds=time.perf_counter() - start)
    for line in sys.stdin:
        answer(ms=t.timed(int(line)))


@torch.no_grad()
def measure(model, tokens, targets):
    """The loss of the probe batch, and after each block each sequence's three largest |h|, the median |h|, and the mean
    excess kurtosis of a token over its channels, as the project's probes define them."""
    rows = [model(tokens, targets).item()]
    for x in model.streams(tokens):  # [B, T, D]
        h = x.abs().flatten(1)  # [B, T D]
        rows += torch.topk(h, 3).values.flatten().tolist() + h.median(1).values.tolist()
        centred = (x - x.mean(-1, keepdim=True)).square()
        rows.append((centred.square().mean(-1) / centred.mean(-1).square() - 3).mean().item())
    return rows


def whole(o):
    t = Training(o)
    context = SIZES[o.size][3]
    drawn = torch.randint(TOKENS, (o.sequences, context + 1))
    probes = {int(step) for step in o.probes.split(",")}
    recorded = {}
    gc.disable()
    for step in range(o.steps + 1):
        if step in probes:
            recorded[step] = measure(t.model, drawn[:, :-1], drawn[:, 1:])
        if step < o.steps:
            loss = t.step()
    torch.save({"model": t.model.state_dict(), "optimizer": t.optimizer.state_dict(), "rows": recorded}, o.checkpoint)
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    answer(torch=torch.__version__, loss=loss.item(), peak_kib=peak)


def main():
    p = argparse.ArgumentParser(description="PyTorch's training step, by turns or as a whole run")
    p.add_argument("--size", choices=SIZES, default="a")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--mode", choices=MODES, default="eager")
    p.add_argument("--attention", choices=ATTENTIONS, default="baddbmm")
    p.add_argument("--precision", choices=("float32", "bf16"), default="float32")
    p.add_argument("--whole", action="store_true", help="train to the end, with probes and a checkpoint")
    p.add_argument("--steps", type=int, default=2000)
    p.add_argument("--probes", default="0", help="the steps at which to measure, separated by commas")
    p.add_argument("--sequences", type=int, default=10, help="sequences of the probe batch")
    p.add_argument("--checkpoint", help="file for torch.save")
    o = p.parse_args()
    whole(o) if o.whole else turns(o)


main()
