"""Conversations that stand in an evaluation set: a score on them would measure memory, so a run refuses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeVar

from hanlin.base.errors import InputError
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.text.chat import Conversation
from hanlin.text.document import Dropped
from hanlin.text.overlap.leaked import LeakedRow, leaked_rows
from hanlin.text.overlap.rows import EvaluationRow, evaluation_rows
from hanlin.text.overlap.translated import translated_rows

SHOWN_CHARS = 120


T = TypeVar("T")


class Guarded(Protocol):
    """The settings of a run that must not learn what it will be asked."""

    @property
    def evaluation(self) -> tuple[str, ...]: ...
    @property
    def leaked(self) -> Literal["refuse", "drop", "allow"]: ...


def without_leaked(conversations: Sequence[Conversation], config: Guarded, progress: Progress) -> list[Conversation]:
    """Return the conversations that may be learned, in order; whatever was found is said. Raises as below."""
    return without_leaked_texts(
        conversations,
        config,
        progress,
        text=lambda one: "\n".join(turn.content for turn in one.messages),
        question=lambda one: next(turn.content for turn in one.messages if turn.role == "user"),
        family=lambda one: one.family,
    )


def without_leaked_texts(
    items: Sequence[T],
    config: Guarded,
    progress: Progress,
    *,
    text: Callable[[T], str],
    question: Callable[[T], str],
    family: Callable[[T], str],
) -> list[T]:
    """Return the items that may be learned, in order; whatever was found is said.

    Raises InputError: rows of an evaluation set among them and `leaked` is "refuse"; an evaluation set that is missing,
    empty or too short to be looked for.
    """
    if not config.evaluation:
        return list(items)
    rows = _evaluation_rows(config, progress)
    leaked = leaked_rows(
        map(text, items),
        rows,
        families=list(map(family, items)),
        on_spared=lambda number: progress.note(say("train.leaked_spared", num=number)),
    )
    if leaked and config.leaked == "refuse":
        raise InputError("train.leaked_rows", **_told(leaked))
    _look_for_translations(list(map(question, items)), rows, config, progress)
    if not leaked:
        progress.note(say("train.none_leaked", num_rows=len(rows), num=len(items)))
        return list(items)
    progress.note(say(f"train.leaked_{config.leaked}", **_told(leaked)))
    numbers = {one.number for one in leaked} if config.leaked == "drop" else set()
    return [one for number, one in enumerate(items) if number not in numbers]


def _evaluation_rows(config: Guarded, progress: Progress) -> list[EvaluationRow]:
    unreadable: list[Dropped] = []
    rows = list(evaluation_rows(config.evaluation, on_drop=unreadable.append))
    if unreadable:
        place = unreadable[0].location
        progress.note(say("text.report_against_unreadable", number=len(unreadable), place=place))
    return rows


def _look_for_translations(
    questions: Sequence[str], rows: list[EvaluationRow], config: Guarded, progress: Progress
) -> None:
    """A hint is said; a whole set in another language is refused."""
    found = translated_rows(questions, rows)
    if not found.pairs:
        return
    number, row = found.pairs[0]
    told = {"num": len(found.pairs), "comparable": found.num_comparable, "number": number + 1, "row": row.place}
    if found.is_proof and config.leaked == "refuse":
        raise InputError("train.translated_rows", **told)
    progress.note(say("train.translated_hint", **told))


def _told(leaked: Sequence[LeakedRow]) -> dict[str, object]:
    first = leaked[0]
    passage = " ".join(first.passage.split())[:SHOWN_CHARS]
    return {"num": len(leaked), "number": first.number + 1, "row": first.row.place, "passage": passage}
