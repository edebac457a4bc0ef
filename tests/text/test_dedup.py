"""Exact duplicates."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.dedup import ExactDedup, text_digest


def test_the_first_of_equal_texts_is_named() -> None:
    dedup = ExactDedup()
    assert [dedup.first(text, id) for text, id in (("x", "1"), ("y", "2"), ("x", "3"), ("x ", "4"))] == [
        None, None, "1", None
    ]  # fmt: skip
    assert dedup.num_texts == 3


@given(texts=st.lists(st.text(alphabet="ab", max_size=3)))
def test_what_is_kept_is_each_text_once(texts: list[str]) -> None:
    dedup = ExactDedup()
    kept = [text for number, text in enumerate(texts) if dedup.first(text, str(number)) is None]
    assert kept == list(dict.fromkeys(texts))


def test_the_digest_is_blake2b_of_the_utf_8() -> None:
    assert text_digest("好") == hashlib.blake2b("好".encode(), digest_size=16).digest()
    assert text_digest("\ud800") != text_digest("?")
