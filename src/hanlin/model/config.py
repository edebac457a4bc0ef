"""Shape of a model: every size and every choice of part, checked before a tensor exists (no torch here)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from hanlin.base.config import Config
from hanlin.base.errors import Problem, UsageError
from hanlin.base.messages import say

BUILT_ARCHS = ("decoder",)


class NormConfig(Config):
    """How and where activations are normalised."""

    kind: Literal["rms", "layer"] = Field(
        default="rms", description="rms (Zhang 2019, no mean, no bias) or layer (Ba 2016)"
    )
    place: Literal["pre", "post", "sandwich", "parallel", "deep"] = Field(
        default="pre",
        description="before each branch (GPT-2 on), after its sum (2017), on both its sides (Gemma 2), once for both "
        "(CodeGen), or in the stream itself (ChatGLM-6B)",
    )
    eps: float = Field(default=1e-5, gt=0, le=1e-2, description="added to the variance before the root")
    final: bool = Field(default=True, description="one more norm after the last block")
    unit_offset: bool = Field(default=False, description="rms: weights are kept as their distance from 1 (Gemma)")


class RopeScalingConfig(Config):
    """How rotary angles are stretched, so that a model reads further than it was trained (model/rope.py)."""

    kind: Literal["none", "linear", "dynamic", "llama3", "yarn"] = Field(
        default="none", description="positions divided (linear), base grown (dynamic), by wavelength (llama3, yarn)"
    )
    factor: float = Field(default=1.0, ge=1, le=1e6, description="how many times as far")
    original: int = Field(
        default=0, ge=0, le=16_777_216, description="tokens the model was trained on; linear has no use for it"
    )
    low: float = Field(default=1.0, gt=0, le=1e6, description="llama3: turns in `original` below which all is divided")
    high: float = Field(default=4.0, gt=0, le=1e6, description="llama3: turns in `original` above which nothing is")
    fast: float = Field(default=32.0, gt=0, le=1e6, description="yarn: turns in `original` where the ramp begins")
    slow: float = Field(default=1.0, gt=0, le=1e6, description="yarn: turns in `original` where the ramp ends")
    whole: bool = Field(default=True, description="yarn: the ramp begins and ends at whole dimensions")
    amplitude: float = Field(
        default=0.0, ge=0, le=100, description="yarn: cosines and sines are multiplied by this; 0: 0.1 ln(factor) + 1"
    )


class PositionsConfig(Config):
    """How the model knows the order of tokens."""

    kind: Literal["rope", "learned", "sinusoidal", "alibi", "none"] = Field(
        default="rope",
        description="rotary (Su 2021), a trained table, the fixed table of 2017, scores falling with distance (alibi, "
        "Press 2022), or nothing",
    )
    theta: float = Field(
        default=10000.0, gt=1, le=1e9, description="longest wavelength of rope and sinusoidal, over 2 pi"
    )
    sliding_theta: float = Field(
        default=0.0, ge=0, le=1e9, description="rope: theta of layers with a window, never scaled (Gemma 3); 0: as all"
    )
    fraction: float = Field(default=1.0, gt=0, le=1, description="rope: share of a head that turns (GLM, CodeGen)")
    scaling: RopeScalingConfig = Field(default=RopeScalingConfig(), description="rope: how angles are stretched")


class AttentionConfig(Config):
    """What an attention layer is made of beyond its sizes."""

    qkv_bias: bool = Field(default=False, description="biases on the query, key and value projections")
    out_bias: bool = Field(default=False, description="bias on the output projection")
    qk_norm: bool = Field(default=False, description="RMS norm of every query and key head before rope (Qwen3)")
    scale: float = Field(
        default=0.0, ge=0, le=1e3, description="scores are multiplied by this (T5: 1); 0: 1 / root of head_dim"
    )
    window: int = Field(
        default=0, ge=0, le=16_777_216, description="tokens that a sliding layer sees, itself included; 0: all"
    )
    cap: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="scores s become cap x tanh(s / cap), never larger (Gemma 2); 0: as they are",
    )
    pattern: tuple[Literal["sliding", "full"], ...] = Field(
        default=("sliding",), min_length=1, description="which layers the window holds for, repeated to the depth"
    )


class ExpertsConfig(Config):
    """Several MLPs per layer, of which every token takes a few."""

    number: int = Field(default=0, ge=0, le=4096, description="MLPs of a layer; 0: one, without a choice")
    chosen: int = Field(default=2, ge=1, le=4096, description="how many of them each token takes")
    renormalised: bool = Field(
        default=True, description="weights of the chosen sum to one (Mixtral), else those of all do (Qwen3-MoE)"
    )


class MlpConfig(Config):
    """What a feed-forward layer is made of beyond its width."""

    activation: Literal["silu", "gelu", "gelu_tanh", "relu", "relu2"] = Field(
        default="silu", description="silu, gelu (erf), gelu_tanh (GPT-2), relu (2017), relu2 (squared, So 2021)"
    )
    gated: bool = Field(
        default=True, description="multiply the activation by a second projection (SwiGLU, Shazeer 2020)"
    )
    bias: bool = Field(default=False, description="biases on its projections")
    experts: ExpertsConfig = Field(default=ExpertsConfig(), description="several MLPs, of which a token takes a few")


class EmbeddingsConfig(Config):
    """How tokens enter and leave."""

    tied: bool = Field(default=True, description="the output head is the token embedding")
    scale: float = Field(
        default=1.0, gt=0, le=1e3, description="embeddings are multiplied by this (2017: root of hidden_size)"
    )


class HeadConfig(Config):
    """What stands on top of the last block."""

    bias: bool = Field(default=False, description="a bias per token on the scores")
    cap: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="scores s become cap x tanh(s / cap), never larger (Gemma 2); 0: as they are",
    )
    normalised: bool = Field(
        default=False, description="scores by the direction of each token's row, not its length (Baichuan 2)"
    )


class ModelConfig(Config):
    """Every size of a model and the parts it is built from."""

    family: str = Field(
        default="auto",
        pattern=r"^[a-z0-9_-]+$",
        description="layout on disk; auto: the first family that can hold the shape",
    )
    arch: Literal["decoder", "encoder", "encoder_decoder", "prefix"] = Field(
        default="decoder", description="which tokens see which; only decoder is built today"
    )
    vocab_size: int = Field(default=6400, ge=1, le=10_000_000, description="number of token ids")
    hidden_size: int = Field(default=512, ge=1, le=65536, description="width of the residual stream")
    num_layers: int = Field(default=8, ge=1, le=1000, description="number of blocks")
    num_heads: int = Field(default=8, ge=1, le=1024, description="query heads of a layer")
    num_kv_heads: int = Field(default=8, ge=1, le=1024, description="key and value heads (GQA); num_heads unless given")
    head_dim: int = Field(
        default=64, ge=1, le=4096, description="width of one head; hidden_size / num_heads unless given"
    )
    ffn_size: int = Field(
        default=1408,
        ge=1,
        le=1_000_000,
        description="width of the MLP; unless given 8/3 (gated) or 4 x hidden_size, up to 64s",
    )
    max_seq_len: int = Field(default=512, ge=1, le=16_777_216, description="longest sequence, in tokens")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of activations zeroed in training")
    norm: NormConfig = Field(default=NormConfig(), description="how and where activations are normalised")
    positions: PositionsConfig = Field(default=PositionsConfig(), description="how order is known")
    attention: AttentionConfig = Field(default=AttentionConfig(), description="what attention is made of")
    mlp: MlpConfig = Field(default=MlpConfig(), description="what the feed-forward layer is made of")
    embeddings: EmbeddingsConfig = Field(default=EmbeddingsConfig(), description="how tokens enter and leave")
    head: HeadConfig = Field(default=HeadConfig(), description="what stands on top")

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, data: Any) -> Any:
        """Fill the sizes that follow from others, so that a stored config holds plain numbers."""
        return derived_sizes(data) if isinstance(data, Mapping) else data

    def problems(self) -> Iterator[Problem]:
        """Heads must fit widths, rotations need pairs, and the arch must be built."""
        yield from _head_problems(self)
        yield from _arch_problems(self)
        yield from _position_problems(self)
        yield from _part_problems(self)

    def sliding_layers(self) -> tuple[bool, ...]:
        """Which layers see no further back than the window."""
        kinds = self.attention.pattern
        return tuple(self.attention.window > 0 and kinds[n % len(kinds)] == "sliding" for n in range(self.num_layers))

    def num_parameters(self) -> int:
        """Exact number of trained numbers; a tied head counts once."""
        layers = self.num_layers * _layer_parameters(self) + _norm(self) * self.norm.final
        return _embedding_parameters(self) + layers + self.vocab_size * self.head.bias

    def flops_per_token(self, seq_len: int) -> int:
        """Operations of one token forward and backward in a full causal row (PaLM, appendix B: 6N + attention)."""
        table = self.max_seq_len * self.hidden_size if self.positions.kind == "learned" else 0
        embedding = 0 if self.embeddings.tied else self.vocab_size * self.hidden_size  # a lookup costs nothing
        attention = 6 * self.num_layers * self.num_heads * self.head_dim * seq_len
        return 6 * (self.num_parameters() - embedding - table - _idle_parameters(self)) + attention


def derived_sizes(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with num_kv_heads, head_dim and ffn_size filled from the other sizes where they are absent."""
    filled = dict(data)
    fields = ModelConfig.model_fields
    hidden = filled.get("hidden_size", fields["hidden_size"].default)
    heads = filled.get("num_heads", fields["num_heads"].default)
    if not isinstance(hidden, int) or not isinstance(heads, int) or hidden < 1 or heads < 1:
        return filled  # the field's own rule will say so
    filled.setdefault("num_kv_heads", heads)
    filled.setdefault("head_dim", max(1, hidden // heads))
    filled.setdefault("ffn_size", default_ffn(hidden, gated=_is_gated(filled.get("mlp"))))
    return filled


def default_ffn(hidden_size: int, *, gated: bool) -> int:
    """MLP width at the usual parameter count: 8/3 x hidden_size with a gate, 4 x without, rounded up to 64s."""
    return math.ceil(hidden_size * (8 / 3 if gated else 4) / 64) * 64


def _is_gated(mlp: object) -> bool:
    if isinstance(mlp, Mapping):
        return bool(mlp.get("gated", True))
    return mlp.gated if isinstance(mlp, MlpConfig) else True


def _head_problems(config: ModelConfig) -> Iterator[Problem]:
    if config.num_heads % config.num_kv_heads:
        yield _problem("num_kv_heads", config.num_kv_heads, "kv_heads", num_heads=config.num_heads)
    if config.hidden_size % config.num_heads and config.head_dim == config.hidden_size // config.num_heads:
        yield _problem("num_heads", config.num_heads, "heads", hidden_size=config.hidden_size)
    if config.positions.kind == "rope" and config.head_dim % 2:
        yield _problem("head_dim", config.head_dim, "odd_head")
    if config.positions.kind == "sinusoidal" and config.hidden_size % 2:
        yield _problem("hidden_size", config.hidden_size, "odd_width")


def _arch_problems(config: ModelConfig) -> Iterator[Problem]:
    if config.arch not in BUILT_ARCHS:
        yield _problem("arch", config.arch, "arch_unbuilt", built=", ".join(BUILT_ARCHS))


def _position_problems(config: ModelConfig) -> Iterator[Problem]:
    scaling = config.positions.scaling
    if scaling.kind != "none" and config.positions.kind != "rope":
        yield _problem("positions.scaling.kind", scaling.kind, "scaling_kind", kind=config.positions.kind)
    if scaling.kind in ("dynamic", "llama3", "yarn") and not scaling.original:
        yield _problem("positions.scaling.original", 0, "scaling_original", kind=scaling.kind)
    if scaling.low >= scaling.high:
        yield _problem("positions.scaling.low", scaling.low, "scaling_order", high=scaling.high)


def _part_problems(config: ModelConfig) -> Iterator[Problem]:
    if config.norm.unit_offset and config.norm.kind != "rms":
        yield _problem("norm.unit_offset", True, "unit_offset", kind=config.norm.kind)
    if config.head.cap and config.head.normalised:
        yield _problem("head.cap", config.head.cap, "head_cap")
    experts = config.mlp.experts
    if experts.number and experts.chosen > experts.number:
        yield _problem("mlp.experts.chosen", experts.chosen, "experts", number=experts.number)


def _problem(name: str, value: object, rule: str, **values: object) -> Problem:
    """One broken rule in the user's language; its remedy stands beside it in the catalogue."""
    return Problem(name, value, say(f"model.rule_{rule}", **values), say(f"model.remedy_{rule}", **values))


def _norm(config: ModelConfig) -> int:
    return config.hidden_size * (2 if config.norm.kind == "layer" else 1)


def _embedding_parameters(config: ModelConfig) -> int:
    tables = config.vocab_size * (1 if config.embeddings.tied else 2)
    return config.hidden_size * (tables + config.max_seq_len * (config.positions.kind == "learned"))


def _layer_parameters(config: ModelConfig) -> int:
    c, width = config, config.hidden_size
    qkv_rows, out_columns = (c.num_heads + 2 * c.num_kv_heads) * c.head_dim, c.num_heads * c.head_dim
    weights = width * (qkv_rows + out_columns)
    biases = qkv_rows * c.attention.qkv_bias + width * c.attention.out_bias
    mlps = (c.mlp.experts.number or 1) * _mlp_parameters(c) + width * c.mlp.experts.number
    norms = {"sandwich": 4, "parallel": 1}.get(c.norm.place, 2)
    return weights + biases + mlps + 2 * c.head_dim * c.attention.qk_norm + norms * _norm(c)


def _mlp_parameters(config: ModelConfig) -> int:
    """Of one MLP."""
    up_rows = config.ffn_size * (2 if config.mlp.gated else 1)
    return config.hidden_size * (up_rows + config.ffn_size) + (up_rows + config.hidden_size) * config.mlp.bias


def _idle_parameters(config: ModelConfig) -> int:
    """Of the MLPs that a token does not choose."""
    experts = config.mlp.experts
    return config.num_layers * max(0, experts.number - experts.chosen) * _mlp_parameters(config)


# Sizes ---------------------------------------------------------------------------------------------------------------

_UNITS = {"k": 10**3, "m": 10**6, "b": 10**9}


def parse_size(size: str) -> int:
    """Number of parameters of "800k", "10m", "1.5b"; UsageError E310 otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmb])", size.strip().lower())
    if match is None or float(match[1]) == 0:
        raise UsageError("model.bad_size", size=size)
    return round(float(match[1]) * _UNITS[match[2]])


def shape_for(parameters: int, vocab_size: int, *, like: Mapping[str, Any] | None = None) -> dict[str, int]:
    """Sizes of the model nearest to `parameters`, 8 layers at a width of 512 and deeper with the width's power 0.7.

    Heads are 64 wide (32 below a width of 512) and share keys in groups of up to four, unless `like`, other fields of
    the ModelConfig, has biases on its projections (the classic layer, which shares none).
    Raises UsageError E311 where the vocabulary alone outweighs `parameters`.
    """
    candidates = list(_candidates(parameters, {**(like or {}), "vocab_size": vocab_size}))
    if not candidates:
        raise UsageError("model.size_too_small", parameters=parameters, vocab_size=vocab_size)
    best = min(candidates, key=lambda config: _misfit(config, parameters))
    names = ("hidden_size", "num_layers", "num_heads", "num_kv_heads", "head_dim", "ffn_size")
    return {name: getattr(best, name) for name in names}


def _candidates(parameters: int, fields: Mapping[str, Any]) -> Iterator[ModelConfig]:
    """One config per width, as deep as `parameters` allows, while the embeddings leave room for a layer."""
    for hidden in [32, *range(64, 512, 64), *range(512, 16385, 128)]:
        heads = hidden // (64 if hidden >= 512 else 32)
        sizes = {"hidden_size": hidden, "num_heads": heads, "num_kv_heads": _kv_heads(heads, fields)}
        thin = ModelConfig(**{**fields, **sizes, "num_layers": 1})
        layer = _layer_parameters(thin)
        num_layers = round((parameters - thin.num_parameters()) / layer) + 1
        if num_layers < 1:
            return
        yield ModelConfig(**{**fields, **sizes, "num_layers": min(num_layers, 1000)})


def _kv_heads(heads: int, fields: Mapping[str, Any]) -> int:
    biased = AttentionConfig.model_validate(fields.get("attention", {})).qkv_bias
    return heads if biased else heads // max(group for group in (1, 2, 3, 4) if heads % group == 0)


def _misfit(config: ModelConfig, parameters: int) -> float:
    """Distance in count, which weighs most, and from the usual depth for a width."""
    count = math.log(config.num_parameters() / parameters)
    depth = math.log(config.num_layers / (8 * (config.hidden_size / 512) ** 0.7))
    return 8 * abs(count) + abs(depth)
