"""Tokens as they are shown: split characters, white space, control tokens, WordPieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.infer import vocabulary

from hanlin.text.config import TokenizerConfig
from hanlin.text.pieces import readable, seen
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(["the cat sat"] * 5, TokenizerConfig(vocab_size=268))


def test_a_character_of_several_tokens_is_told_as_such(tokenizer):
    assert readable(tokenizer, tokenizer.encode("猫a")) == ["猫(1/3)", "猫(2/3)", "猫(3/3)", "a"]
    ids = tokenizer.encode("猫")
    assert readable(tokenizer, ids[:2]) == ["<E7>", "<8C>"]
    assert readable(tokenizer, [*ids[:1], *tokenizer.encode("a")]) == ["<E7>", "a"]


def test_a_control_token_has_its_name_and_parts_a_character(tokenizer):
    ids = tokenizer.encode("猫")
    assert readable(tokenizer, [tokenizer.special.bos, *ids[:1], tokenizer.special.eos, *ids[1:]]) == [
        "<|bos|>", "<E7>", "<|eos|>", "<8C>", "<AB>",
    ]  # fmt: skip
    assert readable(tokenizer, [tokenizer.vocab_size + 7]) == [f"#{tokenizer.vocab_size + 7}"]
    assert readable(tokenizer, []) == []


@given(st.text(max_size=12))
def test_all_of_a_text_is_seen(text):
    tokenizer = vocabulary_of_bytes()
    shown = readable(tokenizer, tokenizer.encode(text))
    whole = "".join(piece.split("(")[0] if piece.endswith(")") and "(1/" in piece else piece for piece in shown)
    later = [piece for piece in shown if piece.endswith(")") and "/" in piece and "(1/" not in piece]
    for piece in later:
        whole = whole.replace(piece, "", 1)
    if "(" not in text and ")" not in text:
        assert whole == seen(text)


def vocabulary_of_bytes() -> Tokenizer:
    if not _KEPT:
        _KEPT.append(train_tokenizer(["ab"] * 3, TokenizerConfig(vocab_size=262)))
    return _KEPT[0]


_KEPT: list[Tokenizer] = []


def test_what_acts_instead_of_being_seen_is_written_out(tokenizer):
    assert seen("a b\n\t\x07\u202e　") == "a␣b↵⇥\\u0007\\u202e\\u3000"


def test_wordpieces_are_written_as_their_vocabulary_does():
    bert = vocabulary.bert()
    assert readable(bert, bert.frame(bert.encode("w1 w2"))) == ["[CLS]", "w1", "w2", "[SEP]"]
