"""One worker process: takes calls as lines of JSON, does them, answers each with a line. Ends with its input.

The reader is a thread of its own, so that a worker whose owner was killed ends at once, in the middle of a task too.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from typing import Any

from hanlin.base import errors
from hanlin.base.errors import HanlinError
from hanlin.base.tasks import Call, perform


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the owner decides
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not stand between the answers
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    while True:
        answer = answered(json.loads(lines.get()))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _listen(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def answered(table: dict[str, Any]) -> dict[str, Any]:
    """Do the call that a table describes; return what went wrong, or nothing."""
    try:
        perform(Call(**table))
    except HanlinError as error:
        values = {name: value if isinstance(value, int | float) else str(value) for name, value in error.values.items()}
        return {"kind": type(error).__name__, "key": error.key, "values": values}
    except Exception:
        return {"trace": traceback.format_exc()}
    return {}


def raise_as_answered(answer: dict[str, Any]) -> None:
    """Raise here what a task raised elsewhere."""
    if "kind" in answer:
        raise getattr(errors, answer["kind"])(answer["key"], **answer["values"])
    if "trace" in answer:
        raise RuntimeError(f"in a worker:\n{answer['trace']}")
