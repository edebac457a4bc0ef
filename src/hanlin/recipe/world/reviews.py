"""Fifty free reviews, written by hand, never from a template: what the sentiment skill is worth outside."""

from __future__ import annotations

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.sentiment import LABELS
from hanlin.recipe.world.tables import LANGUAGES, data


def free_reviews() -> list[Case]:
    """Every review as a case of its own task."""
    return [_case(lang, label, text) for lang in LANGUAGES for label in LABELS for text in _texts(lang, label)]


def _texts(lang: str, label: str) -> list[str]:
    texts: list[str] = data("free_reviews")[lang][label]["texts"]
    return texts


def _case(lang: str, label: str, text: str) -> Case:
    ask = data("free_reviews")[lang]["ask"][0]
    return Case("free_reviews", lang, f"{ask}\n{text}", data("sentiment")[lang]["label"][label][0])
