"""Texts as the mean hidden state of a model: what its last layer holds of all their tokens.

B windows, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hanlin.bundle.bundle import Bundle
from hanlin.data.packing import by_length
from hanlin.evaluate.metrics import evaluating

Window = tuple[int, Sequence[int]]


def mean_hidden(bundle: Bundle, texts: Sequence[str], *, batch: int = 8192) -> NDArray[np.float32]:
    """Return a vector (D,) of each text. A text longer than the model reads comes in windows, none of it left out.

    `batch` is the number of positions given to the model at once. A text without a token has a zero vector.
    """
    assert bundle.tokenizer is not None
    bos, longest = bundle.tokenizer.special.bos, bundle.config.max_seq_len
    windows = list(_windows(bundle.tokenizer.encode_batch(texts), bos, longest))
    sums, counts = np.zeros((len(texts), bundle.config.hidden_size)), np.zeros(len(texts))
    with evaluating(bundle.model):
        for group in by_length(windows, lambda window: len(window[1]), batch):
            for (number, ids), total in zip(group, _sums(bundle, group), strict=True):
                sums[number] += total
                counts[number] += len(ids) - 1
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)


def _windows(encoded: Sequence[Sequence[int]], bos: int, longest: int) -> Iterator[Window]:
    """Each window opens with the begin token, as every text did in training; it is not counted."""
    for number, ids in enumerate(encoded):
        for start in range(0, len(ids), longest - 1):
            yield number, [bos, *ids[start : start + longest - 1]]


def _sums(bundle: Bundle, group: Sequence[Window]) -> NDArray[np.float64]:
    """The sum of the hidden states of each window, its begin token left out: (B, D)."""
    tokens = torch.zeros(len(group), len(group[0][1]), dtype=torch.int64)  # (B, T)
    segments = torch.zeros_like(tokens)
    for row, (_, ids) in enumerate(group):
        tokens[row, : len(ids)], segments[row, : len(ids)] = torch.as_tensor(ids), 1
    device = bundle.model.head.weight.device
    hidden = bundle.model.hidden(tokens.to(device), segments=segments.to(device)).double()  # (B, T, D)
    counted = segments.to(device).clone()
    counted[:, 0] = 0
    sums: NDArray[np.float64] = (hidden * counted[:, :, None]).sum(dim=1).cpu().numpy()
    return sums
