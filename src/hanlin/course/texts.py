"""Texts to what a model reads: ids of equal length, and which of them are real.

Legend: B batch, T tokens of the longest text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from hanlin.base.errors import InputError, RequestTooLong
from hanlin.text.tokenizer import Tokenizer

TooLong = Literal["error", "truncate"]


class TextPreprocessor:
    """Clean, encode, put [CLS] in front and [SEP] behind, pad to one length.

    Marks and capitals are kept: "好！" and "好？" are two opinions. The roles of [CLS] and [SEP] are played by the
    first and last token of the tokenizer's own texts, where it has no tokens of these names.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int = 512) -> None:
        if max_length < 3:
            raise InputError("course.no_room", max_length=max_length)
        self.tokenizer, self.max_length = tokenizer, max_length
        special = tokenizer.special
        self.cls_id, self.sep_id, self.pad_id = special.bos, special.eos, special.pad

    def clean_text(self, text: str) -> str:
        """The text in one spelling (NFC), each run of white space one space. Raises InputError for no text."""
        if not isinstance(text, str):
            raise InputError("course.no_string", kind=type(text).__name__)
        cleaned = " ".join(unicodedata.normalize("NFC", text).split())
        if not cleaned:
            raise InputError("course.empty_text", text=text)
        return cleaned

    def encode(self, text: str) -> list[int]:
        """[CLS] text [SEP] as ids, however long. Raises InputError for an empty text."""
        return [self.cls_id, *self.tokenizer.encode(self.clean_text(text)), self.sep_id]

    def __call__(self, texts: str | Sequence[str], *, too_long: TooLong = "error") -> dict[str, Tensor]:
        """input_ids (B, T), attention_mask (B, T) of 1 (token) and 0 (padding), num_dropped (B,) tokens cut off.

        Of a text over max_length the head is kept if `too_long` is "truncate"; the [SEP] stays.
        Raises RequestTooLong (E841) if it is "error", InputError for an empty text (E840) or none at all (E842).
        """
        rows = [self.encode(text) for text in ([texts] if isinstance(texts, str) else texts)]
        if not rows:
            raise InputError("course.no_texts")
        kept = [self._fit(number, row, too_long) for number, row in enumerate(rows)]
        longest = max(map(len, kept))
        return {
            "input_ids": torch.tensor([row + [self.pad_id] * (longest - len(row)) for row in kept]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in kept]),
            "num_dropped": torch.tensor([len(row) - len(short) for row, short in zip(rows, kept, strict=True)]),
        }

    def _fit(self, number: int, row: list[int], too_long: TooLong) -> list[int]:
        """The row if it fits, its head and [SEP] if it may be cut."""
        if len(row) <= self.max_length:
            return row
        if too_long == "error":
            raise RequestTooLong(
                "course.text_too_long", number=number, num_tokens=len(row), max_seq_len=self.max_length
            )
        return [*row[: self.max_length - 1], self.sep_id]
