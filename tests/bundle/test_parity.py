"""One row per family and shape: random checkpoints of transformers say the same here, however they are read.

Weights are drawn with a range of 0.2 and norms away from 1: at 0.02 mistakes hide. Sizes are odd on purpose: head
counts that are no power of two, heads whose width is not hidden_size / num_heads, tied and untied.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from hanlin.bundle.convert import export_weights, import_weights
from hanlin.bundle.tensors import write_tensors
from hanlin.infer.blocks import BlockCache, BlockStore, BlockTables
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import choose_family, find_family
from hanlin.model.transformer import Transformer, assemble

transformers = pytest.importorskip("transformers")

VOCAB, LENGTH = 97, 40
COMMON = {"vocab_size": VOCAB, "initializer_range": 0.2, "pad_token_id": None}
SIZES = {
    "num_hidden_layers": 3, "hidden_size": 48, "intermediate_size": 80, "num_attention_heads": 6,
    "num_key_value_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip
ODD = {"num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 24, "tie_word_embeddings": True}


def rope(kind: str, **settings: Any) -> dict[str, Any]:
    """Settings of a scaled rotation whose original context is shorter than the text."""
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 1e4, "factor": 4.0, **settings}}


LONG = rope("longrope", original_max_position_embeddings=16, short_factor=[1.0, 1.1, 1.3, 1.2],
            long_factor=[1.5, 2.0, 3.0, 9.5])  # fmt: skip

ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {}),
    "llama odd": ("LlamaConfig", {**ODD, "attention_bias": True, "mlp_bias": True}),
    "llama linear": ("LlamaConfig", {**rope("linear"), "max_position_embeddings": 16}),
    "llama dynamic": ("LlamaConfig", {**rope("dynamic"), "max_position_embeddings": 16}),
    "llama 3.1": (
        "LlamaConfig",
        rope("llama3", low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16),
    ),
    "llama yarn": ("LlamaConfig", rope("yarn", original_max_position_embeddings=16)),
    "llama yarn set": (
        "LlamaConfig",
        rope("yarn", original_max_position_embeddings=16, beta_fast=8.0, attention_factor=1.3, truncate=False),
    ),
    "mistral window": ("MistralConfig", {"sliding_window": 7}),
    "mistral odd": ("MistralConfig", {**ODD, "sliding_window": None}),
    "qwen2": ("Qwen2Config", {}),
    "qwen2 tied": ("Qwen2Config", {"tie_word_embeddings": True, "num_attention_heads": 3, "num_key_value_heads": 3}),
    "qwen2 yarn": ("Qwen2Config", rope("yarn", original_max_position_embeddings=16)),
    "qwen2 window": ("Qwen2Config", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 2}),
    "qwen3 moe": (
        "Qwen3MoeConfig",
        {"num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 20, "decoder_sparse_step": 1,
         "head_dim": 10, "norm_topk_prob": False},
    ),
    "mixtral": ("MixtralConfig", {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 9}),
    "gemma": ("GemmaConfig", {"head_dim": 20, "num_attention_heads": 3, "num_key_value_heads": 1}),
    "gemma2": (
        "Gemma2Config",
        {"head_dim": 12, "query_pre_attn_scalar": 20, "sliding_window": 7, "attn_logit_softcapping": 5.0,
         "final_logit_softcapping": 3.0},
    ),
    "gemma3": ("Gemma3TextConfig", {"head_dim": 12, "query_pre_attn_scalar": 12, "sliding_window": 7}),
    "gemma3 scaled": (
        "Gemma3TextConfig",
        {"head_dim": 12, "query_pre_attn_scalar": 10, "sliding_window": 5, "final_logit_softcapping": 4.0,
         "layer_types": ["full_attention", "sliding_attention", "full_attention"], "tie_word_embeddings": False,
         "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e5},
                             "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}},
    ),
    "glm": ("GlmConfig", {"head_dim": 12, "num_attention_heads": 3, "num_key_value_heads": 1}),
    "glm4": ("Glm4Config", {"head_dim": 16, "tie_word_embeddings": True}),
    "gpt1": ("OpenAIGPTConfig", {"n_positions": 64, "n_embd": 48, "n_layer": 3, "n_head": 3}),
    "gpt2": ("GPT2Config", {"n_positions": 64, "n_embd": 48, "n_layer": 3, "n_head": 3}),
    "gpt neo": (
        "GPTNeoConfig",
        {"hidden_size": 48, "num_layers": 3, "num_heads": 3, "max_position_embeddings": 64, "window_size": 7,
         "intermediate_size": 100, "attention_types": [[["local", "global"], 1], [["local"], 1]]},
    ),
    "codegen": ("CodeGenConfig", {"n_positions": 64, "n_embd": 48, "n_layer": 2, "n_head": 4, "rotary_dim": 6}),
    "phi3": ("Phi3Config", {"num_attention_heads": 3, "num_key_value_heads": 1, "sliding_window": 9}),
    "phi4 mini": ("Phi3Config", {**rope("default", partial_rotary_factor=0.75), "tie_word_embeddings": True}),
    "phi3 long": ("Phi3Config", {"max_position_embeddings": 64, "original_max_position_embeddings": 16, **LONG}),
    "llama longrope": ("LlamaConfig", {**LONG, "max_position_embeddings": 64}),
    "gpt neox": ("GPTNeoXConfig", {"num_attention_heads": 3, "rope_parameters": {
        "rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.25}}),
    "gpt neox in a row": ("GPTNeoXConfig", {"use_parallel_residual": False, "attention_bias": False,
                                            "tie_word_embeddings": True, "hidden_act": "relu"}),
    "qwen3 window": (
        "Qwen3Config",
        {**ODD, "use_sliding_window": True, "sliding_window": 6,
         "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A model of theirs and the same, loaded here from the files it was saved to."""

    theirs: Any
    ours: Transformer
    folder: Any


@pytest.fixture(scope="module", params=ROWS)
def pair(request, tmp_path_factory) -> Pair:
    name, settings = ROWS[request.param]
    torch.manual_seed(1)
    sizes = {} if settings.keys() & {"n_embd", "hidden_size"} else SIZES
    config = getattr(transformers, name)(**{**COMMON, **sizes, **settings})
    theirs = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    randomise(theirs)
    folder = tmp_path_factory.mktemp("theirs")
    theirs.save_pretrained(folder)
    return Pair(theirs, load(folder), folder)


@torch.no_grad()
def randomise(model) -> None:
    """Norms and biases start at 1 and 0, where mistakes hide as well as in small matrices."""
    generator = torch.Generator().manual_seed(11)
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
        elif parameter.std() < 0.1:  # GPT draws its own way
            parameter.mul_(0.2 / parameter.std())


def load(folder) -> Transformer:
    hf = json.loads((folder / "config.json").read_text())
    family = find_family(hf, path=folder)
    config = family.from_hf_config(hf)
    assert family.unread(hf) == []
    model = assemble(config).eval()
    import_weights(folder, model, config, family, verify=True)
    return model


def write(folder, model, config: ModelConfig) -> None:
    family = choose_family(config)
    (folder / "config.json").write_text(json.dumps({**family.to_hf_config(config), "pad_token_id": None}))
    write_tensors(folder / "model.safetensors", export_weights(model, config, family))


def close(found, expected) -> None:
    """HOUSE 9: float32 within 1e-5 of the largest logit."""
    assert (found - expected).abs().max() <= 1e-5 * max(1.0, expected.abs().max())


@pytest.fixture
def ids():
    return torch.randint(0, VOCAB, (2, LENGTH), generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def said(theirs, row, *cuts: int):
    """Their logits of one row (T,), read in pieces that end at `cuts`, each behind the cache of those before it.

    A class with dynamic rotations keeps its angles from one call to the next until it has read a short text again.
    """
    theirs(row[None, :3])
    if not cuts or theirs.config.model_type == "openai-gpt":  # which knows no cache
        return theirs(row[None]).logits[0]
    cache, starts = transformers.DynamicCache(config=theirs.config), [0, *cuts[:-1]]
    pieces = [row[None, start:stop] for start, stop in zip(starts, cuts, strict=True)]
    return torch.cat([theirs(piece, past_key_values=cache, use_cache=True).logits[0] for piece in pieces])


@torch.no_grad()
def test_logits_are_theirs(pair, ids):
    """Past the window, and past the original context where angles are scaled."""
    assert pair.ours.num_parameters() == pair.theirs.num_parameters() == pair.ours.config.num_parameters()
    close(pair.ours(ids), pair.theirs(ids).logits)


@torch.no_grad()
def test_padding_and_neighbours_change_nothing(pair, ids):
    """A shorter row says what it says alone: with padding at its right, and packed behind another."""
    length = 23
    alone = said(pair.theirs, ids[1, :length])
    segments = torch.ones_like(ids)
    segments[1, length:] = 0
    padded = pair.ours(ids, segments=segments)
    close(padded[1, :length], alone)
    close(padded[0], said(pair.theirs, ids[0]))
    packed = torch.cat((ids[:1, : LENGTH - length], ids[1:, :length]), dim=1)
    segments = (torch.arange(LENGTH)[None] >= LENGTH - length) + 1
    close(pair.ours(packed, segments=segments)[0, LENGTH - length :], alone)


@torch.no_grad()
def test_rows_read_in_pieces_say_the_same(pair, ids):
    """Rows of different lengths in one cache: a beginning, one token, several, one again."""
    cache = pair.ours.new_cache(2, LENGTH)
    rows = torch.stack((ids[0, :9], torch.cat((ids[1, 3:9], ids.new_zeros(3)))))
    first = pair.ours(rows, segments=torch.tensor([[1] * 9, [1] * 6 + [0] * 3]), cache=cache)
    assert cache.lengths == [9, 6]
    pieces = ((9, 10), (10, 25), (25, 26), (26, LENGTH))
    found = torch.cat([pair.ours(ids[:, start:stop], cache=cache) for start, stop in pieces], dim=1)
    close(torch.cat((first[0], found[0])), said(pair.theirs, ids[0], 9, 10, 25, 26, LENGTH))
    close(torch.cat((first[1, :6], found[1])), said(pair.theirs, ids[1, 3:], 6, 7, 22, 23, LENGTH - 3))


@torch.no_grad()
def test_in_the_engines_blocks_it_says_the_same(pair, ids):
    config = pair.ours.config
    tables = BlockTables(num_blocks=4, num_slots=1, max_seq_len=64)
    store = BlockStore(
        num_layers=config.num_layers, num_blocks=4, num_kv_heads=config.num_kv_heads, head_dim=config.head_dim
    )
    slot, found = tables.allocate(LENGTH), []
    for start, stop in ((0, 11), (11, 12), (12, LENGTH)):
        cache = BlockCache(store, tables.tables[[slot]], [start])
        found.append(pair.ours(ids[:1, start:stop], cache=cache)[0])
    close(torch.cat(found), said(pair.theirs, ids[0], 11, 12, LENGTH))


@torch.no_grad()
def test_out_and_in_again_no_bit_is_lost_and_transformers_opens_it(pair, ids, tmp_path):
    write(tmp_path, pair.ours, pair.ours.config)
    again = load(tmp_path)
    assert again.config == pair.ours.config
    assert all(torch.equal(a, b) for a, b in zip(pair.ours.parameters(), again.parameters(), strict=True))
    reopened = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
    assert type(reopened) is type(pair.theirs)
    assert torch.equal(reopened(ids).logits, pair.theirs(ids).logits)
