"""Words that no list holds. Where a filler is new every time, nothing helps but to copy it from the question.

From a list of a hundred things a small model learns the list; from things without end it learns to look.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.recipe.world.tables import data, fill

RARE_SHARE = 0.12  # of the letters of made-up names
WHOLE_WORD_SHARE = 0.5  # of English words made of words that the tables hold elsewhere
TABLES = ("words", "sentiment", "reading", "extraction", "phrases", "refusal", "about")


class MadeUp:
    """Fillers of one language, made up by `dice`; none of them holds a filler that is kept for the evaluation."""

    def __init__(self, lang: str, dice: random.Random) -> None:
        self.lang, self.dice = lang, dice
        self._words, self._forms = data("words")[lang], data("made_up")[lang]

    def has(self, kind: str) -> bool:
        """Whether fillers of this kind can be made up."""
        return kind == "name" or kind in self._forms

    def word(self, kind: str) -> str:
        """A filler of a kind."""
        while True:
            made = self._name() if kind == "name" else self._formed(kind)
            if not kept_out(self.lang).search(made):
                return made

    def _formed(self, kind: str) -> str:
        form = self.dice.choice(self._forms[kind])
        return fill(form, it=self._stem())

    def _stem(self) -> str:
        if self.lang == "zh":
            return "".join(self.dice.choice(stems("zh")) for _ in range(self.dice.choice((1, 2, 2, 3))))
        if self.dice.random() < WHOLE_WORD_SHARE:
            return " ".join(self.dice.choice(stems("en")) for _ in range(self.dice.choice((1, 1, 2))))
        return self._letters("syllable", self.dice.choice((1, 2, 2, 3)))

    def _name(self) -> str:
        if self.lang == "zh":
            surname: str = self.dice.choice(self._words["surname"]["taught"])
            return surname + self._letters("given", self.dice.choice((1, 2, 2)))
        return self._letters("syllable", self.dice.choice((2, 2, 3))).capitalize()

    def _letters(self, kind: str, count: int) -> str:
        """Letters or syllables, now and then one that hardly any text has: whatever it is, it can be copied."""
        listed = self._words[kind]["taught"]
        return "".join(
            self._rare() if self.dice.random() < RARE_SHARE else self.dice.choice(listed) for _ in range(count)
        )

    def _rare(self) -> str:
        if self.lang == "zh":
            return chr(self.dice.randint(0x4E00, 0x9FA5))  # the Han block of Unicode 1.1
        return "".join(self.dice.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(2))


@functools.cache
def stems(lang: str) -> tuple[str, ...]:
    """Every Han character of the tables, or every English word that no held-out entry holds."""
    pattern = re.compile(r"[\u4e00-\u9fff]" if lang == "zh" else r"\b[a-z]{2,}\b")
    found = {word for name in TABLES for text in _texts(data(name)) for word in pattern.findall(text)}
    kept = "" if lang == "zh" else " ".join(_held_out(lang))
    return tuple(sorted(found - set(pattern.findall(kept))))


@functools.cache
def kept_out(lang: str) -> re.Pattern[str]:
    """Any filler that training must not hold."""
    entries = "|".join(sorted(map(re.escape, _held_out(lang))))
    return re.compile(entries if lang == "zh" else rf"\b(?:{entries})\b", re.IGNORECASE)


def _held_out(lang: str) -> set[str]:
    tables = [data("words")[lang], *(data("sentiment")[lang][part] for part in ("group", "general"))]
    tables.append(data("refusal")[lang]["filler"])
    return {entry for table in tables for entry in _texts(table, side="held_out")}


def _texts(table: Any, side: str = "") -> Iterator[str]:
    """Every entry below a table, or those under keys that end with `side`."""
    if isinstance(table, str):
        yield from () if side else (table,)
    elif isinstance(table, Mapping):
        for key, entry in table.items():
            yield from _texts(entry, "" if side and key.endswith(side) else side)
    else:
        for entry in table:
            yield from _texts(entry, side)
