"""An encoder put to use: a head that names tokens, a head that names labels.

Legend: B batch, T tokens, D d_model, V vocabulary, L labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from hanlin.base.errors import InputError
from hanlin.course.attention import linear
from hanlin.course.encoder import TransformerEncoder
from hanlin.model.heads import LmHead


class LanguageModel(nn.Module):
    """An encoder and the head that scores every token of the vocabulary by the token's own embedding."""

    def __init__(self, base_model: TransformerEncoder) -> None:
        super().__init__()
        self.base_model, self.head = base_model, LmHead(base_model.embedding.weight)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) -> logits (B, T, V)."""
        logits: Tensor = self.head(self.base_model(input_ids, attention_mask))
        return logits


class TaskSpecificModel(nn.Module):
    """A pre-trained model and a linear head over the state of its first token, [CLS] (Devlin 2019, 4).

    base_model: a TransformerEncoder of the course, an encoder of the house (`hanlin.load(path).model`) or of
    transformers. Raises InputError where it has no width (E843) or ends in a decoder (E844), in which the first token
    has seen nothing but itself.
    """

    def __init__(self, base_model: nn.Module, num_labels: int) -> None:
        super().__init__()
        if num_labels < 1:
            raise InputError("course.labels", num_labels=num_labels)
        if getattr(base_model, "causal", False) or _config(base_model, "arch") not in (None, "encoder"):
            raise InputError("course.decoder")
        self.base_model, self.num_labels = base_model, num_labels
        self.dropout, self.classifier = nn.Dropout(0.1), linear(_width(base_model), num_labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) -> logits of the labels (B, L)."""
        states = states_of(self.base_model, input_ids, attention_mask)  # (B, T, D)
        return self.classifier(self.dropout(states[:, 0]))


def states_of(model: nn.Module, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """The last states (B, T, D) of an encoder: the course's, the house's or one of transformers."""
    hidden: Callable[..., Tensor] | None = getattr(model, "hidden", None)
    if hidden is not None:  # the house's Transformer, whose padding is segment 0
        return hidden(input_ids, segments=attention_mask)
    found = model(input_ids, attention_mask)
    return getattr(found, "last_hidden_state", found)


def _width(model: nn.Module) -> int:
    width = getattr(model, "d_model", None) or _config(model, "hidden_size")
    if not isinstance(width, int):
        raise InputError("course.base_without_width", kind=type(model).__name__)
    return width


def _config(model: nn.Module, name: str) -> Any:
    return getattr(getattr(model, "config", None), name, None)
