"""The report of a built corpus as a page, and the lines of its funnel for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.base.messages import say
from hanlin.text.pages.corpus_figures import RULES
from hanlin.text.pages.page import page, ranked
from hanlin.text.reasons import measure_text, reason_text
from hanlin.text.rules.measures import is_measure

_MOST_ROWS = 40


def corpus_page(figures: Mapping[str, Any], name: str) -> str:
    """Return the figures of a corpus as HTML, in the user's language. `name` is the corpus's, for the title."""
    first, last = figures["funnel"][0], figures["funnel"][-1]
    personal = figures["personal"].get("kinds", {})
    tables = {of: _named(figures[of], of) for of in ("languages", "licences", "sources")}
    return page(
        "corpus.html.jinja",
        name=name,
        first=first,
        last=last,
        splits=figures["splits"],
        funnel=[{**one, "name": step_text(one["step"])} for one in figures["funnel"]],
        losses=[{**one, "sentence": reason_text(one["reason"])} for one in figures["losses"]],
        lengths=figures["lengths"],
        measures=[{**one, "name": _measure_name(name)} for name, one in figures["measures"].items()],
        measured=figures["num_measured"],
        is_measured_here=figures["is_measured_here"],
        languages=ranked(figures["identified"]["bytes"], 6),
        languages_whole=sum(figures["identified"]["bytes"].values()),
        num_identified=figures["identified"]["texts"],
        duplicates=_duplicates(figures["duplicates"]),
        cuts=list(_cuts(figures["lines"])),
        samples=figures["samples"],
        personal=[(say(f"text.personal_{kind}"), number) for kind, number in personal.items()],
        is_masked=figures["personal"].get("action") == "mask",
        changes=[*figures["changes"].items(), *figures["edits"].items()],
        tables=[(say(f"text.page_by_{of}"), rows[:_MOST_ROWS], len(rows)) for of, rows in tables.items()],
    )


def corpus_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the funnel in sentences for the terminal."""
    for one in figures["funnel"]:
        size = "-" if one["bytes"] is None else f"{one['bytes']:,}"
        yield say("text.report_funnel", step=step_text(one["step"]), documents=f"{one['documents']:,}", bytes=size)


def step_text(step: str) -> str:
    """Return what a step of the funnel is, in words."""
    own = step in ("read", RULES, "cut")
    return say(f"text.funnel_{step}") if own else say("text.funnel_without", reason=reason_text(step))


def _measure_name(name: str) -> str:
    return measure_text(name) if is_measure(name) else name


def _named(rows: list[dict[str, Any]], of: str) -> list[dict[str, Any]]:
    return [{**row, "name": row["name"] or say(f"text.page_no_{of}")} for row in rows]


def _duplicates(found: Mapping[str, Any]) -> dict[str, Any]:
    """Clusters of copies and of near duplicates: by size, and the largest with what stands in them."""
    near = found["near"]
    return {
        "copies": found["exact"]["copies"],
        "copies_by_size": list(found["exact"]["sizes"].items()),
        "near": near.get("near_duplicates", 0),
        "clusters": near.get("clusters", 0),
        "near_by_size": list(near.get("sizes", {}).items()),
        "examples": near.get("examples", ()),
    }


def _cuts(lines: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for kind, one in lines.items():
        yield {**one, "name": say(f"text.cut_{kind}")}
