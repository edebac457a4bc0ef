"""What the user sees while work goes on: a bar on a terminal, a line every ten seconds elsewhere, or JSON. Always on
stderr, so that data on stdout stays clean."""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any, Literal, Protocol, TextIO

from hanlin.base.messages import say

Mode = Literal["auto", "bar", "plain", "json", "none"]
Value = float | int | str

PLAIN_SECONDS = 10.0
JSON_SECONDS = 1.0


class Progress:
    """Progress of one task after the other: `start`, any number of `update` and `note`, `done`.

    `total` may be None where the end is unknown. Values are shown as `name=value`; the remaining time is computed.
    """

    def __init__(self, mode: Mode = "auto", *, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self.mode = self._pick(mode)
        self._view = _VIEWS[self.mode](self._stream)
        self._title = ""
        self._total: int | None = None
        self._state: tuple[int, dict[str, Value]] = (0, {})
        self._first: tuple[float, int] | None = None

    def _pick(self, mode: Mode) -> Literal["bar", "plain", "json", "none"]:
        if mode != "auto":
            return mode
        return "bar" if self._stream.isatty() else "plain"

    def start(self, title: str, total: int | None = None) -> None:
        """Begin a task of `total` steps."""
        self._title, self._total, self._first = title, total, None
        self._state = (0, {})
        self._view.start(title, total)

    def update(self, step: int, **values: Value) -> None:
        """Report that `step` steps are done; call as often as you like, the view decides what to show."""
        if self._first is None:  # the clock starts at the first report: a resumed task does not begin at zero
            self._first = (time.monotonic(), step)
        self._state = (step, values)
        self._view.update(Report(self._title, step, self._total, self.eta_s(), values))

    def eta_s(self) -> float | None:
        """Return the seconds that remain at the pace so far, or None when that cannot be said."""
        step = self._state[0]
        if self._first is None or self._total is None or step <= self._first[1]:
            return None
        pace = (time.monotonic() - self._first[0]) / (step - self._first[1])
        return max(0.0, pace * (self._total - step))

    def note(self, text: str) -> None:
        """Say one sentence between the reports."""
        self._view.note(text)

    def done(self, steps: int | None = None) -> None:
        """End the task after so many steps, by default those of the last report; it is always shown."""
        step, values = self._state
        step = step if steps is None else steps
        self._view.done(Report(self._title, step, self._total, None, values))

    def close(self) -> None:
        """Give the terminal back, cursor and all, whatever cut the task short."""
        self._view.close()


class Report:
    """The state of a task at one moment, as every view gets it."""

    def __init__(self, title: str, step: int, total: int | None, eta_s: float | None, values: dict[str, Value]) -> None:
        self.title, self.step, self.total, self.eta_s, self.values = title, step, total, eta_s, values

    def line(self) -> str:
        """The report as one line of text."""
        count = f"{self.step:,}" if self.total is None else f"{self.step:,}/{self.total:,}"
        parts = [f"{self.title} {count}", self.words()]
        if self.eta_s is not None:
            parts.append(say("base.progress_eta", duration=duration_text(self.eta_s)))
        return "  ".join(part for part in parts if part)

    def words(self) -> str:
        """The values as `name=value`."""
        return " ".join(f"{name}={value_text(value)}" for name, value in self.values.items())


def value_text(value: Value) -> str:
    """Return a value for people: four significant digits, thousands separated."""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int) or (math.isfinite(value) and abs(value) >= 10_000):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def duration_text(seconds: float) -> str:
    """Return seconds as 42s, 3m05s or 2h07m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


class _View(Protocol):
    def __init__(self, stream: TextIO) -> None: ...
    def start(self, title: str, total: int | None) -> None: ...
    def update(self, report: Report) -> None: ...
    def note(self, text: str) -> None: ...
    def done(self, report: Report) -> None: ...
    def close(self) -> None: ...


class _Silent:
    """Shows nothing."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def start(self, title: str, total: int | None) -> None: ...

    def update(self, report: Report) -> None: ...

    def note(self, text: str) -> None: ...

    def done(self, report: Report) -> None: ...

    def close(self) -> None: ...


class _Plain(_Silent):
    """One line at most every ten seconds: for log files and pipes."""

    seconds = PLAIN_SECONDS

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._last = -math.inf

    def start(self, title: str, total: int | None) -> None:
        self._last = -math.inf

    def update(self, report: Report) -> None:
        if time.monotonic() - self._last >= self.seconds:
            self._last = time.monotonic()
            self.show(report, "update")

    def note(self, text: str) -> None:
        print(text, file=self.stream, flush=True)

    def done(self, report: Report) -> None:
        self.show(report, "done")

    def show(self, report: Report, kind: str) -> None:
        print(report.line(), file=self.stream, flush=True)


class _Json(_Plain):
    """One JSON object per report, at most one a second: for programs that read along."""

    seconds = JSON_SECONDS

    def start(self, title: str, total: int | None) -> None:
        super().start(title, total)
        self._print({"kind": "start", "title": title, "total": total})

    def note(self, text: str) -> None:
        self._print({"kind": "note", "text": text})

    def show(self, report: Report, kind: str) -> None:
        values = {n: str(v) if isinstance(v, float) and not math.isfinite(v) else v for n, v in report.values.items()}
        place = {"title": report.title, "step": report.step, "total": report.total, "eta_s": report.eta_s}
        self._print({"kind": kind, **place, **values})

    def _print(self, row: dict[str, object]) -> None:
        print(json.dumps(row, ensure_ascii=False), file=self.stream, flush=True)


class _Bar(_Silent):
    """A live bar by rich, which is imported only here: it costs more than the rest of base."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        super().__init__(stream)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn())
        self._bars = RichProgress(
            *columns, TextColumn("{task.fields[words]}"), TimeElapsedColumn(), console=Console(file=stream)
        )
        self._task: Any = None

    def start(self, title: str, total: int | None) -> None:
        if self._task is not None:  # its last line stays on the screen; kept in the view, it would be drawn again
            self._bars.remove_task(self._task)
        self._bars.start()
        self._task = self._bars.add_task(title, total=total, words="")

    def update(self, report: Report) -> None:
        remaining = say("base.progress_eta", duration=duration_text(report.eta_s)) if report.eta_s is not None else ""
        words = f"{report.words()}  {remaining}".strip()
        self._bars.update(self._task, completed=report.step, words=words)

    def note(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False)

    def done(self, report: Report) -> None:
        self.update(report)
        if report.total is None:
            self._bars.update(self._task, total=report.step)  # where the end was not known, it is here
        self._bars.stop_task(self._task)
        self._bars.stop()

    def close(self) -> None:
        self._bars.stop()


_VIEWS: dict[str, type[_View]] = {"bar": _Bar, "plain": _Plain, "json": _Json, "none": _Silent}
