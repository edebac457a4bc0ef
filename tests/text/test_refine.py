"""The steps of a corpus that look at all of it: what goes, what is cut, what is told, and what is left on disk."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from hanlin.base.errors import ConfigError, DiskFull, InputError
from hanlin.base.messages import say
from hanlin.text.building import shelf as shelf_module
from hanlin.text.config import CorpusConfig, LinesConfig, NearDupConfig, SourceConfig
from hanlin.text.corpus import CorpusReport, build_corpus, read_corpus
from hanlin.text.document import Document
from hanlin.text.split import Splitter

QUESTION = "Which of the seven rivers of this country runs through more than one of its large towns before it ends?"
PARTS = ("train", "validation", "ledger", "removed", "leaked")
FILES = {*(f"{part}.jsonl.zst" for part in PARTS), "corpus.json", "reading.json", "report.md"}
FOOTER = "Copyright of this page, all rights reserved, do not copy."


def page(number: int, words: int = 120) -> str:
    chance = random.Random(number)
    return " ".join("".join(chance.choice("abcdefghij") for _ in range(6)) for _ in range(words)) + "."


def write(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(folder / name)


def build(tmp_path: Path, texts: list[str], **settings: Any) -> tuple[list[Document], CorpusReport]:
    """A corpus of rows; all of it in the training part."""
    path = write(tmp_path / "in", [{"text": text} for text in texts])
    values = {"validation_fraction": 0.0, **settings}
    report = build_corpus(CorpusConfig(sources=(SourceConfig(path=path),), **values), tmp_path / "out")
    return list(read_corpus(tmp_path / "out")), report


def texts_of(documents: list[Document]) -> list[str]:
    return [document.text for document in documents]


def files_left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# ---------------------------------------------------------------- near duplicates


def test_of_near_duplicates_the_longest_stays_and_says_for_how_many(tmp_path: Path, lang: str) -> None:
    texts = [page(1), page(2), page(1) + " More.", page(3), page(1) + " Mo"]
    kept, report = build(tmp_path, texts, near_dup={"action": "drop"})
    assert texts_of(kept) == [page(2), page(1) + " More.", page(3)]
    assert [document.meta.get("near_duplicates") for document in kept] == [None, 3, None]
    assert report.figures["dropped"] == {"near_duplicate": 2}
    found = report.figures["refined"]["near_dup"]
    assert (found["clusters"], found["near_duplicates"], found["sizes"]) == (1, 2, {"3": 1})
    (example,) = found["examples"]
    assert example["kept"][0].endswith("rows.jsonl:3") and len(example["near"]) == 2
    assert all(0.8 <= near["similarity"] < 1 for near in example["near"])
    assert report.figures["examples"]["near_duplicate"][0]["example"].endswith("rows.jsonl:3")
    written = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert say("text.drop_near_duplicate") in written and "rows.jsonl:3" in written
    assert files_left(tmp_path / "out") == FILES


def test_a_report_alone_keeps_everything(tmp_path: Path) -> None:
    texts = [page(1), page(1) + " More.", page(2)]
    kept, report = build(tmp_path, texts, near_dup={"action": "report", "threshold": 0.7})
    assert texts_of(kept) == texts
    assert report.figures["refined"]["near_dup"]["near_duplicates"] == 1 and report.figures["dropped"] == {}


def test_sources_in_order_may_decide_what_stays(tmp_path: Path) -> None:
    good = write(tmp_path / "in", [{"text": page(1)}], "good.jsonl")
    bad = write(tmp_path / "in", [{"text": page(1) + " Buy now."}], "bad.jsonl")
    for first, second in ((good, bad), (bad, good)):
        sources = (SourceConfig(path=first), SourceConfig(path=second))
        config = CorpusConfig(
            sources=sources, validation_fraction=0, near_dup=NearDupConfig(action="drop", keep="source")
        )
        build_corpus(config, tmp_path / "out")
        assert [document.source for document in read_corpus(tmp_path / "out")] == [Path(first).name]


def test_the_same_bytes_every_time_and_nothing_changes_by_default(tmp_path: Path) -> None:
    texts = [page(number % 7) + f" {number}" for number in range(40)]
    settings = {"near_dup": {"action": "drop"}, "lines": {"repeated": "lines", "passages": 60}}
    sums = {build(tmp_path, texts, **settings)[1].figures["sha256"]["train"] for _ in range(2)}
    assert len(sums) == 1
    kept, report = build(tmp_path, texts)
    assert texts_of(kept) == texts and not {"refined", "groups"} & set(report.figures)


@pytest.mark.parametrize("settings", [{"near_dup": {"threshold": 0.9}}, {"lines": {"least_chars": 5}}])
def test_settings_of_a_step_that_is_off_are_refused(settings: dict[str, Any], lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CorpusConfig(sources=("x",), **settings)
    assert any(name in str(caught.value) for name in ("near_dup.action", "lines.repeated"))


def test_twins_in_two_scripts_are_one_and_the_text_itself_is_left_alone(tmp_path: Path) -> None:
    simple = "话说宝玉一日正在园中闲坐，忽见黛玉来了，便起身让座，说道：妹妹来得正好，我正有一事要与你商量。" * 4
    traditional = "話說寶玉一日正在園中閒坐，忽見黛玉來了，便起身讓座，說道：妹妹來得正好，我正有一事要與你商量。" * 4
    texts = [traditional + "（完）", simple, page(1)]
    kept, report = build(tmp_path, texts, near_dup={"action": "drop"})
    assert texts_of(kept) == [traditional + "（完）", page(1)]
    kept, report = build(tmp_path, texts, near_dup={"action": "drop", "across_scripts": False})
    assert texts_of(kept) == texts and report.figures["refined"]["near_dup"]["clusters"] == 0


def test_clusters_beyond_the_examples_are_counted_and_the_largest_shown(tmp_path: Path) -> None:
    texts = [page(group) + " x" * copy for group in range(6) for copy in range(2 + (group == 4))]
    _, report = build(tmp_path, texts, near_dup={"action": "drop"}, max_examples=2)
    found = report.figures["refined"]["near_dup"]
    assert found["sizes"] == {"2": 5, "3": 1}
    assert [example["size"] for example in found["examples"]] == [3, 2]
    assert found["examples"][1]["kept"][0].endswith(":2"), "of equal ones the first"


# ---------------------------------------------------------------- lines and passages


def test_lines_and_passages_are_cut_counted_and_shown(tmp_path: Path, lang: str) -> None:
    shared = page(50, 30)
    texts = [f"{page(number)}\n{FOOTER}" for number in range(4)] + [
        f"{page(5)} {shared}",
        f"{page(6)} {shared} {page(7)}",
    ]
    kept, report = build(tmp_path, texts, lines={"boilerplate": 3, "passages": 100})
    assert texts_of(kept)[:4] == [f"{page(number)}\n" for number in range(4)]
    assert texts_of(kept)[4] == texts[4] and shared[10:-10] not in kept[5].text and page(7) in kept[5].text
    found = report.figures["refined"]["lines"]
    assert (found["boilerplate"]["documents"], found["boilerplate"]["characters"]) == (4, 4 * len(FOOTER))
    assert found["boilerplate"]["examples"] == [{"text": FOOTER, "id": kept[0].id}]
    assert found["passages"]["pieces"] == 1 and found["passages"]["characters"] >= len(shared)
    amount = report.figures["splits"]["train"]["characters"]
    assert (
        amount
        == sum(map(len, texts)) - sum(part["characters"] for part in found.values())
        == sum(map(len, texts_of(kept)))
    )
    assert FOOTER in (tmp_path / "out" / "report.md").read_text("utf-8")


def test_a_document_of_which_nothing_is_left_is_counted(tmp_path: Path) -> None:
    kept, report = build(tmp_path, [f"{FOOTER}\n{page(1)}", f"{FOOTER}\n"], lines={"repeated": "lines"})
    assert len(kept) == 1 and report.figures["dropped"] == {"nothing_left": 1}


def test_what_near_duplicates_took_is_not_compared_with(tmp_path: Path) -> None:
    """The shorter twin is gone before lines are looked at, or both copies of a line would be lost."""
    body = "\n".join(f"{page(number, 9)}" for number in range(20))
    kept, _ = build(
        tmp_path, [body, body + "\nA longer end."], near_dup={"action": "drop"}, lines={"repeated": "lines"}
    )
    assert texts_of(kept) == [body + "\nA longer end."]


# ---------------------------------------------------------------- evaluation sets


@pytest.fixture
def exam(tmp_path: Path) -> str:
    return write(
        tmp_path / "exam", [{"id": 1, "question": QUESTION}, {"id": 2, "question": page(99, 20)}], "exam.jsonl"
    )


@pytest.mark.parametrize("action", ["drop", "cut", "report"])
def test_evaluation_rows_are_dropped_cut_or_told(tmp_path: Path, exam: str, action: str, lang: str) -> None:
    leaky = f"First words here. {QUESTION.upper()} Last words."
    kept, report = build(tmp_path, [page(1), leaky], against={"paths": (exam,), "action": action})
    expected = {"drop": [page(1)], "cut": [page(1), "First words here. Last words."], "report": [page(1), leaky]}
    assert [" ".join(text.split()) for text in texts_of(kept)] == expected[action]
    assert report.figures["dropped"] == ({"evaluation": 1} if action == "drop" else {})
    found = report.figures["refined"]["against"]["sets"]["exam.jsonl"]
    assert (found["rows"], found["rows_found"], found["documents"], found["planted_and_found"]) == (2, 1, 1, 2)
    (example,) = found["examples"]
    assert example["row"] == f"{exam}:1" and example["passage"] == QUESTION.upper().rstrip("?")
    written = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert f"{exam}:1" in written and "THE SEVEN RIVERS" in written


def test_pages_that_share_a_licence_with_a_row_stay(tmp_path: Path, lang: str) -> None:
    """One row of an examination quotes the licence of twelve pages: none of them goes, and the report says so."""
    licence = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and papers"
    quoting = {"question": f"{licence}. {page(98, 40)}"}
    exam = write(tmp_path / "exam", [quoting, {"question": QUESTION}], "exam.jsonl")
    texts = [*(f"{page(number)} {licence}" for number in range(12)), f"Leaky. {QUESTION}"]
    kept, report = build(tmp_path, texts, against={"paths": (exam,)})
    assert texts_of(kept) == texts[:12] and report.figures["dropped"] == {"evaluation": 1}
    found = report.figures["refined"]["against"]["sets"]["exam.jsonl"]
    assert (found["documents_spared"], found["documents"], found["rows_found"]) == (12, 1, 1)
    assert any("12 " in line and "Permission is hereby" in line for line in report.lines)
    _, strict = build(tmp_path, [*texts, page(77)], against={"paths": (exam,), "most_texts": 12})
    assert strict.figures["dropped"] == {"evaluation": 13}, "as if each were a leak"


def test_a_set_of_which_nothing_is_found_rings_the_bell(tmp_path: Path, exam: str, lang: str) -> None:
    """Clean text and a wrong file look the same in the figures."""
    _, report = build(tmp_path, [page(1)], against={"paths": (exam,)})
    assert any("against.fields" in line and "exam.jsonl" in line for line in report.lines)
    _, report = build(tmp_path, [page(1), QUESTION], against={"paths": (exam,)})
    assert not any("against.fields" in line for line in report.lines)


def test_held_out_text_is_not_training_text(tmp_path: Path, exam: str) -> None:
    path = write(tmp_path / "in", [{"text": f"{QUESTION} {page(number)}"} for number in range(30)])
    config = CorpusConfig(sources=(path,), validation_fraction=0.5, most_leaked=1, against={"paths": (exam,)})
    report = build_corpus(config, tmp_path / "out")
    assert report.figures["splits"]["train"]["documents"] == 0
    assert report.figures["splits"]["validation"]["documents"] == 30 - report.figures["dropped"]["evaluation"] > 0


def test_a_missing_evaluation_set_stops_the_build_and_leaves_the_older_corpus(tmp_path: Path, lang: str) -> None:
    build(tmp_path, [page(1)])
    with pytest.raises(InputError) as caught:
        build(tmp_path, [page(2)], against={"paths": (str(tmp_path / "nowhere.jsonl"),)})
    assert caught.value.code == "E290"
    assert texts_of(list(read_corpus(tmp_path / "out"))) == [page(1)]


def test_unreadable_evaluation_rows_are_told(tmp_path: Path, exam: str) -> None:
    with Path(exam).open("a") as file:
        file.write("{bad\n")
    _, report = build(tmp_path, [page(1)], against={"paths": (exam,)})
    assert any(f"{exam}:3" in line for line in report.lines)


def test_a_full_disk_on_the_way_loses_nothing_and_the_next_build_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path, [page(1)])

    def full(self: shelf_module.ShelfWriter) -> None:
        with shelf_module.disk_errors(self.path):
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(DiskFull):
        patch.setattr(shelf_module.ShelfWriter, "_write", full)
        build(tmp_path, [page(2)], near_dup={"action": "drop"})
    assert texts_of(list(read_corpus(tmp_path / "out"))) == [page(1)]
    assert files_left(tmp_path) == {"in", "out", ".out.work"}
    assert texts_of(build(tmp_path, [page(2)], near_dup={"action": "drop"})[0]) == [page(2)]
    assert files_left(tmp_path) == {"in", "out"}


# ---------------------------------------------------------------- splitting by group


def test_a_book_is_on_one_side(tmp_path: Path, lang: str) -> None:
    rows = [{"text": page(number), "book": f"book {number % 12}"} for number in range(120)]
    path = write(tmp_path / "in", rows)
    config = CorpusConfig(sources=(path,), validation_fraction=0.3, split_by="book", most_leaked=1)
    report = build_corpus(config, tmp_path / "out")
    parts = {
        part: {document.meta["book"] for document in read_corpus(tmp_path / "out", part)}
        for part in ("train", "validation")
    }
    assert parts["train"] | parts["validation"] == {f"book {number}" for number in range(12)}
    assert not parts["train"] & parts["validation"] and parts["validation"]
    assert report.figures["groups"] == {part: len(books) for part, books in parts.items()}
    assert str(len(parts["validation"])) in "\n".join(report.lines)


def test_a_site_is_the_host_of_an_address_and_a_document_without_one_stands_alone() -> None:
    splitter = Splitter(1, 0.5, "site")
    addresses = [f"https://site{number}.example/{page}" for number in range(40) for page in range(5)]
    parts = {}
    for number, address in enumerate(addresses):
        part = splitter.part_of(Document(str(number), str(number), "s", "en", {"url": address}))
        assert parts.setdefault(address.split("/")[2], part) == part
    assert set(parts.values()) == {"train", "validation"}
    assert len(splitter.records()) == 40
    alone = {splitter.part_of(Document(str(number), str(number), "s", "en", {})) for number in range(40)}
    assert alone == {"train", "validation"}


def test_a_group_that_no_document_has_is_refused(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        build(tmp_path, [page(1)], split_by="chapter")
    assert caught.value.code == "E295"
    assert "path" in str(caught.value)


def test_lines_alone_need_their_length() -> None:
    assert LinesConfig(boilerplate=3, least_chars=4).least_chars == 4
