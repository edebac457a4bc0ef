"""Conversations in rows: whole, with loss where the assistant speaks, and every loss of text counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import InputError
from hanlin.data.conversations import ConversationSource, fit_conversations
from hanlin.data.loader import Loader
from hanlin.data.mixture import WeightedSource
from hanlin.data.sources import IGNORE

from .conftest import FakeRendered


def chat(length: int, answer: int = 2) -> FakeRendered:
    """`length` ids 10, 11, 12 ...; the last `answer` of them are the assistant's."""
    return FakeRendered([10 + at for at in range(length)], [at >= length - answer for at in range(length)])


def test_only_the_answer_is_learned() -> None:
    source = fit_conversations([chat(6)], seq_len=8)
    inputs, targets = source.slice(0, 0, 5)
    assert inputs.tolist() == [10, 11, 12, 13, 14]
    assert targets.tolist() == [IGNORE, IGNORE, IGNORE, 14, 15]


def test_a_conversation_of_a_row_and_one_token_fits() -> None:
    """seq_len positions have seq_len + 1 tokens: the last token is only ever a target."""
    assert fit_conversations([chat(9)], seq_len=8).fitted.num_dropped == 0
    assert fit_conversations([chat(9), chat(10)], seq_len=8).fitted.num_dropped == 1


def test_long_ones_are_dropped_and_counted() -> None:
    source = fit_conversations([chat(5), chat(20), chat(30)], seq_len=8)
    assert (source.fitted.num_given, source.fitted.num_kept, source.fitted.num_dropped) == (3, 1, 2)
    assert source.num_truncated == 0
    assert source.fitted.num_loss_tokens == 2


def test_long_ones_are_truncated_only_when_asked() -> None:
    source = fit_conversations([chat(20, answer=15)], seq_len=8, too_long="truncate")
    assert source.lengths.tolist() == [8]
    assert (source.fitted.num_truncated, source.num_truncated) == (1, 11)


def test_a_truncated_one_without_any_answer_left_is_not_kept() -> None:
    source = fit_conversations([chat(5), chat(20, answer=2)], seq_len=8, too_long="truncate")
    assert (source.fitted.num_kept, source.fitted.num_silent, source.fitted.num_truncated) == (1, 1, 0)


def test_a_long_one_can_be_refused() -> None:
    with pytest.raises(InputError) as caught:
        fit_conversations([chat(5), chat(20)], seq_len=8, too_long="refuse")
    assert caught.value.code == "E408"
    assert "2" in str(caught.value)
    assert "20" in str(caught.value)


def test_nothing_left_is_said() -> None:
    with pytest.raises(InputError) as caught:
        fit_conversations([chat(20), FakeRendered([1, 2], [False, False])], seq_len=8)
    assert caught.value.code == "E409"


def test_the_fingerprint_follows_ids_and_mask() -> None:
    def fingerprint(one: FakeRendered) -> str:
        return fit_conversations([one], seq_len=8).fingerprint

    assert fingerprint(chat(5)) == fingerprint(chat(5))
    assert len({fingerprint(chat(5)), fingerprint(chat(6)), fingerprint(chat(5, answer=3))}) == 3


@given(st.lists(st.tuples(st.integers(2, 14), st.integers(1, 13)), min_size=1, max_size=20))
def test_packed_rows_learn_each_answer_once(shapes: list[tuple[int, int]]) -> None:
    chats = [chat(length, min(answer, length - 1)) for length, answer in shapes]
    try:
        source = fit_conversations(chats, seq_len=10)
    except InputError:
        return
    assert learned(source) == source.fitted.num_loss_tokens == sum(sum(c.loss_mask) for c in chats if len(c.ids) <= 11)


def learned(source: ConversationSource) -> int:
    loader = Loader([WeightedSource(source=source, max_epochs=1)], rows=2, seq_len=10, seed=0)
    total = 0
    while (batch := loader.next_batch()) is not None:
        total += batch.num_targets
    return total
