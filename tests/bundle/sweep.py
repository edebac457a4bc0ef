"""Random shapes of every family that transformers has a class for: one draw is a class and the settings of its config.

`python -m tests.bundle.sweep 20` holds twenty draws of each family against transformers; the suite holds one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import torch

from .parity import load, randomise

Draw = tuple[str, dict[str, Any]]


def shape(rng: Random, *, free_heads: bool = True, pairs: int = 2, unit: int = 0) -> dict[str, Any]:
    """Sizes of a decoder under their usual names: any number of heads, any group, heads as wide as they like.

    free_heads: a head's width is a setting. unit: what the width is a multiple of; the number of heads unless given,
    which some classes ask for.
    """
    kv, group = rng.choice([1, 2, 3, 5]), rng.choice([1, 2, 3, 4])
    heads, size = kv * group, pairs * rng.choice([2, 3, 4, 6])
    width = (unit or heads) * max(rng.randint(2, 12), -(-8 // (unit or heads))) if free_heads else heads * size
    sizes = {"hidden_size": width, "num_hidden_layers": rng.randint(1, 4), "intermediate_size": rng.randint(11, 90)}
    sizes |= {"num_attention_heads": heads, "num_key_value_heads": kv, "max_position_embeddings": 48}
    return {**common(rng), **sizes, **({"head_dim": size} if free_heads else {})}


def common(rng: Random) -> dict[str, Any]:
    """What all families have."""
    return {
        "vocab_size": rng.choice([67, 89, 101, 128]),
        "tie_word_embeddings": rng.random() < 0.5,
        "pad_token_id": None,
    }


def llama(rng: Random) -> Draw:
    return "LlamaForCausalLM", {
        **shape(rng), "attention_bias": rng.random() < 0.5, "mlp_bias": rng.random() < 0.5,
        "hidden_act": rng.choice(["silu", "gelu", "relu"]), "rms_norm_eps": rng.choice([1e-6, 1e-5, 1e-3]),
    }  # fmt: skip


def mistral(rng: Random) -> Draw:
    return "MistralForCausalLM", {**shape(rng), "sliding_window": rng.choice([None, 4, 11])}


def mixtral(rng: Random) -> Draw:
    """Widths of 16 bytes: the products of experts over there ask for it."""
    number = rng.choice([2, 3, 5])
    return "MixtralForCausalLM", {
        **shape(rng, unit=4), "intermediate_size": 4 * rng.randint(3, 20), "num_local_experts": number,
        "num_experts_per_tok": rng.randint(1, number), "sliding_window": None,
    }  # fmt: skip


def qwen2(rng: Random) -> Draw:
    return "Qwen2ForCausalLM", {
        **shape(rng, free_heads=False), "use_sliding_window": rng.random() < 0.5, "sliding_window": 5,
        "max_window_layers": rng.randint(0, 3),
    }  # fmt: skip


def qwen3(rng: Random) -> Draw:
    return "Qwen3ForCausalLM", {**shape(rng), "attention_bias": rng.random() < 0.5}


def qwen3_moe(rng: Random) -> Draw:
    number = rng.choice([2, 3, 6])
    return "Qwen3MoeForCausalLM", {
        **shape(rng, unit=4), "num_experts": number, "num_experts_per_tok": rng.randint(1, number),
        "decoder_sparse_step": 1,
        "moe_intermediate_size": 4 * rng.randint(2, 8), "norm_topk_prob": rng.random() < 0.5,
    }  # fmt: skip


def gemma(rng: Random) -> Draw:
    return "GemmaForCausalLM", {**shape(rng), "attention_bias": rng.random() < 0.5}


def gemma2(rng: Random) -> Draw:
    return "Gemma2ForCausalLM", {
        **shape(rng), "sliding_window": rng.choice([3, 9]), "query_pre_attn_scalar": rng.choice([4, 12, 30]),
        "attn_logit_softcapping": rng.choice([None, 5.0]), "final_logit_softcapping": rng.choice([None, 4.0]),
    }  # fmt: skip


def gemma3(rng: Random) -> Draw:
    drawn = shape(rng)
    kinds = [rng.choice(["full_attention", "sliding_attention"]) for _ in range(drawn["num_hidden_layers"])]
    return "Gemma3ForCausalLM", {
        **drawn, "layer_types": kinds, "sliding_window": 5, "query_pre_attn_scalar": rng.choice([4, 12, 30])
    }  # fmt: skip


def glm(rng: Random) -> Draw:
    return "GlmForCausalLM", {
        **shape(rng, pairs=4), "attention_bias": rng.random() < 0.5, "partial_rotary_factor": rng.choice([0.5, 1.0]),
    }  # fmt: skip


def glm4(rng: Random) -> Draw:
    return "Glm4ForCausalLM", glm(rng)[1]


def gpt(rng: Random, groups: int = 1) -> dict[str, Any]:
    heads, size = groups * rng.choice([1, 2, 3, 5]), rng.choice([4, 6, 10])
    return {**common(rng), "n_embd": heads * size, "n_head": heads, "n_layer": rng.randint(1, 4), "n_positions": 48}


def gpt2(rng: Random) -> Draw:
    return "GPT2LMHeadModel", {
        **gpt(rng), "n_inner": rng.choice([None, 37]), "activation_function": rng.choice(["gelu_new", "relu", "gelu"])
    }  # fmt: skip


def gpt1(rng: Random) -> Draw:
    return "OpenAIGPTLMHeadModel", {**gpt(rng), "afn": rng.choice(["gelu", "relu"])}


def codegen(rng: Random) -> Draw:
    return "CodeGenForCausalLM", {**gpt(rng, 4), "rotary_dim": rng.choice([2, 4]), "n_inner": rng.choice([None, 37])}


def gpt_neo(rng: Random) -> Draw:
    heads, layers = rng.choice([1, 3, 5]), rng.randint(1, 4)
    kinds = [rng.choice(["global", "local"]) for _ in range(layers)]
    return "GPTNeoForCausalLM", {
        **common(rng), "hidden_size": 6 * heads, "num_heads": heads, "num_layers": layers, "window_size": 7,
        "attention_types": [[kinds, 1]], "max_position_embeddings": 48, "intermediate_size": rng.choice([None, 37]),
    }  # fmt: skip


def phi3(rng: Random) -> Draw:
    fraction, window = rng.choice([0.5, 1.0]), rng.choice([None, 5])
    return "Phi3ForCausalLM", {
        **shape(rng, free_heads=False, pairs=4), "rope_parameters": turning(fraction), "sliding_window": window
    }  # fmt: skip


def gpt_neox(rng: Random) -> Draw:
    return "GPTNeoXForCausalLM", {
        **shape(rng, free_heads=False, pairs=4), "rope_parameters": turning(rng.choice([0.25, 0.5, 1.0])),
        "use_parallel_residual": rng.random() < 0.5, "attention_bias": rng.random() < 0.5,
        "hidden_act": rng.choice(["gelu", "gelu_new", "relu"]),
    }  # fmt: skip


def turning(fraction: float) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": fraction}


def encoder(rng: Random, **more: Any) -> dict[str, Any]:
    heads = rng.choice([1, 3, 5, 7])
    return {
        **common(rng), "hidden_size": heads * rng.choice([4, 6]), "num_attention_heads": heads,
        "num_hidden_layers": rng.randint(1, 4), "intermediate_size": rng.randint(11, 90),
        "max_position_embeddings": 60, "type_vocab_size": rng.randint(1, 3),
        "hidden_act": rng.choice(["gelu", "gelu_new", "relu"]), **more,
    }  # fmt: skip


def bert(rng: Random) -> Draw:
    return rng.choice(["BertForMaskedLM", "BertModel"]), encoder(rng, pad_token_id=0)


def roberta(rng: Random) -> Draw:
    return "RobertaForMaskedLM", encoder(rng, pad_token_id=rng.choice([0, 1, 4]))


def xlm_roberta(rng: Random) -> Draw:
    return "XLMRobertaForMaskedLM", encoder(rng, pad_token_id=1)


def xlnet(rng: Random) -> Draw:
    heads = rng.choice([1, 3, 5])
    return "XLNetLMHeadModel", {
        **common(rng), "d_model": heads * rng.choice([4, 6, 10]), "n_head": heads, "n_layer": rng.randint(1, 4),
        "d_inner": rng.randint(11, 90), "ff_activation": rng.choice(["gelu", "relu", "silu"]), "pad_token_id": 5,
    }  # fmt: skip


def t5(rng: Random) -> Draw:
    layers = {"num_layers": rng.randint(1, 3), "num_decoder_layers": rng.randint(1, 3)}
    return "T5ForConditionalGeneration", {
        **common(rng), **layers, "d_model": 2 * rng.randint(9, 40), "num_heads": rng.choice([1, 3, 5]),
        "d_kv": rng.choice([3, 8]), "d_ff": rng.randint(11, 90), "pad_token_id": 0, "decoder_start_token_id": 0,
        "feed_forward_proj": rng.choice(["relu", "gated-gelu", "gated-silu"]),
        "relative_attention_num_buckets": rng.choice([8, 32]), "relative_attention_max_distance": rng.choice([20, 128]),
    }  # fmt: skip


def mt5(rng: Random) -> Draw:
    return "MT5ForConditionalGeneration", t5(rng)[1]


DRAWS = (
    *(llama, mistral, mixtral, qwen2, qwen3, qwen3_moe, gemma, gemma2, gemma3, glm, glm4, gpt2, gpt1, codegen),
    *(gpt_neo, gpt_neox, phi3),
    *(bert, roberta, xlm_roberta, xlnet, t5, mt5),
)


@torch.no_grad()
def difference(drawn: Draw, seed: int, folder: Path) -> float:
    """Largest difference of logits (states without a head) over the largest of them, in float32."""
    import transformers

    name, settings = drawn
    torch.manual_seed(seed)
    cls = getattr(transformers, name)
    theirs = randomise(cls._from_config(cls.config_class(**settings), attn_implementation="eager").eval(), seed)
    for weight, parameter in theirs.named_parameters():
        if weight.endswith("Attention.q.weight"):  # T5 does not divide its scores
            parameter *= 0.25
    theirs.save_pretrained(folder)
    ours = load(folder, torch.float32)
    assert ours.num_parameters() == ours.config.num_parameters()
    ids = torch.randint(6, settings["vocab_size"], (2, 21), generator=torch.Generator().manual_seed(seed))
    if ours.config.arch == "encoder_decoder":
        said, found = theirs(ids, decoder_input_ids=ids[:, :13]).logits, ours(ids[:, :13], memory=ours.encode(ids))
    else:
        said = theirs(ids)[0]
        found = ours.hidden(ids) if ours.config.head.kind == "none" else ours(ids)
    return (found - said).abs().max().item() / max(1.0, said.abs().max().item())


def main(number: int) -> None:
    """Print each family's worst draw, and what failed."""
    for draw in DRAWS:
        worst = 0.0
        for seed in range(number):
            drawn = draw(Random(f"{draw.__name__} {seed}"))
            try:
                with tempfile.TemporaryDirectory() as folder:
                    found = difference(drawn, seed, Path(folder))
                worst = max(worst, found)
                assert found <= 1e-5, found
            except Exception as error:
                print(draw.__name__, seed, drawn, f"{type(error).__name__}: {error}"[:600], flush=True)
        print(f"{draw.__name__}: {number} draws, worst {worst:.1e}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
