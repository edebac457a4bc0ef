"""Filling blanks: what a model of each shape is asked so that it writes what is missing in a text.

encoder           every blank is one masked token, all guessed at once              BERT
encoder_decoder   blanks are sentinels; the answer names each before what fills it  T5: <extra_id_0> …
decoder           one blank: prefix, suffix, then what stands between them          <|fim_prefix|> … (Bavarian 2022)
    prefix            the text with masks, then what fills one of them, one at a time   GLM: [MASK] … <|bos|>
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

from hanlin.base.errors import InputError, UsageError
from hanlin.text.tokenizer import Tokenizer

BLANK = "____"
"""How a blank is written in a text, unless the caller says otherwise."""

MIDDLES = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),
)
"""Before the prefix, before the suffix, before what stands between: ours and Qwen's, StarCoder's, SantaCoder's,
DeepSeek's, Code Llama's."""

ENDS = ("▁<EOT>", "<|fim_pad|>", "<|file_sep|>", "<|endofpiece|>", "<eop>")
"""Tokens that end what fills a blank, where a vocabulary has them beside its eos."""

NUM_SENTINELS = 100

_MARKS = re.compile(r"<extra_id_\d+>|\[[gs]?MASK\]|<mask>")


@dataclass(frozen=True)
class Task:
    """What the engine is asked: a prompt, the tokens that end the answer, the sentinels before each part of it, and the
    place in the prompt that the answer stands for (Request.blank)."""

    prompt: tuple[int, ...]
    stop_ids: tuple[int, ...] = ()
    sentinels: tuple[int, ...] = ()
    blank: int = -1


@dataclass(frozen=True)
class Filled:
    """text: the whole, blanks filled; parts: what stands in them, in order; is_whole: no part was cut by a limit."""

    text: str
    parts: tuple[str, ...]
    is_whole: bool = True


class Filler(Protocol):
    """How a model that writes is asked to fill blanks. one_by_one: a task fills the first blank only."""

    one_by_one: bool

    def task(self, pieces: Sequence[str]) -> Task:
        """What to ask for the blanks between `pieces`. Raises InputError E620 for more blanks than it can fill."""


class Sentinels:
    """T5's way: many blanks at once."""

    one_by_one = False

    def __init__(self, tokenizer: Tokenizer, ids: Sequence[int]) -> None:
        self._tokenizer, self._ids = tokenizer, tuple(ids)

    def task(self, pieces: Sequence[str]) -> Task:
        """See Filler."""
        number = len(pieces) - 1
        _check_number(number, len(self._ids))
        ids = [*self._tokenizer.encode(pieces[0])]
        for sentinel, piece in zip(self._ids, pieces[1:], strict=False):
            ids += [sentinel, *self._tokenizer.encode(piece)]
        # A model names one sentinel more than there are blanks when it has filled the last.
        return Task(tuple(self._tokenizer.frame(ids)), self._ids[number : number + 1], self._ids[:number])


class Middle:
    """Prefix, suffix, middle: one blank in what decoders for code have learned to fill."""

    one_by_one = False

    def __init__(self, tokenizer: Tokenizer, marks: Sequence[int]) -> None:
        self._tokenizer, self._marks, self._ends = tokenizer, marks, _ends(tokenizer)

    def task(self, pieces: Sequence[str]) -> Task:
        """See Filler."""
        _check_number(len(pieces) - 1, 1)
        before, after = (self._tokenizer.encode(piece) for piece in pieces)
        prefix, suffix, middle = self._marks
        begin, _ = self._tokenizer.around
        return Task((*begin, prefix, *before, suffix, *after, middle), self._ends)


class Piece:
    """GLM's way: a masked text, and behind it what the mask stands for."""

    one_by_one = True

    def __init__(self, tokenizer: Tokenizer, mask: int) -> None:
        self._tokenizer, self._mask, self._ends = tokenizer, mask, _ends(tokenizer)
        start = tokenizer.control("<sop>")
        self._start = tokenizer.special.bos if start is None else start

    def task(self, pieces: Sequence[str]) -> Task:
        """See Filler."""
        before, *after = (self._tokenizer.encode(piece) for piece in pieces)
        masked = [id for ids in after for id in (self._mask, *ids)]
        return Task((*before, *masked, self._start), self._ends, blank=len(before))


def filler_for(tokenizer: Tokenizer, arch: str, blank: str = BLANK) -> Filler | None:
    """How a model that writes, of this shape and vocabulary, fills blanks; None where it has not the tokens for it.

    A prefix model is asked by the mask that blanks are written as, where it has several ([sMASK]: whole sentences).
    """
    if arch == "encoder_decoder":
        ids = [tokenizer.control(f"<extra_id_{number}>") for number in range(NUM_SENTINELS)]
        known = [id for id in ids if id is not None]
        return Sentinels(tokenizer, known) if known else None
    if arch == "prefix":
        named = tokenizer.control(blank) if _MARKS.fullmatch(blank) else None
        mask = tokenizer.special.mask if named is None else named
        return None if mask is None else Piece(tokenizer, mask)
    for names in MIDDLES:
        marks = [id for name in names if (id := tokenizer.control(name)) is not None]
        if len(marks) == len(names):
            return Middle(tokenizer, marks)
    return None


def pieces_of(text: str, blank: str = BLANK) -> list[str]:
    """The text around its blanks, which may also be written as vocabularies write them ([MASK], <extra_id_0>).

    Raises InputError E619 where there is none.
    """
    pieces = text.split(blank)
    if len(pieces) < 2:
        pieces = _MARKS.split(text)
    if len(pieces) < 2:
        raise InputError("infer.no_blank", blank=blank)
    return pieces


def parts_of(ids: Sequence[int], task: Task, tokenizer: Tokenizer) -> list[str]:
    """The answer's parts, one per blank; "" for one that was not reached."""
    if not task.sentinels:
        return [tokenizer.decode(ids)]
    marks = {*task.sentinels, *task.stop_ids}
    found: dict[int, list[int]] = {}
    current: list[int] = []
    for id in ids:
        current = found.setdefault(id, []) if id in marks else current
        current += [] if id in marks else [id]
    return [tokenizer.decode(found.get(sentinel, ())).strip() for sentinel in task.sentinels]


def filled(pieces: Sequence[str], parts: Sequence[str], is_whole: bool = True) -> Filled:
    """The text with its blanks filled."""
    text = "".join(text for pair in zip_longest(pieces, parts, fillvalue="") for text in pair)
    return Filled(text, tuple(parts), is_whole)


def no_filler(arch: str) -> UsageError:
    """E621: the vocabulary has no tokens for blanks."""
    return UsageError("infer.cannot_fill", arch=arch)


def _check_number(number: int, most: int) -> None:
    if number > most:
        raise InputError("infer.too_many_blanks", number=number, most=most)


def _ends(tokenizer: Tokenizer) -> tuple[int, ...]:
    return tuple(id for name in ENDS if (id := tokenizer.control(name)) is not None)
