"""Writes attribution.json: what TransformerLens says of one prompt pair on the bundled model, in float64.

Direct logit attribution (ActivationCache's accumulated_resid, decompose_resid and stack_head_results, through logit_attrs) of
the clean prompt, the gradients of the logit difference on the corrupted one, and what attribution patching makes of them.

python3 -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.24.0 transformer-lens==3.9.0
venv/bin/python test/reference/make-attribution-fixture.py gpt2/tiny test/reference/attribution.json
"""

import json
import sys

import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights
from transformers import GPT2LMHeadModel

# "import numpy as" -> " n", "import pandas as" -> " p"
CLEAN = [4096, 320, 634, 299, 931, 88, 355]
CORRUPTED = [4096, 320, 634, 279, 392, 292, 355]
TARGET, AGAINST = 299, 279
PATCHED = ["hook_resid_pre", "hook_attn_out", "hook_mlp_out", "attn.hook_z"]


def load(folder):
    """fold_ln puts ln_final's weight into the unembedding, where logit_attrs looks for it; it changes no hook of the stream."""
    stored = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
    c = stored.config
    config = HookedTransformerConfig(
        n_layers=c.n_layer, d_model=c.n_embd, n_ctx=c.n_positions, d_head=c.n_embd // c.n_head, n_heads=c.n_head,
        d_mlp=4 * c.n_embd, d_vocab=c.vocab_size, act_fn="gelu_new", normalization_type="LN", eps=c.layer_norm_epsilon,
        attention_dir="causal", original_architecture="GPT2LMHeadModel", device="cpu", dtype=torch.float64,
    )  # fmt: skip
    model = HookedTransformer(config)
    model.load_and_process_state_dict(
        convert_gpt2_weights(stored.double(), config), fold_ln=True, center_writing_weights=False, center_unembed=False,
        fold_value_biases=False, refactor_factored_attn_matrices=False,
    )  # fmt: skip
    return model.double().eval()


def difference(logits):
    return logits[0, -1, TARGET] - logits[0, -1, AGAINST]


def direct(model, cache):
    found = {}
    for against in (AGAINST, None):
        stacks = {
            "accumulated_resid": cache.accumulated_resid(incl_mid=True, pos_slice=-1, return_labels=True),
            "decompose_resid": cache.decompose_resid(pos_slice=-1, return_labels=True),
            "stack_head_results": cache.stack_head_results(pos_slice=-1, return_labels=True),
        }
        for name, (stack, labels) in stacks.items():
            values = cache.logit_attrs(stack, TARGET, against, pos_slice=-1)[:, 0]
            found.setdefault(name, {"labels": labels})["difference" if against else "logit"] = values.tolist()
    return found


def gradients(model, clean):
    """Of each place: the gradient on the corrupted prompt times what the clean one has more there, by position (z: and head)."""
    names = [f"blocks.{layer}.{name}" for layer in range(model.cfg.n_layers) for name in PATCHED]
    kept = {}

    def keep(x, hook):
        x.retain_grad()
        kept[hook.name] = x

    logits = model.run_with_hooks(torch.tensor([CORRUPTED]), fwd_hooks=[(name, keep) for name in names])
    difference(logits).backward()
    lengths, patching = {}, {}
    for name in names:
        x = kept[name]
        lengths[name] = x.grad[0].flatten(1).norm(dim=1).tolist()
        patching[name] = (x.grad * (clean[name] - x)).sum(-1)[0].tolist()
    return {"difference": difference(logits).item(), "lengths": lengths, "attribution": patching}


def patched(model, clean, layer, position):
    """The difference where the stream of one layer and position is the clean one's."""

    def put(x, hook):
        x = x.clone()
        x[:, position] = clean[hook.name][:, position]
        return x

    name = f"blocks.{layer}.hook_resid_pre"
    return difference(model.run_with_hooks(torch.tensor([CORRUPTED]), fwd_hooks=[(name, put)])).item()


def main(folder, out):
    model = load(folder)
    logits, cache = model.run_with_cache(torch.tensor([CLEAN]))
    cache.compute_head_results()
    fixture = {
        "clean": CLEAN, "corrupted": CORRUPTED, "target": TARGET, "against": AGAINST,
        "logit": logits[0, -1, TARGET].item(), "difference": difference(logits).item(),
        "direct": direct(model, cache), "gradients": gradients(model, cache),
        "patched_resid_pre": [
            [patched(model, cache, layer, position) for position in range(len(CLEAN))]
            for layer in range(model.cfg.n_layers)
        ],
    }  # fmt: skip
    rounded = json.loads(json.dumps(fixture), parse_float=lambda text: round(float(text), 9))
    with open(out, "w") as file:
        file.write(json.dumps(rounded) + "\n")


main(*sys.argv[1:])
