"""What a stage hands back: where its outcome lies, its figures for programs, its words and tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Table:
    """One table for people; every cell is ready text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Report:
    """The result of a stage function.

    `path` is the run or folder that holds the outcome (`hanlin.load` opens it where it holds a model); `report` are
    the figures, ready for JSON; `lines` and `tables` say the same to people; `next_steps` are commands to go on with;
    `exit_code` is 6 where a check failed that the report tells of.
    """

    command: str
    path: Path | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    next_steps: tuple[str, ...] = ()
    exit_code: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The report as one JSON document."""
        return {"command": self.command, "path": str(self.path) if self.path else None, **self.report}


@dataclass(frozen=True)
class Served:
    """What a command hands back that goes on as a server: a report to show first, then rows that tell how it goes."""

    report: Report
    rows: Iterator[Mapping[str, Any]]
