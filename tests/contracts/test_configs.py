"""Every config: documented in both languages, bounded, its defaults within its own rules."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, get_args

import annotated_types
import pytest
from tests.contracts.source import config_classes

from hanlin.base.config import Config, field_owner, resolve, to_toml
from hanlin.base.fields import arms
from hanlin.base.messages import room_entries

CLASSES = list(config_classes())
BOUNDS = (annotated_types.Ge, annotated_types.Gt, annotated_types.Le, annotated_types.Lt)
CHINESE = re.compile(r"[\u3400-\u9fff]")


def label(value: object) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


def own_fields(cls: type[Config]) -> list[str]:
    """Fields that a class declares itself."""
    return [name for name in cls.model_fields if field_owner(cls, name) is cls]


def test_there_are_configs_to_look_at() -> None:
    assert len(CLASSES) >= 1


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_config_and_its_fields_are_described_in_both_languages(cls: type[Config]) -> None:
    assert cls.__doc__ != Config.__doc__, "no docstring"
    entries = room_entries(cls.__module__.split(".")[1])
    for name in own_fields(cls):
        english = cls.model_fields[name].description or ""
        chinese = entries.get(f"config.{cls.__name__}.{name}")
        assert english.strip(), f"{name} has no description"
        assert chinese is not None, f"{name} has no Chinese doc line in the catalogue"
        assert CHINESE.search(chinese.zh), name
        assert "\n" not in english + chinese.zh, name


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_every_number_has_a_range(cls: type[Config]) -> None:
    for name in own_fields(cls):
        field = cls.model_fields[name]
        if any(arm in (int, float) for arm in arms(field.annotation)):
            rules = [*field.metadata, *inner_rules(field.annotation)]
            assert any(isinstance(rule, BOUNDS) for rule in rules), f"{name} has no range"


def inner_rules(annotation: Any) -> Iterator[Any]:
    """Rules inside a union, as in `Annotated[int, Field(ge=1)] | Literal["auto"]`."""
    for part in get_args(annotation):
        for info in getattr(part, "__metadata__", ()):
            yield from getattr(info, "metadata", ())


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_every_default_keeps_the_rules_it_stands_for(cls: type[Config]) -> None:
    """A default is not validated when it is used; a written and read one is."""
    if any(field.is_required() for field in cls.model_fields.values()):
        pytest.skip("it has required settings")
    assert resolve(cls, file=tomllib.loads(to_toml(cls()))).value == cls()
