"""Held-out text that training has seen: a model would be praised for what it learned by heart.

A copy that is equal whole is a duplicate and gone before the split. What is left are pages that quote or repeat others:
they are found line by line, so that a changed title or a moved paragraph hides nothing. Lee et al., "Deduplicating
Training Data Makes Language Models Better" (2022), find such text in the held-out part of every common collection.
"""

from __future__ import annotations

from collections.abc import Container

from hanlin.text.dedup import text_key

LEAST_CHARS = 10
"""Shorter lines ("return x", a lone heading) stand everywhere and prove nothing."""


def long_line_keys(text: str) -> set[int]:
    """Return 64-bit keys of the lines of a text that prove something."""
    return {text_key(line) for line in _lines(text) if len(line) >= LEAST_CHARS}


def leaked_share(text: str, seen: Container[int]) -> float:
    """Return the share of a text's characters in long lines whose keys were seen."""
    lines = _lines(text)
    leaked = sum(len(line) for line in lines if len(line) >= LEAST_CHARS and text_key(line) in seen)
    return leaked / max(1, sum(map(len, lines)))


def _lines(text: str) -> list[str]:
    return [line for line in map(str.strip, text.split("\n")) if line]
