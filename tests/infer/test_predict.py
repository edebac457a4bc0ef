"""Labels, numbers, parts and answers: batches by length change nothing, long texts follow the policy, files open."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.infer import vocabulary

from hanlin.base.errors import InputError, RequestTooLong, UsageError
from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.infer.predict import Extractor, Predictor, Tagger, decided, words_of
from hanlin.life.classify import Classifier
from hanlin.life.load import load
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model

SIZES = {"vocab_size": 50, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "max_seq_len": 12}
TEXTS = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9 w10", ("w3 w2", "w1"), "w11 w12"]


def made(kind, labels=(), family="bert", **task):
    preset = FAMILIES[family].preset
    head = {**preset.get("head", {}), "kind": "none", "pooler": family == "bert" and kind == "sequence"}
    head |= {"next_sentence": False, "task": {"kind": kind, "labels": labels, **task}}
    return build_model(ModelConfig(**{**preset, **SIZES, "family": family, "head": head}), seed=3).eval()


@pytest.fixture(scope="module")
def tokenizer():
    return vocabulary.bert()


@pytest.mark.parametrize("family", ["bert", "llama", "t5"])
@pytest.mark.parametrize("batch_tokens", [1, 4096])
def test_probabilities_are_the_softmax_of_one_row_alone(family, batch_tokens, tokenizer):
    tokens = vocabulary.t5() if family == "t5" else tokenizer
    model = made("sequence", ("a", "b", "c"), family)
    found = Predictor(model, tokens).predict(TEXTS, batch_tokens=batch_tokens)
    assert found.labels == ("a", "b", "c")
    for text, row in zip(TEXTS, found.probabilities, strict=True):
        if isinstance(text, str):
            framed, types = tokens.frame(tokens.encode(text)), None
        else:
            pair = tokens.encode_pair(*text)
            framed, types = pair.ids, torch.tensor([pair.types])
        with torch.no_grad():
            alone = model.judge(torch.tensor([framed]), types=types if family == "bert" else None)[0].softmax(-1)
        np.testing.assert_allclose(row, alone.numpy(), atol=1e-6)
    assert [one.label for one in found] == [found.labels[n] for n in found.probabilities.argmax(axis=1)]


def test_several_labels_and_numbers(tokenizer, lang):
    several = Predictor(made("sequence", ("a", "b"), problem="several"), tokenizer).predict(["w1"])
    share = several.probabilities[0]
    assert several[0].labels == tuple(label for label, one in zip("ab", share, strict=True) if one >= 0.5)
    numbers = Predictor(made("sequence", ("stars",), problem="value"), tokenizer)
    assert numbers.scores(["w1", "w2"]).values.shape == (2, 1)
    with pytest.raises(UsageError) as error:
        numbers.predict(["w1"])
    assert error.value.code == "E616"


def test_a_long_text_is_an_error_cut_or_read_in_parts(tokenizer, lang):
    predictor, long = Predictor(made("sequence", ("a", "b")), tokenizer), " ".join(f"w{number}" for number in range(23))
    with pytest.raises(RequestTooLong) as error:
        predictor.predict(["w1", long])
    assert (error.value.code, error.value.values["number"], error.value.values["num_tokens"]) == ("E441", "2", 23)
    cut, words = predictor.scores([long, "w1"], overflow="cut"), long.split()
    assert (cut.num_cut, cut.num_split) == (1, 0)
    np.testing.assert_allclose(cut.values[0], predictor.scores([" ".join(words[:10])]).values[0], atol=1e-6)
    parts = [" ".join(words[start : start + 10]) for start in (0, 10, 20)]
    each, sizes = predictor.scores(parts).values, np.array([12, 12, 5])[:, None]
    split = predictor.scores([long], overflow="windows")
    assert (split.num_cut, split.num_split) == (0, 1)
    np.testing.assert_allclose(split.values[0], (each * sizes).sum(axis=0) / sizes.sum(), atol=1e-6)


def test_a_blank_text_and_another_task_are_refused(tokenizer, lang):
    with pytest.raises(InputError) as error:
        Predictor(made("sequence", ("a", "b")), tokenizer).predict(["w1", " \n"])
    assert (error.value.code, error.value.values["number"]) == ("E440", "2")
    with pytest.raises(UsageError) as other:
        Tagger(made("sequence", ("a", "b")), tokenizer)
    assert other.value.code == "E615"


def test_tags_become_parts_of_the_text(tokenizer, monkeypatch):
    tagger = Tagger(made("tokens", ("O", "B-PER", "I-PER", "B-LOC")), tokenizer)
    said = {"w1": 1, "w2": 2, "w3": 0, "w4": 3, "w5": 1, "w6": 2, "w7": 2}
    numbers = {tokenizer.encode(word)[0]: tag for word, tag in said.items()}

    def judge(tokens, **reading):
        tags = torch.tensor([[numbers.get(int(id), 0) for id in row] for row in tokens])
        return torch.nn.functional.one_hot(tags, 4) * 9.0

    monkeypatch.setattr(tagger.model, "judge", judge)
    text = "w1 w2 w3  w4 w5 w6 w7"
    found = tagger.predict([text, "w3 w7", "w1 w1"])
    assert [(one.label, one.text) for one in found[0]] == [("PER", "w1 w2"), ("LOC", "w4"), ("PER", "w5 w6 w7")]
    assert all(text[one.start : one.end] == one.text for one in found[0])
    assert [[one.text for one in row] for row in found[1:]] == [["w7"], ["w1", "w1"]]


def test_the_best_span_of_a_passage_read_in_parts(tokenizer, monkeypatch):
    extractor = Extractor(made("spans"), tokenizer, longest=3)
    first, last = tokenizer.encode("w21 w22")

    def judge(tokens, **reading):
        return torch.stack(((tokens == first) * 5.0, (tokens == last) * 5.0), dim=-1)

    monkeypatch.setattr(extractor.model, "judge", judge)
    context = " ".join(f"w{number}" for number in range(30))
    answers = extractor.predict(["w1 w2", "w1"], [context, "w3 w4"])
    assert (answers[0].text, answers[0].start, answers[0].score) == ("w21 w22", context.index("w21"), 10.0)
    assert (answers[1].text, answers[1].start) == ("", -1)
    with pytest.raises(RequestTooLong) as error:
        extractor.predict([" ".join(["w1"] * 9)], [context])
    assert error.value.code == "E442"


def test_a_saved_classifier_opens_by_its_folder(tokenizer, tmp_path):
    model = made("sequence", ("差", "好"))
    save_bundle(tmp_path / "b", model=model, tokenizer=tokenizer, lineage=Lineage("task", 1))
    expected = Predictor(model, tokenizer).predict(["w1 w2"]).probabilities
    classifier = Classifier(tmp_path / "b", exact=True)
    np.testing.assert_allclose(classifier.predict(["w1 w2"]).probabilities, expected, atol=1e-6)
    assert classifier("w1 w2").label in classifier.labels == ("差", "好")
    np.testing.assert_allclose(load(tmp_path / "b", exact=True).predict("w1 w2").probabilities, expected, atol=1e-6)


def test_the_tokens_of_a_word_decide_together():
    """Lon-don by three tokens of two opinions, 北京 by one each: letters are one word, characters are not."""
    text, places = "Li in London 北京", [(0, 2), (2, 5), (5, 9), (9, 11), (11, 12), (13, 14), (14, 15)]
    labels = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    words = words_of(text, places)
    assert [list(word) for word in words] == [[2, 3, 4]]
    shares = torch.full((7, 5), 0.02)
    for token, label in enumerate([1, 0, 3, 2, 4, 3, 0]):
        shares[token, label] = 0.92
    shares[3] = torch.tensor([0.05, 0.05, 0.5, 0.2, 0.2])  # the middle alone would say PER
    made = decided(shares, words, labels)
    assert made.argmax(dim=1).tolist() == [1, 0, 3, 4, 4, 3, 0]
    assert made.sum(dim=1) == pytest.approx(torch.ones(7), abs=1e-5)
    assert torch.equal(made[[0, 1, 5, 6]], shares[[0, 1, 5, 6]])
