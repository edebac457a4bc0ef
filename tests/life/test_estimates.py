"""`--dry-run` of pre-training: what it says of operations, memory and time is right for every shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.data.forms.conftest import PURPOSES, source_for, tokenizer_for

import hanlin
from hanlin.train import forecast, sketch
from hanlin.train.config import Objective

SIZES = {"hidden_size": 32, "num_layers": 1, "num_heads": 2, "max_seq_len": 64}
CASES: dict[str, tuple[str, Objective]] = {
    "decoder": ("middle", "fill_in_the_middle"),
    "encoder": ("masked", "masked"),
    "encoder_decoder": ("spans", "span_corruption"),
    "prefix": ("blanks", "blank_infilling"),
    "two streams": ("permuted", "permutation"),
}


def planned(name: str, tmp_path: Path, **settings: Any) -> Any:
    purpose, objective = PURPOSES[CASES[name][0]], CASES[name][1]
    tokenizer_for(purpose).save(tmp_path / "tokenizer")
    settings = {"steps": 5, "tokens_per_step": 512, "batch_size": 4, "seq_len": 64, "model": SIZES, **settings}
    return hanlin.pretrain(
        str(source_for(purpose).shards.path), objective=objective, tokenizer=tmp_path / "tokenizer", dry_run=True,
        compute_dtype="float32", threads=1, runs=tmp_path / "runs", **settings,
    )  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_dry_run_tells_what_an_update_takes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight rows of 64: each part of the operations by hand, all of it for five updates at the speed that was found."""
    monkeypatch.setenv("HANLIN_LANG", "en")
    report = planned(name, tmp_path)
    figures, row = report.report, report.report["row"]
    vocabulary, parts = tokenizer_for(PURPOSES[CASES[name][0]]).vocab_size, figures["update_operations"]
    shape = _shape(report)
    assert parts["head"] == pytest.approx(8 * 6 * row["scored"] * _score_products(name, vocabulary))
    assert (parts["encoder"] > 0) == (parts["cross"] > 0) == (name == "encoder_decoder")
    assert row["scored"] == row["written"] if name == "decoder" else row["scored"] < row["written"]
    total = sum(parts.values())
    assert figures["seconds"] == pytest.approx(5 * total / figures["flops_per_second"])
    held = figures["memory"]
    assert figures["memory_bytes"] == sum(held.values())
    assert held["state"] < 16 * shape <= held["state"] * 16 / 12
    said = "\n".join(report.lines)
    assert "TFLOP" in said and "5 updates" in said and f"{round(row['scored'])} are scored" in said
    assert not (tmp_path / "runs").exists()


def _shape(report: Any) -> int:
    return int(report.report["plan"]["parameters"])


def _score_products(name: str, vocabulary: int) -> int:
    """A tied table of 32, with a bias in encoders, for BERT a layer of 32 x 32 before it."""
    biased = name in ("encoder", "two streams")
    return vocabulary * (32 + biased) + 32 * 32 * (name == "encoder")


@pytest.mark.parametrize("objective", ["masked", "span_corruption", "blank_infilling"])
def test_plain_text_is_planned_by_its_size(
    objective: Objective, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is tokenised; a vocabulary of its size is planned for, and what the rows hold is the objective's own."""
    monkeypatch.setenv("HANLIN_LANG", "en")
    monkeypatch.setattr(sketch, "machine_speed", lambda vocab_size, **place: 1e9)
    (tmp_path / "text.txt").write_text("One line of text.\n" * 40_000, encoding="utf-8")
    report = hanlin.pretrain(
        str(tmp_path / "text.txt"), objective=objective, dry_run=True, model=SIZES, steps=7, runs=tmp_path / "runs"
    )
    figures, row = report.report, report.report["row"]
    assert (figures["bytes"], figures["tokens"]) == (720_000, 205_714)
    assert 0 < row["scored"] < row["read"] + row["written"]
    assert figures["seconds"] == pytest.approx(7 * sum(figures["update_operations"].values()) / 1e9)
    assert report.lines[0].startswith("0.7 MB of text") and not (tmp_path / "runs").exists()


def test_a_run_by_the_clock_is_told_how_far_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")
    report = planned("encoder", tmp_path, steps=None, epochs=100_000, budget=60)
    assert report.report["seconds"] <= 60
    assert "In 1m00s about" in "\n".join(report.lines)


def test_a_model_too_large_to_be_tried_gets_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "MOST_PROBED", 1.0)
    report = planned("decoder", tmp_path)
    assert report.report["flops_per_second"] == 0 and report.report["seconds"] is None


def test_the_plan_of_a_recipe_says_of_pre_training_what_pretrain_says(tmp_path: Path) -> None:
    """It took sixteen bytes a parameter of a model of eight million, whatever the recipe said."""
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("It was the best of times, it was the worst of times.\n" * 2000)
    sizes = "hidden_size = 64\nnum_layers = 2\nnum_heads = 2"
    (tmp_path / "small.toml").write_text(
        f'[corpus]\nsources = ["{tmp_path}/text"]\n[tokenizer]\nvocab_size = 1024\n[pretrain]\nsteps = 5\nthreads = 1\n'
        f"[pretrain.model]\n{sizes}\n"
    )
    recipe = hanlin.run(str(tmp_path / "small.toml"), dry_run=True, runs=tmp_path / "runs")
    (row,) = [row for row in recipe.report["stages"] if row["stage"] == "pretrain"]
    alone = hanlin.pretrain(
        str(tmp_path / "text"), steps=5, threads=1, model={"hidden_size": 64, "num_layers": 2, "num_heads": 2},
        dry_run=True, runs=tmp_path / "runs",
    ).report  # fmt: skip
    told = row["estimate"]
    assert (told["memory_bytes"], told["disk_bytes"]) == (alone["memory_bytes"], alone["disk_bytes"])
    assert 0 < told["seconds"] < 60
