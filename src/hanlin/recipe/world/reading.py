"""Questions about a short text: the answer stands in it, or the text does not say."""

from __future__ import annotations

from dataclasses import dataclass

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.tables import data, fill
from hanlin.recipe.world.words import Words

ABSENT_SHARE = 0.3
MOST_NEXT = 3  # further questions about one text
STRANGER_SHARE = 0.3  # of the absent: about somebody who is not in the text at all


@dataclass(frozen=True)
class Passage:
    """A text, whom it is about, and what it says: {(name, relation): filler}."""

    text: str
    names: tuple[str, ...]
    facts: dict[tuple[str, str], str]


def reading(words: Words) -> Case:
    """A short text with one question."""
    told = passage(words)
    ask, answer = question(words, told)
    asked = fill(words.pick(words.skill("reading")["intro"]), text=told.text, ask=ask)
    more = (question(words, told) for _ in range(MOST_NEXT))
    return Case("reading", words.lang, words.typed(asked), answer, next=tuple(turn for turn in more if turn[0] != ask))


def passage(words: Words) -> Passage:
    """Two to five facts about one to three people, now and then with a sentence that says nothing."""
    table, relations = words.skill("reading"), data("reading")["relation"]
    names = words.several("name", words.dice.choice((1, 2, 2, 3)))
    keys = [(name, relation) for name in names for relation in relations]
    chosen = words.dice.sample(keys, words.dice.randint(max(2, len(names)), min(5, len(keys))))
    facts = {(name, relation): words.word(relations[relation][0]) for name, relation in chosen}
    said = [
        fill(words.pick(table["fact"][relation]), who=name, it=filler) for (name, relation), filler in facts.items()
    ]
    if words.dice.random() < 0.3:
        said.insert(words.dice.randint(0, len(said)), words.pick(table["filler"]))
    return Passage(("" if words.lang == "zh" else " ").join(said), tuple(names), facts)


def question(words: Words, told: Passage) -> tuple[str, str]:
    """A question about a passage and its answer."""
    asks = words.skill("reading")["ask"]
    if words.dice.random() < ABSENT_SHARE:
        name, relation = _absent(words, told)
        answer = data("reading")["absent"][words.lang][0]
    else:
        (name, relation), answer = words.dice.choice(list(told.facts.items()))
    return fill(words.pick(asks[relation]), who=name), answer


def _absent(words: Words, told: Passage) -> tuple[str, str]:
    """Somebody and something the passage does not say about them, though it may about others."""
    while True:
        stranger = words.dice.random() < STRANGER_SHARE
        name = words.word("name") if stranger else words.dice.choice(told.names)
        relation = words.dice.choice(list(data("reading")["relation"]))
        if (name, relation) not in told.facts:
            return name, relation
