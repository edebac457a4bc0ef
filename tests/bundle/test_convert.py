"""Logits against transformers, both ways. Weights are drawn with a range of 0.2: at 0.02 mistakes hide."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F

from hanlin.bundle.convert import export_weights, import_weights
from hanlin.bundle.tensors import write_tensors
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES, choose_family, find_family
from hanlin.model.families.rules import foreign_views
from hanlin.model.heads import lm_loss
from hanlin.model.transformer import assemble, build_model

transformers = pytest.importorskip("transformers")

SIZES = {"vocab_size": 97, "num_hidden_layers": 3, "hidden_size": 48, "intermediate_size": 80, "initializer_range": 0.2}
THEIRS = {
    "llama": ("LlamaConfig", {**SIZES, "num_attention_heads": 6, "num_key_value_heads": 2}),
    "llama biased untied": (
        "LlamaConfig",
        {**SIZES, "num_attention_heads": 4, "attention_bias": True, "mlp_bias": True, "hidden_act": "gelu"},
    ),
    "llama tied long": (
        "LlamaConfig",
        {**SIZES, "num_attention_heads": 4, "head_dim": 24, "tie_word_embeddings": True, "rope_theta": 5e5},
    ),
    "qwen3": (
        "Qwen3Config",
        {**SIZES, "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 16, "tie_word_embeddings": True},
    ),
    "qwen3 biased": (
        "Qwen3Config",
        {**SIZES, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8, "attention_bias": True},
    ),
    "gpt2": (
        "GPT2Config",
        {"vocab_size": 97, "n_layer": 3, "n_embd": 48, "n_head": 4, "n_positions": 64, "initializer_range": 0.2},
    ),
    "gpt2 relu untied": (
        "GPT2Config",
        {"vocab_size": 97, "n_layer": 2, "n_embd": 48, "n_head": 4, "n_inner": 100, "activation_function": "relu",
         "tie_word_embeddings": False, "initializer_range": 0.2},
    ),
}  # fmt: skip
OURS = {
    "llama": {},
    "qwen3": {"attention": {"qk_norm": True}, "num_kv_heads": 2, "norm": {"eps": 1e-6}},
    "gpt2": FAMILIES["gpt2"].preset,
}
LIMITS = {torch.float64: 1e-9, torch.float32: 1e-5}


@pytest.fixture(autouse=True)
def true_float64(monkeypatch):
    """Llama and Qwen3 norms of transformers work in float32 even in a float64 model, which would hide 1e-7 of anything
    behind their own rounding. The oracle is given the precision that was asked for; its formula stays."""

    def forward(self, x):
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        return self.weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.variance_epsilon)).to(
            x.dtype
        )

    for name in ("llama.modeling_llama.LlamaRMSNorm", "qwen3.modeling_qwen3.Qwen3RMSNorm"):
        monkeypatch.setattr(f"transformers.models.{name}.forward", forward)


@pytest.fixture
def ids():
    return torch.randint(0, 97, (3, 40), generator=torch.Generator().manual_seed(2))


def randomise(model, *, matrices=False):
    """Norms and biases start at 1 and 0, where mistakes hide as well; a model of ours also gets wider matrices."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and matrices:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
            elif parameter.dim() == 1:
                parameter.copy_(
                    torch.randn(parameter.shape, generator=generator) * 0.3 + ("norm" in name or "ln_" in name)
                )
    return model


def check(found, expected, dtype):
    difference, scale = (found - expected).abs().max().item(), max(1.0, expected.abs().max().item())
    limit = LIMITS[dtype] * (scale if dtype == torch.float32 else 1)
    assert difference <= limit, f"{difference:.2e} over {limit:.2e}, largest logit {scale:.1f}"


def load(folder, dtype):
    hf = json.loads((folder / "config.json").read_text())
    family = find_family(hf, path=folder)
    config = family.from_hf_config(hf)
    model = assemble(config, compute_dtype=dtype).to(dtype).eval()
    import_weights(folder, model, config, family, verify=True)
    return model, config, family


@pytest.mark.parametrize("dtype", LIMITS, ids=["float64", "float32"])
@pytest.mark.parametrize("kind", THEIRS)
def test_their_model_says_the_same_here(kind, dtype, ids, tmp_path):
    name, settings = THEIRS[kind]
    torch.manual_seed(1)
    theirs = randomise(transformers.AutoModelForCausalLM.from_config(getattr(transformers, name)(**settings)).eval())
    theirs.save_pretrained(tmp_path)
    ours, config, family = load(tmp_path, dtype)
    assert family.name == kind.split()[0]
    assert config.num_parameters() == theirs.num_parameters()
    with torch.no_grad():
        check(ours(ids), theirs.to(dtype)(ids).logits, dtype)


@pytest.mark.parametrize("dtype", LIMITS, ids=["float64", "float32"])
@pytest.mark.parametrize("kind", OURS)
def test_our_model_says_the_same_there(kind, dtype, ids, tmp_path):
    config = ModelConfig(vocab_size=97, hidden_size=48, num_layers=3, num_heads=4, max_seq_len=64, **OURS[kind])
    ours = randomise(build_model(config, seed=4, compute_dtype=dtype).eval(), matrices=True)
    write(tmp_path, ours, config)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=dtype).eval()
    assert type(theirs).__name__ == choose_family(config).architecture
    with torch.no_grad():
        check(ours.to(dtype)(ids), theirs(ids).logits, dtype)


def write(folder, model, config):
    family = choose_family(config)
    (folder / "config.json").write_text(json.dumps(family.to_hf_config(config)))
    write_tensors(folder / "model.safetensors", export_weights(model, config, family))


@pytest.mark.parametrize("kind", ["llama", "llama biased untied", "llama tied long", "qwen3", "gpt2"])
def test_training_starts_from_the_same_loss_and_gradients(kind, ids, tmp_path):
    name, settings = THEIRS[kind]
    dropless = {f"{part}_pdrop": 0.0 for part in ("resid", "embd", "attn")} if kind == "gpt2" else {}
    torch.manual_seed(3)
    theirs = randomise(
        transformers.AutoModelForCausalLM.from_config(getattr(transformers, name)(**settings, **dropless))
    )
    theirs.save_pretrained(tmp_path)
    ours, config, family = load(tmp_path, torch.float64)
    logits = theirs.double()(ids).logits[:, :-1]
    expected = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")
    expected.backward()
    found, num_tokens = lm_loss(ours.hidden(ids[:, :-1]), ours.head, ids[:, 1:])
    found.backward()
    assert num_tokens == ids[:, 1:].numel()
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    views = foreign_views({name: p.grad for name, p in ours.named_parameters()}, family.rules, config)
    wanted = dict(theirs.named_parameters())
    assert views.keys() == wanted.keys()
    for name, gradient in views.items():
        torch.testing.assert_close(gradient, wanted[name].grad, atol=1e-9, rtol=1e-9, msg=name)


@pytest.mark.parametrize("kind", THEIRS)
def test_import_export_import_gives_every_bit_again(kind, tmp_path):
    name, settings = THEIRS[kind]
    theirs = randomise(transformers.AutoModelForCausalLM.from_config(getattr(transformers, name)(**settings)))
    theirs.save_pretrained(tmp_path / "first")
    first, config, _ = load(tmp_path / "first", torch.float32)
    (tmp_path / "second").mkdir()
    write(tmp_path / "second", first, config)
    second, again, _ = load(tmp_path / "second", torch.float32)
    assert again == config
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_both_spellings_of_the_rotary_base_are_written_and_either_is_read():
    family = FAMILIES["llama"]
    hf = family.to_hf_config(ModelConfig(positions={"theta": 5e5}))
    assert (hf["rope_theta"], hf["rope_parameters"]["rope_theta"]) == (5e5, 5e5)
    for gone in ("rope_theta", "rope_parameters"):
        assert family.from_hf_config({k: v for k, v in hf.items() if k != gone}).positions.theta == 5e5
