"""A tiny bundle with a real tokenizer, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.bundle.bundle import Bundle, load_bundle, save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import build_model
from hanlin.text.chat import Template
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer_train import train_tokenizer


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = ["the cat sat on the mat. 猫坐在垫子上。", "hello, who are you? 你好，你是谁？"] * 20
    tokenizer = train_tokenizer(texts, TokenizerConfig(vocab_size=300))
    shape = ModelConfig(vocab_size=tokenizer.vocab_size, hidden_size=32, num_layers=1, num_heads=2, max_seq_len=128)
    out = tmp_path_factory.mktemp("talk") / "bundle"
    return save_bundle(
        out,
        model=build_model(shape, seed=1),
        tokenizer=tokenizer,
        template=Template.default(tokenizer.special),
        lineage=Lineage("finetune", 1),
    )


@pytest.fixture
def bundle(folder: Path) -> Bundle:
    return load_bundle(folder)
