"""Encoders, encoder-decoders and decoders with blanks behind the real server, asked by OpenAI's own client."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tokenizers
from tests.infer import vocabulary
from tests.serve.conftest import fault
from tokenizers import models, pre_tokenizers, processors

from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.life.load import Model, load
from hanlin.life.serve import server
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model
from hanlin.text.tokenizer import Tokenizer

openai: Any = pytest.importorskip("openai")

SIZES = {"hidden_size": 24, "num_layers": 2, "num_heads": 3, "ffn_size": 40, "max_seq_len": 32}
FIM = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]


def words(*control: str, frame: str = "") -> Tokenizer:
    """Words between control tokens."""
    names = ["<pad>", "</s>", "<unk>", *control]
    vocab = {piece: id for id, piece in enumerate([*names, *vocabulary.WORDS])}
    core = tokenizers.Tokenizer(models.WordLevel(vocab, "<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens(names)
    if frame:
        core.post_processor = processors.TemplateProcessing(single=frame, special_tokens=[("</s>", 1)])
    return Tokenizer(core, {"eos_token": "</s>", "pad_token": "<pad>"})


class Asked:
    """A bundle behind a server, the same bundle in Python, and two clients."""

    def __init__(self, folder: Path, address: str) -> None:
        self.model: Model = load(folder)
        self.client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0, timeout=60)
        self.http = httpx.Client(base_url=address, timeout=60, trust_env=False)

    def able(self) -> list[str]:
        """What /v1/models says."""
        (card,) = self.client.models.list()
        return list(card.capabilities)


def asked(folder: Path, family: str, tokenizer: Tokenizer) -> Iterator[Asked]:
    config = ModelConfig(**{**FAMILIES[family].preset, **SIZES, "vocab_size": tokenizer.vocab_size})
    model = build_model(config, seed=2)
    save_bundle(folder / "tiny", model=model, tokenizer=tokenizer, lineage=Lineage("pretrain", 2))
    with server(folder / "tiny", port=0, name="tiny", page=False, device="cpu") as running:
        found = Asked(folder / "tiny", running.address)
        with found.client, found.http:
            yield found


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    yield from asked(tmp_path_factory.mktemp("bert"), "bert", vocabulary.bert())


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    sentinels = [f"<extra_id_{number}>" for number in range(4)]
    yield from asked(tmp_path_factory.mktemp("t5"), "t5", words(*sentinels, frame="$A </s>"))


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    yield from asked(tmp_path_factory.mktemp("coder"), "llama", words(*FIM))


# ---------------------------------------------------------------- vectors


@pytest.mark.parametrize("shape", ["bert", "t5", "coder"])
def test_vectors_are_those_of_python(shape: str, request: pytest.FixtureRequest) -> None:
    found: Asked = request.getfixturevalue(shape)
    texts = ["w1 w2 w3", "w4", "w5 w6"]
    expected = found.model.embed(texts)
    plain = found.client.embeddings.create(model="tiny", input=texts, encoding_format="float")
    coded = found.client.embeddings.create(model="tiny", input=texts)  # the client asks for base64 itself
    for answer in (plain, coded):
        assert [one.index for one in answer.data] == [0, 1, 2]
        np.testing.assert_allclose([one.embedding for one in answer.data], expected.values, atol=1e-6)
        assert answer.usage.prompt_tokens == answer.usage.total_tokens == expected.num_tokens
    ids = [found.model.tokenizer.encode(text) for text in texts]
    by_ids = found.client.embeddings.create(model="tiny", input=ids, encoding_format="float")
    np.testing.assert_allclose([one.embedding for one in by_ids.data], expected.values, atol=1e-6)


def test_base64_is_that_of_little_endian_float32(bert: Asked) -> None:
    body = {"model": "tiny", "input": "w1 w2", "encoding_format": "base64"}
    (one,) = bert.http.post("/v1/embeddings", json=body).json()["data"]
    values = np.frombuffer(base64.b64decode(one["embedding"]), dtype="<f4")
    np.testing.assert_array_equal(values, bert.model.embed("w1 w2").values[0])


def test_a_long_text_is_refused_or_read_as_told(bert: Asked) -> None:
    long = " ".join(f"w{number}" for number in range(39))
    body = {"model": "tiny", "input": ["w1", long]}
    error = fault(bert.http.post("/v1/embeddings", json=body), 400, "E610")
    assert error["param"] == "input" and error["code"] == "context_length_exceeded"
    cut = bert.http.post("/v1/embeddings", json={**body, "overflow": "cut"})
    assert cut.headers["x-hanlin-cut"] == "1"
    expected = bert.model.embed(["w1", long], overflow="windows").values
    windows = bert.http.post("/v1/embeddings", json={**body, "overflow": "windows"}).json()["data"]
    np.testing.assert_allclose([one["embedding"] for one in windows], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"input": ""}, "E957", "input"),
        ({"input": ["w1", ""]}, "E957", "input"),
        ({"input": []}, "E957", "input"),
        ({"input": [[1, 999]]}, "E602", "input"),
        ({"input": "w1", "encoding_format": "int8"}, "E957", "encoding_format"),
        ({"input": "w1", "dimensions": 5}, "E991", "dimensions"),
        ({"input": ["w1"] * 2049}, "E957", "input"),
    ],
)
def test_bad_inputs_are_refused_with_a_sentence(bert: Asked, fields: dict[str, Any], code: str, param: str) -> None:
    error = fault(bert.http.post("/v1/embeddings", json={"model": "tiny", **fields}), 400, code)
    assert error["param"] == param


def test_an_empty_input_has_its_own_rule(bert: Asked) -> None:
    response = bert.http.post("/v1/embeddings", json={"model": "tiny", "input": ["w1", ""]})
    assert "at least one token" in response.json()["error"]["message"]


# ---------------------------------------------------------------- what a model cannot do


def test_an_encoder_says_what_it_can_and_refuses_the_rest(bert: Asked) -> None:
    assert bert.able() == ["embeddings"]
    assert bert.http.get("/ready").status_code == 200
    for path, fields in (
        ("/v1/completions", {"prompt": "w1"}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "w1"}]}),
    ):
        error = fault(bert.http.post(path, json={"model": "tiny", **fields}), 400, "E990")
        assert "embeddings" in error["message"]


def test_an_encoder_decoder_says_what_it_can(t5: Asked, coder: Asked) -> None:
    assert t5.able() == ["completions", "infilling", "embeddings"]
    assert coder.able() == ["completions", "infilling", "scoring", "embeddings"]
    body = {"model": "tiny", "messages": [{"role": "user", "content": "w1"}]}
    fault(t5.http.post("/v1/chat/completions", json=body), 400, "E972")
    fault(
        t5.http.post("/v1/completions", json={"model": "tiny", "prompt": "w1", "echo": True, "logprobs": 1}),
        400,
        "E990",
    )


# ---------------------------------------------------------------- writing


def test_an_encoder_decoder_completes_as_python_does(t5: Asked) -> None:
    texts = ["w1 w2 w3", "w4 w5"]
    asked = {"max_tokens": 9, "temperature": 0.0, "logprobs": 2}
    answer = t5.client.completions.create(model="tiny", prompt=texts, **asked)
    for text, choice in zip(texts, answer.choices, strict=True):
        expected = t5.model.generation(text, **asked)
        assert (choice.text, choice.finish_reason) == (expected.text, expected.finish_reason)
        shown = [one.logprob for one in expected.tokens if t5.model.tokenizer.piece_bytes(one.token_id)]
        assert choice.logprobs.token_logprobs == pytest.approx(shown, abs=1e-4)
    stream = t5.client.completions.create(model="tiny", prompt=texts[0], max_tokens=9, temperature=0.0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == answer.choices[0].text
    assert answer.usage.prompt_tokens == sum(len(text.split()) + 1 for text in texts)


def test_what_is_read_and_what_is_written_have_each_their_room(t5: Asked) -> None:
    long = " ".join(["w1"] * 31)  # and </s>: 32
    body = {"model": "tiny", "prompt": long, "max_tokens": 31, "ignore_eos": True}
    assert t5.http.post("/v1/completions", json=body).json()["usage"]["total_tokens"] == 63
    error = fault(t5.http.post("/v1/completions", json={**body, "max_tokens": 32}), 400, "E992")
    assert error["code"] == "context_length_exceeded" and "32" in error["message"]
    fault(t5.http.post("/v1/completions", json={**body, "prompt": f"{long} w1", "max_tokens": 1}), 400, "E992")


@pytest.mark.parametrize("shape", ["t5", "coder"])
def test_a_suffix_has_the_gap_before_it_filled(shape: str, request: pytest.FixtureRequest) -> None:
    found: Asked = request.getfixturevalue(shape)
    expected = found.model.infill("w1 w2", "w3", max_tokens=6)
    answer = found.client.completions.create(model="tiny", prompt="w1 w2", suffix="w3", max_tokens=6, temperature=0.0)
    if shape == "coder":  # an answer that names no sentinel fills nothing in Python, and is shown as it is here
        assert answer.choices[0].text.split() == expected.parts[0].split()
    error = fault(
        found.http.post("/v1/completions", json={"model": "tiny", "prompt": "w1", "suffix": "w2", "echo": True}),
        400,
        "E957",
    )
    assert error["param"] == "suffix"


def test_an_echoed_prompt_is_scored(coder: Asked) -> None:
    """What lm-eval asks: every id of the prompt with its log-probability, then the one token that is written."""
    ids = coder.model.tokenizer.encode("w1 w2 w3")
    answer = coder.client.completions.create(
        model="tiny", prompt=ids, echo=True, logprobs=2, max_tokens=1, temperature=0
    )
    found = answer.choices[0].logprobs
    shares = coder.model.logits([ids])[0].log_softmax(dim=-1)
    assert found.token_logprobs[0] is None and len(found.tokens) == len(found.token_logprobs) == 4
    assert found.token_logprobs[1:3] == pytest.approx([float(shares[n, ids[n + 1]]) for n in (0, 1)], abs=1e-4)
    assert max(found.top_logprobs[1].values()) == pytest.approx(float(shares[0].max()), abs=1e-4)
    assert found.top_logprobs[0] is None
    only = coder.client.completions.create(model="tiny", prompt=ids, echo=True, logprobs=1, max_tokens=0)
    assert only.choices[0].logprobs.token_logprobs[1:] == pytest.approx(found.token_logprobs[1:3], abs=1e-4)
    streamed = coder.client.completions.create(
        model="tiny", prompt=ids, echo=True, logprobs=2, max_tokens=1, temperature=0, stream=True
    )
    values = [
        value for chunk in streamed if chunk.choices[0].logprobs for value in chunk.choices[0].logprobs.token_logprobs
    ]
    assert values[1:] == pytest.approx(found.token_logprobs[1:], abs=1e-4)


def test_token_ids_end_an_answer(coder: Asked) -> None:
    asked = {"model": "tiny", "prompt": "w1 w2", "max_tokens": 8, "temperature": 0}
    ids = coder.model.generation("w1 w2", max_tokens=8, temperature=0.0).ids
    choice = coder.http.post("/v1/completions", json={**asked, "stop_token_ids": [ids[2]]}).json()["choices"][0]
    first = ids.index(ids[2])
    assert choice["finish_reason"] == "stop" and choice["text"].split() == [
        f"w{id - 6}" for id in ids[:first] if id > 5
    ]
