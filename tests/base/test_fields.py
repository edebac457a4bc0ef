"""Text from a command line, read by the type of its field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from hanlin.base.fields import allows_none, arms, inner_config, read_value


class Inner(BaseModel):
    """A nested table."""

    size: int = 1


class Outer(BaseModel):
    """Nested once plainly, once optionally, once in a list."""

    plain: Inner = Inner()
    optional: Inner | None = None
    listed: tuple[Inner, ...] = ()
    number: int = 1


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (int, "12", 12),
        (int, "1_000", 1000),
        (int, "1e6", 1_000_000),
        (int, "1.5", "1.5"),
        (int, "many", "many"),
        (int, "inf", "inf"),
        (float, "3e-4", 3e-4),
        (float, "1", 1.0),
        (float, "fast", "fast"),
        (bool, "yes", True),
        (bool, "False", False),
        (bool, "ON", True),
        (bool, "0", False),
        (bool, "maybe", "maybe"),
        (str, "12", "12"),
        (str, "", ""),
        (Path, "a/b", "a/b"),
        (dict[str, str], "a=x,b=y", {"a": "x", "b": "y"}),
        (dict[str, str], "a=x,a=y", "a=x,a=y"),  # the last would win in silence
        (int | None, "none", None),
        (int | None, "", None),
        (int | None, "7", 7),
        (int | Literal["auto"], "auto", "auto"),
        (int | Literal["auto"], "7", 7),
        (str | int, "7", 7),
        (str | int, "seven", "seven"),
        (Literal[1, 2], "2", 2),
        (Literal["a", "b"], "c", "c"),
        (Annotated[int, Field(gt=0)], "5", 5),
        (tuple[int, ...], "1,2, 3", [1, 2, 3]),
        (tuple[Path, ...], "a, b", ["a", "b"]),
        (list[str], '["a,b", "c"]', ["a,b", "c"]),
        (list[str], "[broken", "[broken"),
        (tuple[int, ...], "", []),
        (dict[str, float], "zh=0.5,en=1", {"zh": 0.5, "en": 1.0}),
        (str | tuple[str, ...], "a", "a"),
        (str | tuple[str, ...], "a,b", ["a", "b"]),
        (dict[str, float], "a/b.txt=0.5", {"a/b.txt": 0.5}),
        (dict[str, int | str | dict[str, int | str]], "a.b=1,a.c=x,d=2", {"a": {"b": 1, "c": "x"}, "d": 2}),
        (Mapping[str, float], "{ zh = 0.5 }", {"zh": 0.5}),
        (dict[str, float], "zh", "zh"),
        (Inner, "{ size = 3 }", {"size": 3}),
        (Inner, "3", "3"),
    ],
)
def test_text_becomes_the_value_its_field_wants(annotation: Any, text: str, value: object) -> None:
    read = read_value(annotation, text)
    assert read == value
    assert type(read) is type(value)


@given(text=st.text(), annotation=st.sampled_from([int, float, bool, int | None, tuple[int, ...], dict[str, int]]))
def test_no_text_is_too_strange_to_be_reported(text: str, annotation: Any) -> None:
    read_value(annotation, text)


@given(value=st.one_of(st.integers(), st.floats(allow_nan=False)))
def test_printed_numbers_are_read_back(value: float) -> None:
    assert read_value(type(value), repr(value)) == value


def test_unions_are_opened_whatever_their_spelling() -> None:
    assert arms(Annotated[int | None, Field(gt=0)]) == (int, type(None))
    assert allows_none(int | None)
    assert not allows_none(int | str)


def test_nested_configs_are_found() -> None:
    assert inner_config(Outer, "plain") is Inner
    assert inner_config(Outer, "optional") is Inner
    assert inner_config(Outer, "listed") is None
    assert inner_config(Outer, "number") is None
    assert inner_config(Outer, "unknown") is None
