"""Rendering one Jinja template with minijinja: no files, no Python objects, a limit on steps and on output.

Run as a script it is the process in which `sandbox` renders templates of strangers: a JSON request per line comes in, a
JSON answer per line goes out. minijinja counts steps ("fuel") but not memory, and a string doubled thirty times needs
few steps; so the process itself is limited, and may die of it. It imports nothing of ours: its memory is counted.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

import minijinja

FUEL = 1_000_000  # instructions, 50 ms or so
FUEL_PER_MESSAGE = 5_000  # the longest published templates take some hundred
MAX_CHARS = 1 << 20  # of output, beyond 4 times the contents
MEMORY_BYTES = 256 << 20
CPU_SECONDS = 0.7  # each template is given these on top of the fuel: filters work without it
NAME = "chat_template.jinja"

# Transformers marks what the assistant says with a tag of its own; the loss mask here comes from the contents.
_GENERATION = re.compile(r"(\{%[-+]?\s*)(end)?generation(\s*[-+]?%\})")

Kind = Literal["syntax", "refused", "failed", "too_much"]


class Fault(Exception):
    """A template that could not be rendered: what kind of fault, at which line (0 if unknown), why."""

    def __init__(self, kind: Kind, line: int, reason: str) -> None:
        super().__init__(kind, line, reason)
        self.kind, self.line, self.reason = kind, line, reason


def check(source: str) -> None:
    """Raise Fault when the template is no Jinja."""
    _run(lambda environment: environment.add_template(NAME, _plain(source)))


def render(source: str, variables: Mapping[str, Any]) -> str:
    """Return the rendered text. Raises Fault."""
    messages = variables["messages"]
    text: str = _run(
        lambda environment: environment.render_str(_plain(source), NAME, **variables),
        fuel=FUEL + FUEL_PER_MESSAGE * len(messages),
    )
    if len(text) > MAX_CHARS + 4 * sum(len(message["content"]) for message in messages):
        raise Fault("too_much", 0, f"{len(text)} characters")
    return text


def _run(action: Any, fuel: int = FUEL) -> Any:
    try:
        return action(_environment(fuel))
    except minijinja.TemplateError as error:
        raise _fault(error) from None
    except (ArithmeticError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as error:
        raise Fault("failed", 0, f"{type(error).__name__}: {error}") from None


def _environment(fuel: int) -> minijinja.Environment:
    """As transformers sets Jinja up, less the clock: a rendering must not depend on the day."""
    return minijinja.Environment(
        fuel=fuel,
        debug=False,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_escape_callback=lambda name: False,
        filters={"tojson": _to_json},
        globals={"raise_exception": _refuse},
    )


def _refuse(message: object = "") -> NoReturn:
    """What templates call as raise_exception; minijinja lets it through as it is."""
    raise Fault("refused", 0, str(message))


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None) -> str:
    """Jinja's own escapes "<" for web pages; transformers replaces it by this one too."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, default=str)


def _plain(source: str) -> str:
    return _GENERATION.sub(lambda tag: f"{tag[1]}{'endif' if tag[2] else 'if true'}{tag[3]}", source)


def _fault(error: minijinja.TemplateError) -> Fault:
    kinds: dict[str, Kind] = {"SyntaxError": "syntax", "OutOfFuel": "too_much"}
    reason = error.detail or error.message.removesuffix(f" (in {NAME}:{error.line})")
    return Fault(kinds.get(str(error.kind), "failed"), error.line or 0, reason)


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    source, variables = request["source"], request["variables"]
    try:
        if variables is None:
            check(source)
            return {"text": ""}
        return {"text": render(source, variables)}
    except Fault as fault:
        return {"fault": fault.args}


def _limit_memory() -> None:
    """Where the system can: Linux does, macOS accepts the number and ignores it, Windows has none."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass


def _limit_time(seconds: float) -> None:
    """Let the system end this process after so much processor time; 0 lifts the limit."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _serve() -> None:
    _limit_memory()
    for line in sys.stdin.buffer:
        _limit_time(CPU_SECONDS)
        answer = json.dumps(_answer(json.loads(line)))
        _limit_time(0)
        sys.stdout.buffer.write(answer.encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
