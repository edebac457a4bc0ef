"""The logit lens: what a model would say if it ended after each layer (nostalgebraist 2020).

The stream behind a layer goes through the norm and the head that stand at the end. After the last layer this is the
model's own answer, number for number; before, it shows when the answer takes shape. Layer 0 is the stream before the
first layer.

Legend: B batch, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hanlin.model.inspection.reading import Reading, at_rest, chosen_layers
from hanlin.model.transformer import Transformer


def lens(model: Transformer, reading: Reading, *, layers: Sequence[int] = ()) -> Iterator[tuple[int, Tensor]]:
    """Each asked layer, 0 to the number of blocks, with its logits (B, T, V) in the compute dtype; all unless asked.

    One layer's logits at a time. Raises UsageError E303 without a head, E340 for a layer that is not there, and as
    Reading.hidden.
    """
    for layer, states in layer_states(model, reading, layers=layers):
        with torch.no_grad():
            yield layer, model.head(model.stack.final_norm(states))


@torch.no_grad()
def layer_states(model: Transformer, reading: Reading, *, layers: Sequence[int] = ()) -> list[tuple[int, Tensor]]:
    """The stream (B, T, D) behind each asked layer; the norm of the end is not in it."""
    blocks = model.stack.blocks
    wanted = sorted(set(chosen_layers(tuple(layers), len(blocks), first=0)))
    states: dict[int, Tensor] = {}
    with contextlib.ExitStack() as stack, at_rest(model):
        for layer in wanted:
            handle = _listen(model.stack, 0, states) if layer == 0 else _listen(blocks[layer - 1], layer, states)
            stack.callback(handle.remove)
        reading.hidden(model)
    return [(layer, states[layer]) for layer in wanted]


def _listen(module: nn.Module, layer: int, states: dict[int, Tensor]) -> Any:
    """Note what goes into the stack (layer 0) or comes out of a block."""
    if layer == 0:
        return module.register_forward_pre_hook(lambda _, taken: states.update({0: taken[0]}))
    return module.register_forward_hook(lambda _, taken, given: states.update({layer: given}))
