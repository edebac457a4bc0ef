"""Ctrl-C and termination as a flag the loop looks at between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Self


class Signals:
    """Within the block SIGINT and SIGTERM only set `caught`; a second one acts at once, as if nobody listened.

    Elsewhere than in the main thread, where Python allows no handlers, nothing is caught.
    """

    WATCHED = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.caught: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = {signum: signal.signal(signum, self._catch) for signum in self.WATCHED}
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _catch(self, signum: int, frame: FrameType | None) -> None:
        self.caught = signum
        self._restore()

    def _restore(self) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]  # what signal.signal itself returned
        self._previous = {}
