"""One step of training an SAE in PyTorch, for `npm run bench -- train-sae --beside 'python bench/train-sae-pytorch.py'`.

Forward, backward, clipping and Adam with activations given; dense matrices, as SAELens' training SAEs have them (standard, and
TopK without dead features). Needs torch:
  python -m venv venv && venv/bin/pip install torch
Given KIND D_IN D_SAE BATCH MILLISECONDS, it prints StepTimes (bench/train-sae.ts) as JSON.
"""

import json
import os
import sys
import time

import torch

K, L1 = 32, 2.0
kind, *numbers = sys.argv[1:]
d_in, d_sae, batch, milliseconds = map(int, numbers)
torch.set_num_threads(os.cpu_count())
torch.manual_seed(0)
W_dec = torch.rand(d_sae, d_in) * 2 - 1
W_dec = (0.1 * W_dec / W_dec.norm(dim=1, keepdim=True)).requires_grad_()
W_enc = W_dec.detach().T.contiguous().requires_grad_()
b_enc, b_dec = torch.zeros(d_sae, requires_grad=True), torch.zeros(d_in, requires_grad=True)
parameters = [W_enc, b_enc, W_dec, b_dec]
adam = torch.optim.Adam(parameters, lr=1e-5, fused=True)
x = torch.randn(batch, d_in)


def step():
    pre = (x - b_dec) @ W_enc + b_enc
    if kind == "topk":
        values, indices = pre.topk(K, dim=-1, sorted=False)
        f = torch.zeros_like(pre).scatter(-1, indices, values.relu())
    else:
        f = pre.relu()
    loss = (f @ W_dec + b_dec - x).pow(2).sum(-1).mean()
    if kind == "standard":
        loss = loss + L1 * (f * W_dec.norm(dim=1)).sum(-1).mean()
    adam.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    adam.step()
    return loss.item()


step()
ms = []
while sum(ms) < milliseconds:
    start = time.perf_counter()
    step()
    ms.append(1000 * (time.perf_counter() - start))
version = torch.__version__.split("+")[0]
print(json.dumps({"backend": f"PyTorch {version}", "mode": "dense", "threads": torch.get_num_threads(), "ms": ms}))
