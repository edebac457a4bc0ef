"""Marked changes give both texts back, and show little else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.pages.before_after import GAP, marked

WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "大桥", "\n", " "]), max_size=12).map("".join)


@given(WORDS, WORDS)
def test_short_texts_come_back_whole(before: str, after: str) -> None:
    parts = marked(before, after)
    assert "".join(text for kind, text in parts if kind != "new") == before
    assert "".join(text for kind, text in parts if kind != "gone") == after
    assert all(text for _, text in parts)


def test_only_what_stands_near_a_change() -> None:
    same = "\n".join(f"line {number} of the text" for number in range(80))
    parts = marked(f"{same}\nWATERMARK\n{same}", f"{same}\n{same}")
    assert ("gone", "WATERMARK\n") in parts
    assert sum(len(text) for _, text in parts) < 200 and any(GAP in text for _, text in parts)


def test_a_long_text_costs_little_and_no_address_is_shown() -> None:
    parts = marked("x" * 10**6 + "a", "x" * 10**6)
    assert all(kind == "same" for kind, _ in parts), "the change lies beyond what is shown"
    told = str(marked("mail me at somebody@example.com now\nkept", "kept"))
    assert "somebody" not in told and "[EMAIL]" in told
