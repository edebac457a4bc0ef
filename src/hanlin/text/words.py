"""How often each word of a corpus occurs, and how much of the text the commonest words make up."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hanlin.text.document import Document
from hanlin.text.language import identify
from hanlin.text.segment import STEMMERS, UNSPACED, segment, stem

SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)
"""Shares of a running text that are asked about."""


@dataclass
class WordCounts:
    """The words of one language. Memory grows with the number of different words, not with the text."""

    num_documents: int = 0
    num_characters: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def num_words(self) -> int:
        """Words of the running text."""
        return self.counts.total()

    def ranked(self) -> list[tuple[str, int]]:
        """Words with their counts, the commonest first, equally common ones by code."""
        return sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))


def count_words(
    documents: Iterable[Document], *, stemmed: bool = False
) -> tuple[dict[str, WordCounts], dict[str, int]]:
    """Count the words of each language, in lower case; return also how many documents of a language were left out,
    because its words cannot be told apart.

    `stemmed` counts stems where the language has a stemmer.
    """
    found: dict[str, WordCounts] = {}
    left_out: Counter[str] = Counter()
    for document in documents:
        lang = identify(document.text).code if document.lang == "other" else document.lang
        if lang in UNSPACED:
            left_out[lang] += 1
            continue
        held = found.setdefault(lang, WordCounts())
        held.num_documents += 1
        held.num_characters += len(document.text)
        held.counts.update(word.lower() for word in segment(document.text, lang))
    if stemmed:
        for lang, held in found.items():
            held.counts = by_stem(held.counts, lang)
    return found, dict(left_out)


def by_stem(counts: Counter[str], lang: str) -> Counter[str]:
    """The counts of stems: each word is stemmed once, however often it occurs."""
    if lang not in STEMMERS:
        return counts
    together: Counter[str] = Counter()
    for one, number in zip(stem(counts, lang), counts.values(), strict=True):
        together[one] += number
    return together


def coverage(ranked: Sequence[tuple[str, int]]) -> list[tuple[int, float]]:
    """Return (number of the commonest words, share of the running text that they make up), about 200 points from one
    word to all."""
    total = sum(number for _, number in ranked)
    sums = list(itertools.accumulate(number for _, number in ranked))
    ranks = sorted({min(len(sums), round(len(sums) ** (step / 200))) for step in range(201)}) if sums else []
    return [(rank, sums[rank - 1] / total) for rank in ranks]


def words_for(ranked: Sequence[tuple[str, int]], share: float) -> int:
    """Return how many of the commonest words make up `share` of the running text."""
    total, so_far = sum(number for _, number in ranked), 0
    for rank, (_, number) in enumerate(ranked, start=1):
        so_far += number
        if so_far >= share * total:
            return rank
    return len(ranked)
