"""The conversation in the terminal, with a model that is a list of pieces and a keyboard that is a list of lines."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from hanlin.base.errors import RequestTooLong
from hanlin.cli import terminal
from hanlin.cli.output import print_report
from hanlin.cli.terminal import converse
from hanlin.life.report import Report, Table
from hanlin.life.talk import Talk


class Parrot:
    """Says a line back in three pieces; Ctrl-C comes after the second where the line asks for it."""

    name = "parrot"
    completes = False

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.closed = 0
        self.resets = 0

    def say(self, text: str) -> Iterator[str]:
        if text == "long":
            raise RequestTooLong("infer.too_long", num_tokens=900, max_seq_len=512)
        self.heard.append(text)
        try:
            yield from (text, "·")
            if text == "stop":
                raise KeyboardInterrupt
            yield "!"
        finally:
            self.closed += 1

    def reset(self) -> None:
        self.resets += 1


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str | type[BaseException]) -> None:
    """What the user types; an exception class is a key: KeyboardInterrupt is Ctrl-C, EOFError Ctrl-D."""
    keys = iter(lines)

    def read(prompt: str) -> str:
        line = next(keys)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", read)
    monkeypatch.setattr(terminal.sys.stdin, "isatty", lambda: True, raising=False)


@pytest.fixture(autouse=True)
def stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())


def talked(capsys: pytest.CaptureFixture[str], parrot: Parrot, **options: Any) -> tuple[int, str, str]:
    code = converse(Talk(session=parrot), as_json=options.get("as_json", False))  # type: ignore[arg-type]
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_an_answer_is_streamed_to_stdout_and_all_else_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "你好", "/exit")
    code, out, err = talked(capsys, Parrot())
    assert (code, out) == (0, "你好·!\n")
    assert "parrot" in err and "Goodbye" in err


def test_reset_and_unknown_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    parrot = Parrot()
    typed(monkeypatch, "/reset", "/rest", "", EOFError)
    code, out, err = talked(capsys, parrot)
    assert (code, out, parrot.resets, parrot.heard) == (0, "", 1, [])
    assert err.endswith("\n\nGoodbye.\n"), "Ctrl-D leaves the cursor behind the prompt"
    assert "There is no /rest" in err


def test_ctrl_c_ends_the_answer_and_keeps_the_chat(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parrot = Parrot()
    typed(monkeypatch, "stop", "again", "/exit")
    code, out, err = talked(capsys, parrot)
    assert code == 0
    assert out == "stop·again·!\n"
    assert parrot.closed == 2, "the request was cancelled"
    assert "Ctrl-C again" in err


def test_a_second_ctrl_c_ends_the_chat(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(monkeypatch, "stop", KeyboardInterrupt)
    assert talked(capsys, Parrot())[0] == 130
    typed(monkeypatch, KeyboardInterrupt, KeyboardInterrupt)
    code, _, err = talked(capsys, Parrot())
    assert code == 130 and err.count("Ctrl-C again") == 1, "the last one ends it and announces nothing"


def test_ctrl_c_at_the_prompt_is_forgiven_by_the_next_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, KeyboardInterrupt, "hi", KeyboardInterrupt, "/exit")
    assert talked(capsys, Parrot())[0] == 0


def test_a_question_too_long_names_both_numbers_and_keeps_the_conversation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parrot = Parrot()
    typed(monkeypatch, "one", "long", "two", "/exit")
    code, out, err = talked(capsys, parrot)
    assert code == 0 and out == "one·!\ntwo·!\n"
    assert "900" in err and "512" in err and "kept" in err
    assert parrot.heard == ["one", "two"]


def test_without_a_terminal_every_line_gets_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one\n\ntwo\n"))
    assert talked(capsys, Parrot())[:2] == (0, "one·!\ntwo·!\n")


def test_json_gives_one_object_per_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one\n"))
    assert json.loads(talked(capsys, Parrot(), as_json=True)[1]) == {"question": "one", "answer": "one·!"}


def test_a_report_comes_first_and_ends_it_where_nobody_types(capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk(Report("demo", lines=("All done.",)), Parrot())  # type: ignore[arg-type]
    assert converse(talk, as_json=False) == 0
    assert capsys.readouterr().out == "All done.\n"


def test_a_model_that_only_continues_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parrot = Parrot()
    parrot.completes = True
    typed(monkeypatch, EOFError)
    assert "continues what you write" in talked(capsys, parrot)[2]


def test_numbers_stand_to_the_right_and_names_that_begin_with_a_date_to_the_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = (("20261122-0305-pretrain-t", "20/20", "3m05s"), ("20261122-0305-finetune-longer", "7", ""))
    print_report(Report("runs ls", tables=(Table("", ("run", "step", "left"), rows),)), as_json=False)
    head, _, first, second = (line for line in capsys.readouterr().out.splitlines() if line.strip())
    assert head.index("run") == first.index("2026") == second.index("2026")
    assert first.index("20/20") + 5 == second.index("7", 30) + 1


def test_numbers_and_headings_of_wide_tables_stay_whole(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """At 80 columns an interval stood as "0.836", "–0.91" and "4" on three lines, and "accuracy" as "accur", "acy"."""
    monkeypatch.setenv("COLUMNS", "80")
    columns = ("vectors", "macro F1", "95 % interval", "accuracy", "chance", "learned / measured")
    rows = (("word vectors, common words count less", "0.876", "0.836–0.914", "0.884", "0.500", "1,197 / 302"),)
    print_report(Report("vectors score", tables=(Table("", columns, rows),)), as_json=False)
    shown = capsys.readouterr().out
    assert all(word in shown for text in (*columns, *rows[0]) for word in text.split())
