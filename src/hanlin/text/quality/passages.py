"""A long text as passages of the length that classifiers are trained on.

Messages of a hundred characters and books have n-grams in other shares, and a classifier that saw only messages would
judge a book by its length. So examples and documents alike are cut into passages, and a document is judged by all of
its own, each by its length.
"""

from __future__ import annotations

from collections.abc import Sequence

from hanlin.text.readers import split_text


def passages_of(text: str, size: int) -> list[str]:
    """Return the passages of a text, of at most `size` characters, cut at the best border; at least one."""
    return [passage for passage, _ in split_text([text], size) if passage.strip()] or [text]


def spread(passages: Sequence[str], most: int) -> list[str]:
    """Return at most so many passages, evenly taken from all."""
    if len(passages) <= most:
        return list(passages)
    return [passages[number * len(passages) // most] for number in range(most)]
