"""A text as a model of each shape reads it, so that somebody can look inside.

A decoder reads what every document began with, then the text. An encoder reads the text in its frame. An
encoder-decoder reads the text and is given, or first writes, what it says to it; so does a prefix model, in one row. A
model that was fine-tuned for a task reads as it does there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from hanlin.base.errors import InputError, UsageError
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.engine import Engine
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

    moves, source_moves: which of them are the text's or the target's own, not what frames it or hides a word.
    scored: places of `tokens` whose probability can be told, from 0. is_written: the model wrote the target itself.
    """

    reading: Reading
    tokens: tuple[int, ...]
    source: tuple[int, ...]
    moves: tuple[bool, ...]
    source_moves: tuple[bool, ...]
    scored: tuple[int, ...]
    is_written: bool
    pieces: tuple[str, ...]
    source_pieces: tuple[str, ...]


@dataclass(frozen=True)
class _Ids:
    """tokens; scored: places whose chance is told; own: places of text and target; source of an encoder; prefix: how
    many tokens all see."""

    tokens: list[int]
    scored: range
    own: range
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
        tuple(_moves(tokenizer, read.tokens, read.own)),
        tuple(_moves(tokenizer, read.source, range(len(read.source)))),
        tuple(read.scored),
        read.is_written,
        tuple(readable(tokenizer, read.tokens)),
        tuple(readable(tokenizer, read.source)),
    )


def _moves(tokenizer: Tokenizer, tokens: Sequence[int], own: range) -> Iterator[bool]:
    """Whether each token is the user's own; an unknown word is, although its token is a control token."""
    special = tokenizer.special
    framing = {special.pad, special.bos, special.eos, special.im_start, special.im_end, special.mask}
    return (place in own and token not in framing for place, token in enumerate(tokens))


def _decoder(model: Transformer, tokenizer: Tokenizer, ids: list[int], asked: Asked) -> _Ids:
    if not asked.rendered:
        return _Ids([tokenizer.special.bos, *ids], range(1, len(ids) + 1), range(1, len(ids) + 1))
    tokens = list(asked.rendered)
    whole = range(1, len(tokens))
    starts = (place for place in whole if tokens[place : place + len(ids)] == ids)
    own = next((range(start, start + len(ids)) for start in starts), whole)  # a template may have changed the text
    return _Ids(tokens, whole, own)


def _encoder(model: Transformer, tokenizer: Tokenizer, ids: list[int], asked: Asked) -> _Ids:
    start, _ = tokenizer.text_places
    text = range(start, start + len(ids))
    return _Ids(tokenizer.frame(ids), text, text)


def _encoder_decoder(model: Transformer, tokenizer: Tokenizer, ids: list[int], asked: Asked) -> _Ids:
    source = tokenizer.frame(ids)
    target, is_written = _target(model, tokenizer, source, asked)
    said = range(1, len(target) + 1)
    return _Ids([asked.start, *target], said, said, source=tuple(source), is_written=is_written)


def _prefix(model: Transformer, tokenizer: Tokenizer, ids: list[int], asked: Asked) -> _Ids:
    before = tokenizer.frame(ids)
    target, is_written = _target(model, tokenizer, before, asked)
    tokens = [*before, *target]
    told = model.config.positions.tell_prefix
    said = range(len(before), len(tokens))
    return _Ids(tokens, said, range(len(tokens)), prefix=0 if told else len(before), is_written=is_written)


def _judged(model: Transformer, tokenizer: Tokenizer, ids: list[int], asked: Asked) -> _Ids:
    """As a fine-tuned model reads what it labels (model/tasks.py); no token of it is told a probability."""
    framed = tokenizer.frame(ids)
    if model.config.arch != "encoder_decoder":
        return _Ids(framed, range(0), range(len(framed)))
    shifted = [model.config.head.task.start, *framed[:-1]]
    return _Ids(shifted, range(0), range(1, len(shifted)), source=tuple(framed))


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
    engine = Engine(model, tokenizer, config=EngineConfig(max_batch=1), start=asked.start)
    return list(engine.generate(read, params).ids), True
