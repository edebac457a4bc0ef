"""One small vocabulary for the course's tests."""

from __future__ import annotations

import pytest

from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    texts = ["这家店的菜很好吃！", "服务太差，不好。", "Good food, bad service."] * 4
    return train_tokenizer(texts, TokenizerConfig(vocab_size=300))
