"""The loss curve: text stays text, in both languages."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from hanlin.base.errors import DiskFull
from hanlin.base.log import Run
from hanlin.train.plot import plot_bits_per_byte, plot_losses


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


@pytest.mark.parametrize(("language", "word"), [("en", "minutes of training"), ("zh", "训练分钟数")])
def test_bits_per_byte_are_drawn_beside_what_others_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, word: str
) -> None:
    monkeypatch.setenv("HANLIN_LANG", language)
    rows = [{"elapsed": 60.0 * n, "bits_per_byte_zh": 5.0 - n, "bits_per_byte_en": 4.0 - n} for n in range(3)]
    path = plot_bits_per_byte(run_with(tmp_path, rows), levels={"zh": {"Kneser-Ney": 2.2}}, path=tmp_path / "b.svg")
    assert path == tmp_path / "b.svg"
    text = path.read_text(encoding="utf-8")
    assert f">{word}</text>" in text
    assert ">Kneser-Ney, zh</text>" in text and ">zh</text>" in text and ">en</text>" in text
    assert "Kneser-Ney, en" not in text


def test_a_run_without_scores_has_no_curve_of_bits(tmp_path: Path) -> None:
    assert plot_bits_per_byte(run_with(tmp_path, [{"loss": 5.0}, {"validation_loss": 4.5}])) is None


def test_a_full_disk_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The curve is the first file after the last step: a disk that is full then used to be called a bug of ours."""

    def full(*words: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    with pytest.raises(DiskFull) as caught:
        plot_losses(run_with(tmp_path, [{"loss": 5.0}]))
    assert "loss.svg" in str(caught.value)


def test_the_legend_stands_beside_the_curves(tmp_path: Path) -> None:
    """Nine entries in the middle of the picture hid two of three curves."""
    rows = [{f"bits_per_byte_{lang}": 3.0 - step, "elapsed": 60.0 * step} for step in range(2) for lang in ("zh", "en")]
    levels = {lang: {"Kneser-Ney": 2.0, "xz": 2.5} for lang in ("zh", "en")}
    path = plot_bits_per_byte(run_with(tmp_path, rows), levels=levels)
    assert path is not None
    text = path.read_text(encoding="utf-8")
    axes = re.search(r'<g id="patch_2">\s*<path d="M ([\d.]+) [\d.]+\s*L ([\d.]+) ', text)
    legend = re.search(r'<g id="legend_1">.*?<path d="M ([\d.]+) ', text, re.DOTALL)
    assert axes is not None and legend is not None
    assert float(legend[1]) > max(float(axes[1]), float(axes[2]))
