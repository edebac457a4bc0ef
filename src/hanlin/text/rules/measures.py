"""What is measured of a document, once: plain numbers by name. Rules are thresholds on them, and live elsewhere.

So a threshold can be changed without reading the text again (as RedPajama-V2 and dolma keep signals apart from
decisions). Names are those of presets and of `[corpus.rules] thresholds`, there with `min_` or `max_` before them;
`text.measure_<name>` in the catalogue says each in words. A share lies between 0 and 1.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import numpy as np

from hanlin.text.rules.characters import (
    DIGIT,
    IDEOGRAPH,
    LETTER,
    PUNCTUATION,
    SYMBOL,
    UNREADABLE,
    Characters,
    Flags,
    Keys,
    Lines,
    Words,
    characters_of,
    keys_of_words,
    lines_of,
    words_of,
)
from hanlin.text.rules.repetition import REPEATED_GRAMS, TOP_GRAMS, gram_repetition, line_repetition

VERSION = 1
"""Raised by hand when a measure changes its meaning: stored ones of another version are taken anew."""

PERPLEXITY, PERCENTILE = "perplexity", "perplexity_percentile"
SCORED = (PERPLEXITY, PERCENTILE, "quality", "spam", "toxic")
"""Measures that models of the user's own take, named under `[corpus.quality]`; see scores.py."""

SHARES = frozenset([
    "letters", "digits", "punctuation", "symbols", "spaces", "common_words", "different_words", "alpha_words",
    "hashes_per_word", "ellipses_per_word", "punct_lines", "ellipsis_lines", "bullet_lines", "short_lines",
    "tiny_lines", "newlines_per_word", "urls", "markup", "dup_lines", "dup_line_chars", "dup_paragraphs",
    "dup_paragraph_chars", *(f"top_{n}gram_chars" for n in TOP_GRAMS), *(f"dup_{n}gram_chars" for n in REPEATED_GRAMS),
])  # fmt: skip
"""What is counted against the size of a document, and so is chance in a short one. Of characters that show a text to be
broken, and of words nobody wants, a few are enough."""

SHORT_LINE, TINY_LINE = 30, 10
# The eight of Gopher, and the characters FineWeb-2 found for Chinese, here in both scripts (configs/cmn_Hani.yml; its
# middle dot is punctuation and left out).
_GOPHER = "the be to of and that have with"
STOP_WORDS = tuple(_GOPHER.split())
STOP_CHARACTERS = tuple("的年在月是和日了於为為有被人中他與与後后也而由于")
# The commonest words of running English and Chinese, classical Chinese too: a list of key words holds hardly any.
_RUNNING = (
    "a an in is it for on as at by from or was were are this not but he she they we you i his her had has which will "
    "would there their what so if all one can who when do no my me them its your then out up"
)
_COMMON = (*STOP_WORDS, *_RUNNING.split())
_COMMON_HAN = "一不我这這个個上来來到说說们們就地得着著那要会會可你她把又都还還很没沒之其以曰者矣乃焉則则所無无何此"
_TERMINAL = "。.!?！？…\"'”’」』．｡"
_SENTENCE_ENDS = ".!?。！？…．｡"
_CLOSING = " \n\t\"'”’)」』\u3000"
_BULLETS = "•-*●○■□▪▶‣–◦·"
_URL = re.compile(r"(?:https?://|www\.)[!-~]{1,2000}")
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,300}>|&(?:[A-Za-z]{2,8}|#\d{1,7});")


def measure(text: str) -> dict[str, float]:
    """Return every measure of a text by name, rounded to six digits. Time is linear in the text but for two sorts."""
    characters = characters_of(text)
    words, lines = words_of(characters), lines_of(characters)
    found: dict[str, float] = {}
    for part in (
        _sizes(characters, words, lines),
        _kinds_of_characters(characters),
        _wording(text, words),
        _line_shapes(text, characters, words, lines),
        _marks(text),
        line_repetition(lines, len(text)),
        gram_repetition(words, len(text)),
    ):
        found.update(part)
    return {name: round(value, 6) for name, value in found.items()}


Part = Iterator[tuple[str, float]]


def _sizes(characters: Characters, words: Words, lines: Lines) -> Part:
    yield "chars", len(characters.codes)
    yield "words", len(words.keys)
    yield "lines", len(lines.keys)
    yield "mean_word_chars", _mean(words.lengths)
    yield "longest_run_chars", _longest_run(characters)
    yield "mean_line_chars", _mean(lines.lengths)
    yield "longest_line_chars", int(lines.lengths.max(initial=0))


def _longest_run(characters: Characters) -> int:
    """Characters of the longest run of ASCII without white space: packed bytes and keys have no other sign."""
    breaks = np.flatnonzero((characters.codes < 0x21) | (characters.codes > 0x7E))
    return int(np.diff(breaks, prepend=-1, append=len(characters.codes)).max(initial=1)) - 1


def _kinds_of_characters(characters: Characters) -> Part:
    """Shares among the characters that are no white space."""
    counts = np.bincount(characters.kinds, minlength=UNREADABLE + 1)
    num_solid = max(1, int(characters.solid.sum()))
    yield "letters", float(counts[LETTER] + counts[IDEOGRAPH]) / num_solid
    yield "digits", float(counts[DIGIT]) / num_solid
    yield "punctuation", float(counts[PUNCTUATION]) / num_solid
    yield "symbols", float(counts[SYMBOL]) / num_solid
    yield "unreadable", float(counts[UNREADABLE]) / num_solid
    yield "spaces", 1 - num_solid / max(1, len(characters.codes))


def _wording(text: str, words: Words) -> Part:
    num_words = max(1, len(words.keys))
    kinds, counts = np.unique(words.keys, return_counts=True)
    yield "stop_words", int(_among(kinds, _stop_keys()).sum())
    yield "common_words", float(counts[_among(kinds, _common_keys())].sum()) / num_words
    yield "different_words", len(kinds) / num_words
    yield "alpha_words", float(words.lettered.sum()) / num_words
    yield "hashes_per_word", text.count("#") / num_words
    yield "ellipses_per_word", (text.count("...") + text.count("…")) / num_words


def _among(keys: Keys, known: Keys) -> Flags:
    """Which keys are among those known, which are sorted."""
    return known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys


@functools.cache
def _stop_keys() -> Keys:
    return np.unique(keys_of_words([*STOP_WORDS, *STOP_CHARACTERS]))


@functools.cache
def _common_keys() -> Keys:
    return np.unique(
        keys_of_words([*_COMMON, *(word.capitalize() for word in _COMMON), *STOP_CHARACTERS, *_COMMON_HAN])
    )


def _line_shapes(text: str, characters: Characters, words: Words, lines: Lines) -> Part:
    num_lines = max(1, len(lines.keys))
    last = characters.codes[lines.ends - 1]
    ellipses = _is_ellipsis(characters, lines)
    yield "punct_lines", float(_are(last, _TERMINAL).sum()) / num_lines
    yield "ellipsis_lines", float(ellipses.sum()) / num_lines
    yield "bullet_lines", float(_are(characters.codes[lines.starts], _BULLETS).sum()) / num_lines
    yield "short_lines", float((lines.lengths <= SHORT_LINE).sum()) / num_lines
    yield "tiny_lines", float((lines.lengths <= TINY_LINE).sum()) / num_lines
    yield "newlines_per_word", text.count("\n") / max(1, len(words.keys))
    sentences = _sentence_ends(characters)
    yield "sentences", float(sentences.sum())
    good = _are(last, _TERMINAL) & ~ellipses & (_words_per_line(words, lines) >= 3)
    per_line = np.diff(np.concatenate(([0], np.cumsum(sentences)))[np.append(lines.starts, len(sentences))])
    yield "c4_sentences", float(np.maximum(per_line, 1)[good].sum())


def _is_ellipsis(characters: Characters, lines: Lines) -> Flags:
    """Which lines end in an ellipsis, one character or three: (L,)."""
    dots = characters.codes == ord(".")
    last = lines.ends - 1
    three = dots[last] & dots[np.maximum(last - 1, 0)] & dots[np.maximum(last - 2, 0)] & (lines.lengths >= 3)
    return three | (characters.codes[last] == ord("…"))


def _sentence_ends(characters: Characters) -> Flags:
    """Where a sentence ends: the last of a run of end marks, ASCII ones before white space or a closing mark: (N,)."""
    codes = characters.codes
    marks = _are(codes, _SENTENCE_ENDS)
    following = np.append(codes[1:], np.uint32(0x0A)) if len(codes) else codes
    wide = codes >= 0x80
    closed = wide | _are(following, _CLOSING)
    return marks & closed & ~_are(following, _SENTENCE_ENDS)


def _words_per_line(words: Words, lines: Lines) -> np.ndarray:
    return np.searchsorted(words.starts, lines.ends) - np.searchsorted(words.starts, lines.starts)


def _marks(text: str) -> Part:
    yield "curly_brackets", text.count("{")
    yield "lorem_ipsum", float("lorem ipsum" in text.lower()) if "psum" in text or "PSUM" in text else 0.0
    size = max(1, len(text))
    yield "urls", sum(len(found[0]) for found in _URL.finditer(text)) / size if "://" in text or "www." in text else 0.0
    yield "markup", sum(len(found[0]) for found in _TAG.finditer(text)) / size if "<" in text or "&" in text else 0.0


def _are(codes: np.ndarray, marks: str) -> Flags:
    """Which code points are one of the marks."""
    table = _table(marks)
    return table[np.minimum(codes, len(table) - 1)]


@functools.cache
def _table(marks: str) -> Flags:
    table = np.zeros(0x10001, bool)  # the last entry stands for all beyond
    table[[ord(mark) for mark in marks]] = True
    return table


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


@functools.cache
def measure_names() -> tuple[str, ...]:
    """Every measure there is, in order; those that need the user's lists and models come last."""
    return (*measure("a"), "bad_words", *SCORED)


def is_measure(name: str) -> bool:
    """Whether something of this name is measured."""
    return name in measure_names()


assert set(TOP_GRAMS) | set(REPEATED_GRAMS) == set(range(2, 11)), "the catalogue names one sentence for each"
