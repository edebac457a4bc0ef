"""Which ids of a text are pieces of one word, from the ids alone: shards keep no text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hanlin.data.sources import Ids
from hanlin.text.segment import word_spans
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.whole_words import whole_words


class Words:
    """Words of one vocabulary's ids. English words by their letters, Chinese ones by jieba's dictionary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._pieces = [tokenizer.piece_bytes(id) for id in range(tokenizer.vocab_size)]

    def groups(self, ids: Ids) -> list[list[int]]:
        """Places in `ids` that can only be hidden together: words, and alone whatever is of no word. Every place is in
        one group.

        Places are counted in bytes, since an id may be a part of a character.
        """
        pieces = [self._pieces[id] for id in ids.tolist()]
        ends = np.cumsum([len(piece) for piece in pieces])
        text = b"".join(pieces).decode("utf-8", "surrogateescape")
        at = _byte_places(text)
        words = [(at[start], at[end]) for start, end in word_spans(text, "")]
        tokens = [(end - len(piece), end) for piece, end in zip(pieces, ends.tolist(), strict=True)]
        grouped = whole_words(words, tokens)
        known = {place for group in grouped for place in group}
        return sorted([*grouped, *([place] for place in range(len(pieces)) if place not in known)])


def single(ids: Ids) -> list[list[int]]:
    """Every place for itself."""
    return [[place] for place in range(len(ids))]


def _byte_places(text: str) -> list[int]:
    """(characters + 1,) where each character of a decoded text begins in its bytes. One byte that was no UTF-8 stands
    as half of a surrogate pair."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    escaped = (codes >= 0xDC80) & (codes <= 0xDCFF)
    sizes = np.where(escaped, 1, 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000))
    places: list[int] = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return places


def sentence_ends(tokenizer: Tokenizer) -> Sequence[bool]:
    """For each id, whether a sentence ends with it."""
    marks = tuple(
        mark.encode() for mark in (*".!?。！？…；\n", ".”", "。”", "！”", "？”", '."', "。」", "！」", "？」")
    )
    pieces = (tokenizer.piece_bytes(id) for id in range(tokenizer.vocab_size))
    return [piece.endswith(marks) for piece in pieces]
