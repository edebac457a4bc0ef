"""What is measured: numbers a reader can check by hand, for Chinese and English, and an end for any input."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.messages import all_entries
from hanlin.text.rules.measures import SCORED, is_measure, measure, measure_names

ENGLISH = "The cat sat on the mat. It's a cat!\n- one item\n- two items\n\nSee http://a.example/b ...\n"
CHINESE = "第一回 甄士隐梦幻识通灵\n此开卷第一回也。作者自云：“曾历过一番梦幻之后”……\n"


def test_english_by_hand() -> None:
    found = measure(ENGLISH)
    assert found["lines"] == 4
    assert found["words"] == 18
    assert found["bullet_lines"] == 0.5
    assert found["punct_lines"] == 0.5
    assert found["ellipsis_lines"] == 0.25
    assert found["stop_words"] == 1
    assert found["sentences"] == 3
    assert found["longest_run_chars"] == len("http://a.example/b")
    assert found["urls"] == pytest.approx(18 / len(ENGLISH), abs=1e-6)
    assert found["newlines_per_word"] == pytest.approx(5 / 18, abs=1e-6)


def test_chinese_by_hand() -> None:
    found = measure(CHINESE)
    han = len(re.findall(r"[\u4e00-\u9fff]", CHINESE))
    assert found["words"] == han
    assert found["mean_word_chars"] == 1
    assert found["letters"] == pytest.approx(han / len(re.sub(r"\s", "", CHINESE)), abs=1e-6)
    assert found["ellipsis_lines"] == 0.5
    assert found["alpha_words"] == 1
    assert found["sentences"] == 2


def test_shares_of_characters_add_up() -> None:
    found = measure("ab 12 ，。 $+ \ufffd\ue000 中")
    assert found["letters"] == pytest.approx(3 / 11, abs=1e-6)
    assert [found[name] for name in ("digits", "punctuation", "symbols", "unreadable")] == [0.181818] * 4


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("a {b} {", "curly_brackets", 2),
        ("say Lorem Ipsum dolor", "lorem_ipsum", 1),
        ("# # word", "hashes_per_word", 2),
        ("one… two...", "ellipses_per_word", 1),
        ("<b>hi</b>", "markup", 0.777778),
        ("x &nbsp; y", "markup", 0.6),
        ("2021 2022 words here", "alpha_words", 0.5),
        ("a b a c", "different_words", 0.75),
        ("He said so.\nToo few.\nno end here\nAll of this stays here! And this.", "c4_sentences", 3),
        ("他说了。\n没有句号的行", "c4_sentences", 1),
        ("short\n" + "x" * 31, "short_lines", 0.5),
    ],
)
def test_single_measures(text: str, name: str, value: float) -> None:
    assert measure(text)[name] == pytest.approx(value, abs=1e-6)


@given(st.text(max_size=80))
def test_every_text_has_every_measure_and_shares_are_shares(text: str) -> None:
    found = measure(text)
    assert (*found, "bad_words", *SCORED) == measure_names()
    for name, value in found.items():
        if (name.endswith("_chars") and name.startswith(("dup", "top"))) or name in ("letters", "symbols", "dup_lines"):
            assert 0 <= value <= 1, name


def test_every_measure_is_said_in_words() -> None:
    said = {key.removeprefix("text.measure_") for key in all_entries() if key.startswith("text.measure_")}
    assert said == set(measure_names())
    assert is_measure("bad_words") and not is_measure("nonsense")


@pytest.mark.parametrize(
    "hostile",
    ["<a" * 300_000, "&amp;" * 200_000, "www." * 200_000, "a\n" * 300_000, "." * 600_000, "'" * 600_000, "哈" * 600_000,
     " " * 600_000, "\n" * 600_000, "http://" * 100_000, "a'" * 300_000, "ab " * 200_000],
)  # fmt: skip
def test_hostile_texts_come_to_an_end(hostile: str) -> None:
    """A step for every pair of characters would take hours."""
    assert measure(hostile)["chars"] == len(hostile)


def test_a_repeated_text_repeats_and_a_random_one_does_not() -> None:
    draw = random.Random(1)
    varied = " ".join(f"{draw.getrandbits(30):x}" for _ in range(2000))
    assert measure(varied)["dup_5gram_chars"] == 0
    assert measure((varied + "\n") * 4)["dup_10gram_chars"] == pytest.approx(0.75, abs=0.01)
