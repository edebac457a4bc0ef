"""XLNet writes through the engine what transformers' class says, token by token, alone and together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.bundle.parity import check, load, randomise

from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.engine import Engine
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model

from .conftest import ByteTokenizer

transformers = pytest.importorskip("transformers")

PROMPTS = ([7, 9, 30], [5, 6, 7, 8, 9, 10, 11, 12, 13], [40], [50, 51, 52])
NUM_TOKENS = 8


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A random model of theirs whose vocabulary is that of the test's tokenizer, and its folder."""
    torch.manual_seed(1)
    vocab_size = ByteTokenizer().vocab_size
    config = transformers.XLNetConfig(vocab_size=vocab_size, d_model=48, n_layer=3, n_head=4, d_inner=80)
    theirs = randomise(transformers.XLNetLMHeadModel(config).eval())
    folder = tmp_path_factory.mktemp("theirs")
    theirs.save_pretrained(folder)
    return theirs, folder


@torch.no_grad()
def step(theirs: Any, ids: list[int]) -> torch.Tensor:
    """Logits (V) of the next token, as their own generation asks for it, the whole text read anew."""
    asked = theirs.prepare_inputs_for_generation(torch.tensor([ids]), use_mems=False)
    return theirs(**asked).logits[0, 0]


def engine(folder: Path, **settings: Any) -> Engine:
    return Engine(load(folder, torch.float32), ByteTokenizer(), config=EngineConfig(**settings))


def test_every_step_says_what_theirs_says(pair: tuple[Any, Path]) -> None:
    theirs, folder = pair
    model: Any = load(folder, torch.float32)
    for prompt in PROMPTS:
        with torch.no_grad():
            check(model.head(model.asked(torch.tensor([prompt])))[0], step(theirs, list(prompt)), torch.float32)


@pytest.mark.parametrize("max_batch", [1, 4])
def test_greedy_answers_are_theirs_token_by_token(pair: tuple[Any, Path], max_batch: int) -> None:
    """Prompts of several lengths, one by one and together; an end token ends an answer here as it would there."""
    theirs, folder = pair
    params = SamplingParams(temperature=0.0, max_tokens=NUM_TOKENS)
    found = engine(folder, max_batch=max_batch).generate_many(PROMPTS, params)
    ends = {ByteTokenizer().special.eos, ByteTokenizer().special.im_end}
    for prompt, answer in zip(PROMPTS, found, strict=True):
        ids = list(prompt)
        while len(ids) < len(prompt) + NUM_TOKENS and (drawn := int(step(theirs, ids).argmax())) not in ends:
            ids.append(drawn)
        assert [id for id in answer.ids if id not in ends] == ids[len(prompt) :]


def test_an_answer_fills_the_row_to_its_last_place() -> None:
    tokenizer = ByteTokenizer()
    sizes = {"vocab_size": tokenizer.vocab_size, "hidden_size": 16, "num_layers": 1, "num_heads": 2, "max_seq_len": 12}
    model = build_model(ModelConfig(**{**FAMILIES["xlnet"].preset, **sizes}), seed=1)
    answer = Engine(model, tokenizer).generate([5, 6, 7], SamplingParams(temperature=0.0, max_tokens=99))
    assert len(answer.tokens) == 9 or answer.finish_reason == "stop"
