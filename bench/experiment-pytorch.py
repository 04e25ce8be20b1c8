"""The post's experiment in PyTorch, for `npm run bench -- experiment --beside 'python bench/experiment-pytorch.py'`.

It does what the post's notebook does: all texts in one padded batch, for each SAE a whole forward pass up to the
logits, all features of all positions computed densely, then the mean over a text's tokens. With --well it does the same
as one would write it for speed: texts in batches of similar length, one forward pass for all SAEs that ends
where the last one reads, no logits, and features of real tokens only. The model is that of transformers, which is faster
than the notebook's TransformerLens. Needs torch and transformers, and no network:
  python -m venv venv && venv/bin/pip install torch transformers
Given a folder as written by bench/experiment.ts, it prints an ExperimentRun (bench/experiment-input.ts) as JSON.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import GPT2LMHeadModel  # imported here: by its first use otherwise, and timed with that


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Clock:
    """Adds up the time that each part takes."""

    def __init__(self):
        self.ms = {}

    def time(self, part, work):
        start = time.perf_counter()
        result = work()
        self.ms[part] = self.ms.get(part, 0) + 1000 * (time.perf_counter() - start)
        return result


def load_sae(folder):
    return load_file(folder / "sae_weights.safetensors")


def forward(model, tokens, layer):
    """The stream that enters a block, [texts, positions, d_model]; the pass goes on to the logits, as in the notebook."""
    kept = []
    hook = model.transformer.h[layer].register_forward_pre_hook(lambda _, args: kept.append(args[0]))
    model(input_ids=tokens, use_cache=False)
    hook.remove()
    return kept[0]


def features_of(sae, stream):
    centred = stream - stream.mean(dim=-1, keepdim=True)
    return torch.relu((centred - sae["b_dec"]) @ sae["W_enc"] + sae["b_enc"])


def encode(sae, stream, mask):
    """Token means of all features, [texts, d_sae]: padding and BOS, which are the same token, are left out."""
    return (features_of(sae, stream) * mask).sum(dim=1) / mask.sum(dim=1)


def pad(texts, bos):
    longest = max(map(len, texts))
    return torch.tensor([ids + [bos] * (longest - len(ids)) for ids in texts])


BATCH = 16


def forward_well(model, texts, layers):
    """Each text's stream where it enters each of the layers, without BOS: one list of [tokens, d_model] per layer."""
    transformer = model.transformer
    transformer.h = transformer.h[: max(layers)]
    transformer.ln_f = torch.nn.Identity()  # the last hidden state is the stream itself
    order = sorted(range(len(texts)), key=lambda text: len(texts[text]))
    streams = {layer: [None] * len(texts) for layer in layers}
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        tokens = pad([texts[text] for text in batch], texts[0][0])
        states = transformer(input_ids=tokens, use_cache=False, output_hidden_states=True).hidden_states
        for layer in layers:
            for row, text in enumerate(batch):
                streams[layer][text] = states[layer][row, 1 : len(texts[text])]
    return streams


def encode_well(sae, streams):
    """Token means of all features, [texts, d_sae]."""
    features = features_of(sae, torch.cat(streams))
    return torch.stack([of_text.mean(dim=0) for of_text in features.split([len(stream) for stream in streams])])


def analyse(means, categories, threshold):
    """What the notebook looks for: strongest, most frequent, most selective feature; a category's peak and specialist."""
    counts = (means > threshold).sum(dim=0).float()
    strongest = means.max(dim=0).values.max().item()
    most_frequent = (means > 0).sum(dim=0).argmax().item()
    most_selective = torch.where(counts > 0, counts, torch.inf).argmin().item()
    peaks, scores = [], []
    for category in categories:
        inside = torch.zeros(len(means), dtype=torch.bool)
        inside[category["rows"]] = True
        top = means[inside].max(dim=0).values.topk(5)
        above = means[:, top.indices] > threshold
        scores.append((above[inside].sum(dim=0) - above[~inside].sum(dim=0)).max().item())
        peaks.append(top.values[0].item())
    return {"peaks": peaks, "scores": scores, "layer": [strongest, most_frequent, most_selective]}


@torch.inference_mode()
def main(folder, well):
    started = time.time() * 1000 - float(os.environ["CLEARBOX_STARTED_AT"])
    start_peak = peak_bytes()
    data = json.loads((folder / "experiment.json").read_text())
    torch.set_num_threads(data["threads"])
    hooks, texts = data["hooks"], data["texts"]
    layers = [int(hook.split(".")[1]) for hook in hooks]
    tokens = pad(texts, texts[0][0])
    mask = (tokens != texts[0][0]).float().unsqueeze(-1)

    clock = Clock()
    model = clock.time(
        "load the model",
        lambda: GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval(),
    )
    loaded = peak_bytes()
    matrices = [p.numel() for name, p in model.named_parameters() if p.dim() == 2 and "wpe" not in name]
    model_bytes = 4 * sum(p.numel() for p in model.parameters())
    if well:
        streams = clock.time("forward", lambda: forward_well(model, texts, layers))
        matrices = [p.numel() for p in model.transformer.h.parameters() if p.dim() == 2]
    peaks = []
    for hook, layer in zip(hooks, layers):
        sae = clock.time("load the SAEs", lambda: load_sae(folder / "sae" / hook))
        if well:
            means = clock.time("encode", lambda: encode_well(sae, streams[layer]))
        else:
            stream = clock.time("forward", lambda: forward(model, tokens, layer))
            means = clock.time("encode", lambda: encode(sae, stream, mask))
        found = clock.time("analysis", lambda: analyse(means, data["categories"], data["threshold"]))
        peaks.append(found["peaks"])
    done = peak_bytes()

    n, passes = len(hooks), 1 if well else len(hooks)
    rows = sum(len(ids) - 1 for ids in texts) if well else tokens.numel()
    d_in, d_sae = sae["W_enc"].shape
    sae_bytes = 4 * sum(tensor.numel() for tensor in sae.values())
    passed = f"{sum(map(len, texts))} tokens" if well else f"{n} x {len(texts)}x{tokens.shape[1]}"
    forward_rows = sum(map(len, texts)) if well else rows
    about = {  # shape, floating-point operations, bytes
        "load the model": ("", 0, model_bytes),
        "forward": (passed, passes * 2 * forward_rows * sum(matrices), 0),
        "load the SAEs": (str(n), 0, n * sae_bytes),
        "encode": (f"{n} x {rows}x{d_in}x{d_sae}", n * 2 * rows * d_in * d_sae, 0),
        "analysis": (f"{n} x {len(texts)}x{d_sae}", 0, 0),
    }
    parts = [("start, not in the total", started, ("", 0, 0))]
    parts += [(part, clock.ms[part], about[part]) for part in about]
    parts += [("total", sum(clock.ms.values()), (f"{len(texts)} texts", 0, 0))]
    run = {
        "name": f"PyTorch {torch.__version__}{', written well' if well else ', as the notebook'}",
        "mode": f"native, {data['threads']} threads",
        "parts": [
            {"work": work, "shape": shape, "ms": ms, "flops": flops, "bytes": size}
            for work, ms, (shape, flops, size) in parts
        ],
        "memory": {"start": start_peak, "loaded": loaded, "done": done},
        "peaks": peaks,
    }
    print(json.dumps(run))


main(Path(sys.argv[-1]), "--well" in sys.argv[1:-1])
