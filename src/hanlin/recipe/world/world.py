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
from hanlin.recipe.world.talk import about, refusal, small_talk
from hanlin.recipe.world.words import LANGUAGES, Words


@dataclass(frozen=True)
class Skill:
    """Something the model is to learn. `weight`: its turns among a hundred."""

    name: str
    make: Callable[[Words], Case]
    weight: int


SKILLS = (
    Skill("about", about, 7),
    Skill("arithmetic", arithmetic, 16),
    Skill("comparison", comparison, 5),
    Skill("extraction", extraction, 15),
    Skill("phrases", phrases, 11),
    Skill("reading", reading, 16),
    Skill("refusal", refusal, 10),
    Skill("repeat", repeat, 5),
    Skill("sentiment", sentiment, 11),
    Skill("small_talk", small_talk, 4),
)
SINGLE_SHARE = 0.5  # of the conversations; the others go on for two or three turns of any skill and language


def conversations(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` conversations to learn from, in the OpenAI messages layout; their turns do not depend on each other, so
    that a model learns to answer the last question whatever was said before."""
    sources = {lang: Words(lang, held_out=False, seed=f"conversations/{seed}") for lang in LANGUAGES}
    dice = random.Random(f"turns/{seed}")
    weights = [skill.weight for skill in SKILLS]
    for _ in range(count):
        num_turns = 1 if dice.random() < SINGLE_SHARE else dice.randint(2, 3)
        chosen = dice.choices(SKILLS, weights=weights, k=num_turns)
        cases = [skill.make(sources[dice.choice(LANGUAGES)]) for skill in chosen]
        yield {"messages": [message for case in cases for message in case.messages()]}


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
