"""The curves of a run as SVG whose text stays text."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from hanlin.base.files import disk_errors
from hanlin.base.log import read_metrics
from hanlin.base.messages import say

FONTS = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Zen Hei", "DejaVu Sans")
SCORES = "bits_per_byte_"
"""How the scores of languages are named in the metrics; the language follows."""

MEMORY = 0.95
"""Of the smoothed curve, per step."""


def plot_losses(run_folder: Path | str) -> Path | None:
    """Draw training and validation loss over tokens into plots/loss.svg; None where nothing was trained.

    Raises DiskFull, MachineError.
    """
    rows = read_metrics(run_folder)
    trained = [(row["tokens"], row["loss"]) for row in rows if "loss" in row]
    measured = [(row["tokens"], row["validation_loss"]) for row in rows if "validation_loss" in row]
    if not trained:
        return None
    return drawn(Path(run_folder) / "plots" / "loss.svg", lambda axes: _draw_losses(axes, trained, measured))


def plot_bits_per_byte(
    run_folder: Path | str, *, levels: Mapping[str, Mapping[str, float]] | None = None, path: Path | None = None
) -> Path | None:
    """Draw bits per byte of held-out text over minutes of training, a line for each language, into `path` or
    plots/bits_per_byte.svg; None where nothing was scored.

    `levels` holds what others reach on each language: {"zh": {"Kneser-Ney": 2.1}}.
    """
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in read_metrics(run_folder):
        for name, value in row.items():
            if name.startswith(SCORES):
                curves.setdefault(name.removeprefix(SCORES), []).append((row["elapsed"] / 60, value))
    if not curves:
        return None
    path = path or Path(run_folder) / "plots" / "bits_per_byte.svg"
    return drawn(path, lambda axes: _draw_bits(axes, curves, levels or {}))


def drawn(path: Path, draw: Callable[[Any], None], *, size: tuple[float, float] = (8, 4)) -> Path:
    """Draw axes into an SVG of `size` inches whose text stays text. Raises DiskFull."""
    with figure_for(path, size=size) as figure:
        axes = figure.add_subplot()
        draw(axes)
        axes.grid(alpha=0.3)
        figure.legend(loc="outside right upper")  # up to nine lines: over the curves it hid them
    return path


@contextlib.contextmanager
def figure_for(path: Path, *, size: tuple[float, float]) -> Iterator[Figure]:
    """A figure of `size` inches, written as an SVG whose text stays text when the context ends. Raises DiskFull."""
    style: Any = {"svg.fonttype": "none", "font.family": list(FONTS), "svg.hashsalt": "hanlin"}
    with disk_errors(path), matplotlib.rc_context(style), _no_word_about_fonts():
        path.parent.mkdir(parents=True, exist_ok=True)
        figure = Figure(figsize=size, layout="constrained")
        yield figure
        figure.savefig(path, format="svg", metadata={"Date": None})


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


def _draw_losses(axes: Any, trained: list[tuple[int, float]], measured: list[tuple[int, float]]) -> None:
    tokens, losses = zip(*trained, strict=True)
    axes.plot(tokens, losses, color="0.8", linewidth=0.8)
    axes.plot(tokens, _smoothed(losses), label=say("train.plot_training"))
    if measured:
        axes.plot(*zip(*measured, strict=True), "o-", markersize=3, label=say("train.plot_validation"))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 200k, 1M: matplotlib wrote 1e6 into a corner
    axes.set_xlabel(say("train.plot_tokens"))
    axes.set_ylabel(say("train.plot_loss"))


def _draw_bits(
    axes: Any, curves: Mapping[str, list[tuple[float, float]]], levels: Mapping[str, Mapping[str, float]]
) -> None:
    for number, (lang, points) in enumerate(sorted(curves.items())):
        axes.plot(*zip(*points, strict=True), "o-", markersize=3, color=f"C{number}", label=lang)
        for style, (name, level) in zip(("--", ":", "-."), sorted(levels.get(lang, {}).items()), strict=False):
            axes.axhline(level, linestyle=style, color=f"C{number}", linewidth=1, label=f"{name}, {lang}")
    axes.set_xlabel(say("train.plot_minutes"))
    axes.set_ylabel(say("train.plot_bits"))


def _smoothed(values: tuple[float, ...]) -> list[float]:
    """Exponential mean, corrected for its start."""
    total, weight, smooth = 0.0, 0.0, []
    for value in values:
        total, weight = MEMORY * total + (1 - MEMORY) * value, MEMORY * weight + (1 - MEMORY)
        smooth.append(total / weight)
    return smooth
