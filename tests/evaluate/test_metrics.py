"""Scores of text against plain arithmetic: every token but bos once, in its right context."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hanlin.base.errors import RequestTooLong
from hanlin.evaluate.metrics import LmScore, evaluating, log_likelihoods, score_by_language, score_documents, windows_of
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer, build_model

VOCAB = 40


@pytest.fixture(scope="module")
def model() -> Transformer:
    shape = ModelConfig(vocab_size=VOCAB, hidden_size=32, num_layers=2, num_heads=2, max_seq_len=16)
    return build_model(shape, seed=3).eval()


def documents(num: int, longest: int, seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, longest, (num,), generator=generator).tolist()
    return [[1, *torch.randint(5, VOCAB, (n,), generator=generator).tolist()] for n in lengths]


def plain_nats(model: Transformer, ids: list[int]) -> list[float]:
    """Each token on its own, from logits of the whole prefix."""
    with torch.no_grad():
        return [
            -torch.log_softmax(model(torch.tensor([ids[:i]]))[0, -1].double(), -1)[ids[i]].item()
            for i in range(1, len(ids))
        ]


@given(length=st.integers(0, 60), seq_len=st.integers(1, 12), stride=st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_windows_score_every_id_but_the_first_once_and_fit(length: int, seq_len: int, stride: int) -> None:
    stride = min(stride, seq_len)
    ids = list(range(length))
    windows = list(windows_of(0, ids, seq_len, stride))
    scored = [target for w in windows for target in w.ids[w.first + 1 :]]
    assert scored == ids[1:]
    assert all(len(w.ids) <= seq_len + 1 for w in windows)
    assert all(w.first >= min(seq_len - stride, w.ids[0]) for w in windows[1:]), "later windows keep a past"


def test_short_documents_score_like_one_token_at_a_time(model: Transformer) -> None:
    texts = documents(9, 12)
    score = score_documents(model, texts, [10] * 9, seq_len=16)
    expected = [n for ids in texts for n in plain_nats(model, ids)]
    assert score.num_tokens == len(expected)
    assert score.nats == pytest.approx(sum(expected), rel=1e-5)
    assert score.perplexity == pytest.approx(math.exp(sum(expected) / len(expected)), rel=1e-5)
    assert score.bits_per_byte == pytest.approx(sum(expected) / math.log(2) / 90, rel=1e-5)
    assert score.num_documents == 9


def test_batching_and_padding_change_nothing(model: Transformer) -> None:
    texts = documents(12, 14, seed=5)
    one = score_documents(model, texts, [7] * 12, seq_len=16, batch=1)
    many = score_documents(model, texts, [7] * 12, seq_len=16, batch=4096)
    assert one.nats == pytest.approx(many.nats, rel=1e-5)
    assert one.num_correct == many.num_correct


def test_a_document_over_the_window_is_scored_whole_with_a_sliding_past(model: Transformer) -> None:
    ids = documents(1, 3)[0] + list(range(5, 40))
    score = score_documents(model, [ids], [100], seq_len=8, stride=4)
    assert score.num_tokens == len(ids) - 1
    expected = plain_nats(model, ids[:9])
    for start in range(9, len(ids), 4):
        window = ids[max(0, min(start + 4, len(ids)) - 9) : min(start + 4, len(ids))]
        expected += plain_nats(model, window)[-(min(start + 4, len(ids)) - start) :]
    assert score.nats == pytest.approx(sum(expected), rel=1e-5)


def test_accuracy_counts_first_choices(model: Transformer) -> None:
    ids = [1, 7]
    for _ in range(10):
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    score = score_documents(model, [ids], [10], seq_len=16)
    assert score.num_correct >= 10 and score.accuracy >= 10 / 11


def test_a_document_of_bos_alone_has_nothing_to_score(model: Transformer) -> None:
    score = score_documents(model, [[1]], [0], seq_len=16)
    assert (score.num_tokens, score.nats) == (0, 0.0)
    assert math.isnan(score.perplexity) and math.isnan(score.bits_per_byte) and math.isnan(score.accuracy)


def test_scores_add_up(model: Transformer) -> None:
    texts, sizes = documents(6, 12), [11, 12, 13, 14, 15, 16]
    parts = [score_documents(model, texts[i : i + 2], sizes[i : i + 2], seq_len=16) for i in (0, 2, 4)]
    whole = score_documents(model, texts, sizes, seq_len=16)
    total = parts[0] + parts[1] + parts[2]
    assert total.nats == pytest.approx(whole.nats, rel=1e-6)
    assert (total.num_tokens, total.num_bytes, total.num_correct) == (
        whole.num_tokens,
        whole.num_bytes,
        whole.num_correct,
    )
    assert total.bits_per_byte_error == pytest.approx(whole.bits_per_byte_error, rel=1e-6)


def test_the_error_bar_is_the_ratio_estimators() -> None:
    """Against the textbook formula on four documents."""
    nats, sizes = [10.0, 22.0, 29.0, 41.0], [10, 20, 30, 40]
    moments = (
        sum(x * x for x in nats),
        sum(x * b for x, b in zip(nats, sizes, strict=True)),
        sum(b * b for b in sizes),
    )
    score = LmScore(sum(nats), 100, 100, 0, 4, (moments[0], moments[1], float(moments[2])))
    ratio = sum(nats) / 100
    residuals = [x - ratio * b for x, b in zip(nats, sizes, strict=True)]
    expected = math.sqrt(sum(r * r for r in residuals) / 3 / 4) / 25 / math.log(2)
    assert score.bits_per_byte_error == pytest.approx(expected)
    assert math.isnan(LmScore(1.0, 1, 1, 0, 1).bits_per_byte_error)


def test_by_language_keeps_the_languages_apart(model: Transformer) -> None:
    zh, en = documents(3, 9, seed=1), documents(4, 9, seed=2)
    scores = score_by_language(model, {"zh": (zh, [5] * 3), "en": (en, [6] * 4)}, seq_len=16)
    assert list(scores) == ["en", "zh"]
    assert scores["zh"].nats == pytest.approx(score_documents(model, zh, [5] * 3, seq_len=16).nats)
    assert set(scores["zh"].as_dict()) >= {"bits_per_byte", "perplexity", "accuracy", "bits_per_byte_error"}


def test_log_likelihood_of_a_continuation(model: Transformer) -> None:
    context, tails = [1, 9, 12], [[20], [21, 22, 23]]
    scores = log_likelihoods(model, [(context, tail) for tail in tails], seq_len=16)
    for tail, score in zip(tails, scores, strict=True):
        assert score == pytest.approx(-sum(plain_nats(model, context + tail)[-len(tail) :]), rel=1e-5)


def test_a_case_over_the_window_is_refused_with_both_numbers(model: Transformer) -> None:
    with pytest.raises(RequestTooLong) as caught:
        log_likelihoods(model, [([1] * 20, [2])], seq_len=16)
    assert caught.value.code == "E703"
    assert (caught.value.values["num_tokens"], caught.value.values["max_seq_len"]) == (21, 16)


def test_the_model_is_left_in_its_mode(model: Transformer) -> None:
    model.train()
    with evaluating(model):
        assert not model.training and not torch.is_grad_enabled()
    assert model.training
    model.eval()
    with evaluating(model):
        pass
    assert not model.training
