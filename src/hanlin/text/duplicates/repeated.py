"""Lines and paragraphs that stood before, lines that stand all over a source, and long passages of earlier texts.

    records   text -> hashes of its lines, paragraphs, windows, each with its mark: document and place
    marks     equal hashes -> which of them to cut -> spans of each document

A line is compared by a 64-bit hash; a passage, whose windows are a sample, is confirmed character by character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from hanlin.text.config import LinesConfig
from hanlin.text.dedup import text_digest
from hanlin.text.duplicates.records import runs
from hanlin.text.folding import Codes, Hashes, codes_of, mixed, simplified, windows

Span = tuple[int, int]
TextOf = Callable[[int], str]

PLACE_BITS = np.uint64(28)
"""A place in a document beside the document's number, in 64 bits."""
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")


def lines_of_text(text: str) -> list[Span]:
    """Return where the lines of a text begin and end, without their line feeds."""
    spans, start = [], 0
    for line in text.split("\n"):
        spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


def paragraphs_of_text(text: str) -> list[Span]:
    """Return where the blocks between blank lines begin and end."""
    borders = [0, *(place for found in _BLANK_LINES.finditer(text) for place in found.span()), len(text)]
    return list(zip(borders[::2], borders[1::2], strict=True))


def without(text: str, spans: Iterable[Span]) -> str:
    """Return a text without some spans, which may overlap; a line cut whole takes its line feeds along."""
    parts, place = [], 0
    for start, end in sorted(spans):
        if end <= place:
            continue
        parts.append(text[place : max(place, start)])
        place = end
        if start == 0 or text[start - 1] == "\n":
            place += len(text) - end - len(text[end:].lstrip("\n"))
    return "".join([*parts, text[place:]])


def repeated_records(config: LinesConfig, number: int, text: str) -> Hashes:
    """Return (n, 2) keys and places of the lines or paragraphs of a document that may repeat others."""
    return _records(number, text, _units_of(config, text), "", config.least_chars)


def boilerplate_records(config: LinesConfig, number: int, source: str, text: str) -> Hashes:
    """Return (n, 2) keys and places of the lines of a document that may stand all over its source."""
    return _records(number, text, lines_of_text(text), source, config.least_chars)


def _units_of(config: LinesConfig, text: str) -> list[Span]:
    return paragraphs_of_text(text) if config.repeated == "paragraphs" else lines_of_text(text)


def _records(number: int, text: str, spans: list[Span], within: str, least: int) -> Hashes:
    units = [(place, text[start:end].strip()) for place, (start, end) in enumerate(spans)]
    long = [(place, unit) for place, unit in units if len(unit) >= least]
    keys = [int.from_bytes(text_digest(f"{within}\n{unit}")[:8], "big") for _, unit in long]
    places = np.array([place for place, _ in long], np.uint64)
    return np.stack((np.array(keys, np.uint64), (np.uint64(number) << PLACE_BITS) | places), axis=1)


def line_spans(config: LinesConfig, text: str, repeated: list[int], boilerplate: list[int]) -> list[Span]:
    """Return where the units of one document stand that are to be cut."""
    units = _units_of(config, text) if repeated else []
    lines = lines_of_text(text) if boilerplate else []
    return [*(units[place] for place in repeated), *(lines[place] for place in boilerplate)]


def later(records: Hashes) -> Hashes:
    """Return the marks of all but the first of each key; records sorted by key, then place."""
    again = records[1:, 0] == records[:-1, 0]
    return records[1:][again, 1]


def in_common(records: Hashes, least: int) -> Hashes:
    """Return the marks of each key that stands in at least so many documents; records sorted by key, then place."""
    starts, ends = runs(records[:, 0])
    documents = records[:, 1] >> PLACE_BITS
    is_new = np.concatenate(([True], (documents[1:] != documents[:-1]) | (records[1:, 0] != records[:-1, 0])))
    counts = np.add.reduceat(is_new.astype(np.int64), starts) if len(starts) else np.empty(0, np.int64)
    return records[np.repeat(counts >= least, ends - starts), 1]


def places_of(marks: Hashes, number: int) -> list[int]:
    """Return the places that sorted marks name in one document."""
    start, end = np.searchsorted(marks, [np.uint64(number) << PLACE_BITS, np.uint64(number + 1) << PLACE_BITS])
    return (marks[start:end] & ((np.uint64(1) << PLACE_BITS) - np.uint64(1))).tolist()


# ---------------------------------------------------------------- passages


def window_records(least: int, number: int, text: str) -> Hashes:
    """Return (n, 2) keys and places of windows, by which a passage of `least` characters is found in another text.

    Of every `gap` windows in a row the one of the smallest hash is looked up ("winnowing": Schleimer, Wilkerson and
    Aiken 2003), so that no passage of window + gap - 1 = `least` characters escapes.
    """
    gap = least // 2
    hashes = windows(simplified(codes_of(text)), least - gap + 1)
    places = _minima(hashes, gap)
    keys = mixed(hashes[places])  # the smallest of hashes are small: as keys they would all lie in the first part
    return np.stack((keys, (np.uint64(number) << PLACE_BITS) | places.astype(np.uint64)), axis=1)


def twin_windows(records: Hashes) -> Hashes:
    """Return (n, 2) marks of a window and of the same in the first document that has it; records sorted by key, then
    place."""
    starts, ends = runs(records[:, 0])
    firsts = np.repeat(records[starts, 1], ends - starts)
    other = (firsts >> PLACE_BITS) != (records[:, 1] >> PLACE_BITS)
    return np.stack((records[other, 1], firsts[other]), axis=1)


def passages(least: int, text: str, places: Iterable[tuple[int, int, int]], text_of: TextOf) -> Iterator[Span]:
    """Yield the confirmed passages of a text. `places`: of a window in it, the earlier document, and there."""
    codes, end = simplified(codes_of(text)), 0
    for place, earlier, there in places:
        if place >= end:
            start, stop = _common_run(codes, place, simplified(codes_of(text_of(earlier))), there)
            if stop - start >= least:
                yield start, stop
                end = stop


def twins_of(twins: Hashes, number: int) -> list[tuple[int, int, int]]:
    """Return of one document: the place of a window, the earlier document, the place there."""
    bits, mask = int(PLACE_BITS), (1 << int(PLACE_BITS)) - 1
    start, end = np.searchsorted(twins[:, 0], [np.uint64(number << bits), np.uint64((number + 1) << bits)])
    return [(here & mask, there >> bits, there & mask) for here, there in twins[start:end].tolist()]


def _minima(hashes: Hashes, gap: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Places of the smallest of every `gap` neighbours (of all, where there are fewer), the first of equal ones.

    The least of a window is that of the end of one block or of the beginning of the next (van Herk 1992): two passes,
    however wide the window. Places ride in the low bits, so that hashes count by their upper 36.
    """
    if not len(hashes):
        return np.empty(0, np.int64)
    gap, mask = min(gap, len(hashes)), (np.uint64(1) << PLACE_BITS) - np.uint64(1)
    blocks = np.full((-(-len(hashes) // gap), gap), np.iinfo(np.uint64).max)
    blocks.ravel()[: len(hashes)] = (hashes & ~mask) | np.arange(len(hashes), dtype=np.uint64)
    to_end = np.minimum.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].ravel()
    from_start = np.minimum.accumulate(blocks, axis=1).ravel()
    least = np.minimum(to_end[: len(hashes) - gap + 1], from_start[gap - 1 : len(hashes)])
    return np.unique(least & mask).astype(np.int64)


def _common_run(one: Codes, place: int, other: Codes, there: int) -> Span:
    """The run of equal characters around two places, in `one`; empty where the characters differ."""
    after = min(len(one) - place, len(other) - there)
    before = min(place, there)
    right = _num_equal(one[place : place + after], other[there : there + after])
    left = _num_equal(one[place - before : place][::-1], other[there - before : there][::-1])
    return (place - left, place + right) if right else (place, place)


def _num_equal(one: Codes, other: Codes) -> int:
    differ = one != other
    return int(differ.argmax()) if differ.any() else len(one)
