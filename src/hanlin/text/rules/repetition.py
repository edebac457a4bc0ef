"""How much of a text repeats itself: lines, paragraphs, and n-grams of words.

Rae et al., "Scaling Language Models: Methods, Analysis & Insights from Training Gopher" (2021), table A1; counted as
datatrove's `GopherRepetitionFilter` counts, with two differences. Characters in overlapping n-grams count once (as
the paper says), and an n-gram that occurs once repeats nothing: a poem of four words is not its own duplicate.

An n-gram can only be repeated where both (n-1)-grams in it are. So only pairs of words are sorted whole; each longer n
looks at the few places that are left.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hanlin.text.rules.characters import Flags, Ints, Keys, Lines, Words, paragraph_keys

TOP_GRAMS = (2, 3, 4)
REPEATED_GRAMS = (5, 6, 7, 8, 9, 10)
_STEP = np.uint64(0x9E3779B97F4A7C15)


def line_repetition(lines: Lines, num_chars: int) -> Iterator[tuple[str, float]]:
    """Yield shares of lines, paragraphs and their characters that stood before in the same text."""
    for name, keys, lengths in (
        ("dup_lines", lines.keys, lines.lengths),
        ("dup_paragraphs", *paragraph_keys(lines)),
    ):
        again = _again(keys)
        yield name, float(again.mean()) if len(again) else 0.0
        yield f"{name.removesuffix('s')}_chars", float(lengths[again].sum()) / max(1, num_chars)


def _again(keys: Keys) -> Flags:
    """Which of the keys stood before: (K,)."""
    found = np.ones(len(keys), bool)
    found[np.unique(keys, return_index=True)[1]] = False
    return found


def gram_repetition(words: Words, num_chars: int) -> Iterator[tuple[str, float]]:
    """Yield the share of characters in the most frequent n-gram (n = 2 to 4) and in repeated ones (5 to 10).

    Of a repeated n-gram the first occurrence does not count.
    """
    extents = np.diff(words.starts, append=num_chars)  # a word and what stands between it and the next
    places, keys = np.arange(len(words.keys)), words.keys
    for n in range(2, REPEATED_GRAMS[-1] + 1):
        places, keys = _longer(words.keys, places, keys, n)
        if not len(places):  # most texts: nothing of this length or a greater one can occur twice
            yield (f"top_{n}gram_chars" if n in TOP_GRAMS else f"dup_{n}gram_chars"), 0.0
            continue
        again, first_place = _groups(keys)
        if n in TOP_GRAMS:
            yield f"top_{n}gram_chars", _covered(places[_top(first_place, extents, places, n)], n, extents, num_chars)
        else:
            yield f"dup_{n}gram_chars", _covered(places[again], n, extents, num_chars)
        shared = again.copy()
        shared[first_place[again]] = True
        places, keys = places[shared], keys[shared]


def _longer(all_keys: Keys, places: Ints, keys: Keys, n: int) -> tuple[Ints, Keys]:
    """The n-grams whose two (n-1)-grams are both among those given, with their keys."""
    fits = places + n <= len(all_keys)
    if n > 2:
        follows = np.zeros(len(places), bool)
        follows[:-1] = places[1:] == places[:-1] + 1
        fits &= follows
    places, keys = places[fits], keys[fits]
    return places, (keys ^ (keys >> np.uint64(31))) * _STEP + all_keys[places + n - 1]


def _groups(keys: Keys) -> tuple[Flags, Ints]:
    """Which n-grams stood before, and for each the number of its first occurrence: (G,), (G,)."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    opens = np.ones(len(keys), bool)
    opens[1:] = ranked[1:] != ranked[:-1]
    again = np.empty(len(keys), bool)
    again[order] = ~opens
    first = np.empty(len(keys), np.int64)
    first[order] = order[opens][np.cumsum(opens) - 1] if len(keys) else order
    return again, first


def _top(first: Ints, extents: Ints, places: Ints, n: int) -> Flags:
    """Which n-grams are the most frequent one, of several the longest; none where nothing occurs twice."""
    if not len(first):
        return np.zeros(0, bool)
    counts = np.bincount(first, minlength=len(first))
    if counts.max() < 2:
        return np.zeros(len(first), bool)
    rivals = np.flatnonzero(counts == counts.max())
    ends = np.concatenate(([0], np.cumsum(extents)))
    lengths = ends[places[rivals] + n] - ends[places[rivals]]
    return first == rivals[np.argmax(lengths)]


def _covered(places: Ints, n: int, extents: Ints, num_chars: int) -> float:
    """The share of characters in the words of some n-grams, each word once."""
    if not len(places):
        return 0.0
    edges = np.bincount(places, minlength=len(extents) + 1) - np.bincount(places + n, minlength=len(extents) + 1)
    return float(extents[np.cumsum(edges)[:-1] > 0].sum()) / max(1, num_chars)
