"""`hanlin data collect`: text from where it lies, politely, with source, date and licence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.config import CollectJob
from hanlin.life.places import expanded
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.text.collect.collect import collect
from hanlin.text.collect.config import CollectConfig
from hanlin.text.collect.licences import UNKNOWN
from hanlin.text.reasons import collected_text


def collect_data(
    config: Given[CollectJob] = None,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """Collect sources into the folder `out`, or add to it; every refusal is counted by its reason.

    Raises InputError, NetworkError where nobody answers, DiskFull.
    """
    job = settled(CollectJob, config, settings, first="sources").value
    out = expanded(job.out)
    fields = {name: getattr(job, name) for name in CollectConfig.model_fields}
    made = collect(CollectConfig(**fields), out, progress=progress)
    steps = (f"hanlin data build {made.path}",) if made.figures["totals"].get("documents") else ()
    return Report(
        "data collect", made.path, made.figures, tuple(_lines(made.path, made.figures)), _tables(made.figures), steps
    )


def _lines(path: Path, figures: Mapping[str, Any]) -> Iterator[str]:
    totals = figures["totals"]
    yield say(
        "life.collected",
        documents=f"{totals.get('documents', 0):,}",
        megabytes=f"{totals.get('bytes', 0) / 1e6:.1f}",
        asked=f"{totals.get('asked', 0):,}",
        path=path,
    )
    if totals.get("failed"):
        yield say("life.collected_left", number=f"{totals['failed']:,}")
    if figures["licences"].get(UNKNOWN):
        yield say("life.collected_no_licence", number=f"{figures['licences'][UNKNOWN]:,}")
    if figures["pseudonyms"]:
        yield say("life.collected_names", path=figures["pseudonyms"])


def _tables(figures: Mapping[str, Any]) -> tuple[Table, ...]:
    columns = ("asked", "followed", "refused", "failed", "documents")
    sources = [(name, *(f"{counts.get(c, 0):,}" for c in columns)) for name, counts in figures["sources"].items()]
    reasons = [*figures["reasons"].items(), *figures["lost"].items()]
    told = [(collected_text(name), f"{number:,}", _example(figures, name)) for name, number in reasons]
    licences = [(name, f"{number:,}") for name, number in figures["licences"].items()]
    tables = (
        _table("sources", ("source", *columns), sources),
        _table("reasons", ("reason", "number", "example"), told),
        _table("licences", ("licence", "documents"), licences),
    )
    return tuple(table for table in tables if table.rows)


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(say(f"life.collected_{title}"), tuple(say(f"life.column_{name}") for name in columns), tuple(rows))


def _example(figures: Mapping[str, Any], reason: str) -> str:
    return str(next(iter(figures["examples"].get(reason, ())), ""))
