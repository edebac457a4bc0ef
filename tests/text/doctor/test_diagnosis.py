"""The doctor on a folder of junk: every fault found at its place, and mended by the recipe it writes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.text.doctor.junk import EXPECTED, FILES, chinese, english, make_junk, rows

from hanlin.base.errors import InputError
from hanlin.base.progress import Progress
from hanlin.text.config import CorpusConfig, DiagnosisConfig
from hanlin.text.corpus import build_corpus, read_corpus
from hanlin.text.doctor.diagnosis import MOST_BYTES, Diagnosis, diagnose
from hanlin.text.doctor.findings import LEVELS, NOTES, SEVERE, WARNINGS


def look(*paths: Path | str, seconds: float = 0.0, **settings: Any) -> Diagnosis:
    return diagnose(DiagnosisConfig(paths=tuple(map(str, paths)), seconds=seconds, **settings))


def found(diagnosis: Diagnosis) -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in diagnosis.figures["findings"]}


@pytest.fixture(scope="module")
def junk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_junk(tmp_path_factory.mktemp("doctor") / "junk")


@pytest.fixture(scope="module")
def diagnosis(junk: Path) -> Diagnosis:
    return look(junk, max_examples=50)


@pytest.mark.parametrize("kind", EXPECTED)
def test_every_fault_is_found_at_its_place(kind: str, junk: Path, diagnosis: Diagnosis) -> None:
    finding = found(diagnosis).get(kind)
    assert finding, f"{kind} was not found"
    places = [example["place"].removeprefix(f"{junk}/") for example in finding["examples"]]
    assert EXPECTED[kind] in places


def test_faults_stand_in_order_of_harm(diagnosis: Diagnosis) -> None:
    kinds = [one["kind"] for one in diagnosis.figures["findings"]]
    assert kinds == sorted(kinds, key=list(LEVELS).index)
    levels = [one["level"] for one in diagnosis.figures["findings"]]
    assert levels == sorted(levels, key=["severe", "warning", "note"].index)
    assert set(LEVELS) == {*SEVERE, *WARNINGS, *NOTES} and len(LEVELS) == len(SEVERE) + len(WARNINGS) + len(NOTES)


def test_what_the_folder_is(diagnosis: Diagnosis) -> None:
    figures = diagnosis.figures
    assert figures["formats"][".csv"] == {"files": 2, "bytes": len(FILES["ragged.csv"]) + len(FILES["one.csv"])}
    assert figures["encodings"]["gb18030"] == 1 and figures["encodings"]["utf-8-sig"] == 1
    assert figures["languages"]["zh"] > 5000 and figures["languages"]["en"] > 20_000
    assert figures["scripts"]["Hans"] == figures["languages"]["zh"]
    assert figures["uses"]["evaluation"] == 20
    assert figures["training_formats"]["messages"] == 4 and figures["training_formats"]["prompt-response"] == 5
    assert figures["uses"]["conversation"] == 9
    assert figures["personal"]["mobile"] == 20 and figures["personal"]["email"] == 20
    assert sum(figures["lengths"]["counts"]) == figures["looked"]["texts"] > 60
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_nobodys_number_is_told(diagnosis: Diagnosis) -> None:
    told = json.dumps(diagnosis.figures, ensure_ascii=False)
    assert "1381234" not in told and "@example.com" not in told


def test_a_leak_between_files(diagnosis: Diagnosis) -> None:
    leak = found(diagnosis)["leaked_rows"]
    assert leak["number"] == 5
    assert "sums-test.jsonl" in leak["examples"][0]["place"] + leak["examples"][0]["text"]


def test_the_recipe_mends_what_settings_can_mend(junk: Path, diagnosis: Diagnosis, tmp_path: Path) -> None:
    """Built by the recipe, the same text has none of the faults that settings can mend."""
    recipe = tomllib.loads(diagnosis.recipe)
    assert recipe["finetune"]["data"] == [str(junk / "chat.jsonl"), str(junk / "train.jsonl")]
    build_corpus(CorpusConfig(**{**recipe["corpus"], "validation_fraction": 0.0}), tmp_path / "out")
    texts = [document.text for document in read_corpus(tmp_path / "out")]
    (tmp_path / "built.jsonl").write_text(rows(*({"text": text, "licence": "CC0"} for text in texts)))
    after = found(look(tmp_path / "built.jsonl"))
    mended = {
        "nul_bytes", "bad_json", "not_object", "personal", "duplicate_files", "duplicate_rows", "near_duplicates",
        "boilerplate", "watermark", "html_debris", "repetition", "tiny_text", "evaluation_rows", "leaked_rows",
        "control_characters", "line_ends", "mark", "binary", "other_format", "endless_line", "poor_text",
    }  # fmt: skip
    assert mended <= set(found(diagnosis)), "each was there before"
    assert not mended & set(after), "none is left"
    assert any("洪水" in text for text in texts) and sum("committee" in text for text in texts) >= 60, "good text stays"


def test_rows_and_files_that_are_web_pages_are_judged_by_what_they_say(tmp_path: Path) -> None:
    """Their markup was looked at as text: it was in languages that nobody speaks."""
    (tmp_path / "in").mkdir()
    head = (
        '<!DOCTYPE html><html><head><script>var page = {"a": 1};</script></head><body><nav><a href="/">首页</a></nav>'
    )
    pages = [f"{head}<h1>{number}</h1><p>{chinese(4)}</p></body></html>" for number in range(3)]
    (tmp_path / "in" / "rows.jsonl").write_text(
        rows(*({"html": page, "licence": "CC0"} for page in pages)), encoding="utf-8"
    )
    (tmp_path / "in" / "12345").write_text(pages[0], encoding="utf-8")
    diagnosis = look(tmp_path / "in")
    assert set(diagnosis.figures["languages"]) == {"zh"} and diagnosis.figures["encodings"] == {"utf-8": 2}
    assert found(diagnosis)["web_pages"]["number"] == 4 and "html_debris" not in found(diagnosis)
    config = CorpusConfig(**tomllib.loads(diagnosis.recipe)["corpus"])
    assert {(one.kind, one.text_field) for one in config.sources} == {("web", "html"), ("web", "text")}
    build_corpus(config, tmp_path / "out")
    texts = [document.text for document in read_corpus(tmp_path / "out")]
    assert texts and not any("<" in text or "首页" in text for text in texts)


def test_a_bound_is_set_for_the_whole_folder_not_for_what_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 10 GB some thousand texts are looked at: one in twenty of those would be nothing in the corpus, and every
    common phrase a line to cut."""
    monkeypatch.setattr("hanlin.text.doctor.diagnosis.MOST_BYTES", 20_000)
    monkeypatch.setattr("hanlin.text.doctor.diagnosis.LEAST_BYTES", 20_000)
    texts = ({"text": f"{english(1)}\nRead on at the other counter."} for _ in range(4000))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "all.jsonl").write_text(rows(*texts))
    diagnosis = look(tmp_path / "in")
    assert diagnosis.figures["looked"]["texts"] < 400 and "boilerplate" in found(diagnosis)
    bound = tomllib.loads(diagnosis.recipe)["corpus"]["lines"]["boilerplate"]
    assert 4000 / 20 * 0.8 < bound < 4000 / 20 * 1.6, "one in twenty of all, about"


def test_a_file_of_many_texts_leaves_room_for_those_behind_it(tmp_path: Path) -> None:
    """The texts of one file are enough to tell what a folder is like; those of the other are looked at all the same."""
    for name, text in (
        ("a", "今天天气很好，我们一起去公园里看看花。第"),
        ("b", "We went for a walk in the park. Number "),
    ):
        rows = (json.dumps({"text": f"{text}{number}"}, ensure_ascii=False) + "\n" for number in range(900))
        (tmp_path / f"{name}.jsonl").write_text("".join(rows), "utf-8")
    languages = diagnose(DiagnosisConfig(paths=(str(tmp_path),))).figures["languages"]
    assert set(languages) == {"zh", "en"}


def test_clean_text_is_found_clean(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(5):
        texts = ({"text": english(4), "licence": "CC0"} for _ in range(20))
        (tmp_path / "in" / f"{number}.jsonl").write_text(rows(*texts))
    clean = look(tmp_path / "in")
    assert clean.figures["findings"] == []
    assert tomllib.loads(clean.recipe) == {"corpus": {"sources": [{"path": str(tmp_path / "in")}], "dedup": True}}
    assert clean.figures["licences"] == {"CC0": 100}


def test_a_bad_row_deep_in_a_large_file_is_found_by_its_line(tmp_path: Path) -> None:
    """What is not read closely is gone through all the same while there is time."""
    lines = [rows({"text": english(40)})] * 3200
    lines[1234] = "{bad\n"
    lines[-1] = '{"text": "cut'
    (tmp_path / "big.jsonl").write_text("".join(lines))
    diagnosis = look(tmp_path / "big.jsonl")
    looked = diagnosis.figures["looked"]
    assert looked["bytes"] == looked["of_bytes"] > MOST_BYTES
    assert found(diagnosis)["bad_json"]["examples"][0]["place"].endswith("big.jsonl:1235")
    assert found(diagnosis)["truncated"]["examples"][0]["place"].endswith("big.jsonl:3200")


def test_first_words_come_while_it_looks(junk: Path) -> None:
    class Heard(Progress):
        def note(self, text: str) -> None:
            notes.append(text)

    notes: list[str] = []
    diagnose(DiagnosisConfig(paths=(str(junk),), seconds=0), progress=Heard("none"))
    assert any("Empty files: 1" in note and "empty.txt" in note for note in notes)


def test_the_same_folder_gives_the_same_figures(junk: Path, diagnosis: Diagnosis) -> None:
    again = look(junk, max_examples=50).figures
    known = {name: value for name, value in diagnosis.figures.items() if name != "looked"}
    assert {name: value for name, value in again.items() if name != "looked"} == known


SUFFIXES = (".txt", ".jsonl", ".json", ".csv", ".html", ".txt.gz", ".jsonl.zst", ".pdf", ".zip", ".py", "", ".xyz")
HEADS = (
    b"",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b'{"a": ',
    b"[",
    b"a,b\n1,",
    b"<html>",
    b"PK\x03\x04",
    b"%PDF",
    b"\x1f\x8b\x08",
)


@given(st.binary(max_size=300), st.sampled_from(HEADS), st.sampled_from(SUFFIXES))
def test_no_file_ends_it(tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes, suffix: str) -> None:
    path = tmp_path_factory.mktemp("any") / f"file{suffix}"
    path.write_bytes(head + data + b"x")
    assert look(path).figures["looked"]["files"] == 1


STRANGE = {
    "surrogate": '{"text": "half \\ud83d of a pair"}\n' * 3,
    "open": "[" * 100_000,
    "deep": '{"a":' * 5000 + "1" + "}" * 5000,
    "turns": '{"messages": ' + "[" * 900 + "]" * 900 + "}",
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".txt"])
def test_strange_rows(tmp_path: Path, name: str, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_text(STRANGE[name])
    diagnosis = look(tmp_path)
    json.dumps(diagnosis.figures, ensure_ascii=False).encode()
    tomllib.loads(diagnosis.recipe)


def test_paths_without_anything(tmp_path: Path) -> None:
    with pytest.raises(InputError) as missing:
        look(tmp_path / "nowhere")
    assert missing.value.code == "E201"
    (tmp_path / ".only-hidden").write_text("x")
    with pytest.raises(InputError) as nothing:
        look(tmp_path)
    assert nothing.value.code == "E202"
