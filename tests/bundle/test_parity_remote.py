"""Families whose classes stand outside transformers: the same weights under other names, or the model in numpy."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from hanlin.bundle.convert import export_weights, import_weights
from hanlin.bundle.tensors import write_tensors
from hanlin.model.families.registry import find_family
from hanlin.model.transformer import Transformer, assemble

transformers = pytest.importorskip("transformers")
bloom = pytest.importorskip("transformers.models.bloom.modeling_bloom")

VOCAB, WIDTH, FFN, LAYERS = 97, 48, 80, 3
BAICHUAN = {
    "model_type": "baichuan", "vocab_size": VOCAB, "hidden_size": WIDTH, "intermediate_size": FFN, "hidden_act": "silu",
    "num_hidden_layers": LAYERS, "rms_norm_eps": 1e-6, "model_max_length": 64, "tie_word_embeddings": False,
}  # fmt: skip
CHATGLM = {
    "model_type": "chatglm", "padded_vocab_size": VOCAB, "hidden_size": WIDTH, "ffn_hidden_size": FFN,
    "num_layers": LAYERS, "num_attention_heads": 6, "multi_query_attention": True,
    "multi_query_group_num": 2, "kv_channels": 12,
    "seq_length": 64, "layernorm_epsilon": 1e-5, "add_qkv_bias": True, "add_bias_linear": False, "rmsnorm": True,
    "post_layer_norm": True, "rope_ratio": 3, "original_rope": True,
}  # fmt: skip


@pytest.fixture
def ids():
    return torch.randint(0, VOCAB, (2, 40), generator=torch.Generator().manual_seed(2))


def theirs(name: str, **settings: Any):
    """A random model of transformers whose weights hide nothing, in float64."""
    torch.manual_seed(1)
    sizes = {"vocab_size": VOCAB, "hidden_size": WIDTH, "intermediate_size": FFN, "num_hidden_layers": LAYERS}
    config = getattr(transformers, name)(**sizes, initializer_range=0.2, pad_token_id=None, **settings)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn(parameter.shape) * 0.3)
    return model


def load(folder, hf: dict[str, Any], weights: dict[str, torch.Tensor], dtype=torch.float32) -> Transformer:
    """What stands in a folder of these files; what is written again has every bit."""
    (folder / "config.json").write_text(json.dumps(hf))
    write_tensors(folder / "model.safetensors", weights)
    family = find_family(hf, path=folder)
    assert family.unread(hf) == []
    config = family.from_hf_config(hf)
    model = assemble(config, compute_dtype=dtype).to(dtype).eval()
    import_weights(folder, model, config, family, verify=True)
    again = export_weights(model, config, family)
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[name], weights[name].to(dtype)) for name in weights)
    assert family.from_hf_config(json.loads(json.dumps(family.to_hf_config(config)))) == config
    return model


def close(found, expected, limit: float = 1e-5) -> None:
    assert (found - expected).abs().max() <= limit * max(1.0, expected.abs().max())


@torch.no_grad()
@pytest.mark.parametrize("second", [False, True], ids=["Baichuan-7B", "Baichuan2-7B"])
def test_baichuan_7b_is_llama_with_one_projection_and_version_2_scores_by_direction(second, ids, tmp_path):
    llama = theirs("LlamaConfig", num_attention_heads=6, max_position_embeddings=64, tie_word_embeddings=False)
    weights = {name: tensor.clone() for name, tensor in llama.state_dict().items()}
    for n in range(LAYERS):
        start = f"model.layers.{n}.self_attn."
        weights[f"{start}W_pack.weight"] = torch.cat([weights.pop(f"{start}{part}_proj.weight") for part in "qkv"])
    hf = {**BAICHUAN, "num_attention_heads": 6, "max_position_embeddings": 64} | (
        {"z_loss_weight": 0} if second else {}
    )
    ours = load(tmp_path, hf, weights)
    if second:
        llama.lm_head.weight.copy_(llama.lm_head.weight / llama.lm_head.weight.norm(dim=1, keepdim=True))
    close(ours(ids), llama(ids).logits)


@torch.no_grad()
@pytest.mark.parametrize("heads", [4, 6, 3])
def test_baichuan_13b_says_what_its_formulas_say(heads, ids, tmp_path):
    generator = torch.Generator().manual_seed(heads)
    shapes = {
        "model.embed_tokens.weight": (VOCAB, WIDTH),
        "model.norm.weight": (WIDTH,),
        "lm_head.weight": (VOCAB, WIDTH),
    }
    for n in range(LAYERS):
        start = f"model.layers.{n}."
        shapes |= {f"{start}{norm}_layernorm.weight": (WIDTH,) for norm in ("input", "post_attention")}
        shapes |= {
            f"{start}self_attn.W_pack.weight": (3 * WIDTH, WIDTH),
            f"{start}self_attn.o_proj.weight": (WIDTH, WIDTH),
        }
        shapes |= {f"{start}mlp.{part}_proj.weight": (FFN, WIDTH) for part in ("gate", "up")}
        shapes[f"{start}mlp.down_proj.weight"] = (WIDTH, FFN)
    weights = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64) * 0.3 + (len(shape) == 1)
        for name, shape in shapes.items()
    }
    ours = load(tmp_path, {**BAICHUAN, "num_attention_heads": heads}, weights, torch.float64)
    expected = torch.stack([torch.from_numpy(baichuan_13b(weights, row, heads)) for row in ids.numpy()])
    close(ours(ids), expected, 1e-9)
    cache = ours.new_cache(1, 40)
    pieces = [ours(ids[:1, start:stop], cache=cache) for start, stop in ((0, 9), (9, 10), (10, 40))]
    close(torch.cat(pieces, dim=1)[0], expected[0], 1e-9)
    packed = torch.cat((ids[1:, :17], ids[:1, :23]), dim=1)
    close(ours(packed, segments=(torch.arange(40)[None] >= 17) + 1)[0, 17:], expected[0, :23], 1e-9)


def baichuan_13b(weights: dict[str, torch.Tensor], row: np.ndarray, heads: int) -> np.ndarray:
    """The model of the paper in float64: RMSNorm, ALiBi, SwiGLU. Slopes are Bloom's, asked of transformers."""
    w = {name: tensor.numpy() for name, tensor in weights.items()}
    length, size = len(row), WIDTH // heads
    rates = bloom.build_alibi_tensor(torch.ones(1, 2), heads, torch.float64)[:, 0, 1].numpy()
    places = np.arange(length)
    penalty = rates[:, None, None] * (places[None, :] - places[:, None])
    penalty = np.where(places[None, :] > places[:, None], -np.inf, penalty)
    x = w["model.embed_tokens.weight"][row]
    for n in range(LAYERS):
        start = f"model.layers.{n}."
        packed = norm(x, w[f"{start}input_layernorm.weight"]) @ w[f"{start}self_attn.W_pack.weight"].T
        q, k, v = (part.reshape(length, heads, size).transpose(1, 0, 2) for part in np.split(packed, 3, axis=1))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(size) + penalty
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        seen = (shares / shares.sum(-1, keepdims=True)) @ v
        x = x + seen.transpose(1, 0, 2).reshape(length, WIDTH) @ w[f"{start}self_attn.o_proj.weight"].T
        y = norm(x, w[f"{start}post_attention_layernorm.weight"])
        gate = y @ w[f"{start}mlp.gate_proj.weight"].T
        x = (
            x
            + (gate / (1 + np.exp(-gate)) * (y @ w[f"{start}mlp.up_proj.weight"].T))
            @ w[f"{start}mlp.down_proj.weight"].T
        )
    return norm(x, w["model.norm.weight"]) @ w["lm_head.weight"].T


def norm(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * weight


@torch.no_grad()
@pytest.mark.parametrize("groups", [2, 6])
def test_chatglm2_is_glm_under_other_names(groups, ids, tmp_path):
    glm = theirs(
        "GlmConfig", num_attention_heads=6, num_key_value_heads=groups, head_dim=12, max_position_embeddings=64,
        rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 3e4, "partial_rotary_factor": 0.5},
    )  # fmt: skip
    old, weights = glm.state_dict(), {}
    for name, tensor in old.items():
        for theirs_name, new in NAMES.items():
            name = name.replace(theirs_name, new)
        if "_proj." not in name:
            weights[name] = tensor
    for n in range(LAYERS):
        for kind in ("weight", "bias"):
            parts = [old[f"model.layers.{n}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
            weights[f"transformer.encoder.layers.{n}.self_attention.query_key_value.{kind}"] = torch.cat(parts)
    hf = {**CHATGLM, "multi_query_attention": groups < 6, "multi_query_group_num": groups}
    ours = load(tmp_path, hf, weights)
    close(ours(ids), glm(ids).logits)


NAMES = {
    "model.embed_tokens": "transformer.embedding.word_embeddings",
    "lm_head": "transformer.output_layer",
    "model.norm": "transformer.encoder.final_layernorm",
    "model.layers": "transformer.encoder.layers",
    "self_attn.o_proj": "self_attention.dense",
    "mlp.gate_up_proj": "mlp.dense_h_to_4h",
    "mlp.down_proj": "mlp.dense_4h_to_h",
}
