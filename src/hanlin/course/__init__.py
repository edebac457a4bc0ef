"""The course's own face: the Transformer of 2017 in classes short enough to be read in one sitting.

    from hanlin.course import MultiHeadAttention

    output, attention_weights = MultiHeadAttention(d_model=512, num_heads=8)(x, x, x)

They are thin: linear layers, norms, embeddings and the feed-forward layer are those of `hanlin.model`, and the tests
hold them equal to the house's own attention, blocks and losses, and to torch's. Their results are bare tensors, as in
every textbook. docs/course tells what they teach. Names load on first use, as those of `hanlin` do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hanlin.course.attention import MultiHeadAttention as MultiHeadAttention
    from hanlin.course.attention import causal_mask as causal_mask
    from hanlin.course.attention import padding_mask as padding_mask
    from hanlin.course.attention import scaled_dot_product_attention as scaled_dot_product_attention
    from hanlin.course.classifier_exercise import check_classifier as check_classifier
    from hanlin.course.encoder import PositionalEncoding as PositionalEncoding
    from hanlin.course.encoder import TransformerEncoder as TransformerEncoder
    from hanlin.course.encoder import TransformerEncoderLayer as TransformerEncoderLayer
    from hanlin.course.encoder_exercise import check_encoder as check_encoder
    from hanlin.course.objectives import LanguageModelingLoss as LanguageModelingLoss
    from hanlin.course.objectives import mask_tokens as mask_tokens
    from hanlin.course.objectives import next_tokens as next_tokens
    from hanlin.course.tasks import LanguageModel as LanguageModel
    from hanlin.course.tasks import TaskSpecificModel as TaskSpecificModel
    from hanlin.course.texts import TextPreprocessor as TextPreprocessor
    from hanlin.course.training import evaluate_model as evaluate_model
    from hanlin.course.training import finetune_model as finetune_model
    from hanlin.course.training import pretrain_epoch as pretrain_epoch

_MODULES = {
    "attention": ("MultiHeadAttention", "causal_mask", "padding_mask", "scaled_dot_product_attention"),
    "classifier_exercise": ("check_classifier",),
    "encoder_exercise": ("check_encoder",),
    "encoder": ("PositionalEncoding", "TransformerEncoder", "TransformerEncoderLayer"),
    "objectives": ("LanguageModelingLoss", "mask_tokens", "next_tokens"),
    "tasks": ("LanguageModel", "TaskSpecificModel"),
    "texts": ("TextPreprocessor",),
    "training": ("evaluate_model", "finetune_model", "pretrain_epoch"),
}
_NAMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "LanguageModel",
    "LanguageModelingLoss",
    "MultiHeadAttention",
    "PositionalEncoding",
    "TaskSpecificModel",
    "TextPreprocessor",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "causal_mask",
    "check_classifier",
    "check_encoder",
    "evaluate_model",
    "finetune_model",
    "mask_tokens",
    "next_tokens",
    "padding_mask",
    "pretrain_epoch",
    "scaled_dot_product_attention",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for."""
    if name not in _NAMES:
        raise AttributeError(f"module 'hanlin.course' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"hanlin.course.{_NAMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
