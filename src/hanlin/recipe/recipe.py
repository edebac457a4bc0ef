"""A recipe: a TOML file whose sections are the stages of a life."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base.config import read_toml, resolve
from hanlin.base.errors import ConfigError, Problem
from hanlin.base.messages import say
from hanlin.recipe.config import RecipeConfig

VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Recipe:
    """A recipe as read: its own settings and the raw sections of its stages."""

    path: Path
    settings: RecipeConfig
    sections: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        return self.settings.name or self.path.stem


def read_recipe(path: Path, *, environ: Mapping[str, str] | None = None) -> Recipe:
    """Read a recipe and put environment variables in place of `${NAME}` (`${RECIPE}` is the file's own folder).

    Raises InputError for a file that cannot be read, ConfigError naming every variable that is not set and every
    section that is not a table.
    """
    known = {"RECIPE": str(path.absolute().parent), **(os.environ if environ is None else environ)}
    problems: list[Problem] = []
    tables = {name: _expanded(value, name, known, problems) for name, value in read_toml(path).items()}
    problems += [
        Problem(name, value, say("recipe.rule_section"), say("recipe.remedy_section", name=name))
        for name, value in tables.items()
        if not isinstance(value, dict)
    ]
    if problems:
        raise ConfigError(problems=problems)
    settings = resolve(RecipeConfig, file=tables.pop("recipe", {}), file_name=str(path)).value
    return Recipe(path, settings, tables)


def _expanded(value: Any, name: str, environ: Mapping[str, str], problems: list[Problem]) -> Any:
    """`value` with the variables of all its texts filled in; unset ones are added to `problems`."""
    match value:
        case dict():
            return {key: _expanded(inner, f"{name}.{key}", environ, problems) for key, inner in value.items()}
        case list():
            return [_expanded(inner, name, environ, problems) for inner in value]
        case str():
            missing = [variable for variable in VARIABLE.findall(value) if variable not in environ]
            problems += [
                Problem(name, value, say("recipe.rule_variable", variable=v), say("recipe.remedy_variable", variable=v))
                for v in missing
            ]
            return value if missing else VARIABLE.sub(lambda found: environ[found[1]], value)
        case _:
            return value
