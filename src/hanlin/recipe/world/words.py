"""Words and templates of the little world: which language, which side of the split, and the dice that choose.

A held-out case takes its templates and its open fillers from the `held_out` entries of `data/*.toml`; no text that is
trained on contains them. Closed sets (labels, days of the week, small numbers) recur on both sides.
"""

from __future__ import annotations

import functools
import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hanlin.recipe.world.made_up import MadeUp
from hanlin.recipe.world.tables import data, fill

HELD_OUT_SHARE = 0.15  # of pairs of numbers and pairs of words, by their hash
PARTS = re.compile(r"\[([^\[\]]*/[^\[\]]*)\]")  # "[big/small]": one of them
MADE_UP_SHARE = 0.6  # of the fillers of questions to learn from


def is_held_out(*key: object) -> bool:
    """Whether a combination is kept for the evaluation; decided by its SHA-256, so everywhere the same."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:4]) < HELD_OUT_SHARE * 2**32


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def gives_away(text: str, kept: Sequence[str]) -> bool:
    """Whether a text to learn from holds a wording that is kept for the evaluation, whatever its case and last mark."""
    lowered = text.lower()
    return any(entry in lowered for entry in _looked_for(tuple(kept)))


@functools.cache
def _looked_for(kept: tuple[str, ...]) -> tuple[str, ...]:
    """The wordings of a list that can be looked for; worked out once, for half a million questions."""
    return tuple(entry.rstrip("?？.。").lower() for entry in kept if len(entry) > 1 and "{" not in entry)


class Words:
    """A source of words in one language, of what is taught or of what is held out."""

    def __init__(self, lang: str, *, held_out: bool, seed: object) -> None:
        self.lang, self.held_out = lang, held_out
        self.dice = random.Random(f"{seed}/{lang}/{held_out}")
        self._made_up = MadeUp(lang, self.dice)

    def pick(self, table: Mapping[str, Sequence[str]], key: str = "taught") -> str:
        """One entry of a list, of this side where the list has two, with one of each `[choice/of/parts]`."""
        other = "held_out" if key == "taught" else f"{key}_held_out"
        if self.held_out:
            return self.dice.choice(table[other] if other in table else table[key])
        while True:
            picked = PARTS.sub(self._part, self.dice.choice(table[key]))
            if not gives_away(picked, table.get(other, ())):
                return picked

    def _part(self, found: re.Match[str]) -> str:
        return self.dice.choice(found[1].split("/"))

    def skill(self, name: str) -> Mapping[str, Any]:
        """A skill's table in this language."""
        table: Mapping[str, Any] = data(name)[self.lang]
        return table

    def word(self, kind: str) -> str:
        """A filler of a kind: name, city, spot, thing, job, animal, food, colour, hobby, age, number. Of the taught
        ones most are made up, so that copying is all that helps."""
        if not self.held_out and self._made_up.has(kind) and self._chance(MADE_UP_SHARE):
            return self._made_up.word(kind)
        made = {"spot": self._spot, "thing": self._thing, "colour": self._colour, "age": self._age}
        made["number"] = self._number
        return made[kind]() if kind in made else self._listed(kind)

    def several(self, kind: str, count: int) -> list[str]:
        """Different fillers of a kind."""
        found: dict[str, None] = {}
        while len(found) < count:
            found[self.word(kind)] = None
        return list(found)

    def _spot(self) -> str:
        """A place in a town, sometimes somebody's home."""
        if self._chance(0.85):
            return self._listed("spot")
        return self.word("name") + ("家" if self.lang == "zh" else "'s house")

    def _colour(self) -> str:
        """A colour, sometimes a dark or a light one."""
        shade = self.dice.choice(("深", "浅") if self.lang == "zh" else ("dark ", "light "))
        return ("" if self._chance(0.7) else shade) + self._listed("colour")

    def _thing(self) -> str:
        """Something one can buy, sometimes with its colour, sometimes to eat, sometimes alive."""
        if self._chance(0.2):
            return ("一些" if self.lang == "zh" else "some ") + self._listed("food")
        if self._chance(0.1):
            return "一只" + self._listed("animal") if self.lang == "zh" else _with_article(self._listed("animal"))
        thing = self._listed("thing")
        return thing if self._chance(0.7) else self._coloured(thing)

    def _coloured(self, thing: str) -> str:
        if self.lang == "zh":
            return thing[:2] + self._colour() + "的" + thing[2:]
        article, _, rest = thing.partition(" ")
        coloured = f"{self._colour()} {rest}"
        return _with_article(coloured) if article in ("a", "an") else f"{article} {coloured}"

    def _listed(self, kind: str) -> str:
        return self.pick(self.skill("words")[kind])

    def _chance(self, share: float) -> bool:
        return self.dice.random() < share

    def _age(self) -> str:
        return str(self.dice.randint(5, 90))

    def _number(self) -> str:
        """A number to copy, up to 500; those over 20 are split by their remainder by 7."""
        while True:
            number = self.dice.randint(1, 500)
            if number <= 20 or (number % 7 == 3) == self.held_out:
                return str(number)

    def asked(self, ask: str, text: str) -> str:
        """A question and the text it is about, in one of many layouts unless the question has its own `{text}`."""
        if "{text}" in ask:
            return self.typed(self.politely(fill(ask, text=text)))
        layouts = self.skill("layouts")
        layout = self.pick(layouts["layout"])
        question = fill(layout, ask=self.politely(ask), text=text)
        for mark in ".?:？。":
            question = question.replace(mark + ":", mark).replace(mark + "：", mark)
        return self.typed(question) if layout.startswith("{ask}") else question

    def politely(self, ask: str) -> str:
        """A question behind a greeting, a please, a number … or nothing."""
        return self.pick(self.skill("layouts")["polite"]) + ask

    def typed(self, question: str) -> str:
        """As people type: now and then without the last mark, or with a small first letter."""
        roll = self.dice.random()
        if roll < 0.12 and question[-1] in "？?。.":
            return question[:-1]
        if roll > 0.9 and question[:2] != "I ":
            return question[:1].lower() + question[1:]
        return question
