"""What a proof came to: figures by table, row and column; printed as tables, as a JSON line, and kept as a file.

A proof that was given its whole time leaves `results/<proof>.json`, from which `render.py` writes the documents. With
less time it only prints, so that a try never replaces a result; `--keep` says otherwise.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hanlin.base.device import describe_machine, set_threads
from hanlin.base.origin import source_revision

RESULTS = Path(__file__).parent / "results"
RESAMPLES = 1000


@dataclass(frozen=True)
class Figure:
    """One measured number and its 95 % interval, in a table's row (a method) and column (what it was asked)."""

    table: str
    row: str
    column: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass
class Measured:
    """All figures of one proof."""

    proof: str
    minutes: float
    whole: float
    figures: list[Figure] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def add(self, table: str, row: str, column: str, value: float, low: float | None = None,
            high: float | None = None) -> None:  # fmt: skip
        """Keep a figure, and tell it at once: a proof takes long."""
        figure = Figure(table, row, column, value, low, high)
        self.figures.append(figure)
        told = f"{time.monotonic() - self.began:6.0f} s  {table} | {row} | {column}: {shown(figure)}"
        print(told, file=sys.stderr, flush=True)

    def note(self, **values: Any) -> None:
        """Facts beside the figures: rows, parameters, seconds."""
        self.notes.update(values)
        print(" ", values, file=sys.stderr, flush=True)

    def finish(self, keep: Path | None) -> None:
        """Print everything; write it where the proof was whole, or into `keep`."""
        record = {
            "proof": self.proof,
            "minutes": self.minutes,
            "is_whole": self.minutes >= self.whole,
            "seconds": round(time.monotonic() - self.began),
            "date": time.strftime("%Y-%m-%d"),
            "command": f"python -m benchmarks.proofs.{self.proof} --minutes {self.minutes:g}",
            "revision": source_revision(),
            "machine": describe_machine(),
            "notes": self.notes,
            "figures": [asdict(one) for one in self.figures],
        }
        for table in dict.fromkeys(one.table for one in self.figures):
            print("\n".join(table_lines(table, self.figures)), end="\n\n")
        print(json.dumps(record, ensure_ascii=False, default=str))
        folder = keep or (RESULTS if record["is_whole"] else None)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(record, ensure_ascii=False, indent=1, default=str)
            (folder / f"{self.proof}.json").write_text(text + "\n", encoding="utf-8")


def shown(figure: Figure) -> str:
    """A figure with its interval; one decimal where figures go to a hundred."""
    digits = 3 if abs(figure.value) < 2 and (figure.high or 0) < 2 else 2 if abs(figure.value) < 10 else 1
    spread = "" if figure.low is None or figure.high is None else f" ({figure.low:.{digits}f}–{figure.high:.{digits}f})"
    return f"{figure.value:.{digits}f}{spread}"


def table_lines(table: str, figures: Iterable[Figure], words: Callable[[str], str] = str) -> list[str]:
    """One table in Markdown, rows and columns in the order in which they were measured."""
    cells = {(one.row, one.column): shown(one) for one in figures if one.table == table}
    rows, columns = (list(dict.fromkeys(key[side] for key in cells)) for side in (0, 1))
    head = ["| " + " | ".join([words(table), *map(words, columns)]) + " |", "|---" * (len(columns) + 1) + "|"]
    return head + [
        "| " + " | ".join([words(row), *(cells.get((row, column), "") for column in columns)]) + " |" for row in rows
    ]


def options(
    proof: str, *, minutes: float, description: str, more: Mapping[str, Mapping[str, Any]] | None = None
) -> argparse.Namespace:
    """What every proof is asked with; it also settles threads and the seed."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.proofs.{proof}", description=description)
    parser.add_argument("--minutes", type=float, default=minutes, help=f"for each training (whole: {minutes:g})")
    parser.add_argument("--keep", type=Path, default=None, help="folder for the JSON of a try too")
    parser.add_argument("--room", type=Path, default=None, help="folder for models, taken again when they are there")
    parser.add_argument("--threads", type=int, default=None, help="of the processor; all cores unless given")
    parser.add_argument("--seed", type=int, default=1)
    for name, settings in (more or {}).items():
        parser.add_argument(name, **settings)
    given = parser.parse_args()
    set_threads(given.threads)
    torch.manual_seed(given.seed)
    return given


def interval(
    score: Callable[[Any], float], number: int, *, seed: int = 1, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95 % interval of `score(places of rows)` over resampled rows (percentiles; Efron 1979)."""
    random = np.random.default_rng(seed)
    spread = [score(random.integers(0, number, number)) for _ in range(resamples)]
    low, high = np.percentile([one for one in spread if not math.isnan(one)], [2.5, 97.5])
    return float(low), float(high)


def with_interval(score: Callable[[Any], float], number: int) -> tuple[float, float, float]:
    """A score of all rows, and its interval."""
    return score(np.arange(number)), *interval(score, number)


def mean_with_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """A mean over rows, and its interval."""
    each = np.asarray(values, float)
    return with_interval(lambda rows: float(each[rows].mean()), len(each))
