"""Examples: copies and contradictions go, and what belongs together is never parted."""

from __future__ import annotations

import pytest
from tests.text.quality.messages import bad, document, examples, good

from hanlin.base.errors import InputError
from hanlin.text.quality.labelled import labelled, split_examples


def test_copies_and_contradictions_are_left_out_and_counted() -> None:
    found = split_examples([good("a b c"), good("a b c "), bad("d e f"), good("x y"), bad("x y")], held_out=0.5, seed=1)
    assert sorted(row.text for row in (*found.train, *found.held_out)) == ["a b c", "d e f"]
    assert (found.num_copies, found.num_contradictions) == (2, 1)


def test_no_held_out_text_has_a_near_copy_to_learn_from() -> None:
    """Chain letters that differ in a number: forty families of five."""
    words = [f"word{number}x{number * 31 % 97}" for number in range(400)]
    families = [" ".join(words[family * 10 : family * 10 + 10]) for family in range(40)]
    rows = [bad(f"{text} call {number}0{number}") for text in families for number in range(5)]
    found = split_examples(rows, held_out=0.3, seed=1)
    train = {row.text.split(" call")[0] for row in found.train}
    held_out = {row.text.split(" call")[0] for row in found.held_out}
    assert train and held_out and not train & held_out
    assert found.num_groups == 40


def test_rows_of_one_sender_stay_together() -> None:
    """Texts as unlike as these would be parted by themselves."""
    rows = [
        good(f"{sender * 7919 % 1009} {kind * sender * 104729}", site=str(sender))
        for sender in range(1, 40)
        for kind in (3, 5)
    ]
    parts = split_examples(rows, held_out=0.4, seed=1, field="site")
    train, held_out = ({row.document.meta["site"] for row in part} for part in (parts.train, parts.held_out))
    assert train and held_out and not train & held_out
    alone = split_examples(rows, held_out=0.4, seed=1)
    assert {row.document.meta["site"] for row in alone.train} & {row.document.meta["site"] for row in alone.held_out}


def test_a_field_that_no_row_has_is_said(lang: str) -> None:
    with pytest.raises(InputError) as caught:
        split_examples([good("a"), bad("b")], held_out=0.5, seed=1, field="sender")
    assert caught.value.code == "E295"


def test_the_same_rows_are_held_out_every_time() -> None:
    rows = examples()[::5]
    one, other = (split_examples(rows, held_out=0.2, seed=1) for _ in range(2))
    assert one == other
    assert 0 < len(one.held_out) / len(rows) < 0.5
    assert split_examples(rows, held_out=0.2, seed=2).held_out != one.held_out


def test_labels_make_examples(lang: str) -> None:
    rows = [document("a", label="spam"), document("b", label="ham"), document("c", label=1)]
    assert [row.is_bad for row in labelled(rows, ["spam", "1"])] == [True, False, True]
    with pytest.raises(InputError) as caught:
        list(labelled(rows, ["spam", "toxic"]))
    assert caught.value.code == "E298" and "toxic" in str(caught.value) and "ham" in str(caught.value)
    with pytest.raises(InputError) as caught:
        list(labelled([*rows, document("d", line=7)], ["spam"]))
    assert caught.value.code == "E297" and "made:7" in str(caught.value)
