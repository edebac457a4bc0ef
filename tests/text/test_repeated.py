"""Repeated lines, boilerplate and shared passages: what is cut, what stays, against plain definitions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.building.parts import part_of_keys
from hanlin.text.config import LinesConfig
from hanlin.text.duplicates.records import in_order
from hanlin.text.duplicates.repeated import (
    boilerplate_records,
    in_common,
    later,
    line_spans,
    lines_of_text,
    paragraphs_of_text,
    passages,
    places_of,
    repeated_records,
    twin_windows,
    twins_of,
    window_records,
    without,
)

LINES = ["The first line of all.", "这一行在很多文档里都有，是模板。", "A third and quite long line.", "short"]


def cut_lines(texts: Sequence[str], sources: Sequence[str] = (), **settings: object) -> list[str]:
    config, numbered = LinesConfig(**settings), list(enumerate(texts))
    repeated = later(joined(repeated_records(config, number, text) for number, text in numbered))
    source_of = sources or ["s"] * len(texts)
    own = joined(boilerplate_records(config, number, source_of[number], text) for number, text in numbered)
    common = np.sort(in_common(own, config.boilerplate)) if config.boilerplate else np.empty(0, np.uint64)
    repeated = np.sort(repeated) if config.repeated != "off" else np.empty(0, np.uint64)
    return [
        without(text, line_spans(config, text, places_of(repeated, number), places_of(common, number)))
        for number, text in numbered
    ]


def joined(records: Iterable[np.ndarray]) -> np.ndarray:
    return in_order(np.concatenate([np.empty((0, 2), np.uint64), *records]))


@given(texts=st.lists(st.lists(st.sampled_from(LINES), max_size=5), max_size=6))
def test_each_long_line_stays_once_where_it_first_stood(texts: list[list[str]]) -> None:
    found = cut_lines(["\n".join(lines) for lines in texts], repeated="lines")
    seen: set[str] = set()
    for lines, text in zip(texts, found, strict=True):
        expected = []
        for line in lines:
            if line == "short" or line not in seen:
                expected.append(line)
            seen.add(line)
        assert [line for line in text.split("\n") if line] == expected


def test_paragraphs_are_cut_whole_and_lines_in_them_stay() -> None:
    one = f"{LINES[0]}\n{LINES[1]}"
    texts = [f"{one}\n\n{LINES[2]}", f"{LINES[0]}\n\n\n{one}\n\nAnother paragraph."]
    assert cut_lines(texts, repeated="paragraphs") == [texts[0], f"{LINES[0]}\n\n\nAnother paragraph."]


def test_a_line_all_over_one_source_goes_from_all_its_documents() -> None:
    texts = [f"{LINES[1]}\nText number {number} of its own.\n  {LINES[2]}" for number in range(6)]
    sources = ["site"] * 4 + ["other"] * 2
    found = cut_lines(texts, sources, boilerplate=4)
    assert found == [f"Text number {number} of its own.\n" for number in range(4)] + texts[4:]
    twice = [f"{LINES[1]}\n" * 5, "Another text."]
    assert cut_lines(twice, boilerplate=2) == twice, "five times in one document is one document"


def test_a_line_cut_whole_takes_its_end_along() -> None:
    assert without("a\nb\nc", [(2, 3)]) == "a\nc"
    assert without("abc def", [(4, 7), (5, 6)]) == "abc "
    assert without("a\n\n\nb", [(0, 1)]) == "b"
    assert without("abc", []) == "abc"


@given(st.text(alphabet="a\n x"))
def test_units_cover_the_text(text: str) -> None:
    assert [text[start:end] for start, end in lines_of_text(text)] == text.split("\n")
    kept = "".join(text[start:end] for start, end in paragraphs_of_text(text))
    assert "".join(kept.split()) == "".join(text.split())


# ---------------------------------------------------------------- passages


def cut_passages(texts: Sequence[str], least: int) -> list[str]:
    found = twin_windows(joined(window_records(least, number, text) for number, text in enumerate(texts)))
    twins = found[np.lexsort((found[:, 1], found[:, 0]))]
    return [
        without(text, passages(least, text, twins_of(twins, number), texts.__getitem__))
        for number, text in enumerate(texts)
    ]


def noise(length: int, chance: random.Random) -> str:
    return "".join(chance.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(length))


@pytest.mark.parametrize("seed", range(5))
def test_every_shared_passage_of_the_least_length_is_cut_and_no_shorter_one(seed: int) -> None:
    chance, least = random.Random(seed), 60
    shared, shorter = noise(least, chance), noise(least - 1, chance)
    first = noise(300, chance) + "{" + shared + "|" + shorter + "}" + noise(300, chance)
    later = noise(chance.randrange(200), chance) + "<" + shared + ">" + noise(90, chance) + "<" + shorter + ">"
    found = cut_passages([first, later], least)
    assert found == [first, later.replace(shared, "")]


def test_a_passage_in_the_other_script_is_the_same_passage() -> None:
    simple = "话说宝玉一日正在园中闲坐忽见黛玉来了便起身让座说道妹妹来得正好我正有一事要与你商量" * 2
    traditional = "話說寶玉一日正在園中閒坐忽見黛玉來了便起身讓座說道妹妹來得正好我正有一事要與你商量" * 2
    found = cut_passages([simple, f"前文。{traditional}后文。"], 50)
    assert found == [simple, "前文。后文。"]


def test_what_a_text_repeats_itself_is_its_own_affair() -> None:
    refrain = "row row row your boat gently down the stream merrily merrily. " * 4
    assert cut_passages([refrain], 50) == [refrain]


def test_keys_of_windows_lie_in_all_parts_alike() -> None:
    """Chosen for being the smallest of a hundred, they once lay in the first of 25 parts nearly all."""
    draw = random.Random(4)
    texts = ["".join(chr(draw.randrange(0x4E00, 0x9FFF)) for _ in range(4000)) for _ in range(100)]
    keys = np.concatenate([window_records(200, number, text)[:, 0] for number, text in enumerate(texts)])
    sizes = np.bincount(part_of_keys(keys, 25), minlength=25)
    assert sizes.min() > 0.7 * sizes.mean() and sizes.max() < 1.3 * sizes.mean()
