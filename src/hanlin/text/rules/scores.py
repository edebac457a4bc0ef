"""Measures that models of the user's own take of a document: perplexity, quality, spam, toxic.

Each costs far more than the others and depends on a file, so a stored value carries the mark of the file that gave it
(`spam_by`): the same file need not be asked again, another one must. A document in a language that a model has not
read has no value; a threshold on it then says nothing, and the report counts such documents.

    perplexity               of one unit of the document, by the n-gram model
    perplexity_percentile    0 to 100: its place among the documents of its language in this corpus (as CCNet cuts
                             head, middle and tail; Wenzek et al. 2020), from a sample of at most 10,000 of each
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hanlin.base.errors import InputError
from hanlin.text.arrays import signature
from hanlin.text.config import QualityConfig
from hanlin.text.dedup import text_digest
from hanlin.text.document import Document
from hanlin.text.ngram_model import NgramModel
from hanlin.text.quality.classifier import Classifier
from hanlin.text.rules.measures import PERCENTILE, PERPLEXITY

_SAMPLE = 10_000
_FIELDS = {"quality": "classifier", "spam": "spam", "toxic": "toxic"}  # measure to setting


@dataclass(frozen=True)
class _Scorer:
    """One model: the measure it takes, the mark of its file, the languages it has read, and its answer."""

    measure: str
    mark: int
    knows: Callable[[str], bool]
    value: Callable[[str], float]


class Scores:
    """The models of one corpus. Raises InputError for a file that is not there, damaged, or of another kind."""

    def __init__(self, config: QualityConfig) -> None:
        self._scorers = tuple(_scorers(config))
        self.percentiles = Percentiles()

    @property
    def measures(self) -> frozenset[str]:
        """What is measured."""
        names = {scorer.measure for scorer in self._scorers}
        return frozenset(names | ({PERCENTILE} if PERPLEXITY in names else set()))

    @property
    def marks(self) -> dict[str, int]:
        """The mark of each model's file, by measure."""
        return {scorer.measure: scorer.mark for scorer in self._scorers}

    def of(self, document: Document, known: Mapping[str, float]) -> Iterator[tuple[str, float]]:
        """Yield the measures of a document, and by which file; those that the same file gave before are taken over."""
        for scorer in self._scorers:
            name, by = scorer.measure, f"{scorer.measure}_by"
            if scorer.knows(document.lang):
                is_known = known.get(by) == scorer.mark and name in known
                value = known[name] if is_known else round(scorer.value(document.text), 6)
                yield from ((name, value), (by, scorer.mark))
                if name == PERPLEXITY and (place := self.percentiles.place(document.lang, value)) is not None:
                    yield PERCENTILE, place

    def missing(self, lang: str) -> Iterator[str]:
        """Yield the measures that documents of a language do not get."""
        yield from (scorer.measure for scorer in self._scorers if not scorer.knows(lang))

    def learn(self, document: Document) -> None:
        """Take a document into the sample that percentiles are read from."""
        for scorer in self._scorers:
            if scorer.measure == PERPLEXITY and scorer.knows(document.lang):
                self.percentiles.add(document.lang, document.text, scorer.value)


class Percentiles:
    """How perplexities spread in each language: of the texts with the smallest hashes, which is an even sample.

    Memory: a hash and a number for each of at most 10,000 documents of a language. A document is scored here only if it
    enters the sample, which of many few do.
    """

    def __init__(self) -> None:
        self._samples: dict[str, list[tuple[int, float]]] = {}
        self.spreads: dict[str, Sequence[float]] = {}

    def add(self, lang: str, text: str, score: Callable[[str], float]) -> None:
        """Take a text in, if its hash is among the smallest."""
        sample, key = self._samples.setdefault(lang, []), -int.from_bytes(text_digest(text)[:8], "big")
        if len(sample) < _SAMPLE or key > sample[0][0]:
            self._keep(sample, key, score(text))

    def _keep(self, sample: list[tuple[int, float]], key: int, value: float) -> None:
        heapq.heappush(sample, (key, value))
        if len(sample) > _SAMPLE:
            heapq.heappop(sample)

    def so_far(self) -> dict[str, list[tuple[int, float]]]:
        """Return the sample as plain data for `take`."""
        return {lang: sorted(sample) for lang, sample in self._samples.items()}

    def take(self, learned: Mapping[str, Sequence[Sequence[float]]]) -> None:
        """Add the sample that was drawn from other documents."""
        for lang, sample in learned.items():
            for key, value in sample:
                self._keep(self._samples.setdefault(lang, []), int(key), value)

    def settle(self) -> None:
        """From now on places are told: by every hundredth of the sample and its ends."""
        self.spreads = {
            lang: [round(float(value), 6) for value in np.percentile([value for _, value in sample], range(101))]
            for lang, sample in self._samples.items()
        }

    def place(self, lang: str, value: float) -> float | None:
        """Return the percentile of a value in its language, 0 to 100; None before anything was learned."""
        spread = self.spreads.get(lang)
        return None if spread is None else round(float(np.interp(value, spread, range(101))), 3)


def _scorers(config: QualityConfig) -> Iterator[_Scorer]:
    if config.ngram:
        path = Path(config.ngram).expanduser()
        model = _ngram_model(path, _stamp(path))
        yield _Scorer(PERPLEXITY, _mark(path), model.languages.__contains__, lambda text: model.score(text).perplexity)
    for measure, field in _FIELDS.items():
        if named := getattr(config, field):
            yield _classifier(Path(named).expanduser(), measure)


def _classifier(path: Path, measure: str) -> _Scorer:
    classifier = _loaded(path, _stamp(path))
    if classifier.measure != measure:
        right = _FIELDS[classifier.measure]
        raise InputError(
            "text.classifier_of_another_measure", path=path, found=classifier.measure, wanted=measure, right=right
        )
    return _Scorer(measure, _mark(path), classifier.knows, classifier.value)


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does; nothing for one that is not there, which opening says."""
    stat = path.stat() if path.is_file() else None
    return (stat.st_size, stat.st_mtime_ns) if stat else (0, 0)


@functools.lru_cache(4)  # a process that works on many parts of a corpus opens and checks a model once
def _ngram_model(path: Path, stamp: tuple[int, int]) -> NgramModel:
    return NgramModel.load(path)


@functools.lru_cache(4)
def _loaded(path: Path, stamp: tuple[int, int]) -> Classifier:
    return Classifier.load(path)


def _mark(path: Path) -> int:
    """The head of the file's SHA-256, short enough for a JSON number."""
    return int(signature(path)[:12], 16)
