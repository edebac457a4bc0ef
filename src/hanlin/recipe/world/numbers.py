"""Sums of two digits, what is left of them, and which of two numbers up to 100 is larger."""

from __future__ import annotations

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.tables import fill
from hanlin.recipe.world.words import Words, is_held_out

MOST = 9  # to add; of all sums up to 20 two million parameters learn a quarter in ten minutes, of those up to 100 7 %
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
        a, b = (words.dice.randint(0, words.dice.choice((9, 20, MOST_COMPARED, MOST_COMPARED))) for _ in range(2))
        if a != b and is_held_out(*sorted((a, b))) == words.held_out:
            return a, b


def operands(words: Words, kind: str) -> tuple[int, int]:
    """Two digits to add, or what they make and one of them. All pairs are taught: a table is learned by heart, and
    what is held out of it are the wordings."""
    a, b = words.dice.randint(0, MOST), words.dice.randint(0, MOST)
    return (a, b) if kind == "add" else (a + b, b)


def _case(words: Words, skill: str, kind: str, a: int, b: int, result: int) -> Case:
    asks = words.skill("numbers")[kind]
    question = words.typed(words.politely(fill(words.pick(asks), a=a, b=b, name=words.word("name"))))
    return Case(skill, words.lang, question, str(result))
