"""Texts, or pairs of them, to the rows that a task reads: framed, and where they are too long, what was asked for.

error     a text that is too long is refused
cut       its beginning is read; of a pair, the longer text loses its end first
windows   it is read in parts; of a pair, the first text stands in every part and the second is cut
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hanlin.base.errors import InputError, RequestTooLong
from hanlin.text.tokenizer import Tokenizer

Overflow = Literal["error", "cut", "windows"]
Text = str | tuple[str, str]
Place = tuple[int, int]


@dataclass(frozen=True)
class Row:
    """One row of ids, whole or a part of a text.

    text: its number. types: 0, or 1 for second texts. first: place in `ids` of the text's own tokens (of the second
    text of a pair), `places` where those stand in it, in characters.
    """

    text: int
    ids: list[int]
    types: list[int]
    first: int
    places: list[Place]


@dataclass(frozen=True)
class Rows:
    """Rows in the order of the texts; how many texts lost their end, and how many were read in parts."""

    rows: list[Row]
    num_cut: int
    num_split: int


@dataclass(frozen=True)
class _Encoded:
    ids: list[int]
    places: list[Place]

    def part(self, start: int, end: int) -> _Encoded:
        return _Encoded(self.ids[start:end], self.places[start:end])


class Framer:
    """What frames texts for one model. max_tokens: of a row, control tokens included. overlap: tokens that a part of a
    text has in common with the one before it."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, *, overlap: int = 0) -> None:
        self.tokenizer, self.max_tokens, self.overlap = tokenizer, max_tokens, overlap

    def frame(self, texts: Sequence[Text], overflow: Overflow = "error", *, names: Sequence[str] = ()) -> Rows:
        """Rows of texts. Raises InputError E440 for a blank text, RequestTooLong E441 for the first that is too long,
        E442 for a pair whose first text is; `names` say which, else their numbers."""
        rows: list[Row] = []
        num_long = 0
        for number, text in enumerate(texts):
            name = names[number] if names else str(number + 1)
            encoded = self._encoded(name, text)
            room, num_tokens = self._room(len(encoded)), sum(len(one.ids) for one in encoded)
            parts = [encoded] if num_tokens <= room else self._fitted(name, encoded, room, overflow)
            rows += [self._row(number, part) for part in parts]
            num_long += num_tokens > room
        return Rows(rows, num_long * (overflow == "cut"), num_long * (overflow == "windows"))

    def _encoded(self, name: str, text: Text) -> list[_Encoded]:
        parts = (text,) if isinstance(text, str) else text
        if any(not part.strip() for part in parts):
            raise InputError("data.text_blank", number=name)
        return [_Encoded(*self.tokenizer.encode_with_places(part)) for part in parts]

    def _room(self, num_texts: int) -> int:
        frame = self.tokenizer.num_frame if num_texts == 1 else self.tokenizer.num_pair_frame
        return max(1, self.max_tokens - frame)

    def _fitted(self, name: str, encoded: list[_Encoded], room: int, overflow: Overflow) -> list[list[_Encoded]]:
        """What is read of a text that is too long."""
        if overflow == "cut":
            return [_shortened(encoded, room)]
        *kept, last = encoded
        size = room - sum(len(one.ids) for one in kept)
        if overflow == "error":
            num_tokens = sum(len(one.ids) for one in encoded)
            raise RequestTooLong("data.text_too_long", number=name, num_tokens=num_tokens, max_seq_len=room)
        if size < max(1, room // 4):  # too little of the second text for a row
            num_tokens, most = len(encoded[0].ids), room - max(1, room // 4)
            raise RequestTooLong("data.first_too_long", number=name, num_tokens=num_tokens, max_seq_len=most)
        overlap = min(self.overlap, size // 2)
        starts = range(0, len(last.ids) - overlap, size - overlap)
        return [[*kept, last.part(start, start + size)] for start in starts]

    def _row(self, number: int, encoded: list[_Encoded]) -> Row:
        own, (alone, second) = encoded[-1], self.tokenizer.text_places
        if len(encoded) == 1:
            ids = self.tokenizer.frame(own.ids)
            return Row(number, ids, [0] * len(ids), alone, own.places)
        framed = self.tokenizer.frame_pair(encoded[0].ids, own.ids)
        return Row(number, framed.ids, framed.types, second + len(encoded[0].ids), own.places)


def _shortened(encoded: list[_Encoded], room: int) -> list[_Encoded]:
    """The longer loses its end first."""
    if len(encoded) == 1:
        return [encoded[0].part(0, room)]
    lengths = [len(one.ids) for one in encoded]
    short = min(*lengths, room // 2)
    longer = lengths.index(max(lengths))
    return [one.part(0, room - short if number == longer else short) for number, one in enumerate(encoded)]
