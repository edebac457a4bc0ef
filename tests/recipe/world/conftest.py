"""All that the model is trained on, and all it is asked, as `write_shipped` writes them by default."""

from __future__ import annotations

import pytest

from hanlin.recipe.shipped import NUM_CASES, NUM_CONVERSATIONS, NUM_SHEETS, NUM_STORIES, documents
from hanlin.recipe.world.case import Case
from hanlin.recipe.world.tables import LANGUAGES
from hanlin.recipe.world.words import Words
from hanlin.recipe.world.world import SKILLS, conversations, held_out


@pytest.fixture(scope="session")
def questions() -> set[str]:
    """Every question of the training conversations."""
    rows = conversations(NUM_CONVERSATIONS, 0)
    return {turn["content"] for row in rows for turn in row["messages"] if turn["role"] == "user"}


@pytest.fixture(scope="session")
def training_text(questions: set[str]) -> str:
    """Every text and every question that is trained on."""
    return "\n".join([*(row["text"] for row in documents(NUM_STORIES, NUM_SHEETS, 0)), *sorted(questions)])


@pytest.fixture(scope="session")
def asked() -> dict[str, list[Case]]:
    """The held-out cases by skill."""
    return {skill.name: held_out(skill, NUM_CASES, 0) for skill in SKILLS}


@pytest.fixture(scope="session")
def taught() -> dict[str, list[Case]]:
    """Some taught cases by skill, half in each language."""
    return {
        skill.name: [skill.make(words) for lang in LANGUAGES for words in [_words(lang)] for _ in range(300)]
        for skill in SKILLS
    }


def _words(lang: str) -> Words:
    return Words(lang, held_out=False, seed="test")
