"""Normalisation: what computers write differently and people do not see, each change counted."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
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


@example(text="\x86Â¡")  # without the control character in front it is an inverted exclamation mark, read wrongly
@example(text="A\u0302\u00a1")  # and here NFC makes the first of the two letters
@given(text=st.text(alphabet=TRICKY + "Â¡Ã©å¤©\u0302") | st.text(st.characters(exclude_categories=["Cs"])))
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


@pytest.mark.parametrize(
    ("text", "clean", "count"),
    [
        ("abc\u202egnp.exe", "abcgnp.exe", 1),
        ("a\u2066b\u2069c\u200e", "abc", 3),
        ("שלום \u202eabc", "שלום \u202eabc", 0),
        ("plain", "plain", 0),
    ],
)
def test_controls_of_direction_go_where_nothing_runs_right_to_left(text: str, clean: str, count: int) -> None:
    found = normalise(text)
    assert (found.text, found.changes.get("bidi_controls", 0)) == (clean, count)
    assert normalise(text, NormaliseConfig(bidi_controls=False)).text == text


def test_hidden_tag_characters_go_and_flags_stay() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all")
    wales = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
    assert normalise(f"good{hidden} text {wales}").text == f"good text {wales}"
    assert normalise(f"good{hidden}").changes == {"invisible_characters": 1}


def test_chinese_is_converted_to_one_script_on_request_and_counted() -> None:
    """Against pairs any dictionary has; 后 and 後, 发 and 髮 need the words around them."""
    simplified = NormaliseConfig(script="simplified")
    assert normalise("紅樓夢，頭髮，皇后，以後。", simplified, lang="zh").text == "红楼梦，头发，皇后，以后。"
    assert normalise("紅樓夢", simplified, lang="zh").changes == {"script": 3}
    assert normalise("头发和以后", NormaliseConfig(script="traditional"), lang="zh").text == "頭髮和以後"
    assert normalise("紅樓夢", simplified, lang="other").text == "紅樓夢", "Japanese keeps its own characters"
    assert normalise("紅樓夢", lang="zh").changes == {}


def test_punctuation_is_never_touched() -> None:
    every = "".join(chr(code) for code in range(0x20, 0x3100) if unicodedata.category(chr(code))[0] == "P")
    kept = "".join(c for c in every if unicodedata.is_normalized("NFC", c))
    assert normalise(kept).text == kept and normalise(kept, lang="zh").changes == {}
