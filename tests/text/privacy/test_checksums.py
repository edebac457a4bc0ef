"""Check digits against numbers that standards, registries and textbooks print as examples."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.text.privacy.cases import bank_card, credit_code, iban, identity_card

from hanlin.text.privacy.checksums import (
    is_credit_code,
    is_hong_kong_card,
    is_iban,
    is_identity_card,
    is_luhn,
    is_old_identity_card,
    is_taiwan_card,
)


@pytest.mark.parametrize(
    ("holds", "examples"),
    [
        (is_identity_card, ["11010519491231002X", "440524188001010014"]),  # both from GB 11643-1999 itself
        (is_luhn, ["79927398713", "4111111111111111", "378282246310005", "30569309025904", "6011111111111117"]),
        (
            is_iban,
            ["GB29NWBK60161331926819", "DE89370400440532013000", "NO9386011117947", "FR1420041010050500013M02606"],
        ),
        (is_hong_kong_card, ["A1234563", "G123456A", "AB9876543"]),
        (is_taiwan_card, ["A123456789", "F131104093"]),
        (is_old_identity_card, ["110105491231002"]),
    ],
)
def test_printed_examples_hold(holds, examples: list[str]) -> None:
    assert [example for example in examples if not holds(example)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        "110105194912310021",  # another check digit
        "11010519491331002X",  # no thirteenth month
        "99010519491231002X",  # no such province
        "1101051949123100X2",
        "1101051949123100",
        "",
    ],
)
def test_what_is_no_identity_card(wrong: str) -> None:
    assert not is_identity_card(wrong)
    assert not is_identity_card("１１０１０５１９４９１２３１００２X"[:17]), "seventeen characters"


def test_days_that_never_were_are_refused_even_with_a_right_check_digit() -> None:
    """29 February 2023: the check digit alone would let it pass."""
    body = "11010520230229002"
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]  # as GB 11643 prints them
    last = "10X98765432"[sum(w * int(d) for w, d in zip(weights, body, strict=True)) % 11]
    assert not is_identity_card(body + last)
    leap = "11010520240229002"
    last = "10X98765432"[sum(w * int(d) for w, d in zip(weights, leap, strict=True)) % 11]
    assert is_identity_card(leap + last)


def test_credit_codes() -> None:
    """91350100M000100Y43 is the example of GB 32100-2015."""
    assert is_credit_code("91350100M000100Y43")
    assert not is_credit_code("91350100M000100Y44")
    assert not is_credit_code("91350100MO00100Y43"), "the letter O is none of its alphabet"
    assert not is_credit_code("91350100M000100Y4")


def test_zeros_are_no_card() -> None:
    assert not is_luhn("0000000000000000")
    assert not is_luhn("")


@given(seed=st.integers(0, 10_000), place=st.integers(0, 40), shift=st.integers(1, 8))
def test_one_wrong_digit_is_noticed(seed: int, place: int, shift: int) -> None:
    """All four find every single wrong digit; that is what they are for."""
    draw = random.Random(seed)
    for make, holds in (
        (identity_card, is_identity_card),
        (bank_card, is_luhn),
        (credit_code, is_credit_code),
        (iban, is_iban),
    ):
        code = make(draw).replace(" ", "").replace("-", "").upper()
        assert holds(code), code
        digits = [number for number, sign in enumerate(code) if sign.isdecimal()]
        spot = digits[place % len(digits)]
        wrong = code[:spot] + str((int(code[spot]) + shift) % 10) + code[spot + 1 :]
        assert wrong == code or not holds(wrong), wrong
