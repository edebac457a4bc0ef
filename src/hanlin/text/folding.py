"""Text as numbers for comparing: Traditional characters as Simplified, a whole text at a time, places kept.

For comparing only; no text is ever changed by it. Every character stands for exactly one number, so that a place in
the numbers is a place in the text and what was found can be cut. Hence OpenCC is asked for each character alone: its
phrases change lengths, and for comparing it is enough that both scripts come out alike (乾 becomes 干 even in 乾隆).
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import opencc

Codes = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

HAN = ((0x3400, 0xA000), (0xF900, 0xFB00), (0x20000, 0x32000))
"""Ranges of Han characters."""

_NUM_CODES = 0x110000
# The primes of xxHash: odd, of even bits. PRIME has an inverse, so that a run's hash does not depend on its place.
_PRIME = 0x9E3779B185EBCA87
_SHORT = 16
"""Windows of more are summed by running sums, which is slower for fewer."""
_MIX = (np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))


def codes_of(text: str) -> Codes:
    """Return the code points of a text, (characters,) uint32; half of a surrogate pair stands for itself."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def simplified(codes: Codes) -> Codes:
    """Return code points with every Traditional character as its Simplified one."""
    return _script_table()[codes]


@dataclass(frozen=True)
class Words:
    """The words of a text: (num_words,) hashes that stand for them, and where each begins and ends in the text.

    A word is a Han character or a run of other letters and digits, its case, width and script folded.
    """

    hashes: Hashes
    starts: Places
    ends: Places
    are_numbers: npt.NDArray[np.bool_]
    num_han: int


def words_of(text: str) -> Words:
    """Return the words of a text in order. Punctuation and white space stand between words and count for nothing."""
    codes = _fold_table()[codes_of(text)]
    kinds = _kinds()[codes]
    inside = kinds > 0
    begins = inside & ((kinds == _KIND_HAN) | ~np.concatenate(([False], inside[:-1])) | _after_han(kinds))
    starts = np.flatnonzero(begins)
    ends = np.flatnonzero(inside & ~np.concatenate((inside[1:] & ~begins[1:], [False]))) + 1
    hashes = _run_hashes(codes, inside, starts)
    return Words(hashes, starts, ends, kinds[starts] == _KIND_DIGIT, int(np.count_nonzero(kinds == _KIND_HAN)))


def windows(hashes: npt.NDArray[np.unsignedinteger], size: int) -> Hashes:
    """Return the hash of every `size` neighbours, (n - size + 1,) uint64; none where there are fewer.

    A polynomial over 2^64, then mixed: the plain sum would leave the low bits to the low bits of the characters.
    """
    count = len(hashes) - size + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    values = hashes.astype(np.uint64)
    if size > _SHORT:
        return mixed(_sums(values, size))
    total = values[:count] + np.uint64(1)
    for place in range(1, size):
        total *= np.uint64(_PRIME)
        total += values[place : place + count]
    return mixed(total)


def _sums(values: Hashes, size: int) -> Hashes:
    """The same sums before mixing, by two running sums whatever the size: value * PRIME^-place, moved to its window."""
    powers, inverses = _powers(len(values) + 1)
    running = np.concatenate((np.zeros(1, np.uint64), np.cumsum(values * inverses[:-1], dtype=np.uint64)))
    count = len(values) - size + 1
    return (running[size:] - running[:-size]) * powers[size - 1 : size - 1 + count] + powers[size - 1]


def windows_by_size(hashes: Hashes, sizes: Collection[int]) -> Iterator[tuple[int, Hashes]]:
    """Yield each size, smallest first, with `windows` of it: one pass for all."""
    total = hashes + np.uint64(1)
    for size in range(1, min(max(sizes, default=0), len(hashes)) + 1):
        if size > 1:
            total = total[:-1] * np.uint64(_PRIME) + hashes[size - 1 :]
        if size in sizes:
            yield size, mixed(total)


def mixed(values: Hashes) -> Hashes:
    """Return 64-bit numbers scattered evenly, one to one (the end of xxHash64)."""
    values = values ^ (values >> np.uint64(33))
    values *= _MIX[0]
    values ^= values >> np.uint64(29)
    values *= _MIX[1]
    values ^= values >> np.uint64(32)
    return values


# ---------------------------------------------------------------- tables of characters

_KIND_LETTER, _KIND_HAN, _KIND_DIGIT = 1, 2, 3


@functools.cache
def _script_table() -> Codes:
    """Code point to code point, Traditional to Simplified."""
    table = np.arange(_NUM_CODES, dtype=np.uint32)
    han = [chr(code) for start, end in HAN for code in range(start, end)]
    converted = opencc.OpenCC("t2s").convert("\n".join(han)).split("\n")
    for before, after in zip(han, converted, strict=True):
        if len(after) == 1:
            table[ord(before)] = ord(after)
    return table


@functools.cache
def _fold_table() -> Codes:
    """Also full-width forms as plain ones, and every letter small."""
    table = _script_table().copy()
    for code in (*range(0x41, 0x530), *range(0x1E00, 0x2000), *range(0xFF01, 0xFF5F)):
        plain = unicodedata.normalize("NFKC", chr(code)) if code >= 0xFF01 else chr(code)
        small = plain.lower()
        table[code] = ord(small) if len(small) == 1 else code
    return table


@functools.cache
def _kinds() -> npt.NDArray[np.uint8]:
    """0 between words, 1 letters and marks on them, 2 Han, 3 digits and other numbers."""
    kinds = np.zeros(_NUM_CODES, np.uint8)
    by_category = {"L": _KIND_LETTER, "M": _KIND_LETTER, "N": _KIND_DIGIT}
    for code in range(0x30, 0x32000):
        kinds[code] = by_category.get(unicodedata.category(chr(code))[0], 0)
    for start, end in HAN:
        kinds[start:end] = _KIND_HAN
    return kinds


def _after_han(kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.concatenate(([False], kinds[:-1] == _KIND_HAN))


def _run_hashes(codes: Codes, inside: npt.NDArray[np.bool_], starts: Places) -> Hashes:
    """The hash of each run: the sum of code * PRIME^(place in the run), all runs at once.

    Powers go by the place in the text; the inverse of the power at a run's start moves each run to its own zero.
    """
    if not len(starts):
        return np.empty(0, np.uint64)
    powers, inverses = _powers(len(codes))
    weighted = np.where(inside, codes.astype(np.uint64) + np.uint64(1), np.uint64(0)) * powers
    return mixed(np.add.reduceat(weighted, starts) * inverses[starts])


def _powers(count: int) -> tuple[Hashes, Hashes]:
    """Powers of PRIME and of its inverse modulo 2^64, at least `count` of each."""
    return _power_table(1 << max(12, (count - 1).bit_length()), _PRIME)[:count], _power_table(
        1 << max(12, (count - 1).bit_length()), pow(_PRIME, -1, 1 << 64)
    )[:count]


@functools.lru_cache(maxsize=8)
def _power_table(count: int, base: int) -> Hashes:
    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)
