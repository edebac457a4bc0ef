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
MOST_TEXTS = 10
"""Lines that more training texts have prove nothing either: the more text, the more lines are of nobody."""


def long_line_keys(text: str) -> set[int]:
    """Return 64-bit keys of the lines of a text that prove something."""
    return {text_key(line) for line in _lines(text) if len(line) >= LEAST_CHARS}


def leaked_share(text: str, seen: Container[int], common: Container[int] = frozenset()) -> float:
    """Return the share of a text's characters in long lines whose keys were seen.

    Lines whose keys are common are passed over: they say whose language it is, not whose text. A text of nothing else
    has leaked, however short its lines.
    """
    lines = _lines(text)
    telling = [(line, text_key(line)) for line in lines if len(line) >= LEAST_CHARS]
    own = [(line, key) for line, key in telling if key not in common]
    if telling and not own:
        return 1.0
    passed_over = sum(len(line) for line, _ in telling) - sum(len(line) for line, _ in own)
    leaked = sum(len(line) for line, key in own if key in seen)
    return leaked / max(1, sum(map(len, lines)) - passed_over)


def _lines(text: str) -> list[str]:
    return [line for line in map(str.strip, text.split("\n")) if line]
