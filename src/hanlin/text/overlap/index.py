"""Which evaluation rows stand in a text: runs of 13 words, or of 16 characters of Chinese, that both have.

Case, punctuation, white space, width and script count for nothing, so that a question is found in a PDF's line breaks,
in Traditional characters and inside the markup of another format. A row's shorter text must stand there as a whole.
Words in a row as evidence: GPT-3 (Brown et al. 2020, appendix C) used 13.

Two things look like leaks and are none, the more of them the more text and rows there are: the instruction that half of
a set's rows begin with, which is not looked for, and a saying or licence that a row quotes as a thousand pages do,
which alone proves nothing (`proven`; GPT-3 passed over runs that more than 10 documents have).
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
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
TEMPLATE_SHARE, TEMPLATE_ROWS = 0.05, 50
"""A run in more than that share of a set's rows, and in more than so many, is their instruction. Not fewer: up to some
thirty questions are asked of one passage."""
PROVING_SHARE = 0.5
"""What common runs must make up of the longest text of a row to prove that it is there: then the row itself is common,
as a question that a hundred sites have."""
_FILTER_BITS = np.uint64(22)


@dataclass(frozen=True)
class Overlap:
    """A passage `text[start:end]` that stands in an evaluation row: its runs by their keys, its length in words."""

    row: EvaluationRow
    start: int
    end: int
    keys: frozenset[int] = frozenset()
    num_words: int = 0


def runs_of(overlaps: Iterable[Overlap]) -> frozenset[int]:
    """The keys of all runs that a text shares with rows, each once."""
    return frozenset[int]().union(*(one.keys for one in overlaps))


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

    def find(self, keys: Hashes) -> Iterator[tuple[int, int, int]]:
        """Yield (row, place of the first word, key) of every run that is in the table."""
        places = np.flatnonzero(self._filter[keys >> (np.uint64(64) - _FILTER_BITS)])
        firsts = np.searchsorted(self.keys, keys[places])
        lasts = np.searchsorted(self.keys, keys[places], "right")
        for place in np.flatnonzero(firsts < lasts).tolist():
            at, key = int(places[place]), int(keys[places[place]])
            yield from ((row, at, key) for row in self.rows[firsts[place] : lasts[place]].tolist())


@dataclass
class OverlapIndex:
    """Evaluation rows by what they say. Build with `index_of`, ask with `find`."""

    config: AgainstConfig
    rows: list[EvaluationRow]
    tables: dict[int, _Table]
    num_unusable: Counter[str] = field(default_factory=Counter)
    planted: dict[str, int] = field(default_factory=dict)
    families: dict[str, EvaluationRow] = field(default_factory=dict)
    num_templates: Counter[str] = field(default_factory=Counter)

    def find(self, text: str) -> list[Overlap]:
        """Return the passages of a text that stand in evaluation rows, those of one row joined where they touch."""
        words = words_of(text)
        by_size = windows_by_size(words.hashes, self.tables)
        found = sorted(
            (row, place, place + size, key)
            for size, keys in by_size
            for row, place, key in self.tables[size].find(keys)
        )
        joined: list[tuple[int, int, int, set[int]]] = []
        for row, start, end, key in found:
            if joined and joined[-1][0] == row and start <= joined[-1][2]:
                joined[-1] = (row, joined[-1][1], max(end, joined[-1][2]), joined[-1][3] | {key})
            else:
                joined.append((row, start, end, {key}))
        return [
            Overlap(self.rows[row], int(words.starts[a]), int(words.ends[b - 1]), frozenset(keys), b - a)
            for row, a, b, keys in joined
        ]

    def proven(self, overlaps: Iterable[Overlap], common: Set[int]) -> list[Overlap]:
        """Return those overlaps that prove something, where `common` are the keys of runs that many texts have.

        A passage of nothing else may be a saying, a licence, a form; it is proof where it makes up half of the row.
        """
        return [
            one
            for one in overlaps
            if not one.keys or not one.keys <= common or one.num_words >= PROVING_SHARE * _longest(one.row)
        ]

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
    templates = _without_templates(entries, [row.set for row in kept])
    tables = {size: _Table(entries[size]) for size in sorted(entries)}
    index = OverlapIndex(config, kept, tables, +unusable, families=families, num_templates=templates)
    index.planted = index.check()
    return index


Entries = dict[int, list[tuple[Hashes, int]]]
"""For each length in words the runs of rows, with the number of the row."""


def _without_templates(entries: Entries, sets: Sequence[str]) -> Counter[str]:
    """Take the instructions of sets out of the runs, where a row keeps any; return how many each set has."""
    num_rows, found = Counter(sets), Counter[str]()
    least = {name: max(TEMPLATE_ROWS, TEMPLATE_SHARE * number) for name, number in num_rows.items()}
    for size, parts in entries.items():
        templates: dict[str, Hashes] = {}
        for name in (name for name, number in num_rows.items() if number > TEMPLATE_ROWS):
            of_rows = [np.unique(keys) for keys, row in parts if sets[row] == name]
            keys, counts = np.unique(np.concatenate([np.empty(0, np.uint64), *of_rows]), return_counts=True)
            templates[name] = keys[counts > least[name]]
            found[name] += len(templates[name])
        entries[size] = [(_kept(keys, templates.get(sets[row])), row) for keys, row in parts]
    return +found


def _kept(keys: Hashes, templates: Hashes | None) -> Hashes:
    own = keys if templates is None else keys[~np.isin(keys, templates)]
    return own if len(own) else keys


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


def _longest(row: EvaluationRow) -> int:
    """Words of the longest text of a row."""
    return max(len(words_of(text).hashes) for text in row.texts)


def _disguised(text: str) -> str:
    """The same text as another publisher would print it."""
    return _traditional().convert(text).upper().replace(" ", "\n")


@functools.cache
def _traditional() -> opencc.OpenCC:
    """Its dictionaries take 50 ms to read."""
    return opencc.OpenCC("s2t")
