"""Makes model-variants/: tiny random GPT-2s in the variants and file layouts that model folders have, saved by transformers
and torch, and the logits that transformers computes from them in float64.

    pip install torch==2.* transformers==5.* safetensors
    python test/reference/make-model-variants.py
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

OUT = Path(__file__).parent / "model-variants"
IDS = [3, 1, 4, 1, 5, 9]
SIZES = dict(n_layer=2, n_embd=8, n_head=2, n_positions=6, vocab_size=11, bos_token_id=10, eos_token_id=10)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    expected = {}

    def make(name, **settings):
        torch.manual_seed(len(expected))
        model = GPT2LMHeadModel(GPT2Config(**SIZES, **settings)).double().eval()
        with torch.no_grad():
            for parameter in model.parameters():  # float32 numbers, large enough for every part to matter
                parameter.copy_((0.7 * torch.randn_like(parameter)).float())
        model.save_pretrained(OUT / name)
        (OUT / name / "generation_config.json").unlink(missing_ok=True)
        with torch.no_grad():
            expected[name] = model(torch.tensor([IDS])).logits[0].flatten().tolist()
        return model

    def single(name):
        path = OUT / name / "model.safetensors"
        save_file({key: tensor.float() for key, tensor in load_file(path).items()}, path, {"format": "pt"})

    for name, settings in {
        "gelu": dict(activation_function="gelu"),
        "relu": dict(activation_function="relu"),
        "scaled-by-layer": dict(scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True),
        "not-scaled": dict(scale_attn_weights=False),
        "untied": dict(tie_word_embeddings=False),
    }.items():
        make(name, **settings)
        single(name)

    # An untied model whose config says that it is tied.
    make("untied-silently", tie_word_embeddings=False)
    single("untied-silently")
    path = OUT / "untied-silently" / "config.json"
    config = json.loads(path.read_text())
    config["tie_word_embeddings"] = True
    path.write_text(json.dumps(config, indent=2) + "\n")

    make("doubles")  # F64, as it was made

    model = make("bin").float()
    (OUT / "bin" / "model.safetensors").unlink()
    torch.save(model.state_dict(), OUT / "bin" / "pytorch_model.bin")

    model = make("bin-legacy").float()
    (OUT / "bin-legacy" / "model.safetensors").unlink()
    state = model.state_dict()
    state["transformer.h.0.attn.bias"] = torch.ones(1, 1, 6, 6, dtype=torch.uint8)  # the mask of old checkpoints
    torch.save(state, OUT / "bin-legacy" / "pytorch_model.bin", _use_new_zipfile_serialization=False)

    make("sharded")
    single("sharded")
    tensors = list(load_file(OUT / "sharded" / "model.safetensors").items())
    (OUT / "sharded" / "model.safetensors").unlink()
    shards = {f"model-0000{i + 1}-of-00002.safetensors": dict(tensors[i::2]) for i in range(2)}
    for file, shard in shards.items():
        save_file(shard, OUT / "sharded" / file, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {key: file for file, shard in shards.items() for key in shard}}
    (OUT / "sharded" / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")

    (OUT / "expected.json").write_text(json.dumps({"ids": IDS, "logits": expected}) + "\n")


if __name__ == "__main__":
    main()
