"""How a stage function takes its settings: as a config, as a resolved one with origins, or as keywords."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, get_origin

from hanlin.base.config import Config, Resolved, resolve
from hanlin.base.fields import arms

C = TypeVar("C", bound=Config)

Given: TypeAlias = C | Resolved[C] | str | Path | None
"""The first argument of a stage function: its settings, or the value of its first setting, or nothing."""


def settled(cls: type[C], config: Given[C], settings: Mapping[str, Any], *, first: str = "") -> Resolved[C]:
    """One config with the origin of every value.

    A word or path given instead of a config is the value of the setting `first`. Keywords go on top of a config; nested
    settings are tables (`optimizer={"name": "adamw"}`); one path may stand for a list of one. Raises ConfigError.
    """
    if isinstance(config, str | Path):
        assert first, f"{cls.__name__} has no first setting"
        config, settings = None, {first: config, **settings}
    if isinstance(config, Resolved) and not settings:
        return config
    base = config.value if isinstance(config, Resolved) else config
    preset = _table(base) if base is not None else {}
    given = {name: _listed(cls, name, value) for name, value in settings.items()}
    return resolve(cls, preset=preset, preset_name="config" if preset else "", overrides=given)


def _table(config: Config) -> dict[str, Any]:
    values = ((name, getattr(config, name)) for name in type(config).model_fields)
    return {name: _table(value) if isinstance(value, Config) else value for name, value in values}


def _listed(cls: type[Config], name: str, value: object) -> object:
    """One word or path where a list is expected: a list of it, whatever commas it has."""
    known = cls.model_fields.get(name)
    is_list = known is not None and any(get_origin(arm) is tuple for arm in arms(known.annotation))
    return [value] if is_list and isinstance(value, str | Path) else value
