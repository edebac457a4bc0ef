"""Rules, personal data and duplicates in one build: every loss has one reason, and the record knows each of them."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hanlin.base.messages import say
from hanlin.life.why import why as told
from hanlin.text import reading
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import CorpusReport, build_corpus, read_corpus
from hanlin.text.ledger import LEDGER, REMOVED, documents_of, path_of, read_ledger, rows_of
from hanlin.text.reasons import reason_text
from hanlin.text.why import why

SECRETS = ("15400001111", "15400002222", "zhang@example.com", "li@example.com")
QUESTION = "Which of the seven rivers of this country runs through more than one of its large towns before it ends?"
FOOTER = "Copyright of this page, all rights reserved, do not copy."


def prose(number: int, words: int = 120) -> str:
    draw = random.Random(number)
    return " ".join("".join(draw.choice("abcdefghij") for _ in range(6)) for _ in range(words)) + "."


ROWS = {
    "plain": prose(1),
    "telephone": f"{prose(2)}\n联系电话：{SECRETS[0]}",
    "same but for the telephone": f"{prose(2)}\n联系电话：{SECRETS[1]}",
    "crowded": f"{prose(3)} {SECRETS[0]} 电话 {SECRETS[1]}, {SECRETS[2]}, {SECRETS[3]}, 联系电话：{SECRETS[0]}",
    "repetitive": f"{prose(4, 12)}\n" * 9,
    "twin": prose(1) + " More.",
    "footer a": f"{prose(5)}\n{FOOTER}",
    "footer b": f"{prose(6)}\n{FOOTER}",
    "footer c": f"<p>{prose(7)}</p> li&#64;example.com\n{FOOTER}",
    "exam": f"{prose(8)} {QUESTION} {prose(9)} 联系电话：{SECRETS[1]}",
    "short": f"联系电话：{SECRETS[0]}",
    "footers alone": f"{FOOTER}\n" * 9,
}
REASONS = {
    "same but for the telephone": "duplicate",
    "crowded": "personal",
    "repetitive": "max_dup_lines",
    "plain": "near_duplicate",
    "exam": "evaluation",
    "short": "too_short",
    "footers alone": "max_dup_lines",
}
SETTINGS: dict[str, Any] = {
    "privacy": {"action": "mask", "drop_above": 3},
    "rules": {"html_debris": True, "thresholds": {"max_dup_lines": 0.4}},
    "near_dup": {"action": "drop"},
    "lines": {"boilerplate": 3},
    "min_chars": 30,
}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    (tmp_path / "exam.jsonl").write_text(json.dumps({"question": QUESTION}))
    path = tmp_path / "in" / "rows.jsonl"
    path.parent.mkdir()
    path.write_text("\n".join(json.dumps({"id": id, "text": text}) for id, text in ROWS.items()), "utf-8")
    return path


def build(rows: Path, out: str = "out", **changed: Any) -> CorpusReport:
    settings = {**SETTINGS, "against": {"paths": (str(rows.parents[1] / "exam.jsonl"),)}, **changed}
    config = CorpusConfig(sources=[str(rows)], validation_fraction=0.0, **settings)
    return build_corpus(config, rows.parents[1] / out)


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_every_loss_has_one_reason_and_what_stays_is_cleaned_by_all(rows: Path) -> None:
    report = build(rows)
    entries = {entry.own_id: entry for entry in read_ledger(report.path)}
    assert {id: entry.reason for id, entry in entries.items() if entry.reason} == REASONS
    assert report.figures["dropped"] == Counter(REASONS.values())
    kept = {str(document.meta["id"]): document.text for document in read_corpus(report.path)}
    assert kept == {
        "telephone": f"{prose(2)}\n联系电话：[MOBILE]",
        "twin": ROWS["twin"],
        "footer a": f"{prose(5)}\n",
        "footer b": f"{prose(6)}\n",
        "footer c": f"\n{prose(7)} [EMAIL]\n",
    }
    assert report.figures["read"] == len(ROWS) == len(kept) + sum(report.figures["dropped"].values())
    assert entries["footer c"].edits == {"html_debris": 3, "boilerplate": 1}
    assert report.figures["refined"]["lines"]["boilerplate"]["documents"] == 3
    twins = {str(document.meta["id"]): document.meta.get("near_duplicates") for document in read_corpus(report.path)}
    assert twins == {"telephone": None, "twin": 2, "footer a": None, "footer b": None, "footer c": None}


def test_nothing_beside_a_masked_corpus_tells_of_anybody(rows: Path) -> None:
    out = build(rows).path
    written = [path.read_text("utf-8") for path in out.iterdir() if path.suffix in (".md", ".json")]
    written += [json.dumps(row, ensure_ascii=False) for row in rows_of(path_of(out, LEDGER))]
    written += [document.text for name in ("train", REMOVED) for document in documents_of(path_of(out, name))]
    assert [secret for secret in SECRETS for text in written if secret in text] == []


def test_quotes_are_masked_where_texts_are_only_counted(rows: Path) -> None:
    twins = [f"联系电话：{SECRETS[0]}，{prose(1)}{end}\n联系人电话：{SECRETS[1]}，请在工作时间拨打。" for end in "ab"]
    rows.write_text("\n".join(json.dumps({"text": text}) for text in twins), "utf-8")
    report = build(
        rows, privacy={"action": "count"}, near_dup={"action": "report"}, lines={"boilerplate": 2}, against={}
    )
    assert report.figures["refined"]["near_dup"]["clusters"] == 1
    assert report.figures["refined"]["lines"]["boilerplate"]["pieces"] == 2
    written = (report.path / "report.md").read_text("utf-8") + (report.path / "corpus.json").read_text("utf-8")
    assert "联系电话：[MOBILE]" in written and "联系人电话：[MOBILE]" in written
    assert not any(secret in written for secret in SECRETS)


def test_why_answers_for_every_reason(rows: Path, lang: str) -> None:
    out = build(rows).path
    for id, reason in REASONS.items():
        (answer,) = why(out, id)
        assert (answer.entry.fate, answer.entry.reason) == ("removed", reason)
        assert reason_text(reason) in "\n".join(told(id, corpus=out).lines)
    lines = {id: "\n".join(told(id, corpus=out).lines) for id in ROWS}
    assert say("text.drop_near_duplicate") in lines["plain"] and "rows.jsonl:6" in lines["plain"]
    assert say("text.drop_personal") in lines["crowded"]
    assert say("text.drop_evaluation") in lines["exam"] and "exam.jsonl:1" in lines["exam"]
    assert f"{say('text.personal_mobile')} 1" in lines["telephone"]
    assert "boilerplate 1" in lines["footer a"]


@pytest.mark.parametrize("other", [{"near_dup": {}}, {"lines": {}}, {"rules": {}}, {"against": {}}, {"min_chars": 1}])
def test_built_again_with_other_steps_is_built_anew(
    other: dict[str, Any], rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Personal data is treated once; what was cut, dropped or counted by the other steps can be taken back."""
    build(rows, "fresh", **other)
    build(rows)
    with monkeypatch.context() as patch:
        patch.setattr(reading, "read_file", lambda *_, **__: pytest.fail("a source was read"))
        again = build(rows, **other)
    fresh, found = (content(rows.parents[1] / name) for name in ("fresh", "out"))
    if other == {"rules": {}}:  # measures that were taken stay in the record, though no rule asks for them
        for files in (fresh, found):
            for name in ("ledger.jsonl.zst", "corpus.json", "reading.json"):
                del files[name]
    assert found == fresh
    assert again.lines[-1] == say("text.report_read_again", path=again.path)


def test_other_settings_of_privacy_read_the_sources_again(rows: Path) -> None:
    build(rows)
    report = build(rows, privacy={"action": "count"})
    build(rows, "fresh", privacy={"action": "count"})
    assert content(report.path) == content(rows.parents[1] / "fresh")
    kept = [document.text for document in read_corpus(report.path)]
    assert any(SECRETS[0] in text for text in kept) and any(SECRETS[1] in text for text in kept)
