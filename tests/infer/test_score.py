"""Log-probabilities of texts, of every shape, against torch's own cross-entropy over whole logits."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from tests.infer import vocabulary
from tests.infer.reading_models import opened, save_t5, wide

from hanlin.base.errors import InputError, RequestTooLong, UsageError
from hanlin.infer.score import Scorer

TEXTS = ["w1 w2 w3", "w4", "", "w5 w6 w7 w8 w9 w10", "w3 w2 w1"]
SOURCES = ["w9", "w8 w7 w6 w5", "w1", "w2 w3", "w11 w12"]


@pytest.fixture(scope="module")
def tokenizer():
    return vocabulary.t5()


@pytest.mark.parametrize("batch_tokens", [1, 4096])
@pytest.mark.parametrize("arch", ["decoder", "prefix"])
def test_texts_are_scored_from_the_left(arch, batch_tokens, tokenizer):
    model = wide(arch)
    found = Scorer(model, tokenizer, start=0, batch_tokens=batch_tokens).score(TEXTS, sources=SOURCES, top=3)
    for text, source, score in zip(TEXTS, SOURCES, found, strict=True):
        ids, read = tokenizer.encode(text), tokenizer.encode(source)
        before = tokenizer.frame(read) if arch == "prefix" else [tokenizer.special.bos, *read]
        row = torch.tensor([[*before, *ids]])
        prefix = (torch.arange(row.shape[1]) < len(before))[None] if arch == "prefix" else None
        with torch.no_grad():
            shares = model(row, prefix=prefix)[0].log_softmax(dim=-1)
        expected = [float(shares[len(before) - 1 + n, id]) for n, id in enumerate(ids)]
        assert score.ids == tuple(ids)
        assert list(score.logprobs) == pytest.approx(expected, abs=1e-5)
        for place, best in enumerate(score.top):
            at = shares[len(before) - 1 + place].topk(3)
            assert [id for id, _ in best] == at.indices.tolist()
            assert [value for _, value in best] == pytest.approx(at.values.tolist(), abs=1e-5)
        assert score.total == pytest.approx(sum(expected), abs=1e-5)
        if ids:
            assert score.perplexity == pytest.approx(math.exp(-sum(expected) / len(ids)), rel=1e-5)
        else:
            assert score.perplexity is None


def test_a_target_is_scored_given_its_source_as_transformers_does(tmp_path, tokenizer):
    theirs, ours = save_t5(tmp_path), opened(tmp_path)
    for text, source, score in zip(
        TEXTS, SOURCES, Scorer(ours, tokenizer, start=0).score(TEXTS, sources=SOURCES), strict=True
    ):
        labels = torch.tensor([[*tokenizer.encode(text), 1]])
        with torch.no_grad():
            loss = theirs(input_ids=torch.tensor([tokenizer.frame(tokenizer.encode(source))]), labels=labels).loss
        assert len(score.ids) == labels.shape[1]
        assert -score.total / len(score.ids) == pytest.approx(float(loss), abs=1e-4)


@pytest.mark.parametrize("batch_tokens", [1, 9, 4096])
def test_an_encoder_hides_each_token_in_turn(batch_tokens):
    model, tokenizer = wide("encoder", vocab_size=45), vocabulary.bert()
    found = Scorer(model, tokenizer, start=0, batch_tokens=batch_tokens).score(TEXTS)
    for text, score in zip(TEXTS, found, strict=True):
        ids = tokenizer.encode(text)
        expected = []
        for place, id in enumerate(ids):
            row = tokenizer.frame(ids)
            row[1 + place] = tokenizer.special.mask
            with torch.no_grad():
                logits = model(torch.tensor([row]))[0, 1 + place]
            expected.append(-float(F.cross_entropy(logits[None], torch.tensor([id]))))
        assert list(score.logprobs) == pytest.approx(expected, abs=1e-5)


def test_ids_are_scored_as_they_are(tokenizer):
    model = wide("decoder")
    (score,) = Scorer(model, tokenizer, start=0).score_ids([[7, 8, 9]])
    with torch.no_grad():
        shares = model(torch.tensor([[7, 8, 9]]))[0].log_softmax(dim=-1)
    assert score.ids == (8, 9)
    assert list(score.logprobs) == pytest.approx([float(shares[0, 8]), float(shares[1, 9])], abs=1e-5)


def test_what_cannot_be_scored_is_said(tokenizer, lang):
    with pytest.raises(RequestTooLong) as error:
        Scorer(wide("decoder", max_seq_len=4), tokenizer, start=0).score(["w1", "w1 w2 w3 w4 w5"])
    assert error.value.code == "E623" and error.value.values["number"] == 2
    with pytest.raises(InputError) as wrong:
        Scorer(wide("decoder"), tokenizer, start=0).score(["w1"], sources=["w1", "w2"])
    assert wrong.value.code == "E617"
    for arch, sources in (("encoder_decoder", None), ("encoder", ["w1"])):
        with pytest.raises(UsageError) as misuse:
            Scorer(wide(arch), tokenizer, start=0).score(["w1"], sources=sources)
        assert misuse.value.code == "E618"
    with pytest.raises(UsageError) as misuse:
        Scorer(wide("encoder"), tokenizer, start=0).score(["w1"])
    assert misuse.value.code == "E611"
