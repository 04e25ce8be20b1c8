"""Writes gradients.json: PyTorch's gradients in float64, for every weight and every hook, to hold the engine's to.

The bundled model, and one block of GPT-2 small's sizes with the synthetic weights (gpt2/synthetic/weights.ts). The loss
is the mean cross-entropy of all next tokens of two texts of random ids. Of each gradient: its largest size, its length,
and some entries.

python3 -m venv venv && venv/bin/pip install numpy==2.4.6 safetensors==0.8.0 torch==2.15.0
venv/bin/python test/reference/make-gradient-fixture.py gpt2/tiny test/reference/gradients.json
"""

import json
import math
import sys

import numpy as np
import torch
from safetensors.numpy import load_file

torch.set_default_dtype(torch.float64)
ENTRIES = 8


def hashed(name, shape, mean, scale):
    """engine/weights/hashed.ts"""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    h = (np.arange(math.prod(shape), dtype=np.uint64) * 0x9E3779B9 + seed) & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    h = h ^ (h >> 16)
    return (mean + scale * (2 * h.astype(np.float64) / 2**32 - 1)).astype(np.float32).reshape(shape)


def synthetic(config):
    d, mlp = config["d_model"], config["d_mlp"]
    weights = {
        "wte.weight": hashed("wte.weight", [config["d_vocab"], d], 0, 0.25),
        "wpe.weight": hashed("wpe.weight", [config["n_ctx"], d], 0, 0.05),
    }

    def norm(name):
        weights[f"{name}.weight"] = hashed(f"{name}.weight", [d], 1, 0.3)
        weights[f"{name}.bias"] = hashed(f"{name}.bias", [d], 0, 0.1)

    def linear(name, inputs, outputs):
        weights[f"{name}.weight"] = hashed(f"{name}.weight", [inputs, outputs], 0, 0.08)
        weights[f"{name}.bias"] = hashed(f"{name}.bias", [outputs], 0, 0.05)

    for layer in range(config["n_layers"]):
        norm(f"h.{layer}.ln_1")
        linear(f"h.{layer}.attn.c_attn", d, 3 * d)
        linear(f"h.{layer}.attn.c_proj", d, d)
        norm(f"h.{layer}.ln_2")
        linear(f"h.{layer}.mlp.c_fc", d, mlp)
        linear(f"h.{layer}.mlp.c_proj", mlp, d)
    norm("ln_f")
    return weights


def forward(weights, config, texts):
    """All texts end to end. -> the logits, and every hook's activation"""
    hooks = {}

    def at(name, x):
        x.retain_grad()
        hooks[name] = x
        return x

    def norm(x, name):
        return torch.nn.functional.layer_norm(
            x, [config["d_model"]], weights[f"{name}.weight"], weights[f"{name}.bias"], config["eps"]
        )

    def linear(x, name):
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    heads = config["n_heads"]
    ids = torch.tensor(sum(texts, []))
    positions = torch.tensor(sum((list(range(len(text))) for text in texts), []))
    text_of = torch.tensor(sum(([i] * len(text) for i, text in enumerate(texts)), []))
    visible = (text_of[:, None] == text_of[None, :]) & torch.ones(len(ids), len(ids)).tril().bool()

    x = at("hook_embed", weights["wte.weight"][ids]) + at("hook_pos_embed", weights["wpe.weight"][positions])
    for layer in range(config["n_layers"]):
        name = f"blocks.{layer}"
        x = at(f"{name}.hook_resid_pre", x * 1)
        q, k, v = linear(norm(x, f"h.{layer}.ln_1"), f"h.{layer}.attn.c_attn").split(config["d_model"], 1)
        q, k, v = (at(f"{name}.attn.hook_{n}", y.unflatten(1, (heads, -1))) for n, y in (("q", q), ("k", k), ("v", v)))
        scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(q.shape[2])
        pattern = at(f"{name}.attn.hook_pattern", scores.masked_fill(~visible, -torch.inf).softmax(2))
        z = at(f"{name}.attn.hook_z", torch.einsum("hqk,khd->qhd", pattern, v))
        x = at(f"{name}.hook_resid_mid", x + at(f"{name}.hook_attn_out", linear(z.flatten(1), f"h.{layer}.attn.c_proj")))
        pre = at(f"{name}.mlp.hook_pre", linear(norm(x, f"h.{layer}.ln_2"), f"h.{layer}.mlp.c_fc"))
        post = at(f"{name}.mlp.hook_post", torch.nn.functional.gelu(pre, approximate="tanh"))
        x = at(f"{name}.hook_resid_post", x + at(f"{name}.hook_mlp_out", linear(post, f"h.{layer}.mlp.c_proj")))
    logits = at("logits", at("unembed.hook_in", norm(x, "ln_f")) @ weights["wte.weight"].T)
    return logits, hooks


def of_texts(pattern, texts):
    """[heads, queries, all keys] -> [heads, queries, the longest text's keys]: each query on its own text's keys."""
    longest = max(len(text) for text in texts)
    out = torch.zeros(pattern.shape[0], pattern.shape[1], longest)
    start = 0
    for text in texts:
        end = start + len(text)
        out[:, start:end, : len(text)] = pattern[:, start:end, start:end]
        start = end
    return out


def summary(gradient, seed):
    flat = gradient.flatten()
    at = sorted({int((seed * 40503 + i * 2654435761) % flat.numel()) for i in range(ENTRIES - 1)} | {int(flat.abs().argmax())})
    return {
        "largest": float(f"{flat.abs().max():.9g}"),
        "length": float(f"{flat.norm():.9g}"),
        "at": at,
        "values": [float(f"{flat[i]:.9g}") for i in at],
    }


def case(config, weights, texts):
    weights = {name: torch.tensor(weight, dtype=torch.float64, requires_grad=True) for name, weight in weights.items()}
    logits, hooks = forward(weights, config, texts)
    losses = []
    start = 0
    for text in texts:
        rows = logits[start : start + len(text) - 1]
        losses.append(torch.nn.functional.cross_entropy(rows, torch.tensor(text[1:]), reduction="sum"))
        start += len(text)
    loss = sum(losses) / sum(len(text) - 1 for text in texts)
    loss.backward()
    gradients = {name: weight.grad for name, weight in weights.items()}
    for name, x in hooks.items():
        # below the diagonal a pattern is a constant zero, whose gradient PyTorch gives and we call 0
        gradient = x.grad * (x != 0) if name.endswith("pattern") else x.grad
        gradients[name] = of_texts(gradient, texts) if name.endswith("pattern") else gradient
    found = {name: summary(gradient, seed) for seed, (name, gradient) in enumerate(gradients.items())}
    return {"config": config, "texts": texts, "loss": loss.item(), "gradients": found}


def ids(length, seed, vocabulary):
    return [vocabulary - 1] + np.random.default_rng(seed).integers(0, vocabulary - 1, length - 1).tolist()


folder, out = sys.argv[1:]
tiny = {"n_layers": 6, "d_model": 128, "n_heads": 4, "d_mlp": 512, "n_ctx": 256, "d_vocab": 4097, "eps": 1e-5}
block = {"n_layers": 1, "d_model": 768, "n_heads": 12, "d_mlp": 3072, "n_ctx": 32, "d_vocab": 211, "eps": 1e-5}
stored = {name.removeprefix("transformer."): w for name, w in load_file(f"{folder}/model.safetensors").items()}
cases = {
    "tiny": case(tiny, stored, [ids(19, 1, 4097), ids(12, 2, 4097)]),
    "block": case(block, synthetic(block), [ids(13, 3, 211), ids(9, 4, 211)]),
}
with open(out, "w") as file:
    entries = [f'"{name}": {json.dumps(value)}' for name, value in cases.items()]
    file.write("{\n" + ",\n".join(entries) + "\n}\n")
