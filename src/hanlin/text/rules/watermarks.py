"""Watermarks of copying sites, found by themselves: one line in hundreds of spellings, so that no list can hold them.

    www.xiaＯＳhuＯtxＴ.Ｎｅtt，xt,小,说,天,堂     w w w.x iaoshu otx t.nett@xt`小$说$天"堂

What hides from a list gives itself away: letters that never change, written with ever other widths, scripts and marks
between them. Nobody writes "小/说$天" by accident; a heading or a line of code recurs, but in one spelling or two.

    learn    around every odd place of a text (see _ODD): its letters, and how each stretch of them was spelled
    find     stretches met in `least_spellings` spellings or more, and seldom undisguised: much text has any phrase with
             marks in it somewhere, so what is written plainly as a rule is no watermark however it is also written
    remove   wherever these letters stand, in whatever spelling, also the plain one: the line, or the part of it
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hanlin.text.dedup import text_key
from hanlin.text.duplicates.records import runs
from hanlin.text.folding import Hashes, mixed
from hanlin.text.rules.stretches import StretchFinder

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WIDE = "\uff21-\uff3a\uff41-\uff5a"
_PROSE = "，。、；：？！“”‘’（）《》〈〉【】〔〕—…·「」『』～"
_ASIDE = f" \t\u3000\u00a0{_PROSE}"
_BETWEEN = rf"[^\w\s{_PROSE}]{{1,2}}"
_APART = r"[^\w\n]{1,2}"
_FOREIGN = "\u0391-\u03c9\u0400-\u045f"
# Places that prose, lists and code seldom have; each is short, so that the search is linear. Looked for one by one, and
# only where a text has what the first of the pair names: in one pattern they would cost three times as much.
_ODD = tuple(
    (re.compile(needle), re.compile(pattern))
    for needle, pattern in (
        (f"[{_WIDE}]", rf"[{_WIDE}][^\w\n]{{0,2}}[A-Za-z]|[A-Za-z][^\w\n]{{0,2}}[{_WIDE}]"),  # one word in two widths
        (f"[{_HAN}]", rf"[{_HAN}]{_BETWEEN}[{_HAN}]{_BETWEEN}[{_HAN}]"),  # Han characters with marks between them
        ("[A-Za-z]", rf"(?<![A-Za-z])[A-Za-z]{_APART}[A-Za-z]{_APART}[A-Za-z](?![A-Za-z])"),  # letters that stand alone
        (f"[{_FOREIGN}]", rf"[A-Za-z][{_FOREIGN}]|[{_FOREIGN}][A-Za-z]"),  # one word in two alphabets
    )
)
# Letters of other alphabets that look Latin, after casefold (Unicode Technical Standard 39, the common ones).
_LOOK_ALIKES = str.maketrans("аеорсухіјѕԁһӏԛԝοανρτυκι", "aeopcyxijsdhlqwoavptuki")
_FOREIGN_LETTER = re.compile(f"[{_FOREIGN}ԁһӏԛԝ]")
# Letters that NFKC makes plain: full-width, circled, mathematical. Nearly all texts have none and need no NFKC.
_STYLED = re.compile("[\u1d2c-\u1d6a\u2070-\u214f\u2460-\u24ff\u3200-\u33ff\uff21-\uff5a\U0001d400-\U0001d7ff]")
_NO_LETTER = re.compile(r"[\W\d_]+")
# What proves a disguise, see `_disguise`.
_STRANGE_LETTER = re.compile(f"[{_WIDE}{_FOREIGN}]")
_MARKS = re.compile(r"(?<=\w)[^\w\n]+(?=\w)")
_FORMULA = re.compile(r"[\\{}=<>^_\d]")

REACH = 40
"""Characters to each side of an odd place that are looked at."""
WEIGHT = 8
"""What a stretch must weigh: a Latin letter 1, a Han character 2, which says as much."""
MOST_AT_HAND = 1 << 15
"""Spellings that are held as text; as numbers they take a tenth of that."""
LETTERS = WEIGHT // 2
"""64-bit numbers that hold the letters of any stretch, 32 bits each."""
RECORD = LETTERS + 3
FOUND = LETTERS + 2
STRONG = "!"
"""Before a spelling that proves something by itself."""
EDGE = 4
"""How much more frequent the neighbour of a stretch is where a watermark ends."""
SAMPLED_OF = 16
"""One of so many documents is read again to see how often the letters of a stretch are met."""
LEAST_MET = 5
"""Fewer in that sample say nothing."""
DISGUISED = 0.1
"""The least share of a watermark's places that is disguised."""
VERSION = 3
"""Raised by hand when the same texts would give other watermarks."""
LEFT_OVER = 6
"""A line with no more letters than this besides a watermark goes whole."""


@dataclass(frozen=True)
class _Letters:
    """The letters of a raw text, folded, and the place of each in it."""

    text: str
    places: list[int]


class WatermarkFinder:
    """Learns from texts, one after the other, which letters are spelled in too many ways.

    Memory: 56 bytes for each spelling of each stretch; a corpus, which learns from all of its pieces, lets them go by
    way of the disk (`records`, `many_spellings`, `watermarks_of`).
    """

    def __init__(self, least_spellings: int = 5) -> None:
        self.least_spellings = least_spellings
        self._at_hand: Counter[tuple[str, str]] = Counter()  # stretch, spelling
        self._put_by = [np.empty((0, RECORD), np.uint64)]

    def learn(self, text: str) -> None:
        """Note how the stretches around the odd places of a text are spelled."""
        for window in _odd_windows(text):
            letters = _letters_of(window)
            for start, end in _stretches(letters.text):
                if disguise := _disguise(window[letters.places[start] : letters.places[end - 1] + 1]):
                    self._at_hand[letters.text[start:end], disguise] += 1
        if len(self._at_hand) > MOST_AT_HAND:
            self._put_by.append(_records_of(self._at_hand))
            self._at_hand.clear()

    def records(self) -> Hashes:
        """Return (n, RECORD): key and letters of a stretch, hash of a spelling, how often; sorted, each once."""
        self._put_by = [_added_up(np.concatenate([*self._put_by, _records_of(self._at_hand)]))]
        self._at_hand.clear()
        return self._put_by[0]

    def found(self) -> Watermarks:
        """The watermarks learned so far."""
        return watermarks_of(many_spellings(self.records(), self.least_spellings))


def many_spellings(records: Hashes, least: int) -> Hashes:
    """Return (n, FOUND) of the stretches that records have in so many spellings or more: their letters, how often they
    were met, and whether so many of the spellings prove something.

    All records of a stretch must be among those given.
    """
    records = _added_up(records)
    starts, ends = runs(records[:, 0])
    if not len(starts):
        return np.empty((0, FOUND), np.uint64)
    counts = np.add.reduceat(records[:, -1], starts)
    are_strong = np.add.reduceat(records[:, -2] & np.uint64(1), starts) >= least
    return np.column_stack((records[starts, 1 : 1 + LETTERS], counts, are_strong))[ends - starts >= least]


def watermarks_of(found: Hashes, met: Hashes | None = None) -> Watermarks:
    """Return the watermarks among the stretches of many spellings.

    `met` (n,) tells how often the letters of each were met, however spelled, in one of SAMPLED_OF documents. Without it
    nothing is known to be written plainly as a rule.
    """
    counts = dict(zip(stretches_of(found), found[:, LETTERS].tolist(), strict=True))
    plain = set[str]() if met is None else _plain(counts, met.tolist())
    possible = counts.keys() - _edges(counts) - plain
    proved = {stretch for stretch, is_strong in zip(counts, found[:, -1].tolist(), strict=True) if is_strong}
    return Watermarks(frozenset(_grown(proved & possible, possible)))


def _grown(proved: set[str], possible: set[str]) -> set[str]:
    """The stretches that are proved, and those that overlap them by half or more: of one watermark, whose end may be
    spelled like a list where its beginning is not."""
    by_head: dict[str, list[str]] = {}
    for stretch in possible:
        for end in range(len(stretch) // 2, len(stretch) + 1):
            by_head.setdefault(stretch[:end], []).append(stretch)
    near: dict[str, list[str]] = {}
    for stretch in possible:
        for start in range(1, len(stretch) // 2 + 1):
            for other in by_head.get(stretch[start:], ()):
                near.setdefault(stretch, []).append(other)
                near.setdefault(other, []).append(stretch)
    grown, new = set[str](), proved
    while new:
        grown |= new
        new = {other for stretch in new for other in near.get(stretch, ())} - grown
    return grown


def stretches_of(found: Hashes) -> list[str]:
    """Return the letters of stretches."""
    return [letters.tobytes().decode("utf-32-le", "surrogatepass").rstrip("\0") for letters in found[:, :LETTERS]]


def _plain(disguised: dict[str, int], met: list[int]) -> set[str]:
    """Stretches of which a disguise is the exception."""
    return {
        stretch
        for (stretch, number), sampled in zip(disguised.items(), met, strict=True)
        if sampled >= LEAST_MET and number < DISGUISED * SAMPLED_OF * sampled
    }


def _records_of(counts: Counter[tuple[str, str]]) -> Hashes:
    letters = b"".join(stretch.encode("utf-32-le", "surrogatepass").ljust(8 * LETTERS, b"\0") for stretch, _ in counts)
    words = np.frombuffer(letters, np.uint64).reshape(-1, LETTERS)
    keys = np.zeros(len(words), np.uint64)
    for place in range(LETTERS):
        keys = mixed(keys + words[:, place] + np.uint64(place + 1))
    spellings = np.array([_spelling_key(spelled) for _, spelled in counts], np.uint64)
    return np.column_stack((keys, words, spellings, np.array([*counts.values()], np.uint64)))


def _spelling_key(spelled: str) -> int:
    """64 bits for a spelling, the last of which says whether it proves something."""
    return text_key(spelled) & ~1 | spelled.startswith(STRONG)


def _added_up(records: Hashes) -> Hashes:
    """Records sorted by stretch and spelling, those of the same spelling as one."""
    records = records[np.lexsort((records[:, -2], records[:, 0]))]
    if not len(records):
        return records
    is_new = np.concatenate(([True], (records[1:, [0, -2]] != records[:-1, [0, -2]]).any(axis=1)))
    starts = np.flatnonzero(is_new)
    return np.column_stack((records[starts, :-1], np.add.reduceat(records[:, -1], starts)))


def _edges(found: dict[str, int]) -> set[str]:
    """Stretches that begin or end in the prose around a watermark: their neighbour is far more frequent."""
    heads: dict[str, int] = {}
    tails: dict[str, int] = {}
    for key, number in found.items():
        heads[key[:-1]] = max(number, heads.get(key[:-1], 0))
        tails[key[1:]] = max(number, tails.get(key[1:], 0))
    return {key for key, number in found.items() if max(tails.get(key[:-1], 0), heads.get(key[1:], 0)) >= EDGE * number}


@dataclass(frozen=True)
class Watermarks:
    """Stretches of letters that betray a watermark."""

    stretches: frozenset[str]

    @cached_property
    def _finder(self) -> StretchFinder:
        return StretchFinder(self.stretches)

    def remove(self, text: str) -> tuple[str, list[str]]:
        """Return the text without its watermarks, and what was taken out."""
        if not self._may_hold(text):
            return text, []
        lines: list[str | None] = [*text.split("\n")]
        removed: list[str] = []
        for number in self._suspects(text):
            lines[number] = self._cleaned(lines[number] or "", removed)
        return ("\n".join(line for line in lines if line is not None), removed) if removed else (text, [])

    def _suspects(self, text: str) -> list[int]:
        """The numbers of the lines in which a known stretch begins."""
        letters, at, line = _letters_of(text), 0, 0
        found: dict[int, None] = {}
        for first, _ in self._finder.found_in(letters.text):
            place = letters.places[first]
            line, at = line + text.count("\n", at, place), place
            found[line] = None
        return [*found]

    def _may_hold(self, text: str) -> bool:
        """Whether any known stretch stands among the letters of a text: nearly all texts are done with here."""
        return bool(self.stretches) and self._finder.is_any_in(folded(text))

    def _cleaned(self, line: str, removed: list[str]) -> str | None:
        """A line without its watermarks; None where nothing else was in it."""
        letters = _letters_of(line)
        spans = list(self._spans(letters.text))
        if not spans:
            return line
        if len(letters.text) - sum(end - start for start, end in spans) <= LEFT_OVER:
            removed.append(line)
            return None
        for start, end in reversed(spans):
            first, last = letters.places[start], letters.places[end - 1] + 1
            removed.append(line[first:last])
            line = line[:first] + line[last:]
        return line

    def _spans(self, letters: str) -> Iterator[tuple[int, int]]:
        """Where known stretches stand, those that touch or nearly touch as one."""
        open_span: tuple[int, int] | None = None
        for start, stretch in self._finder.found_in(letters):
            end = start + len(stretch)
            if open_span and start <= open_span[1] + LEFT_OVER:
                open_span = open_span[0], end
                continue
            if open_span:
                yield open_span
            open_span = start, end
        if open_span:
            yield open_span


def _odd_windows(text: str) -> Iterator[str]:
    """The neighbourhoods of odd places, each within its line; those that overlap as one of up to 400 characters."""
    start = end = -1
    places = (found.span() for needle, pattern in _ODD if needle.search(text) for found in pattern.finditer(text))
    for odd_start, odd_end in sorted(places):
        first = max(text.rfind("\n", max(0, odd_start - REACH), odd_start) + 1, odd_start - REACH, 0)
        last = text.find("\n", odd_end, odd_end + REACH)
        last = min(len(text), odd_end + REACH) if last < 0 else last
        if first <= end and last - start <= 10 * REACH:
            end = last
            continue
        if start >= 0:
            yield text[start:end]
        start, end = max(first, end), last
    if start >= 0:
        yield text[start:end]


def folded(text: str) -> str:
    """Only the letters of a text: one width, one case, Latin for what looks Latin."""
    even = (unicodedata.normalize("NFKC", text) if _STYLED.search(text) else text).casefold()
    if _FOREIGN_LETTER.search(even):
        even = even.translate(_LOOK_ALIKES)
    return _NO_LETTER.sub("", even)


def _disguise(spelled: str) -> str:
    """Return a spelling as it counts, in one case, STRONG before it where it proves something; "" where it is plain.

    Two different marks that break it prove something, spaces and the marks of prose aside: one mark all along may be a
    list, which has as many spellings as there are marks, a/b/c, a|b|c, a-b-c. So does a foreign or wide letter, but
    then only letters count: TNFα expression, TNFα-expression and (TNFα) expression are one spelling. Those of formulas
    and code prove nothing: x^2 has as many spellings as authors.
    """
    if _FORMULA.search(spelled):
        return ""
    marks = _MARKS.findall(spelled)
    if len({mark.strip(_ASIDE) for mark in marks} - {""}) > 1:
        return STRONG + spelled.casefold()
    if _STRANGE_LETTER.search(spelled):
        return STRONG + _MARKS.sub("", spelled).casefold()
    return spelled.casefold() if len(marks) > 1 else ""


def _letters_of(line: str) -> _Letters:
    parts = [_FOLDED[character] for character in line]
    places = [place for place, letters in enumerate(parts) for _ in letters]
    return _Letters("".join(parts), places)


class _Folded(dict[str, str]):
    """The letters of single characters, each looked up once."""

    def __missing__(self, character: str) -> str:
        self[character] = folded(character)
        return self[character]


_FOLDED = _Folded()


def _stretches(letters: str) -> Iterator[tuple[int, int]]:
    """From every letter the shortest stretch that weighs enough."""
    end = weight = 0
    for start in range(len(letters)):
        while weight < WEIGHT and end < len(letters):
            weight += _weight(letters[end])
            end += 1
        if weight < WEIGHT:
            return
        yield start, end
        weight -= _weight(letters[start])


def _weight(letter: str) -> int:
    return 2 if letter > "\u2fff" else 1
