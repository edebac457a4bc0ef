"""Held-out text that training has seen: a model would be praised for what it learned by heart.

A copy that is equal whole is a duplicate and gone before the split. What is left are pages that quote or repeat others:
they are found line by line, so that a changed title or a moved paragraph hides nothing. Lee et al., "Deduplicating
Training Data Makes Language Models Better" (2022), find such text in the held-out part of every common collection.
"""

from __future__ import annotations

from collections.abc import Iterable

from hanlin.text.dedup import text_digest

LEAST_CHARS = 10
"""Shorter lines ("return x", a lone heading) stand everywhere and prove nothing."""


def leaked_shares(held_out: Iterable[str], training: Iterable[str]) -> list[float]:
    """For each held-out text, the share of its characters in long lines that some training text has too.

    White space around a line does not count. Memory: about 150 bytes for each long held-out line.
    """
    texts = [[(text_digest(line), len(line)) for line in _lines(text)] for text in held_out]
    wanted = {digest for lines in texts for digest, length in lines if length >= LEAST_CHARS}
    seen: set[bytes] = set()
    for text in training if wanted else ():  # the training text is not read where nothing is looked for
        seen |= wanted & {text_digest(line) for line in _lines(text) if len(line) >= LEAST_CHARS}
    return [_share(lines, seen) for lines in texts]


def _lines(text: str) -> list[str]:
    return [line for line in map(str.strip, text.split("\n")) if line]


def _share(lines: list[tuple[bytes, int]], seen: set[bytes]) -> float:
    total = sum(length for _, length in lines)
    return sum(length for digest, length in lines if digest in seen) / max(1, total)
