"""Saying after: copying, the smallest skill, which finding and reading rest on."""

from __future__ import annotations

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.tables import fill
from hanlin.recipe.world.words import Words


def repeat(words: Words) -> Case:
    """A few words and the request to say them again."""
    table = words.skill("repeat")
    text = echoed(words)
    return Case("repeat", words.lang, words.asked(words.pick(table["ask"]), text), text)


def echoed(words: Words) -> str:
    """A few words of the world in a row."""
    pairs = {kind: words.several(kind, 2) for kind in ("name", "thing", "food", "city", "animal")}
    slots = {("who" if kind == "name" else kind): two[0] for kind, two in pairs.items()}
    seconds = {f"{'who' if kind == 'name' else kind}2": two[1] for kind, two in pairs.items()}
    others = {kind: words.word(kind) for kind in ("spot", "hobby", "number")}
    return fill(words.pick(words.skill("repeat")["text"]), **slots, **seconds, **others)
