"""What stands for a text: the same for the same, another for any other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.dedup import text_digest, text_key


@given(st.text(), st.text())
def test_a_digest_is_that_of_one_text_alone(one: str, other: str) -> None:
    assert len(text_digest(one)) == 16 and 0 <= text_key(one) < 2**64
    assert (text_digest(one) == text_digest(other)) == (one == other) == (text_key(one) == text_key(other))


def test_half_of_a_surrogate_pair_has_a_digest_too() -> None:
    assert text_digest("\ud800") != text_digest("\udfff") and text_key("\ud800") != text_key("\udfff")
