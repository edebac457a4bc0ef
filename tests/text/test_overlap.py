"""Evaluation rows in training text: found in any format and script, and never silently not."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import opencc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.text.formats import made

from hanlin.base.errors import CheckFailed, ConfigError, InputError
from hanlin.text.config import AgainstConfig
from hanlin.text.document import Dropped
from hanlin.text.folding import words_of
from hanlin.text.overlap import index as index_module
from hanlin.text.overlap.index import OverlapIndex, index_of
from hanlin.text.overlap.leaked import leaked_rows
from hanlin.text.overlap.rows import EvaluationRow, evaluation_rows
from hanlin.text.overlap.translated import translated_rows

QUESTION = (
    "Janet's ducks lay 16 eggs per day. She eats three for breakfast and bakes muffins for her friends every day with "
    "four. How much does she make at the farmers' market?"
)
CHINESE = "珍妮特的鸭子每天下16颗蛋，她每天早上早餐时吃3颗，每天用4颗为朋友做松饼，她每天在农贸市场赚多少钱？"


def row(*texts: str, place: str = "set.jsonl:1", id: str = "") -> EvaluationRow:
    return EvaluationRow(place.partition(":")[0], place, id, texts)


def index(*rows: EvaluationRow, **settings: Any) -> OverlapIndex:
    return index_of(rows, AgainstConfig(paths=("x",), **settings))


def read(*paths: Path, fields: tuple[str, ...] = ()) -> tuple[list[EvaluationRow], list[Dropped]]:
    dropped: list[Dropped] = []
    return list(evaluation_rows([str(path) for path in paths], fields=fields, on_drop=dropped.append)), dropped


# ---------------------------------------------------------------- finding


@pytest.mark.parametrize(
    "disguise",
    [
        str.upper,
        lambda text: text.replace(" ", "\n"),
        lambda text: text.replace(",", "").replace(".", " ;"),
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        lambda text: opencc.OpenCC("s2t").convert(text),
        lambda text: f"<p>{text}</p>",
    ],
)
@pytest.mark.parametrize("question", [QUESTION, CHINESE])
def test_a_question_is_found_however_it_is_printed(question: str, disguise: Any) -> None:
    text = f"Before it. {disguise(question)} After it."
    (found,) = index(row(question)).find(text)
    passage = text[found.start : found.end]
    assert (words_of(passage).hashes == words_of(question).hashes).all(), "all of it, and nothing else"


def test_a_run_of_the_configured_length_is_found_and_one_word_less_is_not() -> None:
    words = [f"word{number}" for number in range(40)]
    known = index(row(" ".join(words)))
    for size, expected in ((13, 1), (12, 0)):
        text = " ".join(["other", *words[5 : 5 + size], "other"])
        assert len(known.find(text)) == expected
    han = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"
    known = index(row(han))
    assert [len(known.find("甲" + han[3 : 3 + size] + "乙")) for size in (16, 15)] == [1, 0]


LICENCE = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and its papers"


def test_what_many_texts_have_proves_nothing_unless_it_is_the_row() -> None:
    """A row that quotes a licence made a leak of every program under it; a question on a hundred sites is one."""
    rows = [row(f"{LICENCE}. {' '.join(f'q{n}' for n in range(30))}"), row(QUESTION, place="set.jsonl:2")]
    texts = [f"{LICENCE}: program {number}" for number in range(11)] + [f"{number} {QUESTION}" for number in range(11)]
    spared: list[int] = []
    leaked = leaked_rows(texts, rows, AgainstConfig(paths=("x",)), on_spared=spared.append)
    assert [one.number for one in leaked] == list(range(11, 22)) and spared == [11]
    assert len(leaked_rows(texts[1:], rows, AgainstConfig(paths=("x",)))) == 21, "ten texts are not many"


def test_the_instruction_of_a_set_is_not_looked_for() -> None:
    """Every row began with it, and every text with the same instruction had "all rows" of the set."""
    told = "Read the following passage with care and answer the question below it by choosing one of the letters"
    rows = [row(f"{told}. {' '.join(f'w{n}x{k}' for k in range(20))}", place=f"set.jsonl:{n}") for n in range(60)]
    known = index(*rows)
    assert known.find(f"Another book says: {told}. And so on.") == []
    (found,) = known.find(f"{told}. {' '.join(f'w7x{k}' for k in range(20))}")
    assert found.row.place == "set.jsonl:7" and known.num_templates["set.jsonl"] == 18 - 13 + 1
    assert len(index(*rows[:50]).find(told)) == 50, "questions on one passage are no instruction"


def test_a_short_text_counts_only_whole() -> None:
    known = index(row("one two three four five six seven eight nine"))
    assert known.find("so: one two three four five six seven eight nine, yes")
    assert not known.find("one two three four five six seven eight ten")


def test_rows_of_numbers_prove_nothing() -> None:
    """1 to 16 stands in the manual of every tool that counts, and in exams too."""
    counting = " ".join(map(str, range(1, 30)))
    known = index(row(f"{QUESTION} {counting}"))
    assert known.find(QUESTION) and not known.find(counting)


def test_passages_of_a_row_are_told_apart_and_rows_of_two_sets_both_named() -> None:
    words = [f"word{number}" for number in range(60)]
    known = index(row(" ".join(words)), row(" ".join(words[:20]), place="other.jsonl:7"))
    text = " ".join([*words[:20], "cut", *words[30:50]])
    assert [(found.row.set, text[found.start : found.end].split()[0]) for found in known.find(text)] == [
        ("set.jsonl", "word0"), ("set.jsonl", "word30"), ("other.jsonl", "word0")
    ]  # fmt: skip


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.lists(st.sampled_from("abc"), max_size=40))
def test_found_is_what_a_search_by_hand_finds(known: list[str], text: list[str]) -> None:
    if len(known) < 8:
        return
    size = min(13, len(known))
    runs = {tuple(known[place : place + size]) for place in range(len(known) - size + 1)}
    expected = {w for start in range(len(text) - size + 1) if tuple(text[start : start + size]) in runs
                for w in range(start, start + size)}  # fmt: skip
    inside = {
        place // 2 for one in index(row(" ".join(known))).find(" ".join(text)) for place in range(one.start, one.end)
    }
    assert inside == expected


# ---------------------------------------------------------------- alarms


def test_a_set_of_texts_too_short_to_be_found_is_an_error(lang: str) -> None:
    with pytest.raises(InputError) as caught:
        index(row(QUESTION), row("yes", "no", place="short.jsonl:1"))
    assert (caught.value.code, caught.value.values["set"]) == ("E293", "short.jsonl")


def test_an_index_that_finds_nothing_raises_the_alarm(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    """As when the training text is folded in another way than the evaluation rows were."""
    known = index(row(QUESTION))
    assert known.check() == {"set.jsonl": 1}
    monkeypatch.setattr(index_module, "words_of", lambda text: words_of(text[::-1]))
    with pytest.raises(CheckFailed) as caught:
        known.check()
    assert caught.value.code == "E294"
    assert "set.jsonl" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"words": 9}, "words"), ({"paths": ("x",), "least": 14}, "least"), ({"action": "cut"}, "action")],
)
def test_settings_without_effect_are_refused(settings: dict[str, Any], name: str, lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        AgainstConfig(**settings)
    assert [problem.name for problem in caught.value.problems] == [name]


# ---------------------------------------------------------------- reading sets


def test_every_format_gives_the_same_texts(tmp_path: Path) -> None:
    value = {"id": 7, "question": QUESTION, "source": "x" * 50, "choices": [{"text": "first"}, "second"], "n": 1}
    (tmp_path / "a.jsonl").write_text("\ufeff" + json.dumps(value) + "\n\n")
    (tmp_path / "b.json").write_text(json.dumps([value], indent=1))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(json.dumps(value).encode()))
    (tmp_path / "d.csv").write_text(f'id,question,first\n7,"{QUESTION}",second\n')
    for name in ("a.jsonl", "b.json", "c.jsonl.gz"):
        rows, _ = read(tmp_path / name)
        assert [one.texts for one in rows] == [(QUESTION, "first", "second")]
        assert (rows[0].set, rows[0].place, rows[0].id) == (name, f"{tmp_path / name}:1", "7")
    assert read(tmp_path / "d.csv")[0][0].texts == (QUESTION, "second")
    (tmp_path / "e.txt").write_text(f"{QUESTION}\n\n{CHINESE}\n")
    assert [one.texts for one in read(tmp_path / "e.txt")[0]] == [(QUESTION,), (CHINESE + "\n",)]
    assert [one.texts for one in read(tmp_path / "a.jsonl", fields=("choices",))[0]] == [("first", "second")]


def test_rows_that_cannot_be_read_cost_only_themselves(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"question": "{CHINESE}"}}\n{{bad\n{{"question": "{CHINESE}"}}\n')
    rows, dropped = read(path)
    assert [one.place for one in rows] == [f"{path}:1", f"{path}:3"]
    assert [(one.reason, one.location) for one in dropped] == [("not_json", f"{path}:2")]
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(path.read_bytes() * 5000)[:-20])
    rows, dropped = read(tmp_path / "cut.jsonl.gz")
    assert rows and {one.texts for one in rows} == {(CHINESE,)}
    assert (dropped[-1].reason, dropped[-1].location) == ("unreadable", str(tmp_path / "cut.jsonl.gz"))


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt"])
def test_sets_in_any_encoding_are_found(tmp_path: Path, name: str, encoding: str) -> None:
    """A set in GBK was once decoded as UTF-8, and nothing of it was ever found in any text."""
    texts = [opencc.OpenCC("s2tw").convert(CHINESE) if encoding == "big5" else CHINESE, QUESTION]
    rows = [{"question": text} for text in texts]
    content = {
        "a.jsonl": "\n".join(json.dumps(one, ensure_ascii=False) for one in rows),
        "a.json": json.dumps(rows, ensure_ascii=False),
        "a.csv": "question\n" + "\n".join(f'"{text}"' for text in texts),
        "a.txt": "\n\n".join(texts),
    }[name]
    (tmp_path / name).write_bytes(content.encode(encoding))
    rows, dropped = read(tmp_path / name)
    assert ([one.texts for one in rows], dropped) == ([(text,) for text in texts], [])
    assert [one.row.place for one in index(*rows).find(f"他问：{CHINESE}")] == [rows[0].place]


def test_sets_in_columns_sheets_and_archives(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(made.parquet([{"question": QUESTION, "choices": ["one", "two"], "n": 1}]))
    (tmp_path / "b.xlsx").write_bytes(made.excel({"sheet": [["question", "id"], [CHINESE, 3]]}))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("in.json", json.dumps(["a list of texts", {"deep": [QUESTION]}]))
    (tmp_path / "LICENCE.md").write_text(CHINESE)
    rows, dropped = read(tmp_path)
    assert dropped == []
    assert [(one.place.removeprefix(f"{tmp_path}/"), one.id, one.texts) for one in rows] == [
        ("a.parquet:1", "", (QUESTION, "one", "two")), ("b.xlsx!/sheet:2", "3", (CHINESE,)),
        ("c.zip!/in.json:1", "", ("a list of texts",)), ("c.zip!/in.json:2", "", (QUESTION,)),
    ]  # fmt: skip


def test_a_set_that_is_missing_or_empty_or_has_no_such_column(tmp_path: Path, lang: str) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "a.jsonl").write_text('{"question": "x"}')
    cases = [("E290", "nowhere.jsonl", ()), ("E291", "empty.jsonl", ()), ("E292", "a.jsonl", ("prompt",))]
    for code, name, fields in cases:
        with pytest.raises(InputError) as caught:
            read(tmp_path / name, fields=fields)
        assert caught.value.code == code
        assert name in str(caught.value)


# ---------------------------------------------------------------- rows of fine-tuning


def test_leaked_rows_are_named_with_the_passage_that_proves_it() -> None:
    training = ["Something else entirely, about geese and foxes.", f"user: {QUESTION.lower()} assistant: 18"]
    (leaked,) = leaked_rows(training, [row(QUESTION)])
    assert (leaked.number, leaked.row.place) == (1, "set.jsonl:1")
    assert leaked.passage.startswith("janet's ducks") and leaked.passage.endswith("market")


@pytest.mark.peer
def test_real_sets_and_their_relatives(test_data: Path) -> None:
    """MGSM in English is a part of GSM8K's test rows; GSM8K's training rows are not, nor is other Chinese text."""
    test, _ = read(test_data / "exam-en" / "gsm8k-test.jsonl")
    known = index_of(test, AgainstConfig(paths=("x",)))
    english, _ = read(test_data / "exam-en" / "mgsm-en.jsonl")
    assert sum(bool(known.find(one.texts[0])) for one in english) >= 0.99 * len(english)
    training, _ = read(test_data / "exam-en" / "gsm8k-train.jsonl.gz")
    false = [one.place for one in training if known.find(one.texts[0])]
    print(f"GSM8K test rows in training questions: {len(false)} of {len(training)}")
    assert len(false) <= 0.005 * len(training)


@pytest.mark.peer
def test_a_translated_set_is_known_by_its_numbers(test_data: Path) -> None:
    test, _ = read(test_data / "exam-en" / "gsm8k-test.jsonl")
    chinese, _ = read(test_data / "exam-zh" / "mgsm-zh.jsonl")
    found = translated_rows([one.texts[0] for one in chinese], test)
    right = sum(one.id == chinese[number].id for number, one in found.pairs)
    print(f"{len(found.pairs)} of {found.num_comparable} Chinese rows matched, {right} of them rightly")
    assert found.is_proof and right >= 0.85 * len(found.pairs) and right >= 0.8 * found.num_comparable
    other, _ = read(test_data / "exam-zh" / "cmath.jsonl")
    assert not translated_rows([one.texts[0] for one in other], test).is_proof


def test_translations_are_looked_for_across_scripts_only() -> None:
    sums = [f"Add {n} to {n + 11}, take {n + 500} and {n * 3 + 7}." for n in range(20)]
    chinese = [f"把{n}加到{n + 11}，再拿{n + 500}和{n * 3 + 7}。" for n in range(20)]
    rows = [row(text, place=f"set:{number}") for number, text in enumerate(sums)]
    found = translated_rows(chinese, rows)
    assert found.is_proof and [one.place for _, one in found.pairs] == [f"set:{number}" for number in range(20)]
    assert translated_rows(sums, rows).pairs == ()
    assert not translated_rows(chinese[:3], rows).is_proof
