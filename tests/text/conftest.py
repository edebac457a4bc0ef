"""A small vocabulary and the texts it was learned from."""

from __future__ import annotations

import pytest

from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer

ENGLISH = "The little boat went out to sea. It's a long way home, they said, and we'll never see it again.\n"
CHINESE = "床前明月光，疑是地上霜。举头望明月，低头思故乡。小船驶向大海，人们说它再也不会回来了。\n"
CODE = "def add(self, a, b):\n    return self.base + a * 12 + b\n"
CHAT = "user\nassistant\nsystem\n"
TEXTS = [ENGLISH * 3, CHINESE * 3, CODE * 3, CHAT * 3]


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """A vocabulary of 360 entries, learned from TEXTS."""
    return train_tokenizer(TEXTS, TokenizerConfig(vocab_size=360))
