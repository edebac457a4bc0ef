"""Hidden words and pairs of texts: shares, whole words, nothing lost, labels that say what is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanlin.data.forms.masked import Masked
from hanlin.data.forms.pairs import ELSEWHERE, FOLLOWS, MaskedPairs
from hanlin.data.forms.parts import Part, Parts
from hanlin.data.forms.words import Words
from hanlin.data.sources import IGNORE
from hanlin.text.segment import word_spans

from .conftest import TEXTS, every_part, source_for, tokenizer_for

TOKENIZER = tokenizer_for("masked")
MASK = TOKENIZER.special.mask


def part_of(text: str, key: int = 0) -> Part:
    parts: Any = None  # only pairs look at where a part is from
    return Part(np.array(TOKENIZER.encode(text)), True, (key, 0), parts, 0)


@settings(max_examples=40, deadline=None)
@given(text=st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_targets_restore_the_text_and_control_tokens_stay(text: str) -> None:
    part = part_of(text)
    piece = Masked(TOKENIZER).piece(part)
    restored = np.where(piece.targets == IGNORE, piece.tokens, piece.targets)
    assert restored.tolist() == TOKENIZER.frame(part.ids.tolist())
    assert (piece.targets[[0, -1]] == IGNORE).all()
    assert (piece.targets != IGNORE).any()


def test_fifteen_in_a_hundred_and_eighty_ten_ten() -> None:
    """400 texts of about 60 tokens: three standard errors of each share."""
    hidden = total = masked = kept = 0
    for key in range(400):
        part = part_of(TEXTS[key % 24], key)
        piece = Masked(TOKENIZER).piece(part)
        chosen = piece.targets != IGNORE
        hidden, total = hidden + chosen.sum(), total + len(part.ids)
        masked += (piece.tokens[chosen] == MASK).sum()
        kept += (piece.tokens[chosen] == piece.targets[chosen]).sum()
    assert abs(hidden / total - 0.15) < 0.01
    error = 3 * (0.8 * 0.2 / hidden) ** 0.5
    assert abs(masked / hidden - 0.8) < error
    assert abs(kept / hidden - 0.1) < error  # a random token is the right one once in 550


@pytest.mark.parametrize(
    "text", ["春风又绿江南岸，深度学习。", "unbelievable, the quick brown foxes!", "深度学习 with GPUs"]
)
def test_words_are_those_of_the_segmenter(text: str) -> None:
    ids = np.array(TOKENIZER.encode(text))
    groups = Words(TOKENIZER).groups(ids)
    assert sorted(place for group in groups for place in group) == list(range(len(ids)))
    spelt = [b"".join(TOKENIZER.piece_bytes(int(ids[place])) for place in group).decode().strip() for group in groups]
    words = [text[start:end] for start, end in word_spans(text, "zh")]
    assert [one for one in spelt if any(char.isalnum() for char in one)] == words


def test_whole_words_are_hidden_whole_and_pieces_are_not() -> None:
    text = "unbelievable 举头望明月 " * 6
    ids = np.array(TOKENIZER.encode(text))
    groups = Words(TOKENIZER).groups(ids)

    def broken(form: Masked) -> int:
        count = 0
        for key in range(30):
            hidden = form.piece(part_of(text, key)).targets[1:-1] != IGNORE
            count += sum(0 < hidden[group].sum() < len(group) for group in groups)
        return count

    assert broken(Masked(TOKENIZER)) == 0
    assert broken(Masked(TOKENIZER, whole_words=False)) > 50


def test_half_of_the_pairs_follow_and_the_others_are_from_elsewhere() -> None:
    form, tossed = MaskedPairs(Masked(TOKENIZER)), []
    parts = Parts(source_for("masked"), form, seq_len=64)
    texts = [TEXTS[document] for document in range(24)]
    for key in range(12):
        for number in range(len(parts.lengths)):
            part = Part(parts.ids(number), bool(parts.ends[number]), (key, number), parts, number)
            pair = form.pair(part, part.draw())
            whole = np.concatenate([pair.first, pair.second]).tolist()
            if pair.label == FOLLOWS:
                assert whole == part.ids.tolist()
            if pair.label == ELSEWHERE:
                assert len(whole) <= len(part.ids)
                second = TOKENIZER.decode(pair.second.tolist()).strip("\ufffd")
                assert any(second in text for place, text in enumerate(texts) if place != parts.documents[number])
            tossed.append(pair.label)
    answered = [label for label in tossed if label != IGNORE]
    assert len(answered) > 0.95 * len(tossed)
    assert abs(np.mean(answered) - 0.5) < 3 * 0.5 / len(answered) ** 0.5


def test_a_pair_has_types_and_one_label() -> None:
    form = MaskedPairs(Masked(TOKENIZER))
    batch = form.batch([every_part("pairs", 64)[:1]], seq_len=64)
    row = TOKENIZER.decode(batch.tokens[0].tolist(), skip_special=False)
    assert row.startswith("[CLS]") and row.count("[SEP]") == 2
    assert (batch.followed != IGNORE).sum() == 1 and batch.followed[0, 0] in (FOLLOWS, ELSEWHERE)
    second = batch.types[0].bool()
    separators = (batch.tokens[0] == TOKENIZER.control("[SEP]")).nonzero().flatten()
    assert int(second.nonzero()[0]) == int(separators[0]) + 1
    assert int(second.nonzero()[-1]) == int(separators[1])


def test_a_lone_document_has_only_what_follows() -> None:
    form = MaskedPairs(Masked(TOKENIZER))
    parts = Parts(source_for("masked"), form, seq_len=64)
    assert parts.elsewhere(0, np.random.default_rng(0)) is not None
    parts.documents = np.zeros_like(parts.documents)
    assert parts.elsewhere(0, np.random.default_rng(0)) is None
