"""A corpus built again from what an earlier build kept: the same bytes as from the sources, and no source read."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from hanlin.base.messages import say
from hanlin.text import reading
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import CorpusReport, build_corpus, read_corpus
from hanlin.text.ledger import read_ledger
from hanlin.text.rules.measures import measure

RULES = {"preset": "hanlin", "html_debris": True, "thresholds": {"min_words": 5, "max_dup_lines": 0.5}}
RUNNING = "river stone cloud apple winter letter garden window morning silver the of and to in it was that he she with"
WORDS = RUNNING.split()


def sentence(draw: random.Random, number: int = 12) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(number)).capitalize() + "."


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """300 documents: some with debris, some that repeat, some too short, twins, held-out copies, bad rows and files."""
    draw = random.Random(7)
    folder = tmp_path / "texts"
    folder.mkdir()
    rows = []
    for number in range(300):
        body = "\n".join(sentence(draw) for _ in range(6))
        if number % 10 == 1:
            body = f"<p>{body}&nbsp;x</p>"
        if number % 10 == 2:
            body = "\n".join([sentence(draw)] * 8)
        if number % 10 == 3:
            body = "too short"
        if number % 10 == 4:
            body += "\nw*w*w.ｂook" + draw.choice("*.-~") + "ＨeaVen" + draw.choice("*.-~/") + "c-o-m"
        rows.append(json.dumps({"id": f"doc-{number}", "text": body + "\r\n"}))
    rows += [rows[0], "{bad", rows[5].replace("doc-5", "doc-twin"), rows[6].replace("Id", "id")]
    quoted = json.loads(rows[15])["text"]
    rows += [json.dumps({"id": f"quote-{n}", "text": f"Quoted {n}:\n{quoted}"}) for n in range(20)]
    (folder / "rows.jsonl").write_text("\n".join(rows))
    (folder / "b.txt").write_bytes(bytes(range(256)))
    (folder / ".hidden").write_text("x")
    return folder


def build(texts: Path, out: Path, **settings: Any) -> CorpusReport:
    return build_corpus(CorpusConfig(sources=[str(texts)], validation_fraction=0.2, **settings), out)


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


SETTINGS = {
    "no rules": {},
    "rules": {"rules": RULES},
    "other thresholds": {"rules": {**RULES, "thresholds": {"min_words": 60}}},
    "no edits": {"rules": {"preset": "gopher"}},
    "no duplicates dropped": {"dedup": False, "rules": RULES},
    "leaks kept": {"most_leaked": 1.0},
    "another seed": {"seed": 9, "rules": RULES},
    "near duplicates": {"near_dup": {"action": "drop"}, "rules": RULES},
    "repeated lines": {"lines": {"repeated": "lines", "boilerplate": 10}, "near_dup": {"action": "drop"}},
}


@pytest.mark.parametrize("second", SETTINGS)
@pytest.mark.parametrize("first", ["no rules", "rules", "no edits", "repeated lines"])
def test_built_again_is_built_anew(
    first: str, second: str, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fresh build of `second` is the oracle; the one from the earlier build may open no source."""
    build(texts, tmp_path / "fresh", **SETTINGS[second])
    build(texts, tmp_path / "again", **SETTINGS[first])

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a source was read")

    monkeypatch.setattr(reading, "read_file", forbidden)
    report = build(texts, tmp_path / "again", **SETTINGS[second])
    fresh, again = content(tmp_path / "fresh"), content(tmp_path / "again")
    if second in (
        "no rules",
        "leaks kept",
        "repeated lines",
    ):  # the earlier build's measures stay, though no rule asks for them
        for files in (fresh, again):
            for name in ("ledger.jsonl.zst", "corpus.json", "reading.json"):
                del files[name]
    assert fresh == again
    assert report.lines[-1] == say("text.report_read_again", path=tmp_path / "again")
    build(texts, tmp_path / "again", **SETTINGS[first])  # and back, through all that was edited and dropped
    build(texts, tmp_path / "again", **SETTINGS[second])
    assert all(content(tmp_path / "again")[name] == text for name, text in fresh.items())


def test_the_example_has_every_fate(texts: Path, tmp_path: Path) -> None:
    figures = build(texts, tmp_path / "out", rules=RULES).figures
    reasons = {"hidden", "binary", "not_json", "duplicate", "leaked", "min_words", "max_dup_lines"}
    assert reasons <= set(figures["dropped"])
    assert figures["edits"] == {"html_debris": 90, "watermarks": 30}
    assert figures["edited"] == {"html_debris": 30, "watermarks": 30}
    entries = list(read_ledger(tmp_path / "out"))
    assert len(entries) == figures["read"] + sum(
        figures["dropped"].get(name, 0) for name in ("hidden", "binary", "not_json")
    )
    fates = {fate: sum(entry.fate == fate for entry in entries) for fate in ("train", "validation", "leaked", "unread")}
    for split in ("train", "validation"):
        assert fates[split] == figures["splits"][split]["documents"]
    assert (fates["leaked"], fates["unread"]) == (figures["dropped"]["leaked"], 3)


def test_texts_without_debris_and_watermarks_come_out_as_they_were(texts: Path, tmp_path: Path) -> None:
    build(texts, tmp_path / "out", rules=RULES)
    kept = {
        str(one.meta["id"]): one.text for part in ("train", "validation") for one in read_corpus(tmp_path / "out", part)
    }
    rows = [json.loads(line) for line in (texts / "rows.jsonl").read_text().split("\n") if line.startswith('{"')]
    plain = {row["id"]: row["text"].replace("\r", "") for row in rows}
    for id, text in kept.items():
        if "<p>" in plain[id]:
            assert text.strip() == plain[id].replace("<p>", "").replace("</p>", "").replace("&nbsp;", " ").strip()
        elif "ｂook" in plain[id]:
            assert text == plain[id][: plain[id].index("w*w*w")]
        else:
            assert text == plain[id]


@pytest.mark.parametrize("change", ["content", "new file", "normalise", "read", "damage", "not kept"])
def test_whatever_touches_the_reading_makes_it_read_anew(change: str, texts: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "out", {}
    build(texts, out, keep_removed=change != "not kept")
    if change == "content":
        (texts / "rows.jsonl").write_text(json.dumps({"text": "entirely other text"}))
    if change == "new file":
        (texts / "new.txt").write_text("one more text")
    if change == "normalise":
        settings = {"normalise": {"line_ends": False}}
    if change == "read":
        settings = {"read": {"max_document_chars": 100}}
    if change == "damage":
        (out / "removed.jsonl.zst").write_bytes(b"")
    report = build(texts, out, **settings)
    build(texts, tmp_path / "fresh", **settings)
    assert content(out) == content(tmp_path / "fresh")
    assert report.lines[-1] != say("text.report_read_again", path=out)


def test_measures_are_taken_once(texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(texts, tmp_path / "out", rules=RULES)
    taken = [entry.measures for entry in read_ledger(tmp_path / "out") if entry.measures]
    assert taken and set(taken[0]) == set(measure("x"))
    monkeypatch.setattr("hanlin.text.rules.rulebook.measure", lambda text: pytest.fail("measured again"))
    build(texts, tmp_path / "out", rules={**RULES, "thresholds": {"min_words": 1}}, min_chars=1)


def test_without_keeping_removed_texts_only_the_ledger_stays(texts: Path, tmp_path: Path) -> None:
    build(texts, tmp_path / "out", keep_removed=False, rules=RULES)
    assert set(content(tmp_path / "out")) == {
        "train.jsonl.zst", "validation.jsonl.zst", "ledger.jsonl.zst", "corpus.json", "report.md"
    }  # fmt: skip
    assert any(entry.reason == "leaked" for entry in read_ledger(tmp_path / "out"))
