"""How a stage function takes its settings: as a config, as a resolved one with origins, or as keywords."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from hanlin.base.config import Config, Resolved, resolve

C = TypeVar("C", bound=Config)


def settled(cls: type[C], config: C | Resolved[C] | None, settings: Mapping[str, Any]) -> Resolved[C]:
    """One config with the origin of every value.

    Keywords go on top of a config; nested settings are tables (`optimizer={"name": "adamw"}`). Raises ConfigError.
    """
    if isinstance(config, Resolved) and not settings:
        return config
    base = config.value if isinstance(config, Resolved) else config
    preset = _table(base) if base is not None else {}
    return resolve(cls, preset=preset, preset_name="config" if preset else "", overrides=settings)


def _table(config: Config) -> dict[str, Any]:
    values = ((name, getattr(config, name)) for name in type(config).model_fields)
    return {name: _table(value) if isinstance(value, Config) else value for name, value in values}
