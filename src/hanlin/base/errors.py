"""One small tree of errors that users may meet; `cli` maps it to exit codes, the server to HTTP.

A HanlinError is the user's or the machine's affair and carries one clear sentence from the catalogue. Our own
mistakes are asserts and plain exceptions, and end as exit code 1 with a traceback.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from hanlin.base.messages import entry, say


class HanlinError(Exception):
    """An error with a sentence: `HanlinError("room.key", field=value)`; `str()` speaks the user's language."""

    exit_code: ClassVar[int] = 1

    def __init__(self, key: str, /, **values: Any) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    @property
    def code(self) -> str:
        """The stable code, equal in both languages ("E101")."""
        return entry(self.key).code or ""

    def __str__(self) -> str:
        return say(self.key, **self.values)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions cross process borders by their args alone, which would lose the values.
        return functools.partial(type(self), self.key, **self.values), ()


@dataclass(frozen=True)
class Problem:
    """One setting that cannot be used: its dotted name, its value, the broken rule and what to do."""

    name: str
    value: object
    rule: str
    remedy: str
    origin: str = ""

    def __str__(self) -> str:
        key = "base.problem_from" if self.origin else "base.problem"
        return say(key, **vars(self)).rstrip()


class ConfigError(HanlinError, ValueError):
    """Settings that cannot be used, all of them at once in `.problems`."""

    exit_code = 2

    def __init__(self, key: str = "base.config_invalid", /, *, problems: Iterable[Problem] = (), **values: Any) -> None:
        self.problems = tuple(problems)
        super().__init__(key, problems=self.problems, **values)

    def __str__(self) -> str:
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        return say(self.key, **{**self.values, "num_problems": len(self.problems)}) + lines


class UsageError(HanlinError):
    """A command line that asks for something impossible or contradictory."""

    exit_code = 2


class InputError(HanlinError, ValueError):
    """Input that is not there or cannot be read; values usually hold `path` and `line`."""

    exit_code = 3


class BundleError(InputError):
    """A bundle or checkpoint that is damaged, incomplete or of an unknown family."""


class RequestTooLong(InputError):
    """A request over the model's limit; values `num_tokens` and `max_seq_len`."""


class MachineError(HanlinError):
    """The machine lacks something: a device, memory, a lock held by another process."""

    exit_code = 4


class DiskFull(MachineError):
    """No space left; values `path` and `free` (bytes)."""


class MissingExtra(MachineError):
    """An optional dependency is not installed; values `package` and `extra`."""


class NetworkError(HanlinError):
    """Something on the network did not answer as it should."""

    exit_code = 5


class CheckFailed(HanlinError):
    """A check (parity, score, budget) did not hold."""

    exit_code = 6


class TrainingStopped(HanlinError):
    """The loss stayed non-finite after the one rollback."""

    exit_code = 6


class Interrupted(HanlinError):
    """Stopped by a signal after a checkpoint: exit code 130 for SIGINT, 143 for SIGTERM."""

    def __init__(self, key: str, /, *, signum: int, **values: Any) -> None:
        super().__init__(key, signum=signum, **values)
        self.signum = int(signum)
        self.exit_code = 128 + self.signum  # type: ignore[misc]  # the one class whose code depends on the instance
