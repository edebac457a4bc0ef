"""Finding who, what, where, when and how much in one sentence."""

from __future__ import annotations

import re

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.tables import fill
from hanlin.recipe.world.words import Words

FIELDS = ("who", "thing", "spot", "when", "price")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def extraction(words: Words) -> Case:
    """A sentence and a question for one of its fields."""
    text, found = sentence(words)
    asks = words.skill("extraction")
    field, *others = words.dice.sample(sorted(found), len(found))
    more = tuple((words.typed(words.politely(words.pick(asks[other]))), found[other]) for other in others)
    return Case("extraction", words.lang, words.asked(words.pick(asks[field]), text), found[field], next=more)


def sentence(words: Words) -> tuple[str, dict[str, str]]:
    """A sentence and the answers to what it holds, by field."""
    table = words.skill("extraction")
    template = words.pick(table["sentence"])
    price = words.word("number")
    slots = {
        "who": words.word("name"),
        "thing": words.word("thing"),
        "spot": words.word("spot"),
        "when": date(words),
        "price": price,
    }
    answers = {**slots, "price": fill(table["answer"]["price"], price=price)}
    there = {slot.lower() for slot in re.findall(r"{(\w+)}", template)}
    return fill(template, **slots), {field: answers[field] for field in FIELDS if field in there}


def date(words: Words) -> str:
    """A day or a time; days of the month are split by their number in the year."""
    while True:
        month, day = words.dice.randint(1, 12), words.dice.randint(1, 28)
        if ((month * 31 + day) % 7 == 3) == words.held_out:
            break
    weekday = words.dice.randrange(7)
    return fill(
        words.pick(words.skill("extraction")["date"]),
        month=month if words.lang == "zh" else MONTHS[month - 1],
        day=day,
        weekday="一二三四五六日"[weekday] if words.lang == "zh" else WEEKDAYS[weekday],
        part_of_day=words.word("part_of_day"),
        hour=words.dice.randint(1, 12),
    )
