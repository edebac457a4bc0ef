"""Rows of training data that stand in an evaluation set, for fine-tuning: a question seen is no longer a question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hanlin.text.config import AgainstConfig
from hanlin.text.overlap.index import index_of
from hanlin.text.overlap.rows import EvaluationRow


@dataclass(frozen=True)
class LeakedRow:
    """A training row by its number, the evaluation row that stands in it, and the passage that proves it."""

    number: int
    row: EvaluationRow
    passage: str


def leaked_rows(
    training_rows: Iterable[str],
    evaluation_rows: Sequence[EvaluationRow],
    config: AgainstConfig | None = None,
    *,
    families: Sequence[str] = (),
) -> list[LeakedRow]:
    """Return the training rows, in order, that share a run of words with an evaluation row, each once.

    `families` are those of the training rows, where they were made from others: a child of an evaluation row is one.
    Raises InputError where no evaluation row is long enough to be found, CheckFailed where the index finds nothing.
    """
    index = index_of(evaluation_rows, config or AgainstConfig())
    leaked = []
    for number, text in enumerate(training_rows):
        family = families[number] if families else ""
        if found := index.find(text) or index.kin(family, text):
            longest = max(found, key=lambda one: one.end - one.start)
            leaked.append(LeakedRow(number, longest.row, text[longest.start : longest.end]))
    return leaked
