"""The roads not taken, in plain torch: a language model of LSTMs, and a classifier of convolutions (Kim 2014).

Legend: B rows, T tokens, D width, F features, K outputs, V vocabulary. Id 0 is padding.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Ids = Sequence[int]


class Lstm(nn.Module):
    """Layers of LSTM under a tied head; a row's features are the means and maxima of its states."""

    def __init__(self, *, vocab_size: int, width: int, num_layers: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.layers = nn.LSTM(width, width, num_layers, batch_first=True, dropout=dropout if num_layers > 1 else 0.0)
        self.dropout, self.num_features = nn.Dropout(dropout), 2 * width
        nn.init.normal_(self.embedding.weight, std=width**-0.5)

    def states(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, T, D)."""
        found: Tensor = self.layers(self.dropout(self.embedding(tokens)))[0]
        return self.dropout(found)

    def next_loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Nats of every target (B, T); 0 where it is padding."""
        logits = self.states(tokens) @ self.embedding.weight.T  # (B, T, V)
        return F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=0, reduction="none")

    def features(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, F)."""
        states, known = self.states(tokens), (tokens != 0)[..., None]
        mean = (states * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)
        return torch.cat((mean, states.masked_fill(~known, -1e4).amax(dim=1)), dim=1)


class Cnn(nn.Module):
    """Filters over 2 to 5 tokens, of each the largest answer anywhere in the row."""

    def __init__(self, *, vocab_size: int, width: int, num_filters: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width, padding_idx=0)
        self.filters = nn.ModuleList(nn.Conv1d(width, num_filters, size, padding=size - 1) for size in (2, 3, 4, 5))
        self.dropout, self.num_features = nn.Dropout(dropout), 4 * num_filters

    def features(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, F)."""
        x = self.dropout(self.embedding(tokens)).transpose(1, 2)
        return torch.cat([F.relu(one(x)).amax(dim=2) for one in self.filters], dim=1)


class Judge(nn.Module):
    """A linear head on the features of one text, or on those of two, their difference and product."""

    def __init__(self, reader: Lstm | Cnn, num_outputs: int, *, is_pair: bool = False, dropout: float = 0.3) -> None:
        super().__init__()
        self.reader, self.dropout = reader, nn.Dropout(dropout)
        self.head = nn.Linear(reader.num_features * (4 if is_pair else 1), num_outputs)

    def forward(self, first: Tensor, second: Tensor | None = None) -> Tensor:
        """(B, T) -> (B, K)."""
        one = self.reader.features(first)
        if second is not None:
            other = self.reader.features(second)
            one = torch.cat((one, other, (one - other).abs(), one * other), dim=1)
        scores: Tensor = self.head(self.dropout(one))
        return scores


# ---------------------------------------------------------------- training


def learn_next(
    model: Lstm,
    stream: Tensor,
    *,
    seconds: float,
    rate: float = 3e-3,
    rows: int = 32,
    length: int = 128,
    seed: int = 1,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Predict every next token of a stream (N,) for so long; the rate falls to nothing. Returns the tokens read."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    began, num_tokens = clock(), 0
    while (gone := (clock() - began) / seconds) < 1:
        starts = torch.randint(0, len(stream) - length - 1, (rows,), generator=generator)
        read = stream[starts[:, None] + torch.arange(length + 1)]
        loss = model.next_loss(read[:, :-1], read[:, 1:]).mean()
        _step(optimizer, model, loss, rate * min(1.0, gone / 0.02, 1 - gone))
        num_tokens += rows * length
    return num_tokens


def bits_per_byte(model: Lstm, documents: Sequence[Ids], num_bytes: int) -> float:
    """Bits that the model needs for every byte of whole documents, each beginning with its bos id."""
    model.eval()
    nats = 0.0
    with torch.no_grad():
        for ids in documents:
            row = torch.tensor([list(ids)])
            nats += float(model.next_loss(row[:, :-1], row[:, 1:]).sum())
    model.train()
    return nats / math.log(2) / num_bytes


def learn_task(model: Judge, inputs: Sequence[tuple[Ids, ...]], wanted: Sequence[float], *, epochs: int,
               rate: float = 1e-3, rows: int = 32, seed: int = 1) -> None:  # fmt: skip
    """Classes (integers) by cross-entropy, or one number by its squared error, over so many passes."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    is_number = model.head.out_features == 1
    targets = torch.tensor(wanted) if is_number else torch.tensor([int(one) for one in wanted])
    steps, step = epochs * math.ceil(len(inputs) / rows), 0
    model.train()
    for _ in range(epochs):
        for places in torch.randperm(len(inputs), generator=generator).split(rows):
            scores = model(*padded([inputs[place] for place in places.tolist()]))
            aim = targets[places]
            loss = F.mse_loss(scores.squeeze(1), aim) if is_number else F.cross_entropy(scores, aim)
            step += 1
            _step(optimizer, model, loss, rate * min(1.0, step / (0.06 * steps + 1), 1 - step / (steps + 1)))


def answers(model: Judge, inputs: Sequence[tuple[Ids, ...]], *, rows: int = 128) -> Tensor:
    """Scores (N, K)."""
    model.eval()
    with torch.no_grad():
        found = [model(*padded(inputs[start : start + rows])) for start in range(0, len(inputs), rows)]
    return torch.cat(found)


def padded(rows: Sequence[tuple[Ids, ...]]) -> Iterator[Tensor]:
    """Each side of the rows as (B, T)."""
    for side in zip(*rows, strict=True):
        width = max(1, *map(len, side))
        yield torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in side])


def _step(optimizer: torch.optim.Optimizer, model: nn.Module, loss: Tensor, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
