"""Sums and differences within 100, and which of two numbers is larger."""

from __future__ import annotations

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.words import Words, fill, is_held_out

MOST = 100
SMALL = 20
SMALL_SHARE = 0.4


def arithmetic(words: Words) -> Case:
    """A sum or a difference, as a formula, in words or as a little story."""
    kind = words.dice.choice(("add", "subtract"))
    a, b = operands(words, kind)
    return _case(words, "arithmetic", kind, a, b, a + b if kind == "add" else a - b)


def comparison(words: Words) -> Case:
    """The larger or the smaller of two numbers."""
    kind = words.dice.choice(("larger", "smaller"))
    while True:
        a, b = words.dice.randint(0, MOST), words.dice.randint(0, MOST)
        if a != b and is_held_out(*sorted((a, b))) == words.held_out:
            return _case(words, "comparison", kind, a, b, max(a, b) if kind == "larger" else min(a, b))


def operands(words: Words, kind: str) -> tuple[int, int]:
    """Two numbers with a result from 0 to MOST. 3 + 5, 5 + 3, 8 - 5 and 8 - 3 say the same and are on the same side."""
    while True:
        most = SMALL if words.dice.random() < SMALL_SHARE else MOST
        total = words.dice.randint(0, most)
        part = words.dice.randint(0, total)
        if is_held_out(*sorted((part, total - part))) == words.held_out:
            return (part, total - part) if kind == "add" else (total, part)


def _case(words: Words, skill: str, kind: str, a: int, b: int, result: int) -> Case:
    asks = words.skill("numbers")[kind]
    question = words.typed(fill(words.pick(asks), a=a, b=b, name=words.name()))
    return Case(skill, words.lang, question, str(result))
