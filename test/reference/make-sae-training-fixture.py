"""Writes sae-training.json: losses of SAELens' training SAEs and PyTorch's gradients of them, in float64, to hold sae/train/ to.

One small SAE with random weights and one batch; each case says what it is trained as and which features count as dead.

python3 -m venv venv && venv/bin/pip install sae-lens==6.54.0 torch==2.15.0
venv/bin/python test/reference/make-sae-training-fixture.py test/reference/sae-training.json
"""

import json
import sys
import warnings

import torch
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.gated_sae import GatedTrainingSAE, GatedTrainingSAEConfig
from sae_lens.saes.jumprelu_sae import JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig
from sae_lens.saes.matryoshka_batchtopk_sae import MatryoshkaBatchTopKTrainingSAE, MatryoshkaBatchTopKTrainingSAEConfig
from sae_lens.saes.sae import TrainStepInput
from sae_lens.saes.standard_sae import StandardTrainingSAE, StandardTrainingSAEConfig
from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig

warnings.simplefilter("ignore")
D_IN, D_SAE, ROWS, K, L1, L0, WIDTHS = 6, 14, 40, 3, 0.7, 0.5, [4, 9]
random = torch.Generator().manual_seed(7)


def numbers(*shape, scale=1.0, shift=0.0):
    """Multiples of 1/512, which float32 holds and JSON writes shortly."""
    return torch.round((torch.randn(*shape, generator=random, dtype=torch.float64) * scale + shift) * 512) / 512


weights = {
    "W_enc": numbers(D_IN, D_SAE),
    "b_enc": numbers(D_SAE, scale=0.5, shift=-0.5),
    "W_dec": numbers(D_SAE, D_IN),
    "b_dec": numbers(D_IN, scale=0.5),
    "threshold": numbers(D_SAE, scale=0.3).abs() + 0.125,
    "b_gate": numbers(D_SAE, scale=0.5),
    "r_mag": numbers(D_SAE, scale=0.3),
    "b_mag": numbers(D_SAE, scale=0.5),
}
x = numbers(ROWS, D_IN, scale=0.5)

MANY = [0, 1, 2, 4, 6, 9, 10, 13]
CASES = [
    ("standard", StandardTrainingSAE, StandardTrainingSAEConfig, {"l1_coefficient": L1}, []),
    ("topk", TopKTrainingSAE, TopKTrainingSAEConfig, {"k": K}, []),
    ("topk", TopKTrainingSAE, TopKTrainingSAEConfig, {"k": K}, [5]),
    ("topk", TopKTrainingSAE, TopKTrainingSAEConfig, {"k": K}, MANY),
    ("topk", TopKTrainingSAE, TopKTrainingSAEConfig, {"k": K, "rescale_acts_by_decoder_norm": False}, MANY),
    ("batchtopk", BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig, {"k": K}, []),
    ("batchtopk", BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig, {"k": K}, MANY),
    ("jumprelu", JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig, {"l0_coefficient": L0}, []),
    ("gated", GatedTrainingSAE, GatedTrainingSAEConfig, {"l1_coefficient": L1}, []),
    ("matryoshka", MatryoshkaBatchTopKTrainingSAE, MatryoshkaBatchTopKTrainingSAEConfig, {"k": K, "matryoshka_widths": [*WIDTHS, D_SAE]}, []),
    ("matryoshka", MatryoshkaBatchTopKTrainingSAE, MatryoshkaBatchTopKTrainingSAEConfig, {"k": K, "matryoshka_widths": [*WIDTHS, D_SAE], "rescale_acts_by_decoder_norm": False}, MANY),
]


def listed(tensor):
    return [float(f"{value:.10g}") for value in tensor.flatten().tolist()]


def measured(kind, settings, subtracts, dead, name):
    sae = kind(settings(d_in=D_IN, d_sae=D_SAE, dtype="float64", apply_b_dec_to_input=subtracts, **CONFIG))
    with torch.no_grad():
        for key, parameter in sae.named_parameters():
            parameter.copy_(weights[key])
    mask = torch.zeros(D_SAE, dtype=torch.bool)
    mask[dead] = True
    coefficients = {"l1": L1, "l0": L0}
    output = sae.training_forward_pass(
        TrainStepInput(sae_in=x, coefficients=coefficients, dead_neuron_mask=mask, n_training_steps=0, is_logging_step=False)
    )
    output.loss.backward()
    found = {
        "architecture": name,
        "subtractsDecoderBias": subtracts,
        "dead": dead,
        "loss": output.loss.item(),
        "active": int((output.feature_acts > 0).sum()),
        "gradients": {key: listed(parameter.grad) for key, parameter in sae.named_parameters()},
    }
    if hasattr(sae.cfg, "rescale_acts_by_decoder_norm"):
        found["scales"] = sae.cfg.rescale_acts_by_decoder_norm
    if hasattr(sae, "topk_threshold"):
        found["threshold"] = sae.topk_threshold.item()
    if name in ["topk", "batchtopk"] and subtracts and not dead:
        state = {key: tensor.detach().clone() for key, tensor in sae.state_dict().items()}
        sae.process_state_dict_for_saving_inference(state)
        found["saved"] = {key: listed(tensor) for key, tensor in state.items() if key != "threshold"}
    return found


cases = []
for name, kind, settings, CONFIG, dead in CASES:
    for subtracts in [True, False] if not dead or dead == MANY else [True]:
        cases.append(measured(kind, settings, subtracts, dead, name))
fixture = {
    "dIn": D_IN,
    "dSae": D_SAE,
    "settings": {"k": K, "l1": L1, "l0": L0, "widths": WIDTHS},
    "weights": {name: listed(tensor) for name, tensor in weights.items()},
    "x": listed(x),
    "cases": cases,
}
with open(sys.argv[1], "w") as file:
    json.dump(fixture, file, separators=(",", ":"))
    file.write("\n")
