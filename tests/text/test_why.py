"""`why` finds a document by any of its names and says what decided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanlin.base.errors import InputError
from hanlin.text.config import CorpusConfig, SourceConfig
from hanlin.text.corpus import build_corpus
from hanlin.text.why import MOST, why

PROSE = "The committee met again on Tuesday and decided that the old bridge should be repaired before winter."


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rows = [{"id": "good", "text": f"{PROSE}\nIt was late."}, {"id": "again", "text": f"{PROSE}\nIt was late."},
            {"id": "repeats", "text": f"{PROSE}\n" * 9}, {"id": "short", "text": "No."},
            *({"id": f"many-{n}", "text": f"{PROSE} {n}"} for n in range(12))]  # fmt: skip
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("\n".join([*map(json.dumps, rows), "{bad"]))
    source = SourceConfig(path=str(tmp_path / "in"), kind="web")
    settings = {"min_chars": 5, "rules": {"preset": "hanlin", "thresholds": {"web.max_dup_lines": 0.25}}}
    build_corpus(CorpusConfig(sources=[source], validation_fraction=0.0, **settings), tmp_path / "out")
    return tmp_path / "out"


def test_a_threshold_is_named_with_value_bound_and_origin(corpus: Path) -> None:
    (answer,) = why(corpus, "repeats")
    entry = answer.entry
    assert (entry.fate, entry.reason, entry.limit, entry.origin) == (
        "removed",
        "max_dup_line_chars",
        0.6,
        "hanlin [web]",
    )
    assert entry.value == pytest.approx(8 / 9, abs=0.02)
    broken = {bound.threshold.name: bound for bound in answer.bounds if not bound.is_kept}
    assert {"max_dup_lines", "max_dup_line_chars", "max_dup_10gram_chars"} <= set(broken), "not only the first"
    assert broken["max_dup_lines"].threshold.origin == "settings"
    assert broken["max_dup_lines"].value == pytest.approx(8 / 9, abs=1e-6)
    kept = [bound.is_kept for bound in answer.bounds]
    assert kept == sorted(kept), "broken ones first"


def test_other_reasons_have_answers_too(corpus: Path) -> None:
    (twin,) = why(corpus, "again")
    assert (twin.entry.reason, twin.entry.example.endswith("a.jsonl:1")) == ("duplicate", True)
    (short,) = why(corpus, "short")
    assert (short.entry.reason, short.entry.value, short.entry.limit) == ("too_short", 3, 5)
    (bad,) = why(corpus, "a.jsonl:17")
    assert (bad.entry.fate, bad.entry.reason) == ("unread", "not_json")
    (good,) = why(corpus, "good")
    assert (good.entry.fate, good.entry.reason) == ("train", "") and all(bound.is_kept for bound in good.bounds)


def test_a_document_is_found_by_id_place_and_part(corpus: Path) -> None:
    whole = why(corpus, "good")[0].entry
    assert why(corpus, whole.id)[0].entry == why(corpus, whole.location)[0].entry == whole
    assert why(corpus, "a.jsonl:1")[0].entry == whole, "the end of a path, not every line that begins with 1"
    assert len(why(corpus, "many")) == MOST
    assert [answer.entry.own_id for answer in why(corpus, "many-3")] == ["many-3"]


def test_a_document_that_is_not_there(corpus: Path, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        why(corpus, "godo")
    assert caught.value.code == "E238"
    assert "godo" in str(caught.value) and "good" in str(caught.value)


def test_a_corpus_without_a_ledger(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        why(tmp_path, "x")
    assert caught.value.code == "E237"
    assert str(tmp_path) in str(caught.value)
