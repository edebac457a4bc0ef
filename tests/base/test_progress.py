"""Progress: a bar, lines, JSON or nothing; never on stdout."""

from __future__ import annotations

import io
import json
import math

import pytest

from hanlin.base import progress
from hanlin.base.progress import Progress, duration_text, value_text


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_auto_is_a_bar_on_a_terminal_and_lines_elsewhere() -> None:
    assert Progress("auto", stream=Terminal()).mode == "bar"
    assert Progress("auto", stream=io.StringIO()).mode == "plain"


def test_the_default_stream_is_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress("plain")
    shown.start("reading")
    shown.update(1)
    shown.done()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "reading 1" in captured.err


def test_lines_come_every_ten_seconds_and_at_the_end(clock: Clock) -> None:
    stream = io.StringIO()
    shown = Progress("plain", stream=stream)
    shown.start("training", 1000)
    for step in range(26):
        shown.update(step, loss=2.5)
        clock.now += 1
    shown.done()
    lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["0/1,000", "10/1,000", "20/1,000", "25/1,000"]
    assert "loss=2.5" in lines[0]


def test_the_end_counts_what_no_report_told() -> None:
    """Two files read used to end as "Reading and cleaning 0": only every hundredth document was reported."""
    stream = io.StringIO()
    shown = Progress("plain", stream=stream)
    shown.start("reading")
    shown.done(2)
    assert stream.getvalue() == "reading 2\n"


def test_the_remaining_time_follows_the_pace_and_speaks_the_language(clock: Clock, lang: str) -> None:
    stream = io.StringIO()
    shown = Progress("plain", stream=stream)
    shown.start("t", 110)
    shown.update(10)
    assert shown.eta_s() is None
    clock.now += 20
    shown.update(20)
    assert shown.eta_s() == 180.0
    assert stream.getvalue().splitlines()[1] == {"en": "t 20/110  3m00s left", "zh": "t 20/110  还需 3m00s"}[lang]


def test_a_resumed_task_is_not_thought_to_be_fast(clock: Clock) -> None:
    """Step 900 of 1000 one second after the start said 0.1 s; the pace counts from the first report."""
    shown = Progress("none")
    shown.start("t", 1000)
    clock.now += 1
    shown.update(900)
    clock.now += 10
    shown.update(901)
    assert shown.eta_s() == 990.0


def test_without_a_total_nothing_is_predicted(clock: Clock) -> None:
    stream = io.StringIO()
    shown = Progress("plain", stream=stream)
    shown.start("reading")
    shown.update(1)
    clock.now += 10
    shown.update(12345, kept=3)
    assert stream.getvalue().splitlines()[1] == "reading 12,345  kept=3"


def test_json_is_one_object_a_line(clock: Clock) -> None:
    stream = io.StringIO()
    shown = Progress("json", stream=stream)
    shown.start("训练", 10)
    shown.update(1, loss=math.nan, name="x")
    clock.now += 0.5
    shown.update(2, loss=1.0)
    shown.note("checkpoint")
    clock.now += 1
    shown.update(3, loss=1.0)
    shown.done()
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [row["kind"] for row in rows] == ["start", "update", "note", "update", "done"]
    assert (rows[0]["title"], rows[0]["total"]) == ("训练", 10)
    assert (rows[1]["loss"], rows[1]["name"], rows[3]["step"]) == ("nan", "x", 3)
    assert rows[3]["eta_s"] == pytest.approx(5.25)


def test_none_is_silent() -> None:
    stream = io.StringIO()
    shown = Progress("none", stream=stream)
    shown.start("t", 1)
    shown.update(1)
    shown.note("n")
    shown.done()
    assert stream.getvalue() == ""


def test_the_bar_shows_title_count_values_and_notes() -> None:
    stream = Terminal()
    shown = Progress("bar", stream=stream)
    shown.start("training [x]", 10)
    shown.update(5, loss=2.5)
    shown.note("saved [bold]checkpoint[/bold] 第一")
    shown.done()
    text = stream.getvalue()
    assert "5/10" in text
    assert "loss=2.5" in text
    assert "[bold]checkpoint[/bold] 第一" in text, "a note is text, not markup"


def test_tasks_follow_each_other(clock: Clock) -> None:
    stream = io.StringIO()
    shown = Progress("plain", stream=stream)
    for title in ("first", "second"):
        shown.start(title, 1)
        shown.update(1)
        shown.done()
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["first", "first", "second", "second"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (1234567, "1,234,567"),
        (12345.6, "12,346"),
        (2.34567, "2.346"),
        (0.000123456, "0.0001235"),
        (math.inf, "inf"),
        (math.nan, "nan"),
        ("x", "x"),
        (True, "True"),
    ],
)
def test_values_are_short(value: float | str, text: str) -> None:
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0s"), (59.6, "1m00s"), (185, "3m05s"), (3600, "1h00m"), (7620, "2h07m")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_finished_bar_stands_still_and_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below every later bar the first one went on counting its seconds, pulsing at "8264/?"."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    shown = Progress("bar", stream=stream)
    shown.start("reading")
    shown.done(7)
    read = stream.getvalue()
    assert "7/7" in read
    shown.start("training", 10)
    shown.update(3)
    shown.done()
    assert "3/10" in stream.getvalue() and "reading" not in stream.getvalue().removeprefix(read)


def test_a_bar_that_is_cut_gives_the_terminal_its_cursor_back() -> None:
    stream = Terminal()
    shown = Progress("bar", stream=stream)
    shown.start("training", 10)
    shown.update(3)
    shown.close()
    shown.close()  # as after a task that ended well
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h")
