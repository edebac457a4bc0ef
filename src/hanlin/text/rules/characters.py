"""Every character of a text as a number and a class, and the words and lines they make: what all measures stand on.

    text    你 好 ,   w o r l d !     A word is one Han or kana character, or a run of letters and digits of a script
    class   H  H  P S L L L L L P     that writes spaces. So nothing has to be segmented, and the same text gives
    words   0  1      2 . . . .       the same words on every machine.

All of it is numpy over code points: time is linear in the text, whatever the text is. Letters: N code points, W words,
L lines that hold more than white space.
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]
Flags = NDArray[np.bool_]

SPACE, NEWLINE, IDEOGRAPH, LETTER, DIGIT, PUNCTUATION, SYMBOL, UNREADABLE = range(8)

_TABLED = 0x20000  # classes of the first two planes are looked up, those above are Han (planes 2, 3) or unreadable
_OF_CATEGORY = {"Z": SPACE, "L": LETTER, "M": LETTER, "N": DIGIT, "P": PUNCTUATION, "S": SYMBOL, "C": UNREADABLE}
_IDEOGRAPHS = ((0x3005, 0x3008), (0x3040, 0x3100), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00))
_APOSTROPHES = (0x27, 0x2019)
_SHAPING = (0x200C, 0x200D, 0xFE0E, 0xFE0F)  # joiners and variation selectors belong to what stands before them
_NUM_WEIGHTS = 1 << 13


@functools.cache
def _classes() -> NDArray[np.uint8]:
    """The class of each code point below _TABLED."""
    names = [unicodedata.category(chr(code)) for code in range(_TABLED)]
    table = np.array([_OF_CATEGORY[name[0]] for name in names], np.uint8)
    for first, end in _IDEOGRAPHS:
        letters = table[first:end] == LETTER
        table[first:end][letters] = IDEOGRAPH
    table[[0x09, *_SHAPING]] = SPACE
    table[0x0A] = NEWLINE
    table[0xFFFD] = UNREADABLE  # what a wrong decoding left
    return table


@functools.cache
def _weights() -> Keys:
    """One fixed odd number for each place in a word or line: a key is the sum of code points times these."""
    return np.random.Generator(np.random.PCG64(20)).integers(1, 2**63, _NUM_WEIGHTS, np.uint64) | np.uint64(1)


@dataclass(frozen=True)
class Characters:
    """codes (N,) the code points; kinds (N,) their classes."""

    codes: NDArray[np.uint32]
    kinds: NDArray[np.uint8]

    @property
    def solid(self) -> Flags:
        """Which characters are no white space: (N,)."""
        return self.kinds > NEWLINE


@dataclass(frozen=True)
class Words:
    """keys (W,) equal for equal words; starts, lengths (W,) place and characters of each; lettered (W,) whether it
    holds a letter, or digits alone."""

    keys: Keys
    starts: Ints
    lengths: Ints
    lettered: Flags


@dataclass(frozen=True)
class Lines:
    """Lines that hold more than white space. keys (L,) equal for lines equal but for white space; starts, ends (L,)
    from the first to behind the last solid character; paragraphs (L,) the number of each line's paragraph."""

    keys: Keys
    starts: Ints
    ends: Ints
    paragraphs: Ints

    @property
    def lengths(self) -> Ints:
        """Characters of each line, white space around it aside: (L,)."""
        return self.ends - self.starts


def characters_of(text: str) -> Characters:
    """Return the code points of a text and the class of each."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _classes()[np.minimum(codes, _TABLED - 1)]
    if len(codes) and codes.max() >= _TABLED:
        above = codes >= _TABLED
        kinds[above] = np.where(codes[above] < 0x40000, IDEOGRAPH, UNREADABLE)
    return Characters(codes, kinds)


def words_of(characters: Characters) -> Words:
    """Return the words of a text. An apostrophe between two letters belongs to its word."""
    kinds = _with_apostrophes(characters)
    ideographs = kinds == IDEOGRAPH
    inside = ideographs | (kinds == LETTER) | (kinds == DIGIT)
    firsts = inside & (ideographs | _behind(~inside | ideographs))
    starts = np.flatnonzero(firsts)
    letters = _sums(inside & (kinds != DIGIT), starts)
    return Words(_keys(characters.codes, inside, starts), starts, _sums(inside, starts), letters > 0)


def _with_apostrophes(characters: Characters) -> NDArray[np.uint8]:
    places = np.flatnonzero((characters.codes == _APOSTROPHES[0]) | (characters.codes == _APOSTROPHES[1]))
    places = places[(places > 0) & (places < len(characters.codes) - 1)]
    between = places[(characters.kinds[places - 1] == LETTER) & (characters.kinds[places + 1] == LETTER)]
    if not len(between):
        return characters.kinds
    kinds = characters.kinds.copy()
    kinds[between] = LETTER
    return kinds


def lines_of(characters: Characters) -> Lines:
    """Return the lines of a text that hold more than white space."""
    solid = characters.solid
    breaks = np.flatnonzero(characters.kinds == NEWLINE)
    rows = np.zeros(len(solid), np.int64)
    rows[breaks] = 1
    rows = np.cumsum(rows)
    places = np.flatnonzero(solid)
    firsts = np.flatnonzero(np.diff(rows[places], prepend=-1))  # where a new line begins among the solid characters
    starts = places[firsts]
    ends = places[np.append(firsts[1:], len(places)) - 1] + 1 if len(places) else places
    paragraphs = np.cumsum((np.diff(rows[starts], prepend=rows[starts[:1]]) > 1).astype(np.int64))
    return Lines(_keys(characters.codes[places], np.ones(len(places), bool), firsts), starts, ends, paragraphs)


def keys_of_words(words: list[str]) -> Keys:
    """Return the keys that `words_of` gives to single words."""
    return np.array([words_of(characters_of(word)).keys[0] for word in words], np.uint64)


def paragraph_keys(lines: Lines) -> tuple[Keys, Ints]:
    """Return for each paragraph its key, equal for equal lines in equal order, and its characters."""
    starts = np.flatnonzero(np.diff(lines.paragraphs, prepend=-1))
    return _keys(lines.keys, np.ones(len(lines.keys), bool), starts), _sums(lines.lengths, starts)


def _keys(values: NDArray[np.uint32] | Keys, counted: Flags, starts: Ints) -> Keys:
    """One key for each stretch that begins at `starts`: values times the weight of their place in the stretch."""
    if not len(starts):
        return np.empty(0, np.uint64)
    begun = np.zeros(len(values), np.int64)
    begun[starts] = np.diff(starts, prepend=0)
    places = (np.arange(len(values)) - np.cumsum(begun)) & (_NUM_WEIGHTS - 1)
    weighted = (values.astype(np.uint64) + np.uint64(1)) * _weights()[places]
    keys = np.add.reduceat(np.where(counted, weighted, np.uint64(0)), starts)
    return (keys ^ (keys >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)


def _sums(values: Flags | Ints, starts: Ints) -> Ints:
    return np.add.reduceat(values.astype(np.int64), starts) if len(starts) else np.empty(0, np.int64)


def _behind(flags: Flags) -> Flags:
    """What stood one place before; True at the beginning."""
    return np.concatenate(([True], flags[:-1])) if len(flags) else flags
