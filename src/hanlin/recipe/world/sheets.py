"""The world as text to read, before anybody converses: fact sheets, sums, word lists, reviews with their label.

A model that has read them knows the forms; fine-tuning then teaches it to answer. All of it is of the taught side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hanlin.recipe.world.extraction import sentence
from hanlin.recipe.world.numbers import compared, operands
from hanlin.recipe.world.phrases import pair
from hanlin.recipe.world.reading import passage, question
from hanlin.recipe.world.sentiment import LABELS, review
from hanlin.recipe.world.tables import data, fill
from hanlin.recipe.world.words import Words
from hanlin.recipe.world.world import SKILLS


@dataclass(frozen=True)
class Sheet:
    """A kind of text and how many of a thousand texts are of it."""

    name: str
    write: Callable[[Words], str]
    weight: int


def reading_sheet(words: Words) -> str:
    """A passage with four questions and answers."""
    told, lines = passage(words), words.skill("sheets")["question"]
    form = words.pick(lines)
    asked = [question(words, told) for _ in range(4)]
    return "\n".join([told.text, *(fill(form, ask=ask, answer=answer) for ask, answer in asked)])


def extraction_sheet(words: Words) -> str:
    """Two sentences, each with what it says about who, what, where, when and how much."""
    names, parts = words.skill("sheets")["field"], []
    for _ in range(2):
        text, found = sentence(words)
        kinds = words.dice.sample(sorted(found), len(found))
        parts.append("\n".join([text, *(fill(words.pick(names, kind), it=found[kind]) for kind in kinds)]))
    return "\n\n".join(parts)


def sums_sheet(words: Words) -> str:
    """Sums and differences in one form, twenty of them."""
    kind = words.dice.choice(("add", "subtract"))
    form = words.pick(words.skill("sheets")[kind])
    rows = [operands(words, kind) for _ in range(20)]
    return words.dice.choice(("\n", ", ", "; ")).join(
        fill(form, a=a, b=b, it=a + b if kind == "add" else a - b) for a, b in rows
    )


def order_sheet(words: Words) -> str:
    """Pairs of numbers in order."""
    form = words.pick(words.skill("sheets")["order"])
    rows: list[str] = []
    while len(rows) < 12:
        small, large = compared(words)
        rows.append(fill(form, small=min(small, large), large=max(small, large)))
    return "\n".join(rows)


def dictionary_sheet(words: Words) -> str:
    """Ten phrases in both languages."""
    form = words.pick(words.skill("sheets")["phrase"])
    pairs = [pair(words) for _ in range(10)]
    return "\n".join(fill(form, zh=zh, en=en) for zh, en in pairs)


def review_sheet(words: Words) -> str:
    """Five reviews with their labels."""
    form, labels = words.pick(words.skill("sheets")["review"]), words.skill("sentiment")["label"]
    chosen = [words.dice.choice(LABELS) for _ in range(5)]
    return "\n".join(fill(form, text=review(words, label), it=labels[label][0]) for label in chosen)


def echo_sheet(words: Words) -> str:
    """Words in a row that have nothing to do with each other, said two to four times: all that helps is to copy."""
    row = [scrap(words) for _ in range(words.dice.randint(4, 12))]
    line = words.dice.choice((" ", ", ", "\n") if words.lang == "en" else ("", "，", "\n")).join(row)
    return "\n".join([line] * words.dice.choice((2, 3, 3, 4)))


def recall_sheet(words: Words) -> str:
    """Pairs that have nothing to do with each other, three times in another order: what belonged to what?"""
    form = words.pick(words.skill("sheets")["pair"])
    pairs = {scrap(words): scrap(words) for _ in range(words.dice.randint(3, 6))}
    orders = [words.dice.sample(sorted(pairs), len(pairs)) for _ in range(3)]
    return "\n".join(fill(form, key=key, value=pairs[key]) for order in orders for key in order)


def scrap(words: Words) -> str:
    """Any word of the world."""
    return words.word(words.dice.choice(("name", "name", "city", "spot", "thing", "food", "animal", "job", "number")))


def asked_sheet(words: Words) -> str:
    """Six questions of any skill with their answers: the words that fine-tuning will use are no news then."""
    form = words.pick(words.skill("sheets")["question"])
    chosen = words.dice.choices(SKILLS, weights=[skill.weight for skill in SKILLS], k=6)
    cases = [skill.make(words) for skill in chosen]
    return "\n".join(fill(form, ask=case.question, answer=case.answer) for case in cases)


SHEETS = (
    Sheet("reading", reading_sheet, 60),
    Sheet("extraction", extraction_sheet, 90),
    Sheet("sums", sums_sheet, 130),
    Sheet("order", order_sheet, 110),
    Sheet("dictionary", dictionary_sheet, 60),
    Sheet("reviews", review_sheet, 120),
    Sheet("echo", echo_sheet, 150),
    Sheet("recall", recall_sheet, 80),
    Sheet("asked", asked_sheet, 200),
)


def sheets(lang: str, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """`count` texts of one language as (kind, text), mixed by weight."""
    assert "question" in data("sheets")[lang]
    words = Words(lang, held_out=False, seed=f"sheets/{seed}")
    for _ in range(count):
        kind = words.dice.choices(SHEETS, weights=[sheet.weight for sheet in SHEETS])[0]
        yield kind.name, kind.write(words)
