"""One question with its answer, for training or for the evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A question of a skill. `right` holds further answers that count, for the evaluation; `next` what can be asked
    about the same text afterwards, with the answers."""

    skill: str
    lang: str
    question: str
    answer: str
    right: tuple[str, ...] = ()
    next: tuple[tuple[str, str], ...] = ()

    def messages(self, num_next: int = 0) -> list[dict[str, str]]:
        """The question and its answer, and up to `num_next` further ones, in the OpenAI messages layout."""
        turns = [(self.question, self.answer), *self.next[:num_next]]
        return [
            {"role": role, "content": content}
            for turn in turns
            for role, content in zip(("user", "assistant"), turn, strict=True)
        ]

    def task(self) -> dict[str, Any]:
        """The case as one row of an evaluation task."""
        answer = [self.answer, *self.right] if self.right else self.answer
        return {"prompt": self.question, "answer": answer, "lang": self.lang}
