"""The checker of exercise 1: a simple Transformer encoder and its forward pass.

Legend: B batch, T tokens, H heads, E head width, D d_model, F d_ff, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.course.attention import scaled_dot_product_attention
from hanlin.course.encoder import PositionalEncoding
from hanlin.course.findings import Finding, attempt, diagnose

V, D, H, F_SIZE, LAYERS = 11, 12, 3, 20, 2
PARTS = ("W_q", "W_k", "W_v", "W_o", "up", "down", "norm1", "norm2", "dropout")
"""The parts that the skeleton makes; a checker that knows them can ask what each mistake would give."""

Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


def check_encoder(module: Any) -> list[Finding]:
    """Findings for `attention`, `EncoderLayer` and `Encoder` of a student's module, up to the first step that is wrong:
    what stands on a wrong step cannot be judged."""
    found = []
    with torch.no_grad():
        for finding in _steps(module):
            found.append(finding)
            if not finding.is_right:
                break
    return found


def _steps(module: Any) -> Iterator[Finding]:
    missing = [name for name in ("attention", "EncoderLayer", "Encoder") if not hasattr(module, name)]
    if missing:
        yield Finding("names", "missing", {"names": ", ".join(missing)})
        return
    yield from _attention_steps(module.attention)
    layer = _made("layer", lambda: module.EncoderLayer(D, H, F_SIZE), PARTS)
    yield from [layer] if isinstance(layer, Finding) else _layer_steps(layer)
    encoder = _made("encoder", lambda: module.Encoder(V, D, H, F_SIZE, LAYERS), ("embedding", "layers"))
    yield from [encoder] if isinstance(encoder, Finding) else _encoder_steps(encoder)


def _shaken(module: nn.Module) -> nn.Module:
    """Every number drawn, norms and biases too: ones and zeros would hide mistakes."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.copy_(torch.rand(parameter.shape, generator=generator) * 1.6 - 0.8)
    return module.eval()


def _draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def _made(step: str, make: Callable[[], nn.Module], names: tuple[str, ...]) -> Any:
    """The student's module with drawn weights, or the finding that it cannot be made or lacks a part."""
    module = attempt(step, make)
    if isinstance(module, Finding):
        return module
    missing = [name for name in names if not hasattr(module, name)]
    return Finding(step, "parts", {"names": ", ".join(missing)}) if missing else _shaken(module)


# Attention ------------------------------------------------------------------------------------------------------------


def _attention_steps(student: Callable[..., Any]) -> Iterator[Finding]:
    """Weights first, without a mask and with one, then the output."""
    q, k, v = _draw(2, H, 5, 4), _draw(2, H, 5, 4) * 1.5, _draw(2, H, 5, 4) - 0.5
    mask = torch.ones(5, 5).tril()
    scores = q @ k.transpose(-2, -1)
    plain = {
        "no_scaling": lambda: scores.softmax(dim=-1),
        "scaled_by_width": lambda: (scores / 4).softmax(dim=-1),
        "softmax_over_queries": lambda: (scores / 2).softmax(dim=-2),
        "softmax_over_heads": lambda: (scores / 2).softmax(dim=1),
        "no_softmax": lambda: scores / 2,
    }
    yield diagnose("weights", lambda: student(q, k, v)[1], lambda: (scores / 2).softmax(dim=-1), plain)
    right = partial(scaled_dot_product_attention, q, k, v, mask)
    masked = {
        "mask_ignored": lambda: (scores / 2).softmax(dim=-1),
        "mask_inverted": lambda: (scores / 2).masked_fill(mask == 1, -1e9).softmax(dim=-1),
        "mask_inverted_nan": lambda: (scores / 2).masked_fill(mask == 1, -torch.inf).softmax(dim=-1),
        "mask_zeroes_scores": lambda: (scores / 2 * mask).softmax(dim=-1),
        "mask_after_softmax": lambda: (scores / 2).softmax(dim=-1) * mask,
        "mask_added": lambda: (scores / 2 + mask).softmax(dim=-1),
    }
    yield diagnose("mask", lambda: student(q, k, v, mask)[1], lambda: right()[1], masked)
    swapped = {"weights_times_keys": lambda: right()[1] @ k, "output_is_query": lambda: right()[1] @ q}
    yield diagnose("output", lambda: student(q, k, v, mask)[0], lambda: right()[0], swapped)


# One layer ------------------------------------------------------------------------------------------------------------


def _layer_steps(layer: Any) -> Iterator[Finding]:
    """The forward pass of the student's layer, then the same behind a mask."""
    x, mask = _draw(2, 5, D), torch.tensor([[1.0] * 5, [1.0] * 3 + [0.0] * 2])[:, None, None, :]
    twice = attempt("layer", lambda: torch.equal(layer(x), layer(x)))
    if twice is False:
        yield Finding("layer", "dropout_in_evaluation")
    wrong = {name: partial(variant, layer, x) for name, variant in _layer_variants().items()}
    yield diagnose("layer", lambda: layer(x), lambda: layer_forward(layer, x), wrong)
    hidden = {"mask_not_passed": lambda: layer_forward(layer, x)}
    yield diagnose("layer_mask", lambda: layer(x, mask), lambda: layer_forward(layer, x, mask), hidden)


def layer_forward(
    layer: Any,
    x: Tensor,
    mask: Tensor | None = None,
    *,
    split: Callable[[Tensor], Tensor] | None = None,
    residuals: tuple[bool, bool] = (True, True),
    norms: tuple[bool, bool] = (True, True),
    pre_norm: bool = False,
    activation: Callable[[Tensor], Tensor] = F.relu,
    project: bool = True,
) -> Tensor:
    """The layer of 2017 with the student's own parts, and with whatever mistake is asked for."""

    def attended(y: Tensor) -> Tensor:
        q, k, v = ((split or _split)(part(y)) for part in (layer.W_q, layer.W_k, layer.W_v))
        heads = scaled_dot_product_attention(q, k, v, mask)[0].transpose(1, 2).reshape(y.shape)
        return layer.W_o(heads) if project else heads

    def fed(y: Tensor) -> Tensor:
        return layer.down(activation(layer.up(y)))

    for branch, norm, is_residual, is_normed in zip(
        (attended, fed), (layer.norm1, layer.norm2), residuals, norms, strict=True
    ):
        if pre_norm:
            x = x + branch(norm(x))
            continue
        x = x + branch(x) if is_residual else branch(x)
        x = norm(x) if is_normed else x
    return x


def _split(x: Tensor) -> Tensor:
    return x.unflatten(-1, (H, -1)).transpose(1, 2)


def _layer_variants() -> Mapping[str, Callable[..., Tensor]]:
    """The usual mistakes of a layer."""
    return {
        "pre_norm": partial(layer_forward, pre_norm=True),
        "residual_forgotten": partial(layer_forward, residuals=(False, False)),
        "first_residual_forgotten": partial(layer_forward, residuals=(False, True)),
        "second_residual_forgotten": partial(layer_forward, residuals=(True, False)),
        "norm_forgotten": partial(layer_forward, norms=(False, False)),
        "first_norm_forgotten": partial(layer_forward, norms=(False, True)),
        "second_norm_forgotten": partial(layer_forward, norms=(True, False)),
        "activation_forgotten": partial(layer_forward, activation=lambda y: y),
        "gelu": partial(layer_forward, activation=F.gelu),
        "projection_forgotten": partial(layer_forward, project=False),
        "one_head": partial(layer_forward, split=lambda y: y[:, None]),
        "heads_not_transposed": partial(layer_forward, split=lambda y: y.reshape(y.shape[0], H, -1, D // H)),
    }


# The encoder ----------------------------------------------------------------------------------------------------------


def _encoder_steps(encoder: Any) -> Iterator[Finding]:
    """Ids to states, with rows of different lengths."""
    ids = torch.tensor([[3, 7, 1, 9, 0], [5, 5, 2, 0, 0]])
    real = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]])
    wrong = {
        "no_positions": partial(encoder_forward, encoder, ids, positions=False),
        "embedding_not_scaled": partial(encoder_forward, encoder, ids, scale=1.0),
        "one_layer": partial(encoder_forward, encoder, ids, num_layers=1),
        "no_positions_not_scaled": partial(encoder_forward, encoder, ids, positions=False, scale=1.0),
    }
    yield diagnose("encoder", lambda: encoder(ids), lambda: encoder_forward(encoder, ids), wrong)
    hidden = {
        "padding_seen": lambda: encoder_forward(encoder, ids),
        "padding_inverted": lambda: encoder_forward(encoder, ids, 1 - real),
    }
    yield diagnose("padding", lambda: encoder(ids, real), lambda: encoder_forward(encoder, ids, real), hidden)


def encoder_forward(
    encoder: Any,
    ids: Tensor,
    real: Tensor | None = None,
    *,
    positions: bool = True,
    scale: float = math.sqrt(D),
    num_layers: int = LAYERS,
) -> Tensor:
    """The encoder of 2017 with the student's own parts, and with whatever mistake is asked for."""
    mask = None if real is None else real[:, None, None, :]
    x = encoder.embedding(ids) * scale
    x = PositionalEncoding(D)(x) if positions else x
    for layer in list(encoder.layers)[:num_layers]:
        x = layer_forward(layer, x, mask)
    return x
