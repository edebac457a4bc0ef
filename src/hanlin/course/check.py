"""The checkers from the command line.

python -m hanlin.course.check start 1 my_file.py     write the skeleton of exercise 1
python -m hanlin.course.check 1 my_file.py           check it: 0 all right, 6 something to put right
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hanlin.base.errors import HanlinError, InputError, UsageError
from hanlin.base.files import read_text, write_atomic
from hanlin.base.messages import language, say
from hanlin.course.classifier_exercise import check_classifier
from hanlin.course.encoder_exercise import check_encoder
from hanlin.course.findings import Finding, load_file

CHECKERS: dict[str, Callable[[Any], list[Finding]]] = {"1": check_encoder, "2": check_classifier}
SKELETONS = Path(__file__).with_name("skeletons")
FAILED = 6  # exit code of a check that failed, as in the rest of the house


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        words = _without_language(words)
        if words[:1] == ["start"] and len(words) == 3:
            return start(words[1], Path(words[2]))
        if len(words) == 2 and words[0] != "start":
            return check(words[0], Path(words[1]))
        print(say("course.usage"), file=sys.stderr)
        return 0 if words in (["--help"], ["-h"]) else 2
    except HanlinError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return error.exit_code


def check(exercise: str, path: Path) -> int:
    """Print a line for each step, and what to do next."""
    findings = _known(exercise)(load_file(path))
    print(*findings, sep="\n")
    is_right = all(finding.is_right for finding in findings)
    print(say("course.all_right" if is_right else "course.go_on", exercise=exercise))
    return 0 if is_right else FAILED


def start(exercise: str, path: Path) -> int:
    """Write the skeleton of an exercise. Raises InputError (E823) rather than overwrite a file."""
    _known(exercise)
    if path.exists():
        raise InputError("course.file_exists", path=path)
    write_atomic(path, read_text(SKELETONS / f"exercise-{exercise}.{language()}.txt"))
    print(say("course.started", path=path, exercise=exercise))
    return 0


def _known(exercise: str) -> Callable[[Any], list[Finding]]:
    if exercise not in CHECKERS:
        raise UsageError("course.exercise_unknown", exercise=exercise)
    return CHECKERS[exercise]


def _without_language(words: list[str]) -> list[str]:
    """`--lang zh` or `--lang en` anywhere."""
    if "--lang" not in words:
        return words
    place = words.index("--lang")
    chosen = words[place + 1] if place + 1 < len(words) else ""
    if chosen not in ("zh", "en"):
        raise UsageError("course.language_unknown", language=chosen)
    os.environ["HANLIN_LANG"] = chosen
    return words[:place] + words[place + 2 :]


if __name__ == "__main__":
    sys.exit(main())
