"""Rows that look like translations of evaluation rows: another script, the same numbers.

No run of words survives a translation, but the numbers of a sum do. Measured on the Chinese half of MGSM against
GSM8K's test rows, at 4 numbers and a similarity of 0.8: of the 92 rows with so many numbers 83 were matched; of another
Chinese collection of sums 6 of 67. So a single match is a hint, and rows half of which match are a translation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hanlin.text.folding import words_of
from hanlin.text.overlap.rows import EvaluationRow

LEAST_NUMBERS = 4
SIMILARITY = 0.8
PROOF_SHARE, PROOF_ROWS = 0.5, 5

_NUMBER = re.compile(r"\d+(?:[,，]\d{3})*(?:\.\d+)?")


@dataclass(frozen=True)
class Translated:
    """(number of a training row, evaluation row) of the same numbers, and how many training rows could be compared."""

    pairs: tuple[tuple[int, EvaluationRow], ...]
    num_comparable: int

    @property
    def is_proof(self) -> bool:
        """Whether so many match that chance is no explanation."""
        return len(self.pairs) >= max(PROOF_ROWS, PROOF_SHARE * self.num_comparable)


def translated_rows(training_rows: Iterable[str], evaluation_rows: Sequence[EvaluationRow]) -> Translated:
    """Compare rows of Chinese with rows of other scripts by the numbers in them, each training row with all."""
    by_number: dict[str, list[int]] = {}
    known = [(is_chinese(text), _numbers(text)) for text in map(_question, evaluation_rows)]
    for place, (_, numbers) in enumerate(known):
        for number in numbers if numbers.total() >= LEAST_NUMBERS else ():
            by_number.setdefault(number, []).append(place)
    pairs: list[tuple[int, EvaluationRow]] = []
    num_comparable = 0
    for row, text in enumerate(training_rows):
        numbers, chinese = _numbers(text), is_chinese(text)
        if numbers.total() < LEAST_NUMBERS:
            continue
        num_comparable += 1
        near = sorted({place for number in numbers for place in by_number.get(number, ())})
        twins = [one for one in near if known[one][0] != chinese and _similar(known[one][1], numbers)]
        pairs += [(row, evaluation_rows[twins[0]])] if twins else []
    return Translated(tuple(pairs), num_comparable)


def is_chinese(text: str) -> bool:
    """Return whether most words of a text are Han characters."""
    words = words_of(text)
    return 2 * words.num_han > len(words.hashes)


def _question(row: EvaluationRow) -> str:
    """The first text: that of a question stands before its answer in every common format."""
    return row.texts[0] if row.texts else ""


def _numbers(text: str) -> Counter[str]:
    return Counter(re.sub("[,，]", "", found) for found in _NUMBER.findall(text))


def _similar(one: Counter[str], other: Counter[str]) -> bool:
    return (one & other).total() >= SIMILARITY * (one | other).total()
