"""The tables of `data/*.toml`, and templates filled from them.

Most lists have two sides: what is taught, and what is held out for the evaluation.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

LANGUAGES = ("zh", "en")


@functools.cache
def data(name: str) -> Mapping[str, Any]:
    """One table of `data/`, its texts cut into entries: one per line, or between bars."""
    text = resources.files("hanlin.recipe.world").joinpath("data", f"{name}.toml").read_text("utf-8")
    return {key: _entries(value) for key, value in tomllib.loads(text).items()}


def _entries(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: inner if key == "answer" else _entries(inner) for key, inner in value.items()}
    if not isinstance(value, str) or not ("|" in value or "\n" in value):
        return [value] if isinstance(value, str) else value
    lines = [line for line in value.split("\n") if line]
    return [entry.replace("\\n", "\n") for line in lines for entry in line.split("|")]


def fill(template: str, /, **slots: object) -> str:
    """Put values into `{slot}`; `{Slot}` begins with a capital letter."""
    text = template
    for name, value in slots.items():
        shown = str(value)
        text = text.replace(f"{{{name}}}", shown).replace(f"{{{name.capitalize()}}}", capitalised(shown))
    return text


def capitalised(text: str) -> str:
    """The text with a capital first letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]
