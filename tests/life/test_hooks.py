"""What a training is handed to show while it runs."""

from __future__ import annotations

import math

import pytest
import torch

from hanlin.bundle.bundle import Bundle
from hanlin.life.hooks import QUESTIONS, TEXTS, answering_hooks, writing_hooks
from hanlin.life.measure import HeldOut, document_ids

HELD_OUT = {"en": HeldOut(("the cat sat on the mat.",)), "zh": HeldOut(("猫坐在垫子上。", "你好，你是谁？"))}


def plain_bits(bundle: Bundle, ids: list[int]) -> float:
    """Bits of every token after the first, from logits of the whole document."""
    with torch.no_grad():
        logs = torch.log_softmax(bundle.model(torch.tensor([ids]))[0].double(), -1)
    return -sum(logs[at, token].item() for at, token in enumerate(ids[1:])) / math.log(2)


def test_every_language_is_scored_in_bits_per_byte_of_its_text(bundle: Bundle) -> None:
    assert bundle.tokenizer is not None
    hooks = writing_hooks(bundle.tokenizer, HELD_OUT)
    assert hooks.evaluate is not None
    numbers = hooks.evaluate(bundle.model)
    assert set(numbers) == {"bits_per_byte_en", "bits_per_byte_zh"}
    for lang, part in HELD_OUT.items():
        bits = sum(plain_bits(bundle, ids) for ids in document_ids(bundle.tokenizer, part.texts))
        expected = bits / sum(len(text.encode()) for text in part.texts)
        assert numbers[f"bits_per_byte_{lang}"] == pytest.approx(expected, rel=1e-5)


def test_without_held_out_text_nothing_is_scored(bundle: Bundle) -> None:
    assert bundle.tokenizer is not None
    assert writing_hooks(bundle.tokenizer).evaluate is None


def test_every_beginning_is_continued_and_two_looks_agree(bundle: Bundle) -> None:
    assert bundle.tokenizer is not None and bundle.template is not None
    for hooks, prompts in [
        (writing_hooks(bundle.tokenizer), TEXTS),
        (answering_hooks(bundle.tokenizer, bundle.template), QUESTIONS),
    ]:
        assert hooks.sample is not None
        first = list(hooks.sample(bundle.model))
        assert [prompt for prompt, _ in first] == list(prompts)
        assert first == list(hooks.sample(bundle.model))
        assert any(text for _, text in first)


def test_a_question_longer_than_the_model_reads_gets_no_answer(bundle: Bundle) -> None:
    assert bundle.tokenizer is not None and bundle.template is not None
    hooks = answering_hooks(bundle.tokenizer, bundle.template, ("你好", "word " * 200))
    assert hooks.sample is not None
    (_, short), (_, long) = hooks.sample(bundle.model)
    assert long == "" and short != ""
