"""Normalisation: what computers write differently and people do not see, each change counted."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.clean import normalise
from hanlin.text.config import NormaliseConfig

NOTHING = NormaliseConfig(
    compose=False, line_ends=False, control_characters=False, invisible_characters=False, trailing_spaces=False,
    max_blank_lines=None,
)  # fmt: skip
TRICKY = "a\u0301e \t\n\r\u200b\u200d\ufeff\u2060\u00ad\x00\x07\x0c\x7f\x85\x9f\u2028\u3000\u00a0①Ａ好か\u3099👩👧"


@pytest.mark.parametrize(
    ("raw", "text", "changes"),
    [
        ("e\u0301", "é", {"compose": 1}),
        ("a\r\nb\rc\u2028d\u2029e\x85f\ng", "a\nb\nc\nd\ne\nf\ng", {"line_ends": 5}),
        ("a\x00b\x07c\td\x7fe\x9f", "abc\tde", {"control_characters": 4}),
        ("\ufeffa\u200bb\u2060c\u00add", "abcd", {"invisible_characters": 4}),
        ("a \nb\t \nc\u3000\nd", "a\nb\nc\nd", {"trailing_spaces": 3}),
        ("a\n\n\n\nb\n\n\nc", "a\n\n\nb\n\n\nc", {"blank_lines": 1}),
        ("a\n \n \n \n \nb", "a\n\n\nb", {"trailing_spaces": 4, "blank_lines": 1}),
        ("plain text\n\twith tab\n\n\nand 中文", "plain text\n\twith tab\n\n\nand 中文", {}),
    ],
)
def test_each_rule_and_its_count(raw: str, text: str, changes: dict[str, int]) -> None:
    made = normalise(raw)
    assert (made.text, made.changes) == (text, changes)


def test_each_rule_can_be_switched_off() -> None:
    raw = "e\u0301\r\n\x07\u200b \n\n\n\n\nend"
    assert normalise(raw, NOTHING).text == raw
    assert normalise(raw, NOTHING).changes == {}


def test_compatible_characters_and_shaping_joiners_stay() -> None:
    """NFKC would turn ① into 1 and full-width forms into narrow ones; joiners make one emoji of three."""
    for text in ("①", "Ａ１，", "ﬁ", "x²", "👨\u200d👩\u200d👧", "क्\u200dष"):
        assert normalise(text).text == text


@given(text=st.text(alphabet=TRICKY) | st.text(st.characters(exclude_categories=["Cs"])))
def test_twice_is_the_same_as_once(text: str) -> None:
    once = normalise(text)
    again = normalise(once.text)
    assert (again.text, again.changes) == (once.text, {})


@given(text=st.text(alphabet=TRICKY))
def test_what_remains_keeps_the_rules(text: str) -> None:
    made = normalise(text)
    assert unicodedata.is_normalized("NFC", made.text)
    assert not set("\r\x00\x07\x7f\x85\x9f\u2028\ufeff\u200b") & set(made.text)
    assert "\n\n\n\n" not in made.text
    assert not any(line != line.rstrip(" \t") for line in made.text.split("\n"))
    assert bool(made.changes) == (made.text != text)


def test_a_long_run_of_spaces_is_searched_once() -> None:
    """A search from each of n spaces to their end took n * n steps: two minutes for this padded line."""
    assert normalise(" " * 200_000 + "x").text == " " * 200_000 + "x"
    assert normalise("x" + "\u3000" * 200_000).text == "x"
