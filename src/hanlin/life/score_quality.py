"""`hanlin quality score`: what a classifier says of texts, and how often it is right where their labels are known."""

from __future__ import annotations

import heapq
import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hanlin.base.files import writing
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.judge_config import ScoreQualityConfig
from hanlin.life.places import expanded
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.life.texts import Texts
from hanlin.life.train_quality import judged, judged_lines, threshold_tables
from hanlin.text.document import Document
from hanlin.text.ledger import place_of
from hanlin.text.quality.classifier import Classifier
from hanlin.text.quality.labelled import labelled

_SHARES = (1, 10, 50, 90, 99)


@dataclass
class _Scores:
    """What was said of all documents: their values by language, those without one, and the worst."""

    values: dict[str, array[float]] = field(default_factory=dict)
    unscored: dict[str, int] = field(default_factory=dict)
    worst: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)

    def add(self, row: dict[str, Any], bad: float | None, most: int) -> None:
        """Count one document."""
        lang = row["lang"]
        if bad is None:
            self.unscored[lang] = self.unscored.get(lang, 0) + 1
            return
        values = self.values.setdefault(lang, array("d"))
        values.append(row["value"])
        heapq.heappush(self.worst, (bad, -sum(map(len, self.values.values())), row))
        if len(self.worst) > most:
            heapq.heappop(self.worst)


def score_quality(
    config: Given[ScoreQualityConfig] = None, *, progress: Progress | None = None, **settings: Any
) -> Report:
    """Score texts by a classifier. Raises InputError where it or the texts cannot be read, DiskFull for `out`."""
    job, progress = settled(ScoreQualityConfig, config, settings, first="model").value, progress or Progress("none")
    classifier, texts = Classifier.load(expanded(job.model)), Texts(job.data, part=job.part)
    scores = _Scores()
    progress.start(say("life.scoring_documents"))
    for number, (row, bad) in enumerate(_rows(classifier, texts)):
        scores.add(row, bad, job.most)
        progress.update(number + 1)
    progress.done()
    if job.out:
        with writing(expanded(job.out)) as file:
            for row, _ in _rows(classifier, texts):
                file.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())
    figures: dict[str, Any] = {
        "measure": classifier.measure,
        "languages": {lang: _figures(values) for lang, values in sorted(scores.values.items())},
        "unscored": scores.unscored,
        "worst": [row for _, _, row in sorted(scores.worst, key=lambda one: one[:2], reverse=True)],
        "judged": dict(judged(classifier, list(labelled(texts(), job.bad_labels)))) if job.bad_labels else {},
    }
    lines = (*_lines(figures, job), *texts.lines())
    tables = (*_tables(figures), *threshold_tables(figures["judged"], classifier))
    return Report("quality score", job.out, figures, lines, tables)


def _rows(classifier: Classifier, texts: Texts) -> Iterator[tuple[dict[str, Any], float | None]]:
    """Each document as a row, and how likely it is bad; None in a language the classifier does not know."""
    for document in texts():
        bad = classifier.bad(document.text) if classifier.knows(document.lang) else None
        yield _row(document, classifier, bad), bad


def _row(document: Document, classifier: Classifier, bad: float | None) -> dict[str, Any]:
    name = str(document.meta.get("id", document.id))
    value = bad if bad is None or classifier.measure != "quality" else 1 - bad
    return {"id": name, "place": place_of(document), "lang": document.lang, "value": value}


def _figures(values: array[float]) -> dict[str, Any]:
    at = np.percentile(values, _SHARES)
    return {
        "documents": len(values),
        "mean": float(np.mean(values)),
        "percentiles": {str(share): float(value) for share, value in zip(_SHARES, at, strict=True)},
    }


def _lines(figures: Mapping[str, Any], job: ScoreQualityConfig) -> Iterator[str]:
    for lang, number in sorted(figures["unscored"].items()):
        yield say("life.unscored", lang=lang, number=f"{number:,}", measure=figures["measure"])
    if job.bad_labels:
        yield from judged_lines(figures["judged"])


def _tables(figures: Mapping[str, Any]) -> Iterator[Table]:
    names = (say(f"life.column_{name}") for name in ("language", "documents", "mean"))
    rows = (
        (
            lang,
            f"{one['documents']:,}",
            f"{one['mean']:.3f}",
            *(f"{value:.3f}" for value in one["percentiles"].values()),
        )
        for lang, one in figures["languages"].items()
    )
    title = say("life.values_by_language", measure=figures["measure"])
    yield Table(title, (*names, *(f"{share} %" for share in _SHARES)), tuple(rows))
    columns = tuple(say(f"life.column_{name}") for name in ("document", "language", "value"))
    shown = tuple((one["place"], one["lang"], f"{one['value']:.3f}") for one in figures["worst"])
    yield Table(say("life.worst_documents"), columns, shown)
