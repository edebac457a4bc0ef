"""What a look at the whole corpus found, in the user's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.base.messages import say


def refined_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the report on groups, near duplicates, repeated lines and evaluation sets."""
    if groups := figures.get("groups"):
        yield say("text.report_groups", **{part: f"{number:,}" for part, number in groups.items()})
    refined = figures.get("refined", {})
    if "near_dup" in refined:
        yield from _near_duplicates(refined["near_dup"])
    for kind, found in refined.get("lines", {}).items():
        yield say(f"text.report_cut_{kind}", **_numbers(found))
        yield from (say("text.report_passage", text=_one_line(one["text"]), id=one["id"]) for one in found["examples"])
    if "against" in refined:
        yield from _against(refined["against"])


def _near_duplicates(found: Mapping[str, Any]) -> Iterator[str]:
    yield say(f"text.report_near_{found['action']}", **_numbers(found))
    for cluster in found["examples"]:
        near = ", ".join(f"{one['id']} ({one['similarity']:.2f})" for one in cluster["near"])
        kept = ", ".join(cluster["kept"][:5])
        yield say("text.report_cluster", size=cluster["size"], kept=kept, near=near, text=_one_line(cluster["text"]))


def _against(found: Mapping[str, Any]) -> Iterator[str]:
    for name, one in found["sets"].items():
        yield say("text.report_against", set=name, **_numbers(one))
        if not one["rows_found"]:
            yield say("text.report_against_nothing", set=name)
        if one["too_short"]:
            yield say("text.report_against_short", set=name, **_numbers(one))
        yield from _spared(name, one, found["most_texts"])
        for example in one["examples"]:
            passage = _one_line(example["passage"])
            yield say("text.report_overlap", row=example["row"], id=example["id"], text=passage)
    if found["characters_cut"]:
        yield say("text.report_against_cut", characters=f"{found['characters_cut']:,}")
    if rows := found["unreadable_rows"]:
        yield say("text.report_against_unreadable", number=f"{len(rows):,}", place=rows[0])


def _spared(name: str, one: Mapping[str, Any], most: int) -> Iterator[str]:
    """What the search passed over: instructions of the set, and documents that share with it what many do."""
    if one["instructions"]:
        yield say("text.report_against_instructions", set=name, **_numbers(one))
    for example in one["spared"][:1]:
        told = {"row": example["row"], "text": _one_line(example["passage"])}
        yield say("text.report_against_spared", set=name, most=f"{most:,}", **told, **_numbers(one))


def _numbers(found: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{value:,}" for name, value in found.items() if isinstance(value, int)}


def _one_line(text: str) -> str:
    return " ".join(text.split())
