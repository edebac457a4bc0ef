"""`hanlin ngram score`: how likely texts are by an n-gram model, document by document and language by language."""

from __future__ import annotations

import heapq
import itertools
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hanlin.base.files import writing
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.judge_config import ScoreNgramConfig
from hanlin.life.places import expanded
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.life.texts import Texts
from hanlin.text.document import Document
from hanlin.text.ledger import place_of
from hanlin.text.ngram_model import NgramModel, Score

HEAD, MIDDLE, TAIL = "head", "middle", "tail"
_SHARES = (10, 50, 90)


@dataclass(frozen=True)
class Scored:
    """One document with its score, without its text."""

    id: str
    place: str
    lang: str
    score: Score

    @classmethod
    def of(cls, document: Document, score: Score) -> Scored:
        return cls(str(document.meta.get("id", document.id)), place_of(document), document.lang, score)


@dataclass
class _Language:
    """What adds up of one language: the sum of its scores, and the perplexity of each document."""

    sum: Score = field(default_factory=lambda: Score(0.0, 0, 0, 0))
    perplexities: array[float] = field(default_factory=lambda: array("d"))

    def add(self, score: Score) -> None:
        self.sum += score
        self.perplexities.append(score.perplexity)


def score_ngram(config: Given[ScoreNgramConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Score texts by a model: bits a byte and a character, perplexities, and the cuts between head, middle and tail.

    Raises InputError where the model or the texts cannot be read, DiskFull for `out`.
    """
    job, progress = settled(ScoreNgramConfig, config, settings, first="model").value, progress or Progress("none")
    model, texts = NgramModel.load(expanded(job.model)), Texts(job.data, part=job.part)
    languages: dict[str, _Language] = {}
    worst: list[tuple[float, int, Scored]] = []
    progress.start(say("life.scoring_documents"))
    for number, scored in enumerate(_scored(model, texts())):
        languages.setdefault(scored.lang, _Language()).add(scored.score)
        heapq.heappush(worst, (scored.score.perplexity, -number, scored))
        if len(worst) > job.most:
            heapq.heappop(worst)
        progress.update(number + 1)
    progress.done()
    cuts = {lang: _cuts(found, job) for lang, found in languages.items()}
    if job.out:  # the cuts are known only now; a second pass over the text holds nothing in memory
        with writing(expanded(job.out)) as file:
            for one in _scored(model, texts()):
                file.write(f"{json.dumps(_row(one, cuts), ensure_ascii=False)}\n".encode())
    figures: dict[str, Any] = {
        "languages": {lang: _figures(found, cuts[lang]) for lang, found in sorted(languages.items())},
        "unread_languages": sorted(set(languages) - model.languages),
        "least_likely": [_row(one, cuts) for _, _, one in sorted(worst, reverse=True)],
    }
    tables = (_language_table(figures["languages"]), _document_table(figures["least_likely"]))
    return Report("ngram score", job.out, figures, (*_lines(figures, job), *texts.lines()), tables)


def _scored(model: NgramModel, documents: Iterable[Document]) -> Iterator[Scored]:
    """The documents with their scores; texts are let go as soon as they are scored."""
    ahead, behind = itertools.tee(documents)
    scores = model.scores(document.text for document in ahead)
    return (Scored.of(document, score) for document, score in zip(behind, scores, strict=True))


def _cuts(found: _Language, job: ScoreNgramConfig) -> tuple[float, float]:
    """The perplexities that end the head and the middle (Wenzek et al. 2020, CCNet, section 3.4)."""
    head, middle = np.percentile(found.perplexities, [job.head, job.middle])
    return float(head), float(middle)


def _row(scored: Scored, cuts: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    head, middle = cuts[scored.lang]
    perplexity = scored.score.perplexity
    part = HEAD if perplexity <= head else MIDDLE if perplexity <= middle else TAIL
    return {"id": scored.id, "place": scored.place, "lang": scored.lang, **_score_figures(scored.score), "part": part}


def _score_figures(score: Score) -> dict[str, Any]:
    return {
        "perplexity": score.perplexity,
        "bits_per_byte": score.bits_per_byte,
        "bits_per_character": score.bits_per_character,
        "characters": score.characters,
        "bytes": score.bytes,
    }


def _figures(found: _Language, cuts: tuple[float, float]) -> dict[str, Any]:
    at = np.percentile(found.perplexities, _SHARES)
    return {
        "documents": len(found.perplexities),
        **_score_figures(found.sum),
        "percentiles": {str(share): float(value) for share, value in zip(_SHARES, at, strict=True)},
        "cuts": dict(zip((HEAD, MIDDLE), cuts, strict=True)),
    }


# ---------------------------------------------------------------- for people


def _lines(figures: Mapping[str, Any], job: ScoreNgramConfig) -> Iterator[str]:
    for lang, found in figures["languages"].items():
        cuts = {name: f"{value:.1f}" for name, value in found["cuts"].items()}
        yield say("life.ngram_cuts", lang=lang, head_share=job.head, middle_share=job.middle, **cuts)
    if figures["unread_languages"]:
        yield say("life.ngram_unread", languages=", ".join(figures["unread_languages"]))


def _language_table(languages: Mapping[str, Mapping[str, Any]]) -> Table:
    names = ("language", "documents", "bits_of_byte", "bits_per_character", "perplexity")
    columns = (*(say(f"life.column_{name}") for name in names), *(f"{share} %" for share in _SHARES))
    return Table(say("life.by_language"), columns, tuple(_language_row(lang, one) for lang, one in languages.items()))


def _language_row(lang: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    bits = (f"{found[name]:.3f}" for name in ("bits_per_byte", "bits_per_character"))
    spread = (f"{value:.1f}" for value in found["percentiles"].values())
    return lang, f"{found['documents']:,}", *bits, f"{found['perplexity']:.1f}", *spread


def _document_table(rows: list[dict[str, Any]]) -> Table:
    columns = tuple(say(f"life.column_{name}") for name in ("document", "language", "perplexity", "bits_of_byte"))
    shown = ((one["place"], one["lang"], f"{one['perplexity']:.1f}", f"{one['bits_per_byte']:.3f}") for one in rows)
    return Table(say("life.least_likely"), columns, tuple(shown))
