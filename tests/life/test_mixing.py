"""A mixture from text files to its report, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanlin.cli.main import main

SHAPE = "{hidden_size=32, num_layers=1, num_heads=2, max_seq_len=64}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mixing")
    for name, word, number in (("novels", "fox", 300), ("poems", "月光", 40)):
        rows = [{"text": f"{word} {n}: the quick brown {word} jumps over {n} lazy dogs."} for n in range(number)]
        (home / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return home


def words(home: Path, *more: str) -> list[str]:
    return [
        "pretrain", str(home / "novels.jsonl"), str(home / "poems.jsonl"), "--runs", str(home / "runs"),
        "--mix.weights", "novels.jsonl=1,poems.jsonl=1", "--model", SHAPE, "--tokens", "3000", "--tokens-per-step",
        "128", "--seq-len", "32", "--threads", "1", "--compute-dtype", "float32", *more,
    ]  # fmt: skip


def test_text_files_are_mixed_by_their_names(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words(home), "--json"]) == 0
    out = capsys.readouterr()
    mixture = json.loads(out.out)["mixture"]
    assert set(mixture) == {"novels.jsonl", "poems.jsonl"}
    assert mixture["poems.jsonl"]["share"] == pytest.approx(0.5, abs=0.03)
    assert mixture["poems.jsonl"]["epochs"] > mixture["novels.jsonl"]["epochs"]


def test_the_plan_and_the_report_are_shown(home: Path, lang: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(home, "--lang", lang, "--name", lang)) == 0
    out = capsys.readouterr()
    assert "mix poems.jsonl" in out.err and "50.0%" in out.err
    assert ("The mixture" if lang == "en" else "混合情况") in out.out


def test_a_wrong_name_is_told_with_those_there_are(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [word.replace("poems.jsonl=1", "poem=1") for word in words(home)]
    assert main(wrong) == 2
    assert "novels.jsonl, poems.jsonl" in capsys.readouterr().err
