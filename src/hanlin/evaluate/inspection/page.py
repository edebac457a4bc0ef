"""What was seen inside a model as a page: every picture is a table, or has one behind it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hanlin.base.messages import say
from hanlin.evaluate.inspection.pictures import sides
from hanlin.evaluate.inspection.tables import sentences
from hanlin.text.pages.page import page

Figures = Mapping[str, Any]

LEVELS = 10
"""Shades of a colour; the style sheet has as many."""
MOST_CELLS = 20_000
"""Numbers in tables of one page; beyond, a table names the strongest of each token, and the JSON holds all."""
STRONGEST = 4


def inspection_page(figures: Figures) -> str:
    """Figures as HTML, in the user's language."""
    return page(
        "inspect.html.jinja",
        what=figures["what"],
        title=say(f"evaluate.inspect_title_{figures['what']}"),
        explained=say(f"evaluate.inspect_about_{figures['what']}"),
        model=figures["model"],
        text=figures["text"],
        sentences=list(sentences(figures)),
        num_tokens=len(figures["tokens"]),
        num_source=len(figures["source_tokens"]),
        arch=figures["arch"],
        **_VIEWS[figures["what"]](figures),
    )


# ---------------------------------------------------------------- maps


def _attention(figures: Figures) -> dict[str, Any]:
    cells = sum(len(row) for one in figures["maps"] for row in one["weights"])
    groups = [
        {
            "title": f"{say(f'evaluate.inspect_part_{part}')}, {say('evaluate.inspect_layer', layer=layer)}",
            "maps": [
                _map(say("evaluate.inspect_head", head=one["head"]), one["weights"], *sides(figures, part), cells)
                for one in maps
            ],
        }
        for (part, layer), maps in itertools.groupby(figures["maps"], key=lambda one: (one["part"], one["layer"]))
    ]
    return {"groups": groups, "is_single": len(figures["maps"]) == 1}


def _rollout(figures: Figures) -> dict[str, Any]:
    cells = sum(len(row) for name in ("own", "source") for row in figures[name] or ())
    maps = [_map(say("evaluate.inspect_own"), figures["own"], *sides(figures, "self"), cells)]
    if figures["source"] is not None:
        maps.append(_map(say("evaluate.inspect_source"), figures["source"], *sides(figures, "cross"), cells))
    return {"groups": [{"title": say("evaluate.inspect_title_rollout"), "maps": maps}], "is_single": True}


def _map(
    name: str, weights: Sequence[Sequence[float]], queries: Sequence[str], keys: Sequence[str], cells: int
) -> dict[str, Any]:
    """One map: a picture of rectangles by shade, and a table of all numbers or of the strongest."""
    largest = max(map(max, weights))
    shown: dict[str, Any] = {"rows": [], "strongest": []}
    if cells <= MOST_CELLS:
        shown["rows"] = [
            (query, [(_cell(share), level(share, largest)) for share in row])
            for query, row in zip(queries, weights, strict=True)
        ]
    else:
        shown["strongest"] = [(query, _most(keys, row)) for query, row in zip(queries, weights, strict=True)]
    paths = list(_paths(weights, largest))
    return {
        "name": name,
        "largest": largest,
        "width": len(keys),
        "height": len(queries),
        "keys": keys,
        "paths": paths,
    } | shown


def _cell(share: float) -> str:
    """Two places; 0 only where a token sees nothing at all."""
    return f"{share:.2f}".removeprefix("0") if share else "0"


def _most(keys: Sequence[str], row: Sequence[float]) -> list[tuple[str, str]]:
    best = sorted(range(len(row)), key=lambda place: -row[place])[:STRONGEST]
    return [(f"{place + 1} {keys[place]}", f"{row[place]:.2f}") for place in best]


def _paths(weights: Sequence[Sequence[float]], largest: float) -> Iterator[tuple[int, str]]:
    """Cells of one shade as one path, neighbours in a row as one rectangle; the lightest shade is the ground."""
    marks: dict[int, list[str]] = {}
    for y, row in enumerate(weights):
        x = 0
        for shade, run in itertools.groupby(row, key=lambda share: level(share, largest)):
            width = len(list(run))
            marks.setdefault(shade, []).append(f"M{x} {y}h{width}v1h-{width}z")
            x += width
    return ((shade, "".join(found)) for shade, found in sorted(marks.items()) if shade)


def level(share: float, largest: float) -> int:
    """Shade 0 to LEVELS of a share of the largest."""
    return round(LEVELS * share / largest) if largest > 0 else 0


# ---------------------------------------------------------------- tokens in a row


def _lens(figures: Figures) -> dict[str, Any]:
    layers = [
        {
            "layer": row["layer"],
            "cells": [
                {
                    "guesses": [(one["piece"], f"{one['probability']:.2f}") for one in place["alternatives"]],
                    "level": level(place["alternatives"][0]["probability"], 1),
                    "rank": place["rank_of_answer"],
                }
                for place in row["places"]
            ],
        }
        for row in reversed(figures["layers"])
    ]
    return {"layers": layers, "tokens": figures["tokens"]}


def _tokens(figures: Figures) -> dict[str, Any]:
    most = max((one["bits"] for one in figures["chances"] if one["bits"] is not None), default=0)
    return {"chances": [one | {"level": level(one["bits"] or 0, most)} for one in figures["chances"]]}


def _attribution(figures: Figures) -> dict[str, Any]:
    sources = zip(figures["source_tokens"], figures["source_shares"] or (), strict=True)
    pairs = [*sources, *zip(figures["tokens"], figures["shares"], strict=True)]
    largest = max(abs(share) for _, share in pairs)
    rows = [
        token | {"share": share, "level": level(abs(share), largest), "sign": "minus" if share < 0 else "plus"}
        for token, share in pairs
    ]
    return {"rows": rows, "largest": largest}


_VIEWS: Mapping[str, Callable[[Figures], dict[str, Any]]] = {
    "attention": _attention,
    "rollout": _rollout,
    "lens": _lens,
    "tokens": _tokens,
    "attribution": _attribution,
}
