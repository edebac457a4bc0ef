"""Repeated lines, boilerplate and shared passages: what is cut, what stays, against plain definitions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import DiskFull
from hanlin.text.config import LinesConfig
from hanlin.text.document import Document
from hanlin.text.duplicates import spill as spill_module
from hanlin.text.duplicates.repeated import (
    RepeatedLines,
    SharedPassages,
    lines_of_text,
    paragraphs_of_text,
    places_of,
    twins_of,
    without,
)  # fmt: skip
from hanlin.text.duplicates.spill import Spill
from hanlin.text.duplicates.staged import Staged

import numpy as np  # isort: skip

LINES = ["The first line of all.", "这一行在很多文档里都有，是模板。", "A third and quite long line.", "short"]


def cut_lines(texts: Sequence[str], folder: Path, sources: Sequence[str] = (), **settings: object) -> list[str]:
    lines = RepeatedLines(LinesConfig(**settings), folder)
    for number, text in enumerate(texts):
        lines.add(number, sources[number] if sources else "s", text)
    repeated, common = lines.cuts()
    return [
        without(text, lines.spans(text, places_of(repeated, number), places_of(common, number)))
        for number, text in enumerate(texts)
    ]


@given(texts=st.lists(st.lists(st.sampled_from(LINES), max_size=5), max_size=6))
def test_each_long_line_stays_once_where_it_first_stood(texts: list[list[str]], tmp_path_factory: object) -> None:
    folder = tmp_path_factory.mktemp("lines")  # type: ignore[attr-defined]
    found = cut_lines(["\n".join(lines) for lines in texts], folder / "x", repeated="lines")
    seen: set[str] = set()
    for lines, text in zip(texts, found, strict=True):
        expected = []
        for line in lines:
            if line == "short" or line not in seen:
                expected.append(line)
            seen.add(line)
        assert [line for line in text.split("\n") if line] == expected


def test_paragraphs_are_cut_whole_and_lines_in_them_stay(tmp_path: Path) -> None:
    one = f"{LINES[0]}\n{LINES[1]}"
    texts = [f"{one}\n\n{LINES[2]}", f"{LINES[0]}\n\n\n{one}\n\nAnother paragraph."]
    assert cut_lines(texts, tmp_path / "x", repeated="paragraphs") == [texts[0], f"{LINES[0]}\n\n\nAnother paragraph."]


def test_a_line_all_over_one_source_goes_from_all_its_documents(tmp_path: Path) -> None:
    texts = [f"{LINES[1]}\nText number {number} of its own.\n  {LINES[2]}" for number in range(6)]
    sources = ["site"] * 4 + ["other"] * 2
    found = cut_lines(texts, tmp_path / "x", sources, boilerplate=4)
    assert found == [f"Text number {number} of its own.\n" for number in range(4)] + texts[4:]
    twice = [f"{LINES[1]}\n" * 5, "Another text."]
    assert cut_lines(twice, tmp_path / "y", boilerplate=2) == twice, "five times in one document is one document"


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


def cut_passages(texts: Sequence[str], least: int, folder: Path) -> list[str]:
    passages = SharedPassages(least, folder)
    for number, text in enumerate(texts):
        passages.add(number, text)
    twins = passages.twins()
    return [
        without(text, passages.spans(text, twins_of(twins, number), texts.__getitem__))
        for number, text in enumerate(texts)
    ]


def noise(length: int, chance: random.Random) -> str:
    return "".join(chance.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(length))


@pytest.mark.parametrize("seed", range(5))
def test_every_shared_passage_of_the_least_length_is_cut_and_no_shorter_one(tmp_path: Path, seed: int) -> None:
    chance, least = random.Random(seed), 60
    shared, shorter = noise(least, chance), noise(least - 1, chance)
    first = noise(300, chance) + "{" + shared + "|" + shorter + "}" + noise(300, chance)
    later = noise(chance.randrange(200), chance) + "<" + shared + ">" + noise(90, chance) + "<" + shorter + ">"
    found = cut_passages([first, later], least, tmp_path / "x")
    assert found == [first, later.replace(shared, "")]


def test_a_passage_in_the_other_script_is_the_same_passage(tmp_path: Path) -> None:
    simple = "话说宝玉一日正在园中闲坐忽见黛玉来了便起身让座说道妹妹来得正好我正有一事要与你商量" * 2
    traditional = "話說寶玉一日正在園中閒坐忽見黛玉來了便起身讓座說道妹妹來得正好我正有一事要與你商量" * 2
    found = cut_passages([simple, f"前文。{traditional}后文。"], 50, tmp_path / "x")
    assert found == [simple, "前文。后文。"]


def test_what_a_text_repeats_itself_is_its_own_affair(tmp_path: Path) -> None:
    refrain = "row row row your boat gently down the stream merrily merrily. " * 4
    assert cut_passages([refrain], 50, tmp_path / "x") == [refrain]


# ---------------------------------------------------------------- on disk


def test_records_come_back_together_and_sorted_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill_module, "HELD_RECORDS", 10)
    spill = Spill(tmp_path / "spill", parts=4)
    chance = np.random.default_rng(2)
    keys = chance.integers(0, 2**64, 200, dtype=np.uint64)
    keys[100:] = keys[:100]
    values = np.arange(200, dtype=np.uint64)
    for start in range(0, 200, 7):
        spill.add(keys[start : start + 7], values[start : start + 7])
    assert len(list((tmp_path / "spill").iterdir())) == 4
    records = np.concatenate(list(spill.partitions()))
    assert sorted(map(tuple, records.tolist())) == sorted(zip(keys.tolist(), values.tolist(), strict=True))
    assert records.tolist() == sorted(records.tolist())
    assert list((tmp_path / "spill").iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spill = Spill(tmp_path / "spill")

    def full(self: Path, mode: str) -> None:
        raise OSError(28, "No space left on device")

    spill.add(np.zeros(3, np.uint64), np.zeros(3, np.uint64))
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(DiskFull):
        list(spill.partitions())


def test_documents_are_read_in_order_or_by_number(tmp_path: Path) -> None:
    with Staged(tmp_path / "documents") as staged:
        check_staged(staged)
    assert list(tmp_path.iterdir()) == []


def check_staged(staged: Staged) -> None:
    documents = [
        Document(f"text {number}\u2028 好\ud800", str(number), "s", "zh", {"line": number}) for number in range(5)
    ]
    for document in documents[:3]:
        staged.add("train", document)
    assert staged[1] == ("train", documents[1])
    for document in documents[3:]:
        staged.add("validation", document)
    assert [document for _, document in staged] == documents and len(staged) == 5
    assert staged[4] == ("validation", documents[4])
