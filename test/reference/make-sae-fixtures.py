"""Writes saelens/: a small GPT-2 and SAEs with random weights, saved by transformers and SAELens, and what TransformerLens and
SAELens compute with them: features, reconstruction, L0, explained variance, loss with the SAE spliced in, every hook; and what
SAELens' own evaluation (run_evals) says of each SAE on three texts.

python3 -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.24.0 transformer-lens==3.9.0 sae-lens==6.54.12
venv/bin/python test/reference/make-sae-fixtures.py test/reference/saelens

In the other direction, SAEs that clearbox has saved (`npx node test/reference/save-saes.ts DIR`, which runs `npm run save-sae`) are
loaded by SAELens and held to the same features, those of sae-torch/ too:

venv/bin/python test/reference/make-sae-fixtures.py test/reference/saelens --check DIR
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from sae_lens import SAE
from sae_lens.evals import get_eval_everything_config, run_evals
from sae_lens.registry import get_sae_class, get_sae_training_class
from sae_lens.training.activation_scaler import ActivationScaler
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights
from transformers import GPT2Config, GPT2LMHeadModel

LAYERS, HEADS, D_HEAD, D_MODEL, D_SAE, VOCAB, CTX = 2, 2, 8, 16, 40, 61, 32
IDS = [60, 3, 17, 42, 8, 8, 25, 51, 0, 33, 12, 59, 7, 29]  # 60 is BOS
TEXTS = [IDS, [60, *IDS[:0:-1]], [60, *((7 * i + 5) % 60 for i in range(13))]]
Z, LN2, MLP = "blocks.1.attn.hook_z", "blocks.1.ln2.hook_normalized", "blocks.1.hook_mlp_out"
RESID = "blocks.1.hook_resid_pre"
CENTRED = {"center_writing_weights": True}
ACROSS = {"hook_name": LN2, "hook_name_out": MLP}
TRANSCODER = {"d_out": D_MODEL, "apply_b_dec_to_input": False}

# name -> architecture, fields of the config, of its metadata, and what is done before and after saving
CASES = {
    "standard": ("standard", {}, {}),
    "standard-centred": ("standard", {}, {"model_from_pretrained_kwargs": CENTRED}),
    "standard-no-b_dec": ("standard", {"apply_b_dec_to_input": False}, {}),
    "standard-f16": ("standard", {"dtype": "float16"}, {}),
    "standard-bf16": ("standard", {"dtype": "bfloat16"}, {}),
    "standard-layer_norm": ("standard", {"normalize_activations": "layer_norm"}, {}),
    "standard-constant_norm": ("standard", {"normalize_activations": "constant_norm_rescale"}, {}),
    "standard-average": ("standard", {"scale": 0.37}, {}),
    "standard-folded": ("standard", {"fold": True}, {}),
    "flat": ("standard", {"layout": "flat"}, {"model_from_pretrained_kwargs": CENTRED}),
    "older": ("standard", {"layout": "older"}, {}),
    "flat-topk": ("topk", {"k": 5, "layout": "flat", "normalize_activations": "layer_norm"}, {}),
    "topk": ("topk", {"k": 5}, {}),
    "topk-many": ("topk", {"k": 30}, {}),
    "topk-rescaled": ("topk", {"k": 5, "rescale_acts_by_decoder_norm": True}, {}),
    "topk-layer_norm": ("topk", {"k": 5, "normalize_activations": "layer_norm"}, {}),
    "jumprelu": ("jumprelu", {}, {}),
    "gated": ("gated", {}, {}),
    "gated-centred": ("gated", {}, {"model_from_pretrained_kwargs": CENTRED}),
    "batchtopk": ("batchtopk", {"k": 5}, {}),
    "matryoshka": ("matryoshka_batchtopk", {"k": 5, "matryoshka_widths": [10, D_SAE]}, {}),
    "resid_mid": ("standard", {}, {"hook_name": "blocks.0.hook_resid_mid", "model_from_pretrained_kwargs": CENTRED}),
    "resid_post": ("standard", {}, {"hook_name": "blocks.1.hook_resid_post"}),
    "mlp_out": ("topk", {"k": 5}, {"hook_name": MLP, "model_from_pretrained_kwargs": CENTRED}),
    "attn_out": ("standard", {}, {"hook_name": "blocks.0.hook_attn_out", "model_from_pretrained_kwargs": CENTRED}),
    "z": ("standard", {"reshape_activations": "hook_z"}, {"hook_name": Z, "model_from_pretrained_kwargs": CENTRED}),
    "z-layer_norm": ("topk", {"k": 5, "reshape_activations": "hook_z", "normalize_activations": "layer_norm"}, {"hook_name": Z}),
    "z-head": ("standard", {"d_in": D_HEAD}, {"hook_name": Z, "hook_head_index": 1}),
    "transcoder": ("transcoder", TRANSCODER, ACROSS),
    "transcoder-layer_norm": ("transcoder", {**TRANSCODER, "normalize_activations": "layer_norm"}, ACROSS),
    "transcoder-centred": ("transcoder", TRANSCODER, {**ACROSS, "model_from_pretrained_kwargs": CENTRED}),
    "skip_transcoder": ("skip_transcoder", TRANSCODER, ACROSS),
    "jumprelu_transcoder": ("jumprelu_transcoder", TRANSCODER, ACROSS),
    "jumprelu_skip_transcoder": ("jumprelu_skip_transcoder", TRANSCODER, ACROSS),
}


def random_model():
    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=LAYERS, n_head=HEADS, n_embd=D_MODEL, n_positions=CTX, vocab_size=VOCAB, bos_token_id=60, eos_token_id=60
    )
    model = GPT2LMHeadModel(config).eval()
    for name, weight in model.named_parameters():
        weight.data = torch.randn(weight.shape) * (0.25 if weight.dim() > 1 else 0.4) + ("ln_" in name and "weight" in name)
    return model


def lens(hf_model, centred):
    config = HookedTransformerConfig(
        n_layers=LAYERS, d_model=D_MODEL, n_ctx=CTX, d_head=D_HEAD, n_heads=HEADS, d_mlp=4 * D_MODEL, d_vocab=VOCAB,
        act_fn="gelu_new", normalization_type="LN", eps=hf_model.config.layer_norm_epsilon, attention_dir="causal",
        original_architecture="GPT2LMHeadModel", use_attn_result=True, device="cpu",
    )  # fmt: skip
    model = HookedTransformer(config)
    model.load_and_process_state_dict(
        convert_gpt2_weights(hf_model, config), fold_ln=False, center_writing_weights=centred, center_unembed=False,
        fold_value_biases=False, refactor_factored_attn_matrices=False,
    )  # fmt: skip
    return model.eval()


def random_sae(name, architecture, fields, about, path):
    """Saves an SAE with random weights. -> as SAELens loads it again, in float32"""
    torch.manual_seed(sum(map(ord, name)))
    fields = dict(fields)
    layout, scale, fold = fields.pop("layout", "six"), fields.pop("scale", None), fields.pop("fold", False)
    metadata = {"model_name": "random", "hook_name": RESID, "hook_head_index": None, "prepend_bos": True,
                "model_class_name": "HookedTransformer", "model_from_pretrained_kwargs": {}, **about}  # fmt: skip
    training = architecture in ("batchtopk", "matryoshka_batchtopk")
    sae_class, config_class = (get_sae_training_class if training else get_sae_class)(architecture)
    config = config_class(**{"d_in": D_MODEL, "d_sae": D_SAE, **fields})
    for key, value in metadata.items():
        setattr(config.metadata, key, value)
    sae = sae_class(config)
    for key, weight in sae.named_parameters():
        size = {"W_enc": 0.5, "W_dec": 0.3, "W_skip": 0.2, "b_enc": 0.5, "threshold": 0.4}.get(key, 0.4)
        weight.data = (torch.randn(weight.shape) * size + (0.5 if key == "threshold" else 0)).to(weight.dtype)
    if training:
        sae.topk_threshold.fill_(0.8)
        sae.save_inference_model(path)
    else:
        if fold:
            sae.fold_W_dec_norm()
        sae.save_model(path)
    cfg_path = path / "cfg.json"
    cfg = json.loads(cfg_path.read_text())
    if layout != "six":
        cfg = flattened(cfg, layout)
    if scale is not None:
        cfg |= {"normalize_activations": "expected_average_only_in", "norm_scaling_factor": scale}
    cfg_path.write_text(json.dumps(cfg, indent=2) + "\n")
    loaded = SAE.load_from_disk(path, dtype="float32")
    if scale is not None:
        loaded.fold_activation_norm_scaling_factor(scale)
    return loaded


def flattened(cfg, layout):
    """The same as SAELens 3 to 5, or an earlier version, wrote it."""
    metadata = cfg.pop("metadata")
    cfg = {**cfg, **metadata}
    for key in ("sae_lens_version", "sae_lens_training_version"):
        cfg.pop(key, None)
    k = cfg.pop("k", None)
    cfg.pop("rescale_acts_by_decoder_norm", None)
    cfg |= {"architecture": "standard", "activation_fn_str": "relu" if k is None else "topk",
            "activation_fn_kwargs": {} if k is None else {"k": k}, "finetuning_scaling_factor": False}  # fmt: skip
    if layout == "older":
        for new, old in (("hook_name", "hook_point"), ("hook_head_index", "hook_point_head_index"), ("activation_fn_str", "activation_fn")):
            cfg[old] = cfg.pop(new)
        cfg["normalize_activations"] = False
        for key in ("architecture", "reshape_activations", "apply_b_dec_to_input", "prepend_bos"):
            cfg.pop(key)
    return cfg


@torch.no_grad()
def measure(model, sae, about):
    """What SAELens makes of the text, and the model's loss with it in its place."""
    hook = about.get("hook_name", RESID)
    out, head = about.get("hook_name_out", hook), about.get("hook_head_index")
    _, cache = model.run_with_cache(torch.tensor([IDS]))
    pick = (lambda x: x[:, :, head]) if head is not None else (lambda x: x)
    x, target = pick(cache[hook]), pick(cache[out])
    features, rebuilt = sae.encode(x), sae(x)

    def replace(activation, hook):
        if head is None:
            return rebuilt
        activation = activation.clone()
        activation[:, :, head] = rebuilt
        return activation

    loss = model.run_with_hooks(torch.tensor([IDS]), return_type="loss", fwd_hooks=[(out, replace)])
    flat = lambda t: t.reshape(len(IDS), -1)[1:].double()  # without BOS
    error = (flat(target) - flat(rebuilt)).pow(2).sum()
    variance = (flat(target) - flat(target).mean(0)).pow(2).sum()
    figures = {
        "l0": (features[0, 1:] > 0).sum(-1).double().mean().item(),
        "explained_variance": (1 - error / variance).item(),
        "ce_spliced": loss.item(),
    }
    return features[0], rebuilt.reshape(len(IDS), -1), figures


class Texts:
    """An activation store of one batch."""

    context_size, store_batch_size_prompts = len(IDS), len(TEXTS)

    def get_batch_tokens(self, batch_size):
        return torch.tensor(TEXTS)

    def reset_input_dataset(self):
        pass


def evaluate(model, sae):
    """SAELens' own evaluation; BOS is what its special tokens are to it."""
    config = get_eval_everything_config(len(TEXTS), n_eval_reconstruction_batches=1)
    metrics, features = run_evals(sae, Texts(), model, ActivationScaler(), config, exclude_special_tokens=[60])
    groups = ("reconstruction_quality", "sparsity", "model_performance_preservation", "model_behavior_preservation")
    return {key: value for group in groups for key, value in metrics[group].items()} | {"density": features["feature_density"]}


def write(out):
    hf_model = random_model()
    hf_model.save_pretrained(out / "model", safe_serialization=True)
    (out / "model" / "generation_config.json").unlink(missing_ok=True)
    models = {centred: lens(hf_model, centred) for centred in (False, True)}
    tensors, figures, evals = {}, {}, {}
    for name, (architecture, fields, about) in CASES.items():
        sae = random_sae(name, architecture, fields, about, out / "saes" / name)
        model = models[about.get("model_from_pretrained_kwargs") == CENTRED]
        features, rebuilt, figures[name] = measure(model, sae, about)
        if "hook_name_out" not in about:  # run_evals puts a transcoder's output where it reads
            evals[name] = evaluate(model, sae)
        tensors |= {f"{name}/features": features.clone(), f"{name}/rebuilt": rebuilt.clone()}
    save_file(tensors, out / "expected.safetensors")
    (out / "evals.json").write_text(json.dumps({"texts": TEXTS, "saes": evals}) + "\n")
    with torch.no_grad():
        logits, cache = models[False].run_with_cache(torch.tensor([IDS]))
    assert torch.allclose(logits, hf_model(torch.tensor([IDS])).logits, atol=1e-5)
    save_file({key: value[0].clone().contiguous() for key, value in cache.items() if "hook" in key}, out / "hooks.safetensors")
    (out / "figures.json").write_text(json.dumps({"ids": IDS, "saes": figures}, indent=2) + "\n")


def check(out, saved):
    """Holds SAELens' reading of what clearbox saved to what it made of the original."""
    expected = load_file(out / "expected.safetensors")
    hf_model = GPT2LMHeadModel.from_pretrained(out / "model").eval()
    models = {centred: lens(hf_model, centred) for centred in (False, True)}
    for name, (_, _, about) in CASES.items():
        sae = SAE.load_from_disk(saved / name / about.get("hook_name", RESID))
        features, rebuilt, _ = measure(models[about.get("model_from_pretrained_kwargs") == CENTRED], sae, about)
        for what, got in (("features", features), ("rebuilt", rebuilt)):
            error = (got - expected[f"{name}/{what}"]).abs().max().item()
            assert error < 1e-5, f"{name}: {what} differ by {error}"
        for key in ("hook_name", "hook_name_out", "hook_head_index"):
            if key in about:
                assert sae.cfg.metadata[key] == about[key], f"{name}: {key} is {sae.cfg.metadata[key]}"
        assert sae.cfg.metadata.model_from_pretrained_kwargs == about.get("model_from_pretrained_kwargs", {}), name
    torch_files = json.loads((out.parent / "sae-torch" / "expected.json").read_text())
    x = torch.tensor(torch_files["x"]).reshape(5, -1)
    for file in ("heads.pt", "stream.pt", "transcoder.pkl.gz"):
        (folder,) = (saved / file).iterdir()
        sae = SAE.load_from_disk(folder)
        sae.turn_off_forward_pass_hook_z_reshaping()
        for what, got in (("features", sae.encode(x)), ("rebuilt", sae(x))):
            error = (got.flatten() - torch.tensor(torch_files[file.split(".")[0]][what])).abs().max().item()
            assert error < 1e-5, f"{file}: {what} differ by {error}"
    print(f"SAELens loads all {len(CASES) + 3} and finds the same features and reconstructions, to 1e-5")


folder = Path(sys.argv[1])
if "--check" in sys.argv:
    check(folder, Path(sys.argv[sys.argv.index("--check") + 1]))
else:
    write(folder)
