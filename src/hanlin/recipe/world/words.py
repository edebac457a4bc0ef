"""Words and templates of the little world: which language, which side of the split, and the dice that choose.

A held-out case takes its templates and its open fillers from the `held_out` entries of `data/*.toml`; no text that is
trained on contains them. Closed sets (labels, days of the week, small numbers) recur on both sides.
"""

from __future__ import annotations

import functools
import hashlib
import random
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

LANGUAGES = ("zh", "en")
HELD_OUT_SHARE = 0.15  # of pairs of numbers and pairs of words, by their hash
RARE_SHARE = 0.12  # of the letters of made-up words


@functools.cache
def data(name: str) -> Mapping[str, Any]:
    """One table of `data/`, its texts cut into entries: one per line, or between bars."""
    text = resources.files("hanlin.recipe.world").joinpath("data", f"{name}.toml").read_text("utf-8")
    return {key: _entries(value) for key, value in tomllib.loads(text).items()}


def _entries(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: inner if key == "answer" else _entries(inner) for key, inner in value.items()}
    if not isinstance(value, str) or not ("|" in value or "\n" in value):
        return [value] if isinstance(value, str) else value
    lines = [line for line in value.split("\n") if line]
    return [entry.replace("\\n", "\n") for line in lines for entry in line.split("|")]


def is_held_out(*key: object) -> bool:
    """Whether a combination is kept for the evaluation; decided by its SHA-256, so everywhere the same."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:4]) < HELD_OUT_SHARE * 2**32


def fill(template: str, /, **slots: object) -> str:
    """Put values into `{slot}`; `{Slot}` begins with a capital letter."""
    text = template
    for name, value in slots.items():
        shown = str(value)
        text = text.replace(f"{{{name}}}", shown).replace(f"{{{name.capitalize()}}}", capitalised(shown))
    return text


def capitalised(text: str) -> str:
    """The text with a capital first letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


class Words:
    """A source of words in one language, of what is taught or of what is held out."""

    def __init__(self, lang: str, *, held_out: bool, seed: object) -> None:
        self.lang, self.held_out = lang, held_out
        self.dice = random.Random(f"{seed}/{lang}/{held_out}")

    def pick(self, table: Mapping[str, Sequence[str]], key: str = "taught") -> str:
        """One entry of a list, of this side where the list has two."""
        other = "held_out" if key == "taught" else f"{key}_held_out"
        return self.dice.choice(table[other] if self.held_out and other in table else table[key])

    def skill(self, name: str) -> Mapping[str, Any]:
        """A skill's table in this language."""
        table: Mapping[str, Any] = data(name)[self.lang]
        return table

    def word(self, kind: str) -> str:
        """A filler of a kind: name, city, spot, thing, job, animal, food, colour, hobby, age, number."""
        made = {
            "name": self.name,
            "city": self.city,
            "spot": self.spot,
            "thing": self.thing,
            "colour": self.colour,
            "age": self.age,
            "number": self.number,
        }
        return made[kind]() if kind in made else self._listed(kind)

    def several(self, kind: str, count: int) -> list[str]:
        """Different fillers of a kind."""
        found: dict[str, None] = {}
        while len(found) < count:
            found[self.word(kind)] = None
        return list(found)

    def name(self) -> str:
        """A person: from a list or, of the taught ones, as often made up, so that copying is all that helps."""
        return self._listed("name") if self.held_out or self._chance(0.4) else self._made_up_name()

    def city(self) -> str:
        """A town: from a list or, of the taught ones, sometimes made up."""
        if self.held_out or self._chance(0.7):
            return self._listed("city")
        if self.lang == "zh":
            return self._letters("given", 2) + self.dice.choice("市镇县村")
        return self._made_up_name() + self.dice.choice(("", "", " City", "ville"))

    def spot(self) -> str:
        """A place in a town, sometimes somebody's home."""
        if self._chance(0.85):
            return self._listed("spot")
        return self.name() + ("家" if self.lang == "zh" else "'s house")

    def colour(self) -> str:
        """A colour, sometimes a dark or a light one."""
        shade = self.dice.choice(("深", "浅") if self.lang == "zh" else ("dark ", "light "))
        return ("" if self._chance(0.7) else shade) + self._listed("colour")

    def thing(self) -> str:
        """Something one can buy, sometimes with its colour, sometimes to eat, sometimes alive."""
        if self._chance(0.2):
            return ("一些" if self.lang == "zh" else "some ") + self._listed("food")
        if self._chance(0.1):
            return "一只" + self._listed("animal") if self.lang == "zh" else _with_article(self._listed("animal"))
        thing = self._listed("thing")
        return thing if self._chance(0.7) else self._coloured(thing)

    def _coloured(self, thing: str) -> str:
        if self.lang == "zh":
            return thing[:2] + self.colour() + "的" + thing[2:]
        article, _, rest = thing.partition(" ")
        return (
            _with_article(f"{self.colour()} {rest}") if article in ("a", "an") else f"{article} {self.colour()} {rest}"
        )

    def _listed(self, kind: str) -> str:
        return self.pick(self.skill("words")[kind])

    def _chance(self, share: float) -> bool:
        return self.dice.random() < share

    def _made_up_name(self) -> str:
        if self.lang == "zh":
            made = self._listed("surname") + self._letters("given", self.dice.choice((1, 2, 2)))
        else:
            made = self._letters("syllable", self.dice.choice((2, 2, 3))).capitalize()
        return self._made_up_name() if made in self.skill("words")["name"]["held_out"] else made

    def _letters(self, kind: str, count: int) -> str:
        """Letters of a made-up word, now and then one that hardly any text has: whatever it is, it can be copied."""
        return "".join(self._rare() if self._chance(RARE_SHARE) else self._listed(kind) for _ in range(count))

    def _rare(self) -> str:
        if self.lang == "zh":
            return chr(self.dice.randint(0x4E00, 0x9FA5))  # the Han block of Unicode 1.1
        return "".join(self.dice.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(2))

    def age(self) -> str:
        return str(self.dice.randint(5, 90))

    def number(self) -> str:
        """A number to copy, up to 500; those over 20 are split by their remainder by 7."""
        while True:
            number = self.dice.randint(1, 500)
            if number <= 20 or (number % 7 == 3) == self.held_out:
                return str(number)

    def asked(self, ask: str, text: str) -> str:
        """A question and the text it is about, in one of many layouts."""
        layouts = self.skill("layouts")
        layout = self.pick(layouts["layout"])
        question = fill(layout, ask=self.pick(layouts["polite"]) + ask, text=text)
        for mark in ".?:？。":
            question = question.replace(mark + ":", mark).replace(mark + "：", mark)
        return self.typed(question) if layout.startswith("{ask}") else question

    def typed(self, question: str) -> str:
        """As people type: now and then without the last mark, or with a small first letter."""
        roll = self.dice.random()
        if roll < 0.12 and question[-1] in "？?。.":
            return question[:-1]
        if roll > 0.9 and question[:2] != "I ":
            return question[:1].lower() + question[1:]
        return question
