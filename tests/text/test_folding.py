"""Text as numbers: both scripts alike, places kept, words where people see them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.folding import codes_of, mixed, simplified, windows, windows_by_size, words_of


def spoken(text: str) -> list[str]:
    words = words_of(text)
    return [text[start:end] for start, end in zip(words.starts, words.ends, strict=True)]


def test_words_are_han_characters_and_runs_of_letters() -> None:
    assert spoken("紅樓夢，Hello, world's 12.5 абв中x") == [
        "紅", "樓", "夢", "Hello", "world", "s", "12", "5", "абв", "中", "x"
    ]  # fmt: skip
    assert words_of("紅樓夢 a").num_han == 3
    assert spoken("") == spoken(" ，。!") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("紅樓夢", "红 楼、梦"),
        ("HELLO, World", "hello\nworld!"),
        ("ＡＢＣ１２３", "abc123"),
        ("ÉCOLE Привет", "école привет"),
    ],
)
def test_case_width_script_and_punctuation_count_for_nothing(one: str, other: str) -> None:
    assert (words_of(one).hashes == words_of(other).hashes).all()


def test_the_same_word_has_the_same_hash_wherever_it_stands() -> None:
    long = words_of("word " + "x" * 5000 + " word")
    assert long.hashes[0] == long.hashes[-1] == words_of("word").hashes[0]
    assert len(np.unique(words_of("a b ab ba aa aaa a0 0").hashes)) == 8


@given(st.text())
def test_words_cover_exactly_the_letters_and_never_overlap(text: str) -> None:
    words = words_of(text)
    assert (words.starts < words.ends).all() and (words.ends[:-1] <= words.starts[1:]).all()
    latin = re.findall(r"[a-zA-Z0-9]+", text)
    assert "".join(latin) == "".join(re.findall(r"[a-zA-Z0-9]+", " ".join(spoken(text))))


@given(st.text(alphabet="ab", max_size=30), st.integers(1, 6))
def test_windows_are_equal_where_the_text_is(text: str, size: int) -> None:
    hashes = windows(codes_of(text), size).tolist()
    plain = [text[place : place + size] for place in range(len(text) - size + 1)]
    assert len(hashes) == len(plain)
    assert [hashes.index(each) for each in hashes] == [plain.index(each) for each in plain]


@given(st.text(max_size=30), st.sets(st.integers(1, 12)))
def test_windows_of_many_sizes_are_those_of_each(text: str, sizes: set[int]) -> None:
    hashes = words_of(text).hashes
    found = dict(windows_by_size(hashes, sizes))
    assert list(found) == sorted(size for size in sizes if size <= len(hashes))
    assert all((keys == windows(hashes, size)).all() for size, keys in found.items())


@given(st.integers(0, 2**32), st.sampled_from([17, 40, 101]))
def test_wide_windows_are_the_polynomial_they_are_said_to_be(seed: int, size: int) -> None:
    values = np.random.default_rng(seed).integers(0, 0x110000, 150).astype(np.uint64)
    prime = 0x9E3779B185EBCA87
    sums = [
        sum((int(value) + (place == 0)) * pow(prime, size - 1 - place, 2**64) for place, value in enumerate(each))
        for each in np.lib.stride_tricks.sliding_window_view(values, size)
    ]
    assert (windows(values, size) == mixed(np.array([each % 2**64 for each in sums], np.uint64))).all()


def test_numbers_are_told_from_words() -> None:
    assert words_of("x 12 ３ y4 4y 五").are_numbers.tolist() == [False, True, True, False, True, False]


def test_mixing_is_one_to_one_and_reaches_every_bit() -> None:
    numbers = mixed(np.arange(1 << 16, dtype=np.uint64))
    assert len(np.unique(numbers)) == 1 << 16
    shares = [(numbers >> np.uint64(bit) & np.uint64(1)).mean() for bit in range(64)]
    assert min(shares) > 0.48 and max(shares) < 0.52


def test_only_the_script_changes_in_simplified_text() -> None:
    text = "乾隆皇帝說：『Hi』\ud800"
    assert "".join(map(chr, simplified(codes_of(text)))) == "干隆皇帝说：『Hi』\ud800"
