"""The first Transformer in float64 numpy, from the paper's formulas; nothing of Hanlin is imported.

One sentence at a time, no batch, no cache, no padding: loops where loops are plainer. Weights come by name, matrices
as (out, in); queries, keys and values stand below each other in one matrix.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Mapping[str, Array]


def logits(weights: Weights, source: list[int], target: list[int], *, heads: int, layers: int) -> Array:
    """Scores (target length, vocabulary) of what follows each word of `target`, having read `source`."""
    memory = embed(weights, source)
    for layer in range(layers):
        memory = encoder_layer(weights, f"encoder.blocks.{layer}.", memory, heads)
    x = embed(weights, target)
    for layer in range(layers):
        x = decoder_layer(weights, f"stack.blocks.{layer}.", x, memory, heads)
    return x @ weights["embeddings.tokens.weight"].T


def embed(weights: Weights, words: list[int]) -> Array:
    """3.4, 3.5: the row of each word times the root of the width, plus sines and cosines."""
    table = weights["embeddings.tokens.weight"]
    width = table.shape[1]
    out = np.zeros((len(words), width))
    for place, word in enumerate(words):
        for i in range(width // 2):
            angle = place / 10000 ** (2 * i / width)
            out[place, 2 * i] = table[word, 2 * i] * width**0.5 + np.sin(angle)
            out[place, 2 * i + 1] = table[word, 2 * i + 1] * width**0.5 + np.cos(angle)
    return out


def encoder_layer(w: Weights, at: str, x: Array, heads: int) -> Array:
    """3.1: LayerNorm(x + Sublayer(x)), twice."""
    q, k, v = np.split(linear(w, f"{at}attention.qkv", x), 3, axis=1)
    x = norm(w, f"{at}attention_norm", x + linear(w, f"{at}attention.out", attend(q, k, v, heads)))
    return norm(w, f"{at}mlp_norm", x + feed_forward(w, f"{at}mlp.", x))


def decoder_layer(w: Weights, at: str, x: Array, memory: Array, heads: int) -> Array:
    """3.1: the same with the future hidden, and attention to the encoder between."""
    q, k, v = np.split(linear(w, f"{at}attention.qkv", x), 3, axis=1)
    x = norm(w, f"{at}attention_norm", x + linear(w, f"{at}attention.out", attend(q, k, v, heads, causal=True)))
    k, v = np.split(linear(w, f"{at}cross.kv", memory), 2, axis=1)
    seen = attend(linear(w, f"{at}cross.q", x), k, v, heads)
    x = norm(w, f"{at}cross_norm", x + linear(w, f"{at}cross.out", seen))
    return norm(w, f"{at}mlp_norm", x + feed_forward(w, f"{at}mlp.", x))


def attend(q: Array, k: Array, v: Array, heads: int, *, causal: bool = False) -> Array:
    """3.2: softmax(Q K^T / sqrt(d_k)) V for each head, side by side."""
    out = []
    for head in range(heads):
        size = q.shape[1] // heads
        part = slice(head * size, (head + 1) * size)
        scores = q[:, part] @ k[:, part].T / size**0.5
        if causal:
            scores[np.triu_indices(len(q), 1)] = -np.inf
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        out.append(shares / shares.sum(axis=1, keepdims=True) @ v[:, part])
    return np.concatenate(out, axis=1)


def feed_forward(w: Weights, at: str, x: Array) -> Array:
    """3.3: max(0, x W1 + b1) W2 + b2."""
    return linear(w, f"{at}down", np.maximum(linear(w, f"{at}up", x), 0))


def linear(w: Weights, at: str, x: Array) -> Array:
    """x W^T + b."""
    return x @ w[f"{at}.weight"].T + w[f"{at}.bias"]


def norm(w: Weights, at: str, x: Array, eps: float = 1e-5) -> Array:
    """Mean 0, variance 1, then a weight and a bias (Ba 2016)."""
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + eps) * w[f"{at}.weight"] + w[f"{at}.bias"]
