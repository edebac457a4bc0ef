"""One question with its answer, for training or for the evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A question of a skill. `right` holds further answers that count, for the evaluation."""

    skill: str
    lang: str
    question: str
    answer: str
    right: tuple[str, ...] = ()

    def messages(self) -> list[dict[str, str]]:
        """The two turns, in the OpenAI messages layout."""
        return [{"role": "user", "content": self.question}, {"role": "assistant", "content": self.answer}]

    def task(self) -> dict[str, Any]:
        """The case as one row of an evaluation task."""
        answer = [self.answer, *self.right] if self.right else self.answer
        return {"prompt": self.question, "answer": answer, "lang": self.lang}
