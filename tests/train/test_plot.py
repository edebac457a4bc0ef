"""The loss curve: text stays text, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.base.log import Run
from hanlin.train.plot import plot_losses


def run_with(tmp_path: Path, rows: list[dict[str, float]]) -> Path:
    with Run.create(tmp_path, "pretrain", "plot", "", {}) as run:
        for step, row in enumerate(rows):
            run.metrics(step, step * 10, **row)
    return run.folder


@pytest.mark.parametrize(("language", "word"), [("en", "tokens"), ("zh", "词元数")])
def test_the_curve_is_drawn_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, word: str
) -> None:
    monkeypatch.setenv("HANLIN_LANG", language)
    folder = run_with(tmp_path, [{"loss": 5.0}, {"loss": 4.0}, {"validation_loss": 4.5}, {"loss": float("nan")}])
    path = plot_losses(folder)
    assert path == folder / "plots" / "loss.svg"
    text = path.read_text(encoding="utf-8")
    assert f">{word}</text>" in text
    assert "Noto Sans CJK SC" in text


def test_nothing_trained_draws_nothing(tmp_path: Path) -> None:
    assert plot_losses(run_with(tmp_path, [])) is None


def test_the_same_run_gives_the_same_file(tmp_path: Path) -> None:
    folder = run_with(tmp_path, [{"loss": 5.0}, {"loss": 4.0}])
    first = plot_losses(folder)
    assert first is not None
    drawn = first.read_bytes()
    plot_losses(folder)
    assert first.read_bytes() == drawn
