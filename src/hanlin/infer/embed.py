"""Texts to vectors and masks to words: what encoders are asked for, many texts at a time.

Rows of like length go together, so that little of a batch is padding. Any shape gives states: encoders and decoders
their last layer's, an encoder-decoder its encoder's.

Legend: N texts, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from hanlin.base.errors import InputError, RequestTooLong, UsageError
from hanlin.data.packing import by_length
from hanlin.infer.states import make_reader
from hanlin.model.transformer import Transformer
from hanlin.text.tokenizer import CONTINUED, Tokenizer

Overflow = Literal["error", "cut", "windows"]
"""What becomes of a text that is longer than the model reads: an error, its beginning, or the mean of its parts."""


@dataclass(frozen=True)
class Vectors:
    """values (N, D) float32; num_tokens read, control tokens included; num_cut texts of which only the start was."""

    values: NDArray[np.float32]
    num_tokens: int
    num_cut: int = 0


@dataclass(frozen=True)
class Guess:
    """A token for a mask, its text and its probability."""

    token_id: int
    token: str
    probability: float


@dataclass(frozen=True)
class _Row:
    """Framed ids of one text, or of a part of it."""

    text: int
    ids: list[int]


class Embedder:
    """One vector per text.

    pooling: the mean of the states of all tokens, or the first token's. max_tokens: most tokens of a row, control
    tokens included.
    """

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        *,
        pooling: Literal["mean", "cls"] = "mean",
        normalise: bool = False,
        max_tokens: int | None = None,
    ) -> None:
        self._model, self._tokenizer, self._reader = model, tokenizer, make_reader(model)
        self._pool = {"mean": self._reader.means, "cls": self._reader.firsts}[pooling]
        self._normalise, self.max_tokens = (
            normalise,
            min(max_tokens or model.config.max_seq_len, model.config.max_seq_len),
        )

    def embed(self, texts: Sequence[str], *, overflow: Overflow = "error", batch_tokens: int | None = None) -> Vectors:
        """Vectors of texts, in their order; batch_tokens: positions of a batch, what is fastest unless given.

        Raises RequestTooLong E610 for the first text that is too long.
        """
        encoded = self._tokenizer.encode_batch(texts)
        return self.embed_ids(encoded, overflow=overflow, batch_tokens=batch_tokens)

    def embed_ids(
        self, encoded: Sequence[list[int]], *, overflow: Overflow = "error", batch_tokens: int | None = None
    ) -> Vectors:
        """As `embed` for texts that are ids already, control tokens not among them."""
        room = self.max_tokens - self._tokenizer.num_frame
        long = [number for number, ids in enumerate(encoded) if len(ids) > room]
        if long and overflow == "error":
            raise RequestTooLong(
                "infer.text_too_long", number=long[0] + 1, num_tokens=len(encoded[long[0]]), max_seq_len=room
            )
        rows = [_Row(n, part) for n, ids in enumerate(encoded) for part in self._parts(ids, room, overflow)]
        values = self._read(rows, len(encoded), batch_tokens)
        num_tokens = sum(len(row.ids) for row in rows)
        return Vectors(values, num_tokens, len(long) if overflow == "cut" else 0)

    def _parts(self, ids: list[int], room: int, overflow: Overflow) -> Iterator[list[int]]:
        """Rows of one text: all of it, unless it is cut or read in windows."""
        last = room if overflow == "cut" else len(ids)
        for start in range(0, max(1, min(last, len(ids))), room):
            yield self._tokenizer.frame(ids[start : min(start + room, last)])

    @property
    def width(self) -> int:
        """Numbers of a vector."""
        return self._model.config.hidden_size

    @torch.inference_mode()
    def _read(self, rows: Sequence[_Row], num_texts: int, batch_tokens: int | None) -> NDArray[np.float32]:
        """(N, D): parts of a text count by their tokens."""
        sums = np.zeros((num_texts, self._model.config.hidden_size), dtype=np.float32)
        weights = np.zeros((num_texts, 1), dtype=np.float32)
        for group in by_length(rows, lambda row: len(row.ids), batch_tokens or self._reader.batch_tokens):
            pooled = self._pool([row.ids for row in group]).cpu().numpy()
            for row, vector in zip(group, pooled, strict=True):
                sums[row.text] += vector * len(row.ids)
                weights[row.text] += len(row.ids)
        values = (sums / np.maximum(weights, 1)).astype(np.float32)
        if self._normalise:
            values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
        return values


@torch.inference_mode()
def fill_blanks(model: Transformer, tokenizer: Tokenizer, pieces: Sequence[str]) -> list[str]:
    """The likeliest token for each place between `pieces`, all guessed at once, none of them a control token.

    Raises UsageError E611 where the vocabulary has no mask or the model is no encoder, RequestTooLong.
    """
    mask = _mask_of(model, tokenizer)
    row = [id for piece in pieces for id in (*tokenizer.encode(piece), mask)][:-1]
    ids = torch.tensor([tokenizer.frame(row)], device=model.embeddings.tokens.weight.device)
    scores = model.head(model.guessed(ids, (ids[0] == mask).nonzero().T)[0])[:, : tokenizer.vocab_size]
    control = [id for id in range(tokenizer.vocab_size) if not tokenizer.piece_bytes(id)]
    scores[:, control] = -torch.inf
    return [tokenizer.decode([id]).removeprefix(CONTINUED) for id in scores.argmax(dim=-1).tolist()]


@torch.inference_mode()
def fill_mask(model: Transformer, tokenizer: Tokenizer, text: str, *, top: int = 5) -> list[list[Guess]]:
    """The `top` most likely tokens of every mask in `text`, written as the vocabulary writes it ("[MASK]", "<mask>").

    Raises UsageError E611 where the vocabulary has no mask or the model is no encoder, InputError E612 where the text
    has none, RequestTooLong.
    """
    mask = _mask_of(model, tokenizer)
    ids = tokenizer.frame(tokenizer.encode_template(text))
    places = [place for place, id in enumerate(ids) if id == mask]
    if not places:
        raise InputError("infer.nothing_masked", mask=tokenizer.decode([mask], skip_special=False))
    device = model.embeddings.tokens.weight.device
    hidden = model.guessed(torch.tensor([ids], device=device), torch.tensor([places], device=device))
    shares = model.head(hidden[0]).float()[:, : tokenizer.vocab_size].softmax(dim=-1)
    best = shares.topk(min(top, shares.shape[1]))
    rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [[Guess(id, tokenizer.decode([id]), share) for id, share in zip(*row, strict=True)] for row in rows]


def _mask_of(model: Transformer, tokenizer: Tokenizer) -> int:
    """The token that stands for a hidden word. Raises UsageError E611 where there is none to be guessed."""
    mask = tokenizer.special.mask
    if mask is None or model.config.arch != "encoder":
        raise UsageError("infer.no_mask_token")
    return mask
