"""How much of a written text stands in what people wrote: BLEU and chrF for translations, ROUGE for summaries.

All three count runs (n-grams) that two texts share, and are blind to meaning: a right answer in other words scores
low. BLEU and chrF are those of sacreBLEU (Post 2018) to the last digit, `BLEU|nrefs:k|case:mixed|tok:…|smooth:exp` and
`chrF2|nc:6|nw:0|space:no`; ROUGE on English is that of rouge-score without stemming. Chinese is counted by characters.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Cut = Literal["13a", "zh"]
Grams = Counter[tuple[str, ...]]

BLEU_ORDER, CHRF_ORDER, CHRF_BETA = 4, 6, 2

_ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}
_MARKS = (
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),  # every mark but . , - '
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),  # . and , unless a digit stands on both sides
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
# The blocks that sacreBLEU's "zh" sets apart: ideographs, their compatibility forms, radicals, marks, full-width forms.
_CHINESE = re.compile(
    "([\u3400-\u4db5\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\uff00-\uffef\u2e80-\u2eff\u3000-\u303f"
    "\u31c0-\u31ef\u2f00-\u2fdf\u2ff0-\u2fff\u3100-\u312f\u31a0-\u31bf\ufe10-\ufe1f\ufe30-\ufe4f\u2600-\u27bf"
    "\u3200-\u33ff])"
)
_IDEOGRAPH = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_UNIT = re.compile(f"{_IDEOGRAPH.pattern}|[a-z0-9]+")


# ---------------------------------------------------------------- translations


@dataclass(frozen=True)
class Bleu:
    """A corpus's BLEU, 0 to 100; `precisions` of runs of 1 to 4, in per cent; `brevity`: penalty for being short."""

    score: float
    precisions: tuple[float, ...]
    brevity: float
    num_units: int
    num_reference_units: int


def cut_for(references: Sequence[Sequence[str]]) -> Cut:
    """How references are cut: "zh" where at least half of them hold a Chinese character."""
    chinese = sum(any(_IDEOGRAPH.search(one) for one in known) for known in references)
    return "zh" if 2 * chinese >= len(references) > 0 else "13a"


def bleu(written: Sequence[str], references: Sequence[Sequence[str]], *, cut: Cut = "13a") -> Bleu:
    """BLEU of whole corpora (Papineni 2002), zero counts halved and halved again (smoothing "exp").

    references: of each text, all that people wrote for it. cut: "13a" for languages with spaces, "zh" for Chinese.
    Raises ValueError where the numbers of texts differ or a text has no reference.
    """
    _paired(written, references)
    units = _CUTS[cut]
    found, possible = [0] * BLEU_ORDER, [0] * BLEU_ORDER
    length = reference_length = 0
    for text, known in zip(written, references, strict=True):
        words, theirs = units(text), [units(one) for one in known]
        length += len(words)
        reference_length += min((abs(len(one) - len(words)), len(one)) for one in theirs)[1]
        for n in range(BLEU_ORDER):
            mine, most = _grams(words, n + 1), _largest([_grams(one, n + 1) for one in theirs])
            found[n] += (mine & most).total()
            possible[n] += mine.total()
    precisions = _smoothed(found, possible)
    brevity = 1.0 if length >= reference_length else math.exp(1 - reference_length / length) if length else 0.0
    score = brevity * _geometric_mean(precisions) if any(found) else 0.0
    return Bleu(score, precisions, brevity, length, reference_length)


def _smoothed(found: Sequence[int], possible: Sequence[int]) -> tuple[float, ...]:
    """Shares in per cent; of runs that never match a half, a fourth, … of one."""
    shares, part = [], 1.0
    for right, number in zip(found, possible, strict=True):
        if number and not right:
            part /= 2
        shares.append(100 * (right or part) / number if number else 0.0)
    return tuple(shares)


def _geometric_mean(shares: Sequence[float]) -> float:
    return math.exp(math.fsum(map(math.log, shares)) / len(shares)) if all(shares) else 0.0


def chrf(written: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """chrF2 of whole corpora, 0 to 100 (Popović 2015): runs of 1 to 6 characters, white space left out, recall twice
    as heavy as precision. Of several references the best is taken, text by text. Raises ValueError as `bleu`."""
    _paired(written, references)
    sums = [(0, 0, 0)] * CHRF_ORDER
    for text, known in zip(written, references, strict=True):
        best = max((_character_counts(text, one) for one in known), key=_f_beta)
        sums = [(a + x, b + y, c + z) for (a, b, c), (x, y, z) in zip(sums, best, strict=True)]
    return _f_beta(sums)


def _character_counts(text: str, reference: str) -> list[tuple[int, int, int]]:
    """Of each order: runs of the text, of the reference, of both."""
    mine, theirs = "".join(text.split()), "".join(reference.split())
    counted = ((_grams(mine, n + 1), _grams(theirs, n + 1)) for n in range(CHRF_ORDER))
    return [(one.total(), other.total(), (one & other).total()) for one, other in counted]


def _f_beta(counts: Sequence[tuple[int, int, int]]) -> float:
    """From the means of precision and recall over the orders that both texts are long enough for."""
    known = [(both / mine, both / theirs) for mine, theirs, both in counts if mine and theirs]
    if not known:
        return 0.0
    precision, recall = (math.fsum(side) / len(known) for side in zip(*known, strict=True))
    weight = CHRF_BETA**2
    return 100 * (1 + weight) * precision * recall / (weight * precision + recall) if precision + recall else 0.0


# ---------------------------------------------------------------- summaries


@dataclass(frozen=True)
class Rouge:
    """Means over texts, 0 to 1: F1 of single units, of pairs, and of the longest common subsequence."""

    rouge1: float
    rouge2: float
    rouge_l: float


def rouge(written: Sequence[str], references: Sequence[Sequence[str]]) -> Rouge:
    """ROUGE-1, -2 and -L (Lin 2004) by `rouge_units`; of several references the best is taken, text by text.

    Raises ValueError as `bleu`.
    """
    _paired(written, references)
    sums = [0.0, 0.0, 0.0]
    for text, known in zip(written, references, strict=True):
        words, theirs = rouge_units(text), [rouge_units(one) for one in known]
        for place, score in enumerate((_shared(1), _shared(2), _longest_common)):
            sums[place] += max(_f1(score(words, one), len(words), len(one), place) for one in theirs)
    number = max(1, len(written))
    return Rouge(*(total / number for total in sums))


def rouge_units(text: str) -> list[str]:
    """What ROUGE counts: each Han character, each run of Latin letters and digits in lower case."""
    return _UNIT.findall(text.lower())


def _shared(order: int) -> Callable[[Sequence[str], Sequence[str]], int]:
    return lambda one, other: (_grams(one, order) & _grams(other, order)).total()


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, in time len(one) x len(other)."""
    row = [0] * (len(other) + 1)
    for unit in one:
        before = 0
        for place, theirs in enumerate(other, start=1):
            before, row[place] = row[place], before + 1 if unit == theirs else max(row[place], row[place - 1])
    return row[-1]


def _f1(both: int, mine: int, theirs: int, place: int) -> float:
    """F1 of a count; of pairs (place 1) there is one less than of units."""
    mine, theirs = (number - 1 if place == 1 else number for number in (mine, theirs))
    return 2 * both / (mine + theirs) if both else 0.0


# ---------------------------------------------------------------- units


def _paired(written: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if len(written) != len(references):
        raise ValueError(f"{len(written)} texts, {len(references)} lists of references")
    if not all(references):
        raise ValueError("a text without a reference")


def _words(text: str) -> list[str]:
    """The cut of mteval-v13a: entities read, marks set apart."""
    line = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, mark in _ENTITIES.items():
        line = line.replace(entity, mark)
    return _set_apart(f" {line} ")


def _chinese(text: str) -> list[str]:
    return _set_apart(_CHINESE.sub(r" \1 ", text.strip()))


def _set_apart(line: str) -> list[str]:
    for pattern, spaced in _MARKS:
        line = pattern.sub(spaced, line)
    return line.split()


_CUTS: dict[Cut, Callable[[str], list[str]]] = {"13a": _words, "zh": _chinese}


def _grams(units: Sequence[str], order: int) -> Grams:
    return Counter(zip(*(units[start:] for start in range(order)), strict=False))


def _largest(counts: Sequence[Grams]) -> Grams:
    """Of each run the largest count of any reference."""
    most: Grams = Counter()
    for one in counts:
        most |= one
    return most
