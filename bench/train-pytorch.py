"""A training step in PyTorch, for `npm run bench -- train --beside 'python bench/train-pytorch.py'`.

The model of transformers with AdamW and clipping, on texts of random ids, as bench/train.ts has it. Needs torch and transformers:
  python -m venv venv && venv/bin/pip install torch transformers
Given the sizes as JSON (TrainInput of bench/train.ts), it prints a TrainRun as JSON.
"""

import json
import sys
import time

import torch
from transformers import GPT2Config, GPT2LMHeadModel

given = json.loads(sys.argv[1])
layers, width, heads, context, vocabulary = (given[k] for k in ("layers", "width", "heads", "context", "vocabulary"))
torch.set_num_threads(given["threads"])
torch.manual_seed(0)
config = GPT2Config(
    n_layer=layers, n_embd=width, n_head=heads, n_positions=context, vocab_size=vocabulary,
    bos_token_id=0, eos_token_id=0, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
)  # fmt: skip
model = GPT2LMHeadModel(config).train()
adam = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0)
ids = torch.randint(0, vocabulary, (given["batch"], context))
samples, losses = [], []
for step in range(given["warmUp"] + given["steps"]):
    start = time.perf_counter()
    logits = model(input_ids=ids, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    adam.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    adam.step()
    losses.append(loss.item())
    samples.append(1000 * (time.perf_counter() - start))
mode = f"torch {torch.__version__}, {torch.get_num_threads()} threads"
print(json.dumps({"name": "PyTorch", "mode": mode, "ms": samples[given["warmUp"] :], "losses": losses}))
