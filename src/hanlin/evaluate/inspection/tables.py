"""What was seen inside a model as one short table for the terminal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hanlin.base.messages import say
from hanlin.evaluate.inspection.pictures import pieces, sides

Figures = Mapping[str, Any]
Rows = Iterator[tuple[str, ...]]

MOST = 3
"""Alternatives and sources told of each token."""


def table_of(figures: Figures) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Names of columns, and rows of ready text."""
    columns, rows = _VIEWS[figures["what"]]
    return tuple(say(f"evaluate.inspect_{name}") for name in columns), tuple(rows(figures))


def _attention(figures: Figures) -> Rows:
    """Of every layer the head that is surest of something."""
    for (part, layer), maps in itertools.groupby(figures["maps"], key=lambda one: (one["part"], one["layer"])):
        queries, keys = sides(figures, part)
        share, head, query, key = max(_strongest(list(maps)))
        pair = f"{queries[query]} → {keys[key]}"
        yield say(f"evaluate.inspect_part_{part}"), str(layer), str(head), pair, f"{share:.2f}"


def _strongest(maps: Sequence[Figures]) -> Iterator[tuple[float, int, int, int]]:
    """The largest weight of each head, beyond a token's look at itself or at the first one."""
    for one in maps:
        cells = (
            (share, one["head"], query, key)
            for query, row in enumerate(one["weights"])
            for key, share in enumerate(row)
            if one["part"] == "cross" or key not in (0, query)
        )
        yield max(cells, default=(one["weights"][-1][0], one["head"], len(one["weights"]) - 1, 0))


def _rollout(figures: Figures) -> Rows:
    names = [*pieces(figures["source_tokens"]), *pieces(figures["tokens"])]
    source = figures["source"] or [[] for _ in figures["own"]]
    for token, before, own in zip(figures["tokens"], source, figures["own"], strict=True):
        yield str(token["number"]), token["piece"], _most(names, [*before, *own])


def _most(names: Sequence[str], shares: Sequence[float]) -> str:
    best = sorted(zip(shares, names, strict=True), key=lambda pair: -pair[0])[:MOST]
    return ", ".join(f"{name} {share:.2f}" for share, name in best)


def _lens(figures: Figures) -> Rows:
    """What each layer would say at the last place."""
    for row in figures["layers"]:
        place = row["places"][-1]
        yield str(row["layer"]), _guesses(place), str(place["rank_of_answer"])


def _tokens(figures: Figures) -> Rows:
    for one in figures["chances"]:
        name = one["piece"] if one["piece"] is not None else say("evaluate.inspect_next")
        told = ("–", "–") if one["rank"] is None else (f"{one['probability']:.4f}", str(one["rank"]))
        yield str(one["number"]), name, *told, f"{one['entropy']:.2f}", _guesses(one)


def _guesses(place: Figures) -> str:
    return ", ".join(f"{guess['piece']} {guess['probability']:.2f}" for guess in place["alternatives"][:MOST])


def _attribution(figures: Figures) -> Rows:
    sources = zip(figures["source_tokens"], figures["source_shares"] or (), strict=True)
    for token, share in (*sources, *zip(figures["tokens"], figures["shares"], strict=True)):
        yield str(token["number"]), token["piece"], f"{share:+.4f}"


_VIEWS: Mapping[str, tuple[tuple[str, ...], Callable[[Figures], Rows]]] = {
    "attention": (("part_column", "layer_column", "head_column", "strongest", "share"), _attention),
    "rollout": (("number", "token", "from"), _rollout),
    "lens": (("layer_column", "alternatives", "answer_rank"), _lens),
    "tokens": (("number", "token", "probability", "rank", "entropy", "alternatives"), _tokens),
    "attribution": (("number", "token", "adds"), _attribution),
}


def sentences(figures: Figures) -> Iterator[str]:
    """What a reader should know beside the table."""
    if figures["is_written"]:
        yield say("evaluate.inspect_written")
    yield from _SENTENCES.get(figures["what"], lambda _: ())(figures)


def _of_attention(figures: Figures) -> Iterator[str]:
    heads = len(figures["maps"])
    yield say(
        "evaluate.inspect_memory", number=f"{figures['num_weights']:,}", heads=heads, megabytes=_megabytes(figures)
    )


def _megabytes(figures: Figures) -> str:
    return f"{figures['bytes'] / 1e6:.3g}"


def _of_tokens(figures: Figures) -> Iterator[str]:
    if figures["perplexity"] is not None:
        bits, perplexity = f"{figures['mean_bits']:.3f}", f"{figures['perplexity']:.2f}"
        yield say("evaluate.inspect_mean", bits=bits, perplexity=perplexity)


def _of_attribution(figures: Figures) -> Iterator[str]:
    yield _explained(figures["explained"], say(f"evaluate.inspect_score_{figures['score_kind']}"))
    baseline = say(f"evaluate.inspect_baseline_{figures['baseline']}", piece=figures["baseline_piece"])
    numbers = {name: f"{figures[name]:.4g}" for name in ("score", "base", "error")}
    yield say("evaluate.inspect_complete", baseline=baseline, steps=figures["num_steps"], **numbers)


def _explained(asked: Figures, kind: str) -> str:
    """What is explained: a token at its number, a label, or a number that the model gives."""
    if asked["probability"] is None:
        return say("evaluate.inspect_explained_value", piece=asked["piece"])
    share, piece = f"{asked['probability']:.3g}", asked["piece"]
    if asked["number"] is None:
        return say("evaluate.inspect_explained_label", piece=piece, kind=kind, share=share)
    return say("evaluate.inspect_explained", piece=piece, number=asked["number"], kind=kind, share=share)


_SENTENCES: Mapping[str, Callable[[Figures], Iterable[str]]] = {
    "attention": _of_attention,
    "tokens": _of_tokens,
    "attribution": _of_attribution,
}
