"""The post's experiment in PyTorch, for `npm run bench -- experiment --beside 'python bench/experiment-pytorch.py'`.

It does what the post's notebook does: all texts in one padded batch, for each SAE a whole forward pass up to the
logits, all features of all positions computed densely, then the mean over a text's tokens. The model is that of
transformers, which is faster than the notebook's TransformerLens. Needs torch and transformers, and no network:
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
import transformers
from safetensors.torch import load_file
from transformers import GPT2LMHeadModel  # imported here: by its first use otherwise, and timed with that


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Clock:
    """Adds up the time of each part."""

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


def encode(sae, stream, mask):
    """Token means of all features, [texts, d_sae]: padding, and BOS, which is the same token, are left out."""
    centred = stream - stream.mean(dim=-1, keepdim=True)
    features = torch.relu((centred - sae["b_dec"]) @ sae["W_enc"] + sae["b_enc"])
    return (features * mask).sum(dim=1) / mask.sum(dim=1)


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


@torch.no_grad()
def main(folder):
    started = time.time() * 1000 - float(os.environ["CLEARBOX_STARTED_AT"])
    start_peak = peak_bytes()
    data = json.loads((folder / "experiment.json").read_text())
    torch.set_num_threads(data["threads"])
    hooks, texts = data["hooks"], data["texts"]
    bos, longest = texts[0][0], max(map(len, texts))
    tokens = torch.tensor([ids + [bos] * (longest - len(ids)) for ids in texts])
    mask = (tokens != bos).float().unsqueeze(-1)

    clock = Clock()
    model = clock.time(
        "load the model",
        lambda: GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval(),
    )
    loaded = peak_bytes()
    peaks = []
    for hook in hooks:
        sae = clock.time("load the SAEs", lambda: load_sae(folder / "sae" / hook))
        stream = clock.time("forward", lambda: forward(model, tokens, int(hook.split(".")[1])))
        means = clock.time("encode", lambda: encode(sae, stream, mask))
        found = clock.time("analysis", lambda: analyse(means, data["categories"], data["threshold"]))
        peaks.append(found["peaks"])
    done = peak_bytes()

    rows, n = tokens.numel(), len(hooks)
    d_in, d_sae = sae["W_enc"].shape
    matrices = [p.numel() for name, p in model.named_parameters() if p.dim() == 2 and "wpe" not in name]
    model_bytes = 4 * sum(p.numel() for p in model.parameters())
    sae_bytes = 4 * sum(tensor.numel() for tensor in sae.values())
    padded = f"{n} x {len(texts)}x{longest}"
    about = {  # shape, floating-point operations, bytes
        "load the model": ("", 0, model_bytes),
        "forward": (padded, n * 2 * rows * sum(matrices), 0),
        "load the SAEs": (str(n), 0, n * sae_bytes),
        "encode": (f"{n} x {rows}x{d_in}x{d_sae}", n * 2 * rows * d_in * d_sae, 0),
        "analysis": (f"{n} x {len(texts)}x{d_sae}", 0, 0),
    }
    parts = [("start, not in the total", started, ("", 0, 0))]
    parts += [(part, clock.ms[part], about[part]) for part in about]
    parts += [("total", sum(clock.ms.values()), (f"{len(texts)} texts", 0, 0))]
    run = {
        "name": f"PyTorch {torch.__version__}, transformers {transformers.__version__}",
        "mode": f"native, {data['threads']} threads",
        "parts": [
            {"work": work, "shape": shape, "ms": ms, "flops": flops, "bytes": size}
            for work, ms, (shape, flops, size) in parts
        ],
        "memory": {"start": start_peak, "loaded": loaded, "done": done},
        "peaks": peaks,
    }
    print(json.dumps(run))


main(Path(sys.argv[1]))
