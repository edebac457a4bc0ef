"""Texts to ids: nothing lost without being counted, padding told from tokens."""

from __future__ import annotations

import pytest
import torch

from hanlin.base.errors import InputError, RequestTooLong
from hanlin.course import TextPreprocessor


def test_rows_begin_with_cls_end_with_sep_and_are_padded(tokenizer):
    batch = TextPreprocessor(tokenizer)(["好", "很好吃！"])
    special = tokenizer.special
    first, second = batch["input_ids"].tolist()
    assert second == [special.bos, *tokenizer.encode("很好吃！"), special.eos]
    short = [special.bos, *tokenizer.encode("好"), special.eos]
    assert first == short + [special.pad] * (len(second) - len(short))
    assert batch["attention_mask"].tolist() == [[1] * len(short) + [0] * (len(second) - len(short)), [1] * len(second)]
    assert batch["num_dropped"].tolist() == [0, 0]


def test_one_text_is_a_batch_of_one(tokenizer):
    preprocess = TextPreprocessor(tokenizer)
    assert torch.equal(preprocess("很好")["input_ids"], preprocess(["很好"])["input_ids"])


def test_marks_and_capitals_are_kept_and_white_space_is_not(tokenizer):
    preprocess = TextPreprocessor(tokenizer)
    assert preprocess.clean_text("  Good!\n\n好吗？\t") == "Good! 好吗？"
    assert preprocess.clean_text("e\u0301") == "\u00e9"
    assert preprocess.encode("好！") != preprocess.encode("好？")
    assert preprocess.encode("Good") != preprocess.encode("good")


def test_what_a_user_types_is_never_a_control_token(tokenizer):
    ids = TextPreprocessor(tokenizer).encode("<|pad|>")
    assert tokenizer.special.pad not in ids


def test_a_long_text_is_refused_or_cut_with_a_count(tokenizer, lang):
    preprocess = TextPreprocessor(tokenizer, max_length=6)
    long = "这家店的菜真的非常非常好吃"
    whole = len(preprocess.encode(long))
    assert whole > 6
    with pytest.raises(RequestTooLong, match=str(whole)) as caught:
        preprocess(["好", long])
    assert caught.value.code == "E841"
    batch = preprocess(["好", long], too_long="truncate")
    assert batch["num_dropped"].tolist() == [0, whole - 6]
    assert batch["input_ids"].shape == (2, 6)
    assert batch["input_ids"][1, -1] == tokenizer.special.eos
    assert batch["input_ids"][1, :5].tolist() == preprocess.encode(long)[:5]


def test_a_length_without_room_is_refused(tokenizer, lang):
    with pytest.raises(InputError) as caught:
        TextPreprocessor(tokenizer, max_length=2)
    assert caught.value.code == "E849"


@pytest.mark.parametrize(("texts", "code"), [([3], "E839"), (["好", " \n"], "E840"), ("", "E840"), ([], "E842")])
def test_what_is_no_text_is_named(tokenizer, lang, texts, code):
    with pytest.raises(InputError) as caught:
        TextPreprocessor(tokenizer)(texts)
    assert caught.value.code == code
