"""Which evaluation rows stand in a text: runs of 13 words, or of 16 characters of Chinese, that both have.

Case, punctuation, white space, width and script count for nothing, so that a question is found in a PDF's line breaks,
in Traditional characters and inside the markup of another format. A row's shorter text must stand there as a whole.
Words in a row as evidence: GPT-3 (Brown et al. 2020, appendix C) used 13.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import opencc

from hanlin.base.errors import CheckFailed, InputError
from hanlin.text.config import AgainstConfig
from hanlin.text.folding import Hashes, windows, windows_by_size, words_of
from hanlin.text.overlap.rows import EvaluationRow

PLANTED = 20
"""Rows of each set that are looked for in a text made of them, before any answer of the index is believed."""
MOST_NUMBERS = 0.5
"""A run of which more are numbers proves nothing: 1 to 16 stands in every table."""
_FILTER_BITS = np.uint64(22)


@dataclass(frozen=True)
class Overlap:
    """A passage `text[start:end]` that stands in an evaluation row."""

    row: EvaluationRow
    start: int
    end: int


class _Table:
    """Hashes of runs of words of one length with the number of their row, found fast where almost nothing is there."""

    def __init__(self, entries: Iterable[tuple[Hashes, int]]) -> None:
        parts = [(keys, np.full(len(keys), row, np.int64)) for keys, row in entries]
        keys = np.concatenate([np.empty(0, np.uint64), *(part for part, _ in parts)])
        rows = np.concatenate([np.empty(0, np.int64), *(part for _, part in parts)])
        order = np.lexsort((rows, keys))
        self.keys, self.rows = keys[order], rows[order]
        self._filter = np.zeros(1 << int(_FILTER_BITS), np.bool_)
        self._filter[self.keys >> (np.uint64(64) - _FILTER_BITS)] = True

    def find(self, keys: Hashes) -> Iterator[tuple[int, int]]:
        """Yield (row, place of the first word) of every run that is in the table."""
        places = np.flatnonzero(self._filter[keys >> (np.uint64(64) - _FILTER_BITS)])
        firsts = np.searchsorted(self.keys, keys[places])
        lasts = np.searchsorted(self.keys, keys[places], "right")
        for place in np.flatnonzero(firsts < lasts).tolist():
            yield from ((row, int(places[place])) for row in self.rows[firsts[place] : lasts[place]].tolist())


@dataclass
class OverlapIndex:
    """Evaluation rows by what they say. Build with `index_of`, ask with `find`."""

    config: AgainstConfig
    rows: list[EvaluationRow]
    tables: dict[int, _Table]
    num_unusable: Counter[str] = field(default_factory=Counter)
    planted: dict[str, int] = field(default_factory=dict)
    families: dict[str, EvaluationRow] = field(default_factory=dict)

    def find(self, text: str) -> list[Overlap]:
        """Return the passages of a text that stand in evaluation rows, those of one row joined where they touch."""
        words = words_of(text)
        by_size = windows_by_size(words.hashes, self.tables)
        found = sorted(
            (row, place, place + size) for size, keys in by_size for row, place in self.tables[size].find(keys)
        )
        joined: list[tuple[int, int, int]] = []
        for row, start, end in found:
            if joined and joined[-1][0] == row and start <= joined[-1][2]:
                joined[-1] = (row, joined[-1][1], max(end, joined[-1][2]))
            else:
                joined.append((row, start, end))
        return [Overlap(self.rows[row], int(words.starts[a]), int(words.ends[b - 1])) for row, a, b in joined]

    def kin(self, family: str, text: str) -> list[Overlap]:
        """Return a whole text as an overlap where it was made from an evaluation row, in whatever words."""
        row = self.families.get(family) if family else None
        return [Overlap(row, 0, len(text))] if row else []

    @property
    def sets(self) -> dict[str, int]:
        """The sets by name, with the number of rows that can be found."""
        return dict(Counter(row.set for row in self.rows))

    def check(self) -> dict[str, int]:
        """Plant rows of every set in a text, in other case and the other script, and look for them.

        Returns how many were planted for each set. Raises CheckFailed when nothing of a set is found: a blind index
        would report clean text for ever.
        """
        planted: dict[str, list[EvaluationRow]] = {}
        for row in self.rows:
            planted.setdefault(row.set, []).append(row)
        for name, rows in planted.items():
            chosen = rows[:: max(1, len(rows) // PLANTED)][:PLANTED]
            text = "\n\n".join(f"(a) {_disguised(' / '.join(row.texts))} — ..." for row in chosen)
            found = {overlap.row.place for overlap in self.find(text)}
            if missed := [row.place for row in chosen if row.place not in found]:
                raise CheckFailed("text.index_blind", set=name, num=len(chosen), missed=len(missed), place=missed[0])
            planted[name] = chosen
        return {name: len(chosen) for name, chosen in planted.items()}


def index_of(rows: Iterable[EvaluationRow], config: AgainstConfig) -> OverlapIndex:
    """Return the index of some rows, tested by planted ones.

    Raises InputError where a set has no row that could ever be found, CheckFailed where the planted ones are not.
    """
    kept: list[EvaluationRow] = []
    entries: dict[int, list[tuple[Hashes, int]]] = {}
    unusable: Counter[str] = Counter()
    families: dict[str, EvaluationRow] = {}
    for row in rows:
        families.setdefault(row.family, row)
        found = list(_runs(row.texts, config))
        unusable[row.set] += not found
        for size, keys in found:
            entries.setdefault(size, []).append((keys, len(kept)))
        kept += [row] if found else []
    usable = {row.set for row in kept}
    if blind := [name for name in unusable if name not in usable]:
        raise InputError("text.evaluation_too_short", set=blind[0], num=unusable[blind[0]], least=config.least)
    tables = {size: _Table(entries[size]) for size in sorted(entries)}
    index = OverlapIndex(config, kept, tables, +unusable, families=families)
    index.planted = index.check()
    return index


def _runs(texts: Sequence[str], config: AgainstConfig) -> Iterator[tuple[int, Hashes]]:
    """The runs that prove an overlap with a row, by their length in words."""
    for text in texts:
        words = words_of(text)
        num = len(words.hashes)
        if num >= config.least:
            size = min(num, config.characters if 2 * words.num_han >= num else config.words)
            numbers = np.convolve(words.are_numbers, np.ones(size), "valid")
            keys = windows(words.hashes, size)[numbers <= MOST_NUMBERS * size]
            if len(keys):
                yield size, keys


def _disguised(text: str) -> str:
    """The same text as another publisher would print it."""
    return _traditional().convert(text).upper().replace(" ", "\n")


@functools.cache
def _traditional() -> opencc.OpenCC:
    """Its dictionaries take 50 ms to read."""
    return opencc.OpenCC("s2t")
