"""How well parts of texts are found: entities exactly, answers exactly and by the words they share with the truth."""

from __future__ import annotations

import functools
import re
import string
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hanlin.evaluate.figures import RESAMPLES, Figure, figure

Found = tuple[int, int, str]
"""(start, end, label) of a part of a text, end excluded."""


@dataclass(frozen=True)
class SpanScores:
    """figures by name; by_label: precision, recall, F1 and number of entities of each."""

    figures: dict[str, Figure]
    by_label: dict[str, tuple[float, float, float, int]]


def spans_of_tags(tags: Sequence[str]) -> list[Found]:
    """Entities of tags in the BIO scheme, strictly: one begins with B-, goes on with I- of the same label, and an I-
    that goes on with nothing is none (seqeval's strict mode with IOB2)."""
    found: list[Found] = []
    begun: Found | None = None
    for place, tag in enumerate(tags):
        position, _, label = tag.partition("-")
        if position == "I" and begun is not None and label == begun[2]:
            begun = (begun[0], place + 1, label)
            continue
        if begun is not None:
            found.append(begun)
        begun = (place, place + 1, label) if position == "B" else None
    return [*found, begun] if begun is not None else found


def score_spans(
    true: Sequence[Sequence[Found]], said: Sequence[Sequence[Found]], *, seed: int = 1, resamples: int = RESAMPLES
) -> SpanScores:
    """Entities that are right in both borders and label, over all texts together. Guessing finds next to none: 0."""
    rows = np.array([_counted(one, other) for one, other in zip(true, said, strict=True)], np.int64).reshape(-1, 3)
    figures = {
        name: figure(functools.partial(_whole, rows, place), len(rows), 0.0, seed=seed, resamples=resamples)
        for place, name in enumerate(("precision", "recall", "f1"))
    }
    return SpanScores(figures, dict(_by_label(true, said)))


def _counted(true: Sequence[Found], said: Sequence[Found]) -> tuple[int, int, int]:
    """Right, true and said of one text."""
    wanted, found = set(true), set(said)
    return len(wanted & found), len(wanted), len(found)


def _whole(rows: NDArray[np.int64], place: int, drawn: NDArray[np.intp]) -> float:
    """Precision, recall or F1 of some texts together."""
    return _parts(rows[drawn].sum(axis=0))[place]


def _mean(values: NDArray[np.float64], drawn: NDArray[np.intp]) -> float:
    return float(values[drawn].mean())


def _parts(counts: NDArray[np.int64]) -> tuple[float, float, float]:
    right, true, said = map(int, counts)
    return right / max(1, said), right / max(1, true), 2 * right / max(1, true + said)


def _by_label(
    true: Sequence[Sequence[Found]], said: Sequence[Sequence[Found]]
) -> Iterator[tuple[str, tuple[float, float, float, int]]]:
    counts: defaultdict[str, NDArray[np.int64]] = defaultdict(lambda: np.zeros(3, np.int64))
    for one, other in zip(true, said, strict=True):
        wanted, found = set(one), set(other)
        for place, parts in enumerate((wanted & found, wanted, found)):
            for part in parts:
                counts[part[2]][place] += 1
    for label, row in sorted(counts.items()):
        yield label, (*_parts(row), int(row[1]))


# ---------------------------------------------------------------- answers

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def plain(text: str) -> str:
    """Lower case, without punctuation and articles, single spaces (the normalisation of SQuAD), of Chinese too."""
    said = "".join(char for char in text.lower() if not _is_mark(char))
    return " ".join(_ARTICLES.sub(" ", said).split())


def _is_mark(char: str) -> bool:
    return char in string.punctuation or (not char.isascii() and unicodedata.category(char).startswith("P"))


def words(text: str) -> list[str]:
    """What answers are compared by: Chinese characters one by one, all else word by word."""
    return _CJK.sub(lambda match: f" {match[0]} ", plain(text)).split()


def answer_scores(said: str, right: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 against the right answer that fits best; none at all counts as the answer ""."""
    answers = [one for one in right if plain(one)] or [""]
    exact = max(float(plain(said) == plain(one)) for one in answers)
    return exact, max(_overlap(words(said), words(one)) for one in answers)


def _overlap(said: Sequence[str], right: Sequence[str]) -> float:
    """Shared words over all words (Rajpurkar 2016)."""
    if not said or not right:
        return float(not said and not right)
    return 2 * (Counter(said) & Counter(right)).total() / (len(said) + len(right))


def score_answers(
    said: Sequence[str], right: Sequence[Sequence[str]], *, seed: int = 1, resamples: int = RESAMPLES
) -> SpanScores:
    """Exact match and F1, means over questions. Chance is to find no answer anywhere."""
    rows = np.array([answer_scores(one, answers) for one, answers in zip(said, right, strict=True)]).reshape(-1, 2)
    silent = np.array([answer_scores("", answers) for answers in right]).reshape(-1, 2).mean(axis=0)
    figures = {
        name: figure(
            functools.partial(_mean, rows[:, place]), len(rows), float(silent[place]), seed=seed, resamples=resamples
        )
        for place, name in enumerate(("exact_match", "f1"))
    }
    return SpanScores(figures, {})
