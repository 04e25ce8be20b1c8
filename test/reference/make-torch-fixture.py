"""Makes torch-files/: small files by real torch and pickle, in every layout that weights are found in, and what they hold.

    pip install torch==2.*
    python test/reference/make-torch-fixture.py
"""

import gzip
import json
import pickle
import sys
import types
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch

OUT = Path(__file__).parent / "torch-files"

# A class of a package that the reader has never heard of.
module = types.ModuleType("sae_training.config")
sys.modules["sae_training"] = types.ModuleType("sae_training")
sys.modules["sae_training.config"] = module


@dataclass
class RunnerConfig:
    hook_point: str = "blocks.8.ln2.hook_normalized"
    d_in: int = 6
    expansion: float = 4.0
    big: int = 2**70
    small: int = -(2**40)
    dtype: torch.dtype = torch.float32
    use_ghost_grads: bool = False
    nothing: object = None
    layers: tuple = (1, 2, 3)


RunnerConfig.__module__ = "sae_training.config"
RunnerConfig.__qualname__ = "RunnerConfig"
module.RunnerConfig = RunnerConfig


def main():
    OUT.mkdir(exist_ok=True)
    torch.manual_seed(5)
    base = torch.randn(4, 6)
    state = OrderedDict(
        whole=base,
        row=base[2],  # the same storage, from its 12th number
        transposed=base.T,
        corner=base[1:3, 2:5],  # rows with a gap between them
        cube=torch.randn(2, 3, 4).permute(2, 0, 1),
        half=torch.randn(3, 2).half(),
        bfloat=torch.randn(3, 2).bfloat16(),
        double=torch.randn(5).double(),
        one=torch.tensor(7.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.randn(2, 2)),
        mask=torch.ones(2, 2, dtype=torch.bool),
        counts=torch.arange(3),
    )
    value = {"cfg": RunnerConfig(), "state_dict": state}
    torch.save(value, OUT / "zip.pt")
    torch.save(value, OUT / "legacy.pt", _use_new_zipfile_serialization=False)
    (OUT / "plain.pkl").write_bytes(pickle.dumps(value))
    (OUT / "plain-2.pkl").write_bytes(pickle.dumps(value, protocol=2))
    (OUT / "plain.pkl.gz").write_bytes(gzip.compress(pickle.dumps(value), mtime=0))
    (OUT / "zip.pt.gz").write_bytes(gzip.compress((OUT / "zip.pt").read_bytes(), mtime=0))
    floats = {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}
    expected = {name: {"shape": list(t.shape), "values": t.detach().float().flatten().tolist()} for name, t in floats.items()}
    (OUT / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
