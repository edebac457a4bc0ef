"""The little world put together: conversations to learn from, cases to ask, texts to read."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.extraction import extraction
from hanlin.recipe.world.numbers import arithmetic, comparison
from hanlin.recipe.world.phrases import phrases
from hanlin.recipe.world.reading import reading
from hanlin.recipe.world.repeat import repeat
from hanlin.recipe.world.sentiment import sentiment
from hanlin.recipe.world.tables import LANGUAGES
from hanlin.recipe.world.talk import about, refusal, small_talk
from hanlin.recipe.world.words import Words


@dataclass(frozen=True)
class Skill:
    """Something the model is to learn. `weight`: its turns among a hundred."""

    name: str
    make: Callable[[Words], Case]
    weight: int


SKILLS = (
    Skill("about", about, 7),
    Skill("arithmetic", arithmetic, 19),
    Skill("comparison", comparison, 19),
    Skill("extraction", extraction, 2),
    Skill("phrases", phrases, 10),
    Skill("reading", reading, 1),
    Skill("refusal", refusal, 14),
    Skill("repeat", repeat, 3),
    Skill("sentiment", sentiment, 20),
    Skill("small_talk", small_talk, 5),
)
SINGLE_SHARE = 0.6  # of the conversations begin with one question; the others with two or three of any kind
NUM_NEXT = (0, 1, 2, 3)  # further questions about the text of a first one


def conversations(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` conversations to learn from, in the OpenAI messages layout; they go on with questions about
    the same text, or with others that have nothing to do with what was said: the model learns to tell which."""
    sources = {lang: Words(lang, held_out=False, seed=f"conversations/{seed}") for lang in LANGUAGES}
    dice = random.Random(f"turns/{seed}")
    weights = [skill.weight for skill in SKILLS]
    for _ in range(count):
        num_turns = 1 if dice.random() < SINGLE_SHARE else dice.randint(2, 3)
        chosen = dice.choices(SKILLS, weights=weights, k=num_turns)
        cases = [skill.make(sources[dice.choice(LANGUAGES)]) for skill in chosen]
        num_next = dice.choice(NUM_NEXT) if num_turns == 1 else 0
        yield {"messages": [message for case in cases for message in case.messages(num_next)]}


def held_out(skill: Skill, count: int, seed: int) -> list[Case]:
    """`count` different cases of a skill that training never saw, half in Chinese, half in English; fewer where the
    skill has no more."""
    found: dict[str, Case] = {}
    for lang in LANGUAGES:
        words = Words(lang, held_out=True, seed=f"{skill.name}/{seed}")
        enough = len(found) + count // 2
        for _ in range(20 * count):
            case = skill.make(words)
            found.setdefault(case.question, case)
            if len(found) == enough:
                break
    return list(found.values())
