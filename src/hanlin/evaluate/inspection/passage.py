"""A text as a model of each shape reads it, so that somebody can look inside.

A decoder reads what every document began with, then the text. An encoder reads the text in its frame. An
encoder-decoder reads the text and is given, or first writes, what it says to it; so does a prefix model, in one row. A
model that was fine-tuned for a task reads as it does there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from hanlin.base.errors import InputError, UsageError
from hanlin.infer.config import SamplingParams
from hanlin.infer.writing import write
from hanlin.model.inspection.reading import Reading
from hanlin.model.transformer import Transformer
from hanlin.text.pieces import readable
from hanlin.text.tokenizer import Tokenizer

MOST_WRITTEN = 64
"""Tokens of an answer that the model writes itself, where none is given."""


@dataclass(frozen=True)
class Asked:
    """What the user gave: a text, perhaps what is said to it, and whether names of control tokens mean those tokens.

    start: the token every answer of an encoder-decoder begins with. rendered: the ids of the text as a question in a
    chat template; none where it is not asked as one.
    """

    text: str
    target: str = ""
    control: bool = False
    start: int = 0
    rendered: tuple[int, ...] = ()


@dataclass(frozen=True)
class Passage:
    """One row. tokens: ids of what the model's own stack reads; source: of what an encoder reads under a decoder.

    scored: places of `tokens` whose probability can be told, from 0. is_written: the model wrote the target itself.
    """

    reading: Reading
    tokens: tuple[int, ...]
    source: tuple[int, ...]
    scored: tuple[int, ...]
    is_written: bool
    pieces: tuple[str, ...]
    source_pieces: tuple[str, ...]


@dataclass(frozen=True)
class _Ids:
    """tokens, and what of them is known before; source of an encoder; prefix: how many tokens all see."""

    tokens: list[int]
    scored: range
    source: tuple[int, ...] = ()
    prefix: int = 0
    is_written: bool = False


def read_passage(model: Transformer, tokenizer: Tokenizer, asked: Asked) -> Passage:
    """A text ready to be looked at.

    Raises InputError E740 for a text without a token, UsageError E747 for a question to what is no decoder,
    RequestTooLong.
    """
    arch = model.config.arch
    if asked.rendered and (arch != "decoder" or model.task is not None):
        raise UsageError("evaluate.no_question", arch=arch)
    exact = asked.control or arch == "encoder"  # [MASK] of an encoder, as fill_mask reads it
    ids = tokenizer.encode_template(asked.text) if exact else tokenizer.encode(asked.text)
    if not ids:
        raise InputError("evaluate.nothing_to_inspect")
    read = (_READERS[arch] if model.task is None else _judged)(model, tokenizer, ids, asked)
    device = model.embeddings.tokens.weight.device
    tokens = torch.tensor([read.tokens], device=device)
    reading = Reading(
        tokens,
        prefix=torch.arange(len(read.tokens), device=device)[None] < read.prefix if read.prefix else None,
        source=torch.tensor([read.source], device=device) if read.source else None,
    )
    return Passage(
        reading,
        tuple(read.tokens),
        read.source,
        tuple(read.scored),
        read.is_written,
        tuple(readable(tokenizer, read.tokens)),
        tuple(readable(tokenizer, read.source)),
    )


def _decoder(model: Transformer, tokenizer: Tokenizer, ids: list[int], asked: Asked) -> _Ids:
    tokens = list(asked.rendered) or [tokenizer.special.bos, *ids]
    return _Ids(tokens, range(1, len(tokens)))


def _encoder(model: Transformer, tokenizer: Tokenizer, ids: list[int], asked: Asked) -> _Ids:
    start, _ = tokenizer.text_places
    return _Ids(tokenizer.frame(ids), range(start, start + len(ids)))


def _encoder_decoder(model: Transformer, tokenizer: Tokenizer, ids: list[int], asked: Asked) -> _Ids:
    source = tokenizer.frame(ids)
    target, is_written = _target(model, tokenizer, source, asked)
    return _Ids([asked.start, *target], range(1, len(target) + 1), source=tuple(source), is_written=is_written)


def _prefix(model: Transformer, tokenizer: Tokenizer, ids: list[int], asked: Asked) -> _Ids:
    before = tokenizer.frame(ids)
    target, is_written = _target(model, tokenizer, before, asked)
    tokens = [*before, *target]
    return _Ids(tokens, range(len(before), len(tokens)), prefix=len(before), is_written=is_written)


def _judged(model: Transformer, tokenizer: Tokenizer, ids: list[int], asked: Asked) -> _Ids:
    """As a fine-tuned model reads what it labels (model/tasks.py); no token of it is told a probability."""
    framed = tokenizer.frame(ids)
    if model.config.arch != "encoder_decoder":
        return _Ids(framed, range(0))
    return _Ids([model.config.head.task.start, *framed[:-1]], range(0), source=tuple(framed))


_READERS: Mapping[str, Callable[[Transformer, Tokenizer, list[int], Asked], _Ids]] = {
    "decoder": _decoder,
    "encoder": _encoder,
    "encoder_decoder": _encoder_decoder,
    "prefix": _prefix,
}


def _target(model: Transformer, tokenizer: Tokenizer, read: list[int], asked: Asked) -> tuple[list[int], bool]:
    """What is said to what was read: given and ended, or the model's likeliest words."""
    if asked.target:
        return [*tokenizer.encode(asked.target), tokenizer.special.eos], False
    params = SamplingParams(max_tokens=MOST_WRITTEN, temperature=0)
    return list(write(model, tokenizer, [read], params, start=asked.start)[0].ids), True
