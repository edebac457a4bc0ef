"""What a checker found: a step that is right, or one that is wrong in a way that has a name and a hint.

A checker knows the usual mistakes. It works each of them out with the student's own weights, and when the student's
numbers are those of a mistake, that mistake has been found.
"""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from hanlin.base.errors import InputError
from hanlin.base.messages import say

Work = Callable[[], Any]


@dataclass(frozen=True)
class Finding:
    """One step of an exercise; `mistake` names the sentence `course.hint_...` that helps, "" where all is right."""

    step: str
    mistake: str = ""
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_right(self) -> bool:
        """Whether there is nothing to put right."""
        return not self.mistake

    def __str__(self) -> str:
        step = say(f"course.step_{self.step}")
        if self.is_right:
            return say("course.right", step=step)
        return say("course.wrong", step=step, hint=say(f"course.hint_{self.mistake}", **self.values))


def diagnose(step: str, student: Work, right: Work, wrong: Mapping[str, Work]) -> Finding:
    """Compare what the student's code gives with what is right, then with what each usual mistake would give."""
    got = attempt(step, student)
    if isinstance(got, Finding):
        return got
    expected = right()
    if not isinstance(got, Tensor):
        return Finding(step, "no_tensor", {"kind": type(got).__name__})
    if got.shape != expected.shape:
        return Finding(step, "shape", {"shape": tuple(got.shape), "expected": tuple(expected.shape)})
    if close(got, expected):
        return Finding(step)
    for mistake, variant in wrong.items():
        if close(got, variant()):
            return Finding(step, mistake)
    return Finding(step, "unknown", {"difference": f"{(got - expected).abs().max().item():.3g}"})


def attempt(step: str, student: Work) -> Any:
    """What the student's code gives, or the finding that it is missing or stops."""
    try:
        return student()
    except NotImplementedError:
        return Finding(step, "todo")
    except Exception as error:  # whatever a student's code may do
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = {"file": Path(where.filename).name, "line": where.lineno}
        return Finding(step, "stopped", {"kind": type(error).__name__, "error": error, **place})


def close(one: Tensor, other: Tensor) -> bool:
    """Equal but for rounding; NaN equals NaN, so that a mistake that gives NaN is told from others."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True)


def load_file(path: str | Path) -> ModuleType:
    """Run a student's file and return it as a module.

    Raises InputError where it is missing (E820) or stops while it is being read (E821).
    """
    path = Path(path)
    spec = importlib.util.spec_from_file_location("exercise", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError("course.file_missing", path=path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        line = getattr(error, "lineno", None) or traceback.extract_tb(error.__traceback__)[-1].lineno
        raise InputError("course.file_stops", path=path, line=line, kind=type(error).__name__, error=error) from None
    return module
