"""What the page suggests to try, with the answers, and the names of the skills."""

from __future__ import annotations

from dataclasses import dataclass

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.tables import LANGUAGES, data
from hanlin.recipe.world.talk import intents, refusals


@dataclass(frozen=True)
class Suggestion:
    """The same kind of question in both languages."""

    skill: str
    zh: str
    en: str


def suggestions() -> list[Suggestion]:
    """Questions to begin with, one of each skill."""
    return [Suggestion(row["skill"], row["zh"][0], row["en"][0]) for row in data("skills")["suggestion"]]


def suggested_cases() -> list[Case]:
    """Every suggestion in every language, as a case with its answer."""
    return [_case(row["skill"], lang, *row[lang]) for row in data("skills")["suggestion"] for lang in LANGUAGES]


def skill_name(skill: str) -> dict[str, str]:
    """What a skill is called, in both languages; a task that is none of the world's goes by its own name."""
    return dict(zip(LANGUAGES, data("skills")["name"].get(skill, [skill, skill]), strict=True))


def _case(skill: str, lang: str, question: str, answer: str) -> Case:
    if skill == "refusal":
        return Case("suggestions", lang, question, refusals()[0], refusals())
    return Case("suggestions", lang, question, answer or intents(lang)[question])
