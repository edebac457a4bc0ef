"""Reviews and what their writers feel: positive, neutral or negative."""

from __future__ import annotations

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.tables import capitalised
from hanlin.recipe.world.words import Words

LABELS = ("positive", "neutral", "negative")
GENERAL_SHARE = 0.4  # clauses without a subject of their own


def sentiment(words: Words) -> Case:
    """A review and a question for its label."""
    table = words.skill("sentiment")
    label = words.dice.choice(LABELS)
    question = words.asked(words.pick(table["ask"]), review(words, label))
    return Case("sentiment", words.lang, question, table["label"][label][0])


def review(words: Words, label: str) -> str:
    """One to three clauses of one label between an opening and a closing, each of which may be missing."""
    table = words.skill("sentiment")
    text = _clause(words, label)
    for _ in range(words.dice.choice((0, 0, 1, 1, 2))):
        text += words.pick(table["join"]) + _clause(words, label)
    text = words.pick(table["open"]) + text
    end = words.dice.choice(("。", "。", "！", "") if words.lang == "zh" else (".", ".", "!", ""))
    return _sentences(text + end) + words.pick(table["close"])


def _clause(words: Words, label: str) -> str:
    table = words.skill("sentiment")
    if words.dice.random() < GENERAL_SHARE:
        return words.pick(table["general"], label)
    group = table["group"][words.dice.choice(sorted(table["group"]))]
    return words.pick(group, "about") + (" " if words.lang == "en" else "") + words.pick(group, label)


def _sentences(text: str) -> str:
    """Every sentence begins with a capital letter."""
    return ". ".join(capitalised(sentence) for sentence in text.split(". "))
