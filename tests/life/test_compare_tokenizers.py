"""`hanlin tokenizer compare` and `hanlin data words` through the command line and in Python, in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanlin.base.errors import InputError, UsageError
from hanlin.cli.main import main
from hanlin.life.build_data import build_data
from hanlin.life.compare_tokenizers import compare_tokenizers
from hanlin.life.train_tokenizer import train_tokenizer
from hanlin.life.word_statistics import word_statistics

ENGLISH = (
    "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience.\n"
)
CHINESE = "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。\n"
JAPANESE = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("compare")
    (home / "text").mkdir()
    for name, text in (("en", ENGLISH), ("zh", CHINESE), ("ja", JAPANESE)):
        (home / "text" / f"{name}.txt").write_text(text * 4)
    for kind, size in (("bpe", 400), ("character", 330)):
        train_tokenizer(data=[str(home / "text")], kind=kind, vocab_size=size, out=home / kind)
    return home


def test_figures_tables_and_pictures(home: Path, tmp_path: Path, lang: str) -> None:
    report = compare_tokenizers(
        tokenizers=[str(home / "bpe"), str(home / "character")], data=[str(home / "text")], out=tmp_path, parallel=True
    )
    rows = report.report["tokenizers"]
    assert list(rows) == ["bpe", "character"]
    assert list(rows["bpe"]["languages"]) == ["en", "ja", "zh-Hans"]
    assert rows["bpe"]["all"]["changed"] == rows["character"]["all"]["changed"] == 0
    assert rows["bpe"]["languages"]["en"]["bytes_per_token"] > rows["character"]["languages"]["en"]["bytes_per_token"]
    assert rows["bpe"]["languages"]["en"]["premium"] == 1
    assert rows["bpe"]["languages"]["ja"]["tokens_per_word"] is None
    assert json.loads((tmp_path / "compare.json").read_text()) == json.loads(json.dumps(report.report))
    for name in ("bytes_per_token", "bits_per_byte", "premium"):
        assert "zh-Hans" in (tmp_path / f"{name}.svg").read_text()
    assert len(report.tables) == 7
    assert report.tables[0].columns[1:] == ("bpe", "character")
    overall = {row[0]: row[1:] for row in report.tables[0].rows}
    for number, row in enumerate(rows.values()):
        entries, reach, *_ = overall.values()
        assert entries[number] == f"{row['vocab_size']:,}"
        assert reach[number] == f"{row['all']['bytes_per_token']:.2f}"
    assert "BPE ByteFallback" in "\n".join(report.lines)
    text = "\n".join(report.lines)
    assert ("come back" in text) == (lang == "en") and ("原样还原" in text) == (lang == "zh")


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram", "byte", "character"])
def test_every_kind_is_trained_by_command_and_says_what_it_loses(
    home: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    size = [] if kind == "byte" else ["--vocab-size", "560"]
    words = ["tokenizer", "train", str(home / "text"), "--kind", kind, *size, "--out", str(tmp_path / kind), "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["round_trip"]) == (kind, {"texts": 3, "changed": 0})
    assert main([*words[:-1], "--lang", "en"]) == 0
    assert "0 of 3 texts changed" in capsys.readouterr().out


def test_a_setting_that_the_kind_has_no_use_for_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokenizer", "train", str(home / "text"), "--kind", "byte", "--vocab-size", "999"]) == 2
    assert "E101" in capsys.readouterr().err


def test_the_command(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tokenizer", "compare", str(home / "bpe"), "--data", str(home / "text"), "--out", str(tmp_path)]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokenizers"]["bpe"]["vocab_size"] == 400
    assert main([*words, "--parallel", "--reference", "fr"]) == 2
    assert "E862" in capsys.readouterr().err


def test_a_second_file_after_one_option_is_told_what_it_became(
    home: Path, tmp_path: Path, lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--data a b` gives b to the tokenizers; that it "is no tokenizer, train it anew" helped nobody."""
    (tmp_path / "b.txt").write_text("text", encoding="utf-8")
    assert main(["tokenizer", "compare", str(home / "bpe"), "--data", str(home / "text"), str(tmp_path / "b.txt")]) != 0
    told = capsys.readouterr().err
    assert "E899" in told and "b.txt" in told and "--data" in told


def test_two_of_one_name_keep_apart(home: Path, tmp_path: Path) -> None:
    both = [str(home / "bpe"), str(home / "bpe" / "tokenizer.json")]
    report = compare_tokenizers(tokenizers=both, data=[str(home / "text")], out=tmp_path)
    assert list(report.report["tokenizers"]) == both


def test_nothing_to_compare_on(home: Path, tmp_path: Path, lang: str) -> None:
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(InputError) as caught:
        compare_tokenizers(tokenizers=[str(home / "bpe")], data=[str(tmp_path / "empty.txt")], out=tmp_path)
    assert caught.value.code == "E856"
    with pytest.raises(UsageError):
        compare_tokenizers(
            tokenizers=[str(home / "bpe")], data=[str(home / "text")], out=tmp_path, parallel=True, reference="de"
        )


def test_a_sample_of_each_language_is_enough(home: Path, tmp_path: Path) -> None:
    (tmp_path / "many.jsonl").write_text("\n".join(json.dumps({"text": ENGLISH + str(n)}) for n in range(100)))
    report = compare_tokenizers(
        tokenizers=[str(home / "bpe")], data=[str(tmp_path / "many.jsonl")], out=tmp_path / "out", max_bytes=2000
    )
    assert 1800 < report.report["tokenizers"]["bpe"]["all"]["bytes"] <= 2000


# ---------------------------------------------------------------- words


def test_word_lists_of_files(home: Path, tmp_path: Path, lang: str) -> None:
    report = word_statistics(str(home / "text"), out=tmp_path / "words", top=3)
    languages = report.report["languages"]
    assert list(languages) == ["en", "zh"]
    assert languages["en"]["words"] == 4 * len(ENGLISH.split())
    assert (tmp_path / "words" / "words.en.tsv").read_text().splitlines()[:2] == ["and\t12", "are\t8"]
    assert json.loads((tmp_path / "words" / "words.json").read_text())["left_out"] == {"ja": 1}
    assert "<svg" in (tmp_path / "words" / "coverage.svg").read_text()
    assert report.tables[1].rows[0] == ("and", "12")
    assert any("ja" in line for line in report.lines)
    assert ("left out" in "\n".join(report.lines)) == (lang == "en")


def test_stems_of_a_built_corpus(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_data(str(home / "text" / "en.txt"), out=tmp_path / "corpus", validation_fraction=0)
    assert main(["data", "words", str(tmp_path / "corpus"), "--stem", "--out", str(tmp_path / "w"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stemmed"] is True
    assert "be\t" in (tmp_path / "w" / "words.en.tsv").read_text()


def test_no_words_at_all(tmp_path: Path, lang: str) -> None:
    (tmp_path / "a.txt").write_text("... !!! ...")
    with pytest.raises(InputError) as caught:
        word_statistics(str(tmp_path / "a.txt"), out=tmp_path / "w")
    assert caught.value.code == "E856"
