"""Something to practise on that needs no download: reviews with labels, and a small encoder pre-trained on them.

The reviews are those of the demo's little world (`hanlin.recipe.world`): positive, neutral, negative, Chinese and
English, with wordings that are kept back for the evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from hanlin.base.messages import Language
from hanlin.course.encoder import TransformerEncoder
from hanlin.course.objectives import LanguageModelingLoss, mask_tokens
from hanlin.course.tasks import LanguageModel
from hanlin.course.texts import TextPreprocessor
from hanlin.course.training import Batch, pretrain_epoch
from hanlin.recipe.world.sentiment import LABELS as LABELS
from hanlin.recipe.world.sentiment import review
from hanlin.recipe.world.words import Words
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer_train import train_tokenizer

Row = tuple[str, str]
"""A text and its label."""


def labelled_reviews(num_rows: int, *, lang: Language = "zh", held_out: bool = False, seed: int = 0) -> list[Row]:
    """Reviews, each label in turn. `held_out` ones are made of wordings that the others never use."""
    words = Words(lang, held_out=held_out, seed=seed)
    return [(review(words, LABELS[number % len(LABELS)]), LABELS[number % len(LABELS)]) for number in range(num_rows)]


def pretrain_encoder(
    texts: Sequence[str], *, epochs: int = 3, d_model: int = 64, num_layers: int = 2, seed: int = 0
) -> tuple[TransformerEncoder, TextPreprocessor]:
    """A vocabulary and a small BERT learned from `texts` by the masked objective; a second for every few hundred.

    The control token that begins a chat's turn plays [MASK], since no text holds it.
    """
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(texts, TokenizerConfig(vocab_size=800), on_note=lambda _: None)
    preprocess = TextPreprocessor(tokenizer, max_length=128)
    encoder = TransformerEncoder(
        tokenizer.vocab_size, d_model, num_heads=4, d_ff=2 * d_model, num_layers=num_layers, max_seq_length=128
    )
    model, loss = LanguageModel(encoder), LanguageModelingLoss(tokenizer.vocab_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        pretrain_epoch(model, masked_batches(texts, preprocess), optimizer, loss)
    return encoder, preprocess


def masked_batches(texts: Sequence[str], preprocess: TextPreprocessor, batch_size: int = 32) -> list[Batch]:
    """The texts as batches of the masked objective, masked anew at every call; by im_start where there is no [MASK]."""
    special = preprocess.tokenizer.special
    batches: list[Batch] = []
    for start in range(0, len(texts), batch_size):
        batch = preprocess(texts[start : start + batch_size])
        inputs, labels = mask_tokens(
            batch["input_ids"],
            mask_id=special.im_start if special.mask is None else special.mask,
            vocab_size=preprocess.tokenizer.vocab_size,
            special_ids=(special.pad, special.bos, special.eos),
        )
        batches.append({**batch, "input_ids": inputs, "labels": labels})
    return batches
