"""A byte-level vocabulary of a few hundred entries, made by the tokenizers library directly, for tests of templates."""

from __future__ import annotations

import functools

import tokenizers
from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers

from hanlin.text.tokenizer import CONTROL, Tokenizer

TEXT = "hello world, what is the system? user and assistant talk: 你好，世界。今天天气很好！\n"


@functools.cache
def core() -> tokenizers.Tokenizer:
    """The vocabulary as the library holds it."""
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        show_progress=False,
        special_tokens=[AddedToken(text, special=True) for text in CONTROL.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator([TEXT] * 20, trainer)
    return made


@functools.cache
def tokenizer() -> Tokenizer:
    """The vocabulary as the templates take it."""
    return Tokenizer(core())
