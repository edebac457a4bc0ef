"""What was seen inside a model as pictures, SVG whose text stays text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hanlin.base.messages import say
from hanlin.train.plot import figure_for

Figures = Mapping[str, Any]

COLUMNS = 4
"""Heads beside each other."""
MOST_LABELS = 48
"""Tokens whose names are written along an edge; of more, every second, third ... one."""
CELL = 0.26
"""Inches of a token along an edge."""


def draw(figures: Figures, folder: Path) -> list[Path]:
    """Draw the view that figures hold into `folder`. Raises DiskFull."""
    return list(_VIEWS[figures["what"]](figures, folder))


def _attention(figures: Figures, folder: Path) -> Iterator[Path]:
    """A picture for each layer of each part."""
    for (part, layer), maps in itertools.groupby(figures["maps"], key=lambda one: (one["part"], one["layer"])):
        heads = [(say("evaluate.inspect_head", head=one["head"]), one["weights"]) for one in maps]
        title = f"{say(f'evaluate.inspect_part_{part}')}, {say('evaluate.inspect_layer', layer=layer)}"
        queries, keys = sides(figures, part)
        yield _heat_maps(folder / f"attention-{part}-{layer:02}.svg", title, heads, queries, keys)


def _rollout(figures: Figures, folder: Path) -> Iterator[Path]:
    maps = [("", figures["own"])]
    title, tokens = say("evaluate.inspect_title_rollout"), pieces(figures["tokens"])
    yield _heat_maps(folder / "rollout.svg", title, maps, tokens, tokens)
    if figures["source"] is not None:
        source = pieces(figures["source_tokens"])
        yield _heat_maps(folder / "rollout-source.svg", title, [("", figures["source"])], tokens, source)


def _lens(figures: Figures, folder: Path) -> Iterator[Path]:
    """Probability of the likeliest token, its name in the cell."""
    layers = figures["layers"][::-1]
    shares = np.array([[place["alternatives"][0]["probability"] for place in row["places"]] for row in layers])
    names = [[place["alternatives"][0]["piece"] for place in row["places"]] for row in layers]
    tokens = pieces(figures["tokens"])
    size = (2 + 0.62 * len(tokens), 1.6 + 0.3 * len(layers))
    path = folder / "lens.svg"
    with figure_for(path, size=size) as figure:
        axes = figure.add_subplot()
        axes.set_title(say("evaluate.inspect_title_lens"))
        # vmax: the darker half of the colours would swallow black letters
        axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1.8, edgecolors="white", linewidth=0.5)
        _label(axes, "x", tokens)
        _label(axes, "y", [str(row["layer"]) for row in layers])
        axes.invert_yaxis()
        axes.set_ylabel(say("evaluate.inspect_layer_column"))
        for row, column in itertools.product(range(len(layers)), range(len(tokens))):
            style: Any = {"ha": "center", "va": "center", "fontsize": 7, "parse_math": False}
            axes.text(column + 0.5, row + 0.5, names[row][column][:8], **style)
    yield path


def _tokens(figures: Figures, folder: Path) -> Iterator[Path]:
    """How surprising each token was."""
    told = [one for one in figures["chances"] if one["bits"] is not None]
    if told:
        names, bits = [one["piece"] for one in told], [one["bits"] for one in told]
        yield _bars(folder / "tokens.svg", names, bits, say("evaluate.inspect_bits"))


def _attribution(figures: Figures, folder: Path) -> Iterator[Path]:
    kind = say("evaluate.inspect_adds")
    yield _bars(folder / "attribution.svg", pieces(figures["tokens"]), figures["shares"], kind)
    if figures["source_shares"] is not None:
        names = pieces(figures["source_tokens"])
        yield _bars(folder / "attribution-source.svg", names, figures["source_shares"], kind)


_VIEWS: Mapping[str, Callable[[Figures, Path], Iterator[Path]]] = {
    "attention": _attention,
    "rollout": _rollout,
    "lens": _lens,
    "tokens": _tokens,
    "attribution": _attribution,
}


def sides(figures: Figures, part: str) -> tuple[list[str], list[str]]:
    """The tokens that look and the tokens that are looked at, in a part."""
    own, source = pieces(figures["tokens"]), pieces(figures["source_tokens"])
    return {"self": (own, own), "encoder": (source, source), "cross": (own, source)}[part]


def pieces(tokens: Sequence[Figures]) -> list[str]:
    """Tokens as they are shown."""
    return [token["piece"] for token in tokens]


def _heat_maps(
    path: Path, title: str, maps: Sequence[tuple[str, Any]], queries: Sequence[str], keys: Sequence[str]
) -> Path:
    """Maps beside each other: rows are the tokens that look, columns those they look at."""
    columns = min(COLUMNS, len(maps))
    rows = math.ceil(len(maps) / columns)
    wide, high = (max(2.2, CELL * min(len(side), MOST_LABELS)) for side in (keys, queries))
    with figure_for(path, size=(columns * (wide + 0.9), rows * (high + 1.0) + 0.4)) as figure:
        figure.suptitle(title)
        for number, (name, weights) in enumerate(maps, 1):
            axes = figure.add_subplot(rows, columns, number)
            axes.set_title(name, fontsize=9)
            extent = (0, len(keys), len(queries), 0)
            axes.imshow(np.asarray(weights), cmap="Blues", vmin=0, interpolation="none", aspect="auto", extent=extent)
            _label(axes, "x", keys if number > len(maps) - columns else ())  # once per edge of the whole
            _label(axes, "y", queries if number % columns == 1 or columns == 1 else ())
    return path


def _bars(path: Path, names: Sequence[str], values: Sequence[float], label: str) -> Path:
    """A bar for each token, above or below zero."""
    with figure_for(path, size=(max(4.0, 1.2 + CELL * 1.4 * min(len(names), MOST_LABELS)), 3.4)) as figure:
        axes = figure.add_subplot()
        colours = ["#2f6f8f" if value >= 0 else "#b5542f" for value in values]
        axes.bar(np.arange(len(names)) + 0.5, values, color=colours)
        axes.axhline(0, color="0.3", linewidth=0.8)
        axes.set_ylabel(label)
        _label(axes, "x", names)
        axes.set_xlim(0, len(names))
    return path


def _label(axes: Any, side: str, names: Sequence[str]) -> None:
    """Names of tokens at the middle of their cells."""
    step = max(1, math.ceil(len(names) / MOST_LABELS))
    axis = {"x": axes.xaxis, "y": axes.yaxis}[side]
    axis.set_ticks([place + 0.5 for place in range(0, len(names), step)], list(names[::step]))
    for label in axis.get_ticklabels():
        label.set(fontsize=8, parse_math=False, rotation=90 if side == "x" else 0)
    axis.set_tick_params(length=0)
