"""Fill in the middle (Bavarian et al. 2022): text turned around, so that a decoder learns to write what is missing.

    PSM   <prefix> a b <suffix> d e <middle> c eos
    SPM   <prefix> <suffix> d e <middle> a b c eos

Both ways hold every token once, and every token is learned as in plain text. Cuts fall between characters: a model that
only ever saw cuts between tokens fails where a user stops in the middle of a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from hanlin.data.batches import TokenBatch
from hanlin.data.forms.masked import tensors
from hanlin.data.forms.parts import Part, Piece, Sizes, lay_out
from hanlin.data.sources import IGNORE, Ids
from hanlin.text.purposes import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX
from hanlin.text.tokenizer import Tokenizer

Level = Literal["character", "token"]
Three = tuple[list[int], list[int], list[int]]
NUM_FRAME = 4
"""Positions beside the text: three marks and bos; eos is only ever a target."""
SPARE, TRIES = 8, 8
"""Tokens that two cuts inside tokens may add, and cuts that are tried before the cut falls between tokens."""


@dataclass(frozen=True)
class Middle:
    """rate: share of parts turned around, the others are plain text; suffix_first: share of those in the SPM way."""

    tokenizer: Tokenizer
    rate: float = 0.5
    suffix_first: float = 0.5
    level: Level = "character"

    @property
    def name(self) -> str:
        return f"middle {self.rate} {self.suffix_first} {self.level}"

    @cached_property
    def marks(self) -> tuple[int, int, int]:
        """What stands before prefix, suffix and middle."""
        found = [self.tokenizer.control(text) for text in (FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE)]
        prefix, suffix, middle = (id for id in found if id is not None)
        return prefix, suffix, middle

    def positions(self, sizes: Sizes) -> Sizes:
        """See Form."""
        return sizes + NUM_FRAME + (SPARE if self.level == "character" else 0)

    def piece(self, part: Part) -> Piece:
        """One part, turned around or not."""
        rng = part.draw()
        text = part.ids.tolist() if rng.random() >= self.rate else self._turned(part.ids, rng)
        special = self.tokenizer.special
        row = np.array([special.bos, *text, *([special.eos] if part.ends else [])], np.int64)
        return Piece(row[:-1], row[1:], {})

    def batch(self, rows: Sequence[Sequence[Part]], *, seq_len: int) -> TokenBatch:
        """See Form."""
        pieces = [[self.piece(part) for part in row] for row in rows]
        fill = {"tokens": self.tokenizer.special.pad, "targets": IGNORE}
        return TokenBatch(**tensors(lay_out(pieces, width=seq_len, fill=fill)))

    def _turned(self, ids: Ids, rng: np.random.Generator) -> list[int]:
        before, between, after = self.marks
        prefix, middle, suffix = self.cut(ids, rng)
        if rng.random() < self.suffix_first:
            return [before, between, *suffix, after, *prefix, *middle]
        return [before, *prefix, between, *suffix, after, *middle]

    def cut(self, ids: Ids, rng: np.random.Generator) -> Three:
        """Prefix, middle and suffix as ids. Together they spell what `ids` spell."""
        if self.level == "character" and (text := self._text(ids)) is not None:
            for _ in range(TRIES):
                start, end = sorted(rng.integers(len(text) + 1, size=2).tolist())
                parts = [self.tokenizer.encode(part) for part in (text[:start], text[start:end], text[end:])]
                fits = sum(map(len, parts)) <= len(ids) + SPARE
                if fits and self._bytes([id for part in parts for id in part]) == self._bytes(ids.tolist()):
                    return parts[0], parts[1], parts[2]
        start, end = sorted(rng.integers(len(ids) + 1, size=2).tolist())
        return ids[:start].tolist(), ids[start:end].tolist(), ids[end:].tolist()

    def _text(self, ids: Ids) -> str | None:
        """The text of some ids, None where they begin or end inside a character."""
        try:
            return self._bytes(ids.tolist()).decode()
        except UnicodeDecodeError:
            return None

    def _bytes(self, ids: Sequence[int]) -> bytes:
        return b"".join(self.tokenizer.piece_bytes(id) for id in ids)
