"""`hanlin data why`: what became of a document on its way into a corpus, and which rule decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.config import WhyConfig
from hanlin.life.places import expanded
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.text.ledger import Entry
from hanlin.text.privacy.treat import kinds_in_words
from hanlin.text.reasons import reason_text
from hanlin.text.rules.measures import SCORED
from hanlin.text.rules.rulebook import Bound
from hanlin.text.why import MOST, Answer
from hanlin.text.why import why as ask_ledger


def why(config: Given[WhyConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Tell why a document was kept, changed or dropped. Raises InputError where there is no such corpus or document."""
    job = settled(WhyConfig, config, settings, first="id").value
    folder = expanded(job.corpus)
    answers = ask_ledger(folder, job.id)
    lines = [line for answer in answers for line in _lines(answer.entry)]
    if len(answers) == MOST:
        lines.append(say("life.why_more", number=MOST))
    tables = tuple(_table(answer) for answer in answers if answer.bounds)
    figures = {"documents": [_figures(answer) for answer in answers]}
    return Report("data why", folder, figures, tuple(lines), tables)


def _lines(entry: Entry) -> Iterator[str]:
    """What became of one document, in sentences."""
    name = f"{entry.own_id} ({entry.location})" if entry.own_id else entry.location
    yield say(f"life.why_{entry.fate}", name=name)
    if entry.reason:
        example = f" {entry.example}" if entry.example and entry.value is None else ""
        yield say("life.why_reason", reason=reason_text(entry.reason), example=example)
    if entry.value is not None and entry.limit is not None:
        origin = say("life.why_settings") if entry.origin in ("", "settings") else entry.origin
        yield say("life.why_value", value=f"{entry.value:g}", limit=f"{entry.limit:g}", origin=origin)
    if scores := {name: entry.measures[name] for name in SCORED if entry.measures and name in entry.measures}:
        yield say("life.why_scores", scores=", ".join(f"{name} {value:g}" for name, value in scores.items()))
    if entry.personal:
        numbers = {kind: number for kind, (number, _, _) in entry.personal.items()}
        yield say("life.why_personal", counts=kinds_in_words(numbers))
    for key, counts in (("life.why_changes", entry.changes), ("life.why_edits", entry.edits)):
        if counts:
            yield say(key, counts=", ".join(f"{name} {number:,}" for name, number in counts.items()))


def _table(answer: Answer) -> Table:
    columns = tuple(say(f"life.column_{name}") for name in ("rule", "value", "limit", "kept", "origin"))
    return Table(answer.entry.own_id or answer.entry.id, columns, tuple(_row(bound) for bound in answer.bounds))


def _row(bound: Bound) -> tuple[str, ...]:
    threshold = bound.threshold
    sign = "≤" if threshold.kind == "max" else "≥"
    kept = say("life.why_too_short") if bound.is_silent else say("life.yes") if bound.is_kept else say("life.no")
    limit = f"{sign} {threshold.limit:g}"
    return threshold.name, f"{bound.value:g}", limit, kept, threshold.origin


def _figures(answer: Answer) -> dict[str, Any]:
    broken = [bound.threshold.name for bound in answer.bounds if not bound.is_kept]
    return {**asdict(answer.entry), "broken": broken}
