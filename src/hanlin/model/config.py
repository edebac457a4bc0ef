"""Shape of a model: every size and every choice of part, checked before a tensor exists (no torch here)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from hanlin.base.config import Config
from hanlin.base.errors import Problem, UsageError
from hanlin.base.messages import say
from hanlin.model.counts import num_parameters, training_operations, whole_row
from hanlin.model.parts_config import (
    AttentionConfig,
    EmbeddingsConfig,
    HeadConfig,
    MlpConfig,
    NormConfig,
    PositionsConfig,
    turning_size,
)


class ModelConfig(Config):
    """Every size of a model and the parts it is built from."""

    family: str = Field(
        default="auto",
        pattern=r"^[a-z0-9_-]+$",
        description="layout on disk; auto: the first family that can hold the shape",
    )
    arch: Literal["decoder", "encoder", "encoder_decoder", "prefix"] = Field(
        default="decoder",
        description="who sees whom: what is before, all, both kinds of stack, or all of a prefix and what is before",
    )
    vocab_size: int = Field(default=6400, ge=1, le=10_000_000, description="number of token ids")
    hidden_size: int = Field(default=512, ge=1, le=65536, description="width of the residual stream")
    num_layers: int = Field(default=8, ge=1, le=1000, description="number of blocks")
    num_encoder_layers: int = Field(
        default=0, ge=0, le=1000, description="blocks of the encoder of an encoder_decoder; num_layers unless given"
    )
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
        """Heads must fit widths, rotations need pairs, and every part must have its place in the arch."""
        yield from _head_problems(self)
        yield from _arch_problems(self)
        yield from _position_problems(self)
        yield from _part_problems(self)
        yield from _decoder_problems(self)
        yield from _task_problems(self)

    @property
    def writes(self) -> bool:
        """Whether a model can go on with a text: all but encoders, of which those with a second stream can ask."""
        return self.arch != "encoder" or self.positions.kind == "distance"

    def slides(self, layer: int) -> bool:
        """Whether a layer sees no further back than the window."""
        kinds = self.attention.pattern
        return self.attention.window > 0 and kinds[layer % len(kinds)] == "sliding"

    def sliding_layers(self) -> tuple[bool, ...]:
        """The same of every layer."""
        return tuple(self.slides(layer) for layer in range(self.num_layers))

    def num_parameters(self) -> int:
        """Exact number of trained numbers; a tied head counts once."""
        return num_parameters(self)

    def flops_per_token(self, seq_len: int) -> float:
        """Operations of one token forward and backward in a full row, every position scored (counts.py)."""
        row = whole_row(self, seq_len)
        return training_operations(self, row).total / (row.written + row.read)


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
    if filled.get("arch") == "encoder_decoder":
        filled.setdefault("num_encoder_layers", filled.get("num_layers", fields["num_layers"].default))
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
    if config.positions.kind == "rope2d" and config.head_dim % 4:
        yield _problem("head_dim", config.head_dim, "head_of_fours")
    if config.positions.kind in ("sinusoidal", "distance") and config.hidden_size % 2:
        yield _problem("hidden_size", config.hidden_size, "odd_width")


def _arch_problems(config: ModelConfig) -> Iterator[Problem]:
    if (config.num_encoder_layers > 0) != (config.arch == "encoder_decoder"):
        yield _problem("num_encoder_layers", config.num_encoder_layers, "encoder_layers", arch=config.arch)
    if config.head.next_sentence and not config.head.pooler:
        yield _problem("head.next_sentence", True, "next_sentence")
    if config.positions.distance <= config.positions.buckets // 2:
        yield _problem("positions.distance", config.positions.distance, "distance", buckets=config.positions.buckets)


def _position_problems(config: ModelConfig) -> Iterator[Problem]:
    scaling = config.positions.scaling
    if scaling.kind != "none" and config.positions.kind != "rope":
        yield _problem("positions.scaling.kind", scaling.kind, "scaling_kind", kind=config.positions.kind)
    if scaling.kind in ("dynamic", "llama3", "yarn", "longrope") and not scaling.original:
        yield _problem("positions.scaling.original", 0, "scaling_original", kind=scaling.kind)
    if scaling.low >= scaling.high:
        yield _problem("positions.scaling.low", scaling.low, "scaling_order", high=scaling.high)
    pairs = turning_size(config.head_dim, config.positions.fraction) // 2 if scaling.kind == "longrope" else 0
    for name in ("near_divisors", "far_divisors"):
        if len(getattr(scaling, name)) != pairs:
            yield _problem(f"positions.scaling.{name}", list(getattr(scaling, name)), "divisors", pairs=pairs)
    kind, start = config.positions.kind, config.positions.start_token
    if (kind == "rope2d" or start >= 0) and config.arch != "prefix":
        name, value = ("start_token", start) if start >= 0 else ("kind", kind)
        yield _problem(f"positions.{name}", value, "prefix_part", arch=config.arch)
    if kind == "distance" and (config.arch != "encoder" or config.num_kv_heads != config.num_heads):
        yield _problem("positions.kind", kind, "distance_part", arch=config.arch, num_kv_heads=config.num_kv_heads)


def _part_problems(config: ModelConfig) -> Iterator[Problem]:
    if config.norm.unit_offset and config.norm.kind != "rms":
        yield _problem("norm.unit_offset", True, "unit_offset", kind=config.norm.kind)
    if config.head.cap and config.head.normalised:
        yield _problem("head.cap", config.head.cap, "head_cap")
    experts = config.mlp.experts
    if experts.number and experts.chosen > experts.number:
        yield _problem("mlp.experts.chosen", experts.chosen, "experts", number=experts.number)


def _decoder_problems(config: ModelConfig) -> Iterator[Problem]:
    """Parts that know nothing of tokens behind, or of an encoder."""
    if config.arch == "decoder":
        return
    if config.attention.window:
        yield _problem("attention.window", config.attention.window, "decoder_part", arch=config.arch)
    if config.positions.kind == "alibi":
        yield _problem("positions.kind", "alibi", "decoder_part", arch=config.arch)
    if config.arch == "encoder_decoder" and config.norm.place not in ("pre", "post"):
        yield _problem("norm.place", config.norm.place, "decoder_part", arch=config.arch)


def _task_problems(config: ModelConfig) -> Iterator[Problem]:
    """One head at a time; labels have names of their own, as many as the kind of task needs."""
    task = config.head.task
    if task.kind != "none" and config.head.kind != "none":
        yield _problem("head.kind", config.head.kind, "two_heads", task=task.kind)
    doubled = [label for number, label in enumerate(task.labels) if label in task.labels[:number]]
    if doubled:
        yield _problem("head.task.labels", doubled[0], "label_twice")
    least = {"sequence": 1 + (task.problem == "one"), "tokens": 2}.get(task.kind, 0)
    if len(task.labels) < least:
        yield _problem("head.task.labels", list(task.labels), "labels_few", least=least)
    if task.labels and not least:
        yield _problem("head.task.labels", list(task.labels), "labels_unread", kind=task.kind)
    if task.pooling == "mean" and task.kind != "sequence":
        yield _problem("head.task.pooling", task.pooling, "pooling_unread", kind=task.kind)


def _problem(name: str, value: object, rule: str, **values: object) -> Problem:
    """One broken rule in the user's language; its remedy stands beside it in the catalogue."""
    return Problem(name, value, say(f"model.rule_{rule}", **values), say(f"model.remedy_{rule}", **values))


# Sizes ---------------------------------------------------------------------------------------------------------------

_UNITS = {"k": 10**3, "m": 10**6, "b": 10**9}


def parse_size(size: str) -> int:
    """Number of parameters of "800k", "10m", "1.5b"; UsageError E310 otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmb])", size.strip().lower())
    if match is None or float(match[1]) == 0:
        raise UsageError("model.bad_size", size=size)
    return round(float(match[1]) * _UNITS[match[2]])


_NARROWEST = 32


def shape_for(
    parameters: int,
    vocab_size: int,
    *,
    like: Mapping[str, Any] | None = None,
    sized: Callable[[Mapping[str, int]], Mapping[str, Any]] = lambda sizes: {},
) -> dict[str, int]:
    """Sizes of the model nearest to `parameters`, 8 layers at a width of 512 and deeper with the width's power 0.7.

    Heads are 64 wide (32 below a width of 512) and share keys in groups of up to four, unless `like`, other fields of
    the ModelConfig, has biases on its projections (the classic layer, which shares none) or an encoder. What `sized`
    makes of sizes goes before (`Family.sized`).
    Raises UsageError E311 where the vocabulary alone outweighs `parameters`, E312 where one layer does.
    """
    candidates = list(_candidates(parameters, {**(like or {}), "vocab_size": vocab_size}, sized))
    if not candidates:
        if vocab_size * _NARROWEST > parameters / 2:
            raise UsageError("model.size_too_small", parameters=parameters, vocab_size=vocab_size)
        raise UsageError("model.size_without_layer", parameters=parameters)
    best = min(candidates, key=lambda config: _misfit(config, parameters))
    names = ("hidden_size", "num_layers", "num_heads", "num_kv_heads", "head_dim", "ffn_size")
    return {name: getattr(best, name) for name in names}


def _candidates(
    parameters: int, fields: Mapping[str, Any], sized: Callable[[Mapping[str, int]], Mapping[str, Any]]
) -> Iterator[ModelConfig]:
    """One config per width, as deep as `parameters` allows, while the embeddings leave room for a layer."""
    for hidden in [_NARROWEST, *range(64, 512, 64), *range(512, 16385, 128)]:
        heads = hidden // (64 if hidden >= 512 else 32)
        sizes = {"hidden_size": hidden, "num_heads": heads, "num_kv_heads": _kv_heads(heads, fields)}
        sizes |= {name: value for name, value in sized(sizes).items() if isinstance(value, int)}
        thin, thick = (ModelConfig(**{**fields, **sizes, "num_layers": number}) for number in (1, 2))
        layer = thick.num_parameters() - thin.num_parameters()
        num_layers = round((parameters - thin.num_parameters()) / layer) + 1
        if num_layers < 1:
            return
        yield ModelConfig(**{**fields, **sizes, "num_layers": min(num_layers, 1000)})


def _kv_heads(heads: int, fields: Mapping[str, Any]) -> int:
    biased = AttentionConfig.model_validate(fields.get("attention", {})).qkv_bias
    classic = biased or fields.get("arch", "decoder") != "decoder"  # encoders cache nothing: sharing would save nothing
    return heads if classic else heads // max(group for group in (1, 2, 3, 4) if heads % group == 0)


def _misfit(config: ModelConfig, parameters: int) -> float:
    """Distance in count, which weighs most, and from the usual depth for a width."""
    count = math.log(config.num_parameters() / parameters)
    depth = math.log(config.num_layers / (8 * (config.hidden_size / 512) ** 0.7))
    return 8 * abs(count) + abs(depth)
