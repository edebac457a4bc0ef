"""`hanlin models choose`: amounts and paths, words in both languages, figures for programs."""

from __future__ import annotations

import pytest

import hanlin
from hanlin.base.errors import ConfigError, InputError
from hanlin.life.choose_config import read_amount


@pytest.mark.parametrize(
    ("text", "number"),
    [("45MB", 45_000_000), ("1.5 GB", 1_500_000_000), ("2GiB", 2**31), ("300k", 300_000), ("12", 12)],
)
def test_amounts_are_read(text, number):
    assert read_amount(text) == number


@pytest.mark.parametrize("text", ["", "lots", "45 apples", "iB", "-3MB"])
def test_what_is_no_amount_stays_for_the_rules_to_name(text):
    assert read_amount(text) == text


def test_a_choice_is_told_with_shape_memory_and_the_next_command(monkeypatch):
    monkeypatch.setenv("HANLIN_LANG", "en")
    report = hanlin.choose_model("translate", data="45MB", memory="8GB")
    assert report.report["text_bytes"] == 45_000_000 and report.report["memory_bytes"] == 8 * 10**9
    made = report.report["choices"][-1]
    assert (made["family"], made["objective"], made["fits"]) == ("t5", "span_corruption", True)
    assert made["shape"]["num_encoder_layers"] >= 1 and made["parameters"] == pytest.approx(45e6 / 3.5 / 4, rel=1e-6)
    assert "number of labelled rows not told" in report.lines[0]
    assert len(report.lines) == 1 + len(report.report["choices"])


def test_commands_to_go_on_with_are_those_of_the_task():
    writing = hanlin.choose_model("infill", data="45MB", memory="8GB")
    assert writing.next_steps == (
        "hanlin pretrain TEXT --objective blank_infilling --size 3.2m --model family=hanlin --dry-run",
    )
    assert hanlin.choose_model("label", memory="8GB").next_steps == ("hanlin task train bert-base-chinese rows.jsonl",)
    assert hanlin.choose_model("classify", memory="8GB").next_steps == (), "counting needs no command of ours"


def test_files_are_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("HANLIN_LANG", "zh")
    (tmp_path / "a.txt").write_text("a" * 4000)
    report = hanlin.choose_model("classify", data=str(tmp_path), rows=20, memory="1GB")
    assert report.report["text_bytes"] == 4000
    assert "暂不考虑" in report.lines[-1] and "文本" in report.lines[-1]


def test_bad_words_are_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError) as caught:
        hanlin.choose_model("sentiment", memory="lots")
    assert "classify" in str(caught.value) and "memory" in str(caught.value)
    with pytest.raises(InputError):
        hanlin.choose_model("classify", data=str(tmp_path / "nothing"))
