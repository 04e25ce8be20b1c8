"""Makes sae-torch/: SAEs as they were saved before SAELens had its own files, with random weights, and what torch computes with them.

    pip install torch==2.*
    python test/reference/make-sae-torch-fixture.py
"""

import gzip
import json
import pickle
import sys
import types
from pathlib import Path

import torch

OUT = Path(__file__).parent / "sae-torch"
D, FEATURES, TOKENS = 16, 24, 5

# The class of another package, as the pickles of transcoders name it.
module = types.ModuleType("sae_training.config")
sys.modules["sae_training"] = types.ModuleType("sae_training")
sys.modules["sae_training.config"] = module


class LanguageModelSAERunnerConfig:
    def __init__(self, **fields):
        self.__dict__.update(fields)


LanguageModelSAERunnerConfig.__module__ = "sae_training.config"
module.LanguageModelSAERunnerConfig = LanguageModelSAERunnerConfig


def main():
    OUT.mkdir(exist_ok=True)
    torch.manual_seed(14)
    shapes = {"W_enc": (D, FEATURES), "b_enc": (FEATURES,), "W_dec": (FEATURES, D), "b_dec": (D,)}
    random = lambda: {name: torch.randn(shape) / 2 for name, shape in shapes.items()}
    x = torch.randn(TOKENS, D)
    x -= x.mean(1, keepdim=True)  # as the stream of a model whose writing weights are centred
    expected = {"x": x.flatten().tolist()}

    def record(name, state, bias_out):
        features = torch.relu((x - state["b_dec"]) @ state["W_enc"] + state["b_enc"])
        rebuilt = features @ state["W_dec"] + bias_out
        expected[name] = {"features": features.flatten().tolist(), "rebuilt": rebuilt.flatten().tolist()}

    # A transcoder (Dunefsky et al. 2024): b_dec off its input, b_dec_out on its output.
    state = {**random(), "b_dec_out": torch.randn(D)}
    cfg = LanguageModelSAERunnerConfig(
        model_name="gpt2-small",
        hook_point="blocks.1.ln2.hook_normalized",
        hook_point_layer=1,
        hook_point_head_index=None,
        is_transcoder=True,
        out_hook_point="blocks.1.hook_mlp_out",
        out_hook_point_layer=1,
        d_in=D,
        d_out=D,
        d_sae=FEATURES,
        dtype=torch.float32,
        device=torch.device("cpu"),
    )
    whole = {"cfg": cfg, "state_dict": state}
    torch.save(whole, OUT / "transcoder.pt")
    (OUT / "transcoder.pkl").write_bytes(pickle.dumps(whole))
    (OUT / "transcoder.pkl.gz").write_bytes(gzip.compress(pickle.dumps(whole), mtime=0))
    record("transcoder", state, state["b_dec_out"])

    # An SAE of SAELens' forerunner.
    state = random()
    cfg = LanguageModelSAERunnerConfig(
        model_name="gpt2-small", hook_point="blocks.0.hook_resid_pre", d_in=D, d_sae=FEATURES, dtype=torch.float32
    )
    torch.save({"cfg": cfg, "state_dict": state}, OUT / "stream.pt")
    record("stream", state, state["b_dec"])

    # An attention SAE (Kissane et al. 2024): a state dict, and its settings beside it.
    state = random()
    torch.save(state, OUT / "heads.pt")
    settings = {"act_name": "blocks.0.attn.hook_z", "act_size": D, "dict_size": FEATURES, "l1_coeff": 1.8}
    (OUT / "heads_cfg.json").write_text(json.dumps(settings) + "\n")
    record("heads", state, state["b_dec"])

    (OUT / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
