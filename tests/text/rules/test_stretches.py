"""Many short strings are found where asking for each of them finds them."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from hanlin.text.rules.stretches import FEW, StretchFinder


@pytest.mark.parametrize("number", [0, 1, FEW, FEW + 1, 5000])
def test_what_is_found_is_what_stands_there(number: int) -> None:
    draw = random.Random(number)

    def letters(least: int, most: int) -> str:
        return "".join(draw.choice("abc甲乙\U00020000\ud800") for _ in range(draw.randint(least, most)))

    stretches = {letters(4, 8) for _ in range(number)}
    finder = StretchFinder(stretches)
    for _ in range(200):
        text = letters(0, 60)
        expected = Counter(
            {one: found for one in stretches if (found := sum(text.startswith(one, at) for at in range(len(text))))}
        )
        found = list(finder.found_in(text))
        assert all(text.startswith(one, place) for place, one in found)
        assert Counter(one for _, one in found) == expected
        assert finder.is_any_in(text) is bool(expected)


def test_a_string_too_short_to_be_looked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer than 4"):
        StretchFinder(["abcd", "abc"])
