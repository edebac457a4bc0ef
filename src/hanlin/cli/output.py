"""What the command line prints: data on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from hanlin.base.config import Config, Resolved, leaves, origin_text, to_toml
from hanlin.base.errors import ConfigError, HanlinError
from hanlin.base.messages import room_entries, say
from hanlin.base.progress import value_text
from hanlin.life.report import Report, Table

NUMBER = re.compile(r"[-+~–—.\d](?!.*[A-Za-z]{4})")
"""A cell that stands to the right: a number, with a unit perhaps, but not a run's name, which begins with a date."""

LONGEST_WORD = 16
"""Columns of a word or a number of up to so many cells are never so narrow that it breaks; long texts fold."""


def print_result(result: Report | Iterable[Mapping[str, Any]], *, as_json: bool) -> int:
    """What a command's function returned, a report or rows that are still coming; returns the exit code."""
    if isinstance(result, Report):
        print_report(result, as_json=as_json)
        return result.exit_code
    for row in result:
        if as_json:
            print_json(row)
        else:
            shown = ((name, value) for name, value in row.items() if value is not None)
            print(" ".join(f"{name}={value_text(value)}" for name, value in shown), flush=True)
    return 0


def print_report(report: Report, *, as_json: bool) -> None:
    """A stage's result on stdout: one JSON document, or sentences and tables."""
    if as_json:
        print_json(report.as_dict())
        return
    console = Console(file=sys.stdout, soft_wrap=True)
    for line in report.lines:
        console.print(line, markup=False, highlight=False)
    for table in report.tables:
        _print_table(console, table)
    if report.next_steps:
        console.print(Text(say("cli.next"), style="bold"))
        for step in report.next_steps:
            console.print(f"  {step}", markup=False, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on stdout; a number that JSON lacks becomes null."""
    print(json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=str), flush=True)


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case _:
            return value


def _print_table(console: Console, table: Table) -> None:
    shown = RichTable(title=table.title or None, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for number, column in enumerate(table.columns):
        numeric = all(NUMBER.match(row[number]) for row in table.rows if row[number])
        justify: Any = "right" if numeric and table.rows else "left"
        # The first column names the row, often by what the user types next: a name in two parts cannot be copied.
        words = (word for text in (column, *(row[number] for row in table.rows)) for word in text.split())
        width = min(LONGEST_WORD, max(map(cell_len, words), default=0))
        shown.add_column(column, justify=justify, overflow="fold", no_wrap=number == 0, min_width=width)
    for row in table.rows:
        shown.add_row(*(Text(cell) for cell in row))
    console.print(shown)


def print_config(resolved: Resolved[Any], *, as_json: bool) -> None:
    """Every setting with its origin: as TOML that can be used again, or as JSON."""
    config: Config = resolved.value
    origins = {name: origin_text(origin) for name, origin in resolved.origins.items()}
    if as_json:
        print_json({name: {"value": value, "origin": resolved.origins[name]} for name, value in leaves(config)})
    else:
        print(to_toml(config, origins=origins), end="")


# ---------------------------------------------------------------- errors


def print_error(error: HanlinError, *, debug: bool) -> None:
    """`error[E203]: sentence`, then what to do about it, on stderr."""
    if debug:
        traceback.print_exception(error)
    console = Console(stderr=True, soft_wrap=True)
    head = Text(f"{say('cli.error')}[{error.code}]", style="bold red")
    console.print(head.append(": ", style="default").append(str(error), style="default"))
    for remedy in _remedies(error):
        console.print(Text(f"  {say('cli.fix')}  ", style="bold green").append(remedy, style="default"))


def _remedies(error: HanlinError) -> Sequence[str]:
    """The sentence that says what to do: the catalogue's `<key>_fix` where there is one; a config names its own."""
    if isinstance(error, ConfigError):
        return ()
    key = f"{error.key}_fix"
    return [say(key, **error.values)] if key in room_entries(error.key.partition(".")[0]) else ()


def print_bug(error: Exception, *, debug: bool) -> None:
    """A mistake of ours: the traceback where asked for, else how to get it."""
    if debug:
        traceback.print_exception(error)
    console = Console(stderr=True, soft_wrap=True)
    head = Text(f"{say('cli.bug')}", style="bold red")
    console.print(head.append(f": {type(error).__name__}: {error}", style="default"))
    if not debug:
        console.print(f"  {say('cli.bug_fix')}", markup=False, highlight=False)
