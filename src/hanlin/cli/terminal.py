"""Talking to a model in the terminal: streamed answers, /reset, /exit, Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hanlin.base.errors import RequestTooLong
from hanlin.base.messages import say
from hanlin.cli.output import print_error, print_json, print_report

if TYPE_CHECKING:  # loading it would load torch for every command
    from hanlin.life.talk import Session, Talk

with contextlib.suppress(ImportError):
    import readline  # noqa: F401 - arrow keys and history in input()


def converse(talk: Talk, *, as_json: bool) -> int:
    """Show what there is to show, then talk until the user ends it; without a terminal, answer what stdin holds."""
    if talk.report is not None:
        print_report(talk.report, as_json=as_json)
    if talk.session is None:
        return 0
    if as_json or not sys.stdin.isatty():
        return 0 if talk.report is not None else _answer_lines(talk.session, as_json=as_json)
    return _converse(talk.session)


def _answer_lines(session: Session, *, as_json: bool) -> int:
    """One answer for each line of stdin, in one conversation."""
    for line in sys.stdin:
        if line.strip():
            answer = "".join(session.say(line.rstrip("\n")))
            print_json({"question": line.rstrip("\n"), "answer": answer}) if as_json else print(answer, flush=True)
    return 0


def _converse(session: Session) -> int:
    print(say("cli.chat_welcome", model=session.name), file=sys.stderr)
    if session.completes:
        print(say("cli.chat_completes"), file=sys.stderr)
    interrupts = 0
    while interrupts < 2:
        try:
            line = input(say("cli.chat_you")).strip()
            interrupts = 0
            if line == "/exit":
                break
            if line:
                interrupts = _turn(session, line)
        except EOFError:
            print(file=sys.stderr)  # Ctrl-D leaves the cursor behind the prompt
            break
        except KeyboardInterrupt:
            interrupts += 1
            print("\n" + say("cli.chat_stopped") if interrupts < 2 else "", file=sys.stderr)
    print(say("cli.chat_bye"), file=sys.stderr)
    return 128 + signal.SIGINT if interrupts >= 2 else 0


def _turn(session: Session, line: str) -> int:
    """One command or one question; returns how often Ctrl-C was pressed in it."""
    if line == "/reset":
        session.reset()
        print(say("cli.chat_reset"), file=sys.stderr)
        return 0
    if line.startswith("/"):
        print(say("cli.chat_unknown", word=line.split()[0]), file=sys.stderr)
        return 0
    try:
        return _stream(session.say(line))
    except RequestTooLong as error:
        print_error(error, debug=False)
        print(say("cli.chat_kept"), file=sys.stderr)
        return 0


def _stream(pieces: Iterator[str]) -> int:
    """Print an answer as it comes. Ctrl-C ends the answer, not the conversation: what was said stays said."""
    try:
        for piece in pieces:
            print(piece, end="", flush=True)
        print()
        return 0
    except KeyboardInterrupt:
        print("\n" + say("cli.chat_stopped"), file=sys.stderr)
        return 1
    finally:
        pieces.close()  # type: ignore[attr-defined]  # a generator: closing it cancels the request
