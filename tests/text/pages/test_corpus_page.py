"""The report of a corpus: figures against counts by hand, both languages, and text of strangers stays text."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from tests.text.doctor.junk import MARKS, chinese, english, rows
from tests.text.pages.reading import check_is_safe

from hanlin.base.errors import InputError
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import build_corpus, read_corpus
from hanlin.text.ledger import path_of
from hanlin.text.pages.corpus_figures import Values, corpus_figures
from hanlin.text.pages.corpus_page import corpus_lines, corpus_page

HOSTILE = "<script>alert(1)</script> \u202egnp \x1b[31m مرحبا &amp; {{ 1 }} " + "y" * 3000
GOOD, SECOND = english(4), english(5)
MAIL = "Write to somebody@example.com about it. "
TEXTS = [
    {"text": GOOD, "licence": "MIT"},
    {"text": GOOD, "licence": "MIT"},
    {"text": SECOND + "\nAccept all cookies of this site\n", "licence": "CC0"},
    {"text": SECOND.replace("bridge", "tower", 1) + "\nAccept all cookies of this site\n"},
    {"text": "no"},
    {"text": f"<p>{MAIL}</p>&nbsp;<br>{HOSTILE}\n{english(2)}"},
    *({"text": f"{chinese(4)}\n{mark}\n{chinese(2)}"} for mark in MARKS),
    {"text": f"{english(3)}\nAccept all cookies of this site\n{MAIL * 3}"},
    {"text": "buy now and save\n" * 200},
]
SETTINGS: dict[str, Any] = {
    "min_chars": 5, "rules": {"html_debris": True, "watermarks": True, "thresholds": {"max_dup_lines": 0.9}},
    "near_dup": {"action": "drop", "threshold": 0.7}, "lines": {"boilerplate": 2}, "validation_fraction": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "in").mkdir()
    (folder / "in" / "a.jsonl").write_text(rows(*TEXTS) + "{bad\n")
    build_corpus(CorpusConfig(sources=[str(folder / "in")], **SETTINGS), folder / "corpus")
    return folder / "corpus"


@pytest.fixture(scope="module")
def figures(corpus: Path) -> dict[str, Any]:
    return corpus_figures(corpus)


def size(texts: list[str]) -> int:
    return sum(len(text.encode()) for text in texts)


def test_the_funnel_is_the_corpus_told_backwards(corpus: Path, figures: dict[str, Any]) -> None:
    kept = [document.text for document in read_corpus(corpus)]
    steps = [one["step"] for one in figures["funnel"]]
    assert steps == ["read", "too_short", "rules", "duplicate", "near_duplicate", "cut"]
    documents = [one["documents"] for one in figures["funnel"]]
    assert documents == [len(TEXTS), len(TEXTS) - 1, len(TEXTS) - 2, len(TEXTS) - 3, len(TEXTS) - 4, len(kept)]
    first, last = figures["funnel"][0], figures["funnel"][-1]
    assert last["bytes"] == size(kept) == figures["splits"]["train"]["bytes"] + figures["splits"]["validation"]["bytes"]
    assert first["bytes"] > last["bytes"] and first["bytes"] <= size([one["text"] for one in TEXTS])


def test_every_loss_is_told_with_its_text(figures: dict[str, Any]) -> None:
    losses = {one["reason"]: one for one in figures["losses"]}
    assert {reason: one["documents"] for reason, one in losses.items()} == {
        "too_short": 1, "max_dup_lines": 1, "duplicate": 1, "near_duplicate": 1, "not_json": 1,
    }  # fmt: skip
    assert losses["max_dup_lines"]["examples"][0]["text"].startswith("buy now and save buy now")
    assert float(losses["max_dup_lines"]["examples"][0]["value"]) == pytest.approx(0.995)
    assert losses["duplicate"]["bytes"] == size([GOOD]) and losses["not_json"]["bytes"] is None
    assert losses["not_json"]["examples"][0]["location"].endswith(f"a.jsonl:{len(TEXTS) + 1}")


def test_flows_add_up(figures: dict[str, Any]) -> None:
    for name in ("languages", "sources", "licences", "kinds"):
        assert sum(row["read"]["documents"] for row in figures[name]) == len(TEXTS)
        assert sum(row["kept"]["bytes"] for row in figures[name]) == figures["funnel"][-1]["bytes"]
    licences = {row["name"]: (row["read"]["documents"], row["kept"]["documents"]) for row in figures["licences"]}
    assert licences["MIT"] == (2, 1) and licences[""][0] == len(TEXTS) - 3


def test_histograms_hold_every_document(figures: dict[str, Any]) -> None:
    lengths = figures["lengths"]
    assert sum(lengths["read"]["counts"]) == len(TEXTS) and sum(lengths["kept"]["counts"]) == len(TEXTS) - 4
    assert lengths["read"]["edges"] == lengths["kept"]["edges"]
    dup = figures["measures"]["dup_lines"]
    assert dup["limits"] == [0.9] and sum(dup["counts"]) == len(TEXTS) - 1 and sum(dup["kept"]) == len(TEXTS) - 4
    assert all(kept <= every for kept, every in zip(dup["kept"], dup["counts"], strict=True))


def test_duplicates_and_cuts(figures: dict[str, Any]) -> None:
    assert figures["duplicates"]["exact"] == {"copies": 1, "sizes": {"2": 1}}
    assert figures["duplicates"]["near"]["near_duplicates"] == 1
    assert figures["lines"]["boilerplate"]["pieces"] >= 2


def test_samples_show_what_was_cut_and_nobodys_address(figures: dict[str, Any]) -> None:
    gone = {text.strip() for one in figures["samples"] for kind, text in one["parts"] if kind == "gone"}
    assert "Accept all cookies of this site" in gone and any("ＯＳhuＯtx" in text for text in gone)
    assert "somebody@example.com" not in json.dumps(figures)


def test_the_page_in_both_languages(figures: dict[str, Any], lang: str) -> None:
    html = corpus_page(figures, "名字 & <b>name</b>")
    page = check_is_safe(html)
    assert ("What went, and why" in page.text) == (lang == "en") and ("丢弃了什么" in page.text) == (lang == "zh")
    assert "名字 & <b>name</b>" in page.text and "<script>" in page.text and "\\u202egnp" in page.text
    assert not set("\x1b\u202e") & set(html) and "مرحبا" in page.text
    names = [name for name, _ in page.elements]
    assert "del" in names and names.count("table") == names.count("caption") and names.count("h1") == 1
    assert len(html) < 300_000, "a long text is quoted, not copied"


def test_the_pie_of_languages_is_whole(figures: dict[str, Any]) -> None:
    """Each slice begins where the one before ended, and they make a hundred."""
    page = check_is_safe(corpus_page(figures, "x"))
    slices = [attributes for name, attributes in page.elements if name == "circle"]
    shares = [float((one["stroke-dasharray"] or "").split()[0]) for one in slices]
    begins = [-float(one["stroke-dashoffset"] or 0) for one in slices]
    assert len(slices) > 1 and sum(shares) == pytest.approx(100)
    assert begins == pytest.approx([sum(shares[:number]) for number in range(len(shares))])


def test_languages_are_named_and_not_only_those_the_rules_know(tmp_path: Path, lang: str) -> None:
    """To the rules German is Latin letters, "en" or "other"; its reader wants to see German."""
    german = "Der Bäcker öffnet um fünf, aber die ersten Brötchen gehören den Straßenkehrern, so will es der Brauch."
    russian = "Дворник по утрам рисует на снегу лошадей, и дети боятся на них наступить, пока не растает."
    texts = [{"text": f"{text} {number}"} for number in range(3) for text in (german, russian, english(3))]
    (tmp_path / "a.jsonl").write_text(rows(*texts))
    config = CorpusConfig(sources=[str(tmp_path / "a.jsonl")], validation_fraction=0.0)
    build_corpus(config, tmp_path / "corpus")
    figures = corpus_figures(tmp_path / "corpus")
    found = figures["identified"]
    assert found["texts"] == 9 and set(found["bytes"]) == {"de", "ru", "en"}
    assert sum(found["bytes"].values()) == size([one["text"] for one in texts])
    assert "de " in check_is_safe(corpus_page(figures, "x")).text


def test_the_same_corpus_in_words(figures: dict[str, Any], lang: str) -> None:
    lines = list(corpus_lines(figures))
    assert len(lines) == len(figures["funnel"])
    assert f"{len(TEXTS):,}" in lines[0] and ("Read" in lines[0]) == (lang == "en")


def test_a_corpus_without_removed_texts(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(rows(*TEXTS))
    config = CorpusConfig(sources=[str(tmp_path / "a.jsonl")], keep_removed=False, **SETTINGS)
    build_corpus(config, tmp_path / "corpus")
    figures = corpus_figures(tmp_path / "corpus")
    assert figures["funnel"][0]["documents"] == len(TEXTS) and figures["funnel"][0]["bytes"] is None
    check_is_safe(corpus_page(figures, "x"))


def test_a_corpus_without_rules_is_measured_for_the_report(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(rows(*TEXTS))
    build_corpus(CorpusConfig(sources=[str(tmp_path / "a.jsonl")]), tmp_path / "corpus")
    figures = corpus_figures(tmp_path / "corpus")
    assert figures["is_measured_here"] and sum(figures["measures"]["letters"]["counts"]) == len(TEXTS)
    check_is_safe(corpus_page(figures, "x"))


def test_no_corpus_and_no_ledger(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(InputError) as missing:
        corpus_figures(tmp_path)
    assert missing.value.code == "E204"
    (tmp_path / "corpus.json").write_text((corpus / "corpus.json").read_text())
    assert not path_of(tmp_path, "ledger").exists()
    with pytest.raises(InputError) as without:
        corpus_figures(tmp_path)
    assert without.value.code == "E237"


def test_an_even_sample_of_a_long_stream() -> None:
    values = Values(100)
    for number in range(10_000):
        if values.is_next_wanted():
            values.add(True, {"n": float(number)})
    numbers = [table["n"] for _, table in values.held]
    assert 50 <= len(numbers) <= 100 and len({b - a for a, b in itertools.pairwise(numbers)}) == 1
    assert numbers[-1] > 9700
