"""Rows of training data that stand in an evaluation set, for fine-tuning: a question seen is no longer a question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hanlin.text.config import AgainstConfig
from hanlin.text.overlap.index import Overlap, index_of, runs_of
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
    on_spared: Callable[[int], None] | None = None,
) -> list[LeakedRow]:
    """Return the training rows, in order, that share a run of words with an evaluation row, each once.

    `families` are those of the training rows, where they were made from others: a child of an evaluation row is one.
    What more than `most_texts` of the training rows have, such as the instruction they all begin with, is no proof;
    `on_spared` hears how many rows share nothing else.
    Raises InputError where no evaluation row is long enough to be found, CheckFailed where the index finds nothing.
    """
    config = config or AgainstConfig()
    index = index_of(evaluation_rows, config)
    suspects: list[tuple[int, str, list[Overlap]]] = []
    counts = Counter[int]()
    for number, text in enumerate(training_rows):
        family = families[number] if families else ""
        if found := index.find(text) or index.kin(family, text):
            suspects.append((number, text, found))
            counts.update(runs_of(found))
    common = {key for key, texts in counts.items() if texts > config.most_texts}
    leaked = [_leaked(number, text, index.proven(found, common)) for number, text, found in suspects]
    if on_spared and None in leaked:
        on_spared(leaked.count(None))
    return [one for one in leaked if one]


def _leaked(number: int, text: str, found: Sequence[Overlap]) -> LeakedRow | None:
    longest = max(found, key=lambda one: one.end - one.start, default=None)
    return LeakedRow(number, longest.row, text[longest.start : longest.end]) if longest else None
