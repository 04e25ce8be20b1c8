"""Writes training.json: the loss of 100 steps of a GPT-2's training in PyTorch, in float64 and in float32.

The model is transformers' GPT2LMHeadModel, of two layers, with the weights of gpt2/synthetic/weights.ts; its texts are counted
upwards by steps of several lengths, modulo the vocabulary. AdamW, gradients clipped to 1; the rate rises over 10 steps, and
falls along a cosine to a tenth. test/node/train.test.ts does the same here.

python3 -m venv venv && venv/bin/pip install numpy==2.4.6 safetensors==0.8.0 torch==2.15.0 transformers==5.24.0
venv/bin/python test/reference/make-training-fixture.py test/reference/training.json
"""

import json
import math
import sys
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

STEPS, WARM_UP, RATE, LEAST, DECAY = 100, 10, 3e-3, 0.1, 0.01
TEXTS, LENGTH = 4, 16
SIZES = {"n_layers": 2, "d_model": 32, "n_heads": 2, "d_mlp": 128, "n_ctx": 16, "d_vocab": 61, "eps": 1e-5}


def synthetic():
    """As make-gradient-fixture.py, which writes its own file when run, has them."""
    source = (Path(__file__).parent / "make-gradient-fixture.py").read_text().split("\ndef forward(")[0]
    names = {}
    exec(source, names)
    torch.set_default_dtype(torch.float32)
    return names["synthetic"](SIZES)


def batch(step):
    """Text n begins at (7 n + 3) mod vocabulary, and counts by 1 + 5 n mod 13."""
    numbers = range(step * TEXTS, (step + 1) * TEXTS)
    v = SIZES["d_vocab"]
    return torch.tensor([[((7 * n + 3) + (1 + (5 * n) % 13) * i) % v for i in range(LENGTH)] for n in numbers])


def rate(step):
    if step < WARM_UP:
        return RATE * (step + 1) / WARM_UP
    done = (step - WARM_UP) / (STEPS - WARM_UP)
    return RATE * (LEAST + (1 - LEAST) * (1 + math.cos(math.pi * done)) / 2)


def losses(dtype):
    config = GPT2Config(
        n_layer=SIZES["n_layers"], n_embd=SIZES["d_model"], n_head=SIZES["n_heads"], n_inner=SIZES["d_mlp"],
        n_positions=SIZES["n_ctx"], vocab_size=SIZES["d_vocab"], layer_norm_epsilon=SIZES["eps"],
        bos_token_id=60, eos_token_id=60, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    weights = {f"transformer.{name}": torch.tensor(w) for name, w in synthetic().items()}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert missing == ["lm_head.weight"] and not unexpected, (missing, unexpected)
    model.tie_weights()
    model = model.to(dtype).train()
    adam = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    found = []
    for step in range(STEPS):
        for group in adam.param_groups:
            group["lr"] = rate(step)
        ids = batch(step)
        logits = model(input_ids=ids).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        found.append(loss.item())
    return found


torch.manual_seed(0)
double, single = losses(torch.float64), losses(torch.float32)
schedule = {"steps": STEPS, "warmUp": WARM_UP, "rate": RATE, "least": LEAST, "weightDecay": DECAY}
fixture = {"config": SIZES, **schedule, "texts": TEXTS, "length": LENGTH, "float64": double, "float32": single}
with open(sys.argv[1], "w") as file:
    file.write(json.dumps(fixture) + "\n")
print(double[0], double[-1], max(abs(a - b) for a, b in zip(double, single)))
