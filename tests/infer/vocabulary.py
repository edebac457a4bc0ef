"""A vocabulary as BERT and T5 have one: words, control tokens, and the rule that frames a text."""

from __future__ import annotations

import tokenizers
from tokenizers import models, pre_tokenizers, processors

from hanlin.text.tokenizer import Tokenizer

WORDS = [f"w{number}" for number in range(40)]


def bert() -> Tokenizer:
    """[CLS] a [SEP] b [SEP], second texts of type 1."""
    control = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return _made(control, "[UNK]", "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", {"mask_token": "[MASK]"})


def t5() -> Tokenizer:
    """a </s>."""
    named = {"eos_token": "</s>", "pad_token": "<pad>"}
    return _made(["<pad>", "</s>", "<unk>"], "<unk>", "$A </s>", "$A </s> $B </s>", named)


def _made(control: list[str], unknown: str, single: str, pair: str, config: dict[str, str]) -> Tokenizer:
    vocab = {piece: id for id, piece in enumerate([*control, *WORDS])}
    core = tokenizers.Tokenizer(models.WordLevel(vocab, unknown))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens(control)
    framing = [(text, vocab[text]) for text in control if text in single]
    core.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=framing)
    return Tokenizer(core, config)
