"""Sums and differences within 20, and which of two numbers up to 100 is larger."""

from __future__ import annotations

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.tables import fill
from hanlin.recipe.world.words import Words, is_held_out

MOST = 20  # of a sum; within 100 two million parameters learn nothing in minutes (7 % after 1.8M tokens)
MOST_COMPARED = 100


def arithmetic(words: Words) -> Case:
    """A sum or a difference, as a formula, in words or as a little story."""
    kind = words.dice.choice(("add", "subtract"))
    a, b = operands(words, kind)
    return _case(words, "arithmetic", kind, a, b, a + b if kind == "add" else a - b)


def comparison(words: Words) -> Case:
    """The larger or the smaller of two numbers."""
    kind = words.dice.choice(("larger", "smaller"))
    a, b = compared(words)
    return _case(words, "comparison", kind, a, b, max(a, b) if kind == "larger" else min(a, b))


def compared(words: Words) -> tuple[int, int]:
    """Two different numbers; which is first does not change their side."""
    while True:
        a, b = words.dice.randint(0, MOST_COMPARED), words.dice.randint(0, MOST_COMPARED)
        if a != b and is_held_out(*sorted((a, b))) == words.held_out:
            return a, b


def operands(words: Words, kind: str) -> tuple[int, int]:
    """Two numbers with a result from 0 to MOST. 3 + 5, 5 + 3, 8 - 5 and 8 - 3 say the same and are on the same side."""
    while True:
        total = words.dice.randint(0, MOST)
        part = words.dice.randint(0, total)
        if is_held_out(*sorted((part, total - part))) == words.held_out:
            return (part, total - part) if kind == "add" else (total, part)


def _case(words: Words, skill: str, kind: str, a: int, b: int, result: int) -> Case:
    asks = words.skill("numbers")[kind]
    question = words.typed(words.politely(fill(words.pick(asks), a=a, b=b, name=words.word("name"))))
    return Case(skill, words.lang, question, str(result))
