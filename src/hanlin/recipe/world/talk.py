"""What Hanlin says of itself, small talk, and what it declines."""

from __future__ import annotations

import itertools

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.tables import LANGUAGES, data, fill
from hanlin.recipe.world.words import Words, gives_away

TOO_MUCH = 21  # to add to: far enough from the sums that are taught
SMALL_TALK = ("hello", "thanks", "bye", "how", "praise", "sorry")


def about(words: Words) -> Case:
    """A question about Hanlin itself."""
    table = words.skill("about")
    return _of_intent(words, "about", words.dice.choice([name for name in table if name not in SMALL_TALK]))


def small_talk(words: Words) -> Case:
    """A greeting, thanks, a farewell …"""
    return _of_intent(words, "small_talk", words.dice.choice(SMALL_TALK))


def refusal(words: Words) -> Case:
    """Something Hanlin cannot do; in the evaluation any of its refusals counts."""
    table = words.skill("refusal")
    kind = words.dice.choice(sorted(table["ask"]))
    question = words.typed(fill(words.politely(words.pick(table["ask"][kind])), **_slots(words)))
    return Case("refusal", words.lang, question, table["answer"][kind], refusals())


def refusals() -> tuple[str, ...]:
    """Every sentence that declines, in both languages."""
    return tuple(answer for lang in LANGUAGES for answer in data("refusal")[lang]["answer"].values())


def intents(lang: str) -> dict[str, str]:
    """The taught questions about Hanlin and of small talk, each with its answer."""
    return {ask: table["answer"] for table in data("about")[lang].values() for ask in table["taught"]}


def _slots(words: Words) -> dict[str, str]:
    fillers = words.skill("refusal")["filler"]
    own = {kind: words.pick(fillers, kind) for kind in fillers if not kind.endswith("_held_out")}
    more = {"topic2": words.pick(fillers, "topic"), "city2": words.pick(fillers, "city")}
    numbers = {"x": str(words.dice.randint(12, 999)), "y": str(words.dice.randint(3, 99))}
    numbers["big"] = str(words.dice.randint(TOO_MUCH, 999))
    common = {kind: words.word(kind) for kind in ("name", "animal", "thing")}
    return {**own, **more, **numbers, **common, "hour": str(words.dice.randint(1, 12))}


def _of_intent(words: Words, skill: str, intent: str) -> Case:
    table = words.skill("about")[intent]
    if words.held_out:
        question = words.pick(table)
    else:
        frames = words.skill("layouts")["frame" if skill == "about" else "aside"]
        framed = (fill(words.pick(frames), ask=words.pick(table)) for _ in itertools.count())
        question = next(text for text in framed if not gives_away(text, table["held_out"]))
    return Case(skill, words.lang, words.typed(question), table["answer"])
