"""A small runner of tasks: exact match by generation, multiple choice by log-likelihood.

A task is a JSONL file, one case per line: ``prompt`` (or ``messages``), ``answer`` (text, or a list of texts that all
count as right), optionally ``choices`` and ``lang``. Each score comes with what chance would reach and with its error
bar: a score without the two says nothing.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hanlin.base.errors import InputError
from hanlin.base.files import read_text
from hanlin.base.intervals import wilson
from hanlin.text.chat import Message, conversation

Metric = Literal["exact_match", "multiple_choice"]
Messages = tuple[Message, ...]
Generate = Callable[[Sequence[Messages]], Sequence[str | None]]
"""Conversations to answers; None for one that does not fit into the model."""
Choose = Callable[[Sequence[tuple[Messages, Sequence[str]]]], Sequence[Sequence[float] | None]]
"""Conversations with choices to the log-likelihood of each choice; None for one that does not fit."""


@dataclass(frozen=True)
class Case:
    """One question: the conversation so far, the right answers, and the choices if it offers any."""

    messages: tuple[Message, ...]
    answers: tuple[str, ...]
    choices: tuple[str, ...] = ()
    lang: str = ""


@dataclass(frozen=True)
class Task:
    """Cases of one kind. ``chance`` is the share that a guess without reading the question gets right."""

    name: str
    cases: tuple[Case, ...]
    metric: Metric
    chance: float


@dataclass(frozen=True)
class TaskScore:
    """The result of one task, with ``answers``: what the model said, case by case.

    A case that does not fit into the model counts as wrong, and in ``num_too_long``.
    """

    task: str
    metric: Metric
    num_cases: int
    num_correct: int
    chance: float
    answers: tuple[str, ...] = ()
    num_too_long: int = 0

    @property
    def accuracy(self) -> float:
        return self.num_correct / self.num_cases if self.num_cases else math.nan

    @property
    def standard_error(self) -> float:
        """Standard error of a share: sqrt(p(1-p)/n)."""
        p = self.accuracy
        return math.sqrt(p * (1 - p) / self.num_cases) if self.num_cases else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval (Wilson 1927), sound for few cases and for shares near 0 and 1."""
        return wilson(self.num_correct, self.num_cases)

    def as_dict(self) -> dict[str, Any]:
        """The figures a report shows."""
        return {
            "task": self.task,
            "metric": self.metric,
            "num_cases": self.num_cases,
            "num_correct": self.num_correct,
            "accuracy": self.accuracy,
            "standard_error": self.standard_error,
            "interval": list(self.interval),
            "chance": self.chance,
            "num_too_long": self.num_too_long,
        }


# ---------------------------------------------------------------- reading tasks


def read_task(path: Path, *, limit: int | None = None) -> Task:
    """One task file; ``limit`` takes evenly spread cases. Raises InputError (E701, E702) naming file and line."""
    cases = [_case(path, number, line) for number, line in enumerate(read_text(path).split("\n"), 1) if line.strip()]
    if not cases:
        raise InputError("evaluate.task_empty", path=path)
    if limit is not None and limit < len(cases):
        cases = [cases[i * len(cases) // limit] for i in range(limit)]
    metric: Metric = "multiple_choice" if cases[0].choices else "exact_match"
    return Task(path.stem, tuple(cases), metric, chance_level(cases))


def read_tasks(folder: Path, *, limit: int | None = None) -> list[Task]:
    """Every ``*.jsonl`` of a folder, by name, or the one file given. Raises InputError E704 where there is none."""
    paths = [folder] if folder.is_file() else sorted(folder.glob("*.jsonl"))
    if not paths:
        raise InputError("evaluate.no_tasks", path=folder)
    return [read_task(path, limit=limit) for path in paths]


def chance_level(cases: Sequence[Case]) -> float:
    """Guessing among the choices, or always giving the commonest answer, whichever gets more right."""
    commonest = Counter(normalised(case.answers[0]) for case in cases).most_common(1)[0][1] / len(cases)
    guessing = math.fsum(1 / len(case.choices) for case in cases if case.choices) / len(cases)
    return max(commonest, guessing)


def _case(path: Path, number: int, line: str) -> Case:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError("evaluate.case_damaged", path=path, line=number, reason=error.msg) from None
    reason = _fault(row)
    if reason:
        raise InputError("evaluate.case_damaged", path=path, line=number, reason=reason)
    asked = row.get("messages") or [{"role": "user", "content": row["prompt"]}]
    answers = [row["answer"]] if isinstance(row["answer"], str) else row["answer"]
    try:
        messages = conversation(asked).messages
    except InputError as error:
        raise InputError("evaluate.case_damaged", path=path, line=number, reason=error) from None
    return Case(messages, tuple(answers), tuple(row.get("choices", ())), row.get("lang", ""))


def _fault(row: Any) -> str:
    """What is wrong with a row, in the words of the file format; empty when nothing is."""
    if not isinstance(row, Mapping) or not (row.get("prompt") or row.get("messages")):
        return "prompt | messages"
    if not isinstance(row.get("messages"), list | None):
        return "messages"
    if not _is_texts(row.get("answer")):
        return "answer"
    if row.get("choices") and not (isinstance(row["choices"], list) and _is_texts(row["choices"])):
        return "choices"
    if row.get("choices") and row["answer"] not in row["choices"]:
        return "answer ∉ choices"
    return ""


def _is_texts(value: object) -> bool:
    """Whether a value is a text or a list of texts, and not empty."""
    return bool(value) and isinstance(value, str | list) and all(isinstance(one, str) for one in value)


# ---------------------------------------------------------------- running them


def normalised(answer: str) -> str:
    """An answer without case, width, outer space and closing marks: "８。" and "8" are one answer."""
    return unicodedata.normalize("NFKC", answer).casefold().strip().strip(" .。!！?？\"'“”").strip()


def run_tasks(tasks: Sequence[Task], *, generate: Generate, choose: Choose) -> list[TaskScore]:
    """Run every task: ``generate`` answers conversations, ``choose`` gives each choice its log-likelihood."""
    return [_run_choices(t, choose) if t.metric == "multiple_choice" else _run_answers(t, generate) for t in tasks]


def _run_answers(task: Task, generate: Generate) -> TaskScore:
    said = list(generate([case.messages for case in task.cases]))
    right = [
        answer is not None and normalised(answer) in {normalised(known) for known in case.answers}
        for case, answer in zip(task.cases, said, strict=True)
    ]
    return _scored(task, said, right)


def _run_choices(task: Task, choose: Choose) -> TaskScore:
    scores = choose([(case.messages, case.choices) for case in task.cases])
    said = [
        None if row is None else max(zip(row, case.choices, strict=True), key=lambda pair: pair[0])[1]
        for case, row in zip(task.cases, scores, strict=True)
    ]
    return _scored(task, said, [answer in case.answers for case, answer in zip(task.cases, said, strict=True)])


def _scored(task: Task, said: Sequence[str | None], right: Sequence[bool]) -> TaskScore:
    answers = tuple(answer or "" for answer in said)
    return TaskScore(task.name, task.metric, len(right), sum(right), task.chance, answers, said.count(None))
