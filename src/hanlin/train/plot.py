"""The loss curve of a run as an SVG whose text stays text."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from hanlin.base.log import read_metrics
from hanlin.base.messages import say

FONTS = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Zen Hei", "DejaVu Sans")
MEMORY = 0.95
"""Of the smoothed curve, per step."""


def plot_losses(run_folder: Path | str) -> Path | None:
    """Draw training and validation loss over tokens into plots/loss.svg; None where nothing was trained."""
    rows = read_metrics(run_folder)
    trained = [(row["tokens"], row["loss"]) for row in rows if "loss" in row]
    measured = [(row["tokens"], row["validation_loss"]) for row in rows if "validation_loss" in row]
    if not trained:
        return None
    path = Path(run_folder) / "plots" / "loss.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    style: Any = {"svg.fonttype": "none", "font.family": list(FONTS), "svg.hashsalt": "hanlin"}
    with matplotlib.rc_context(style), _no_word_about_fonts():
        figure = Figure(figsize=(7, 4), layout="constrained")
        _draw(figure.add_subplot(), trained, measured)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path


@contextlib.contextmanager
def _no_word_about_fonts() -> Iterator[None]:
    """The reader's browser brings the fonts; that this machine lacks some only blurs the space left for labels."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            yield
    finally:
        logger.setLevel(level)


def _draw(axes: Any, trained: list[tuple[int, float]], measured: list[tuple[int, float]]) -> None:
    tokens, losses = zip(*trained, strict=True)
    axes.plot(tokens, losses, color="0.8", linewidth=0.8)
    axes.plot(tokens, _smoothed(losses), label=say("train.plot_training"))
    if measured:
        axes.plot(*zip(*measured, strict=True), "o-", markersize=3, label=say("train.plot_validation"))
    axes.set_xlabel(say("train.plot_tokens"))
    axes.set_ylabel(say("train.plot_loss"))
    axes.grid(alpha=0.3)
    axes.legend()


def _smoothed(values: tuple[float, ...]) -> list[float]:
    """Exponential mean, corrected for its start."""
    total, weight, smooth = 0.0, 0.0, []
    for value in values:
        total, weight = MEMORY * total + (1 - MEMORY) * value, MEMORY * weight + (1 - MEMORY)
        smooth.append(total / weight)
    return smooth
