"""ChatGLM-6B in numpy and float64, from what is published about it: the oracle of a family without a class.

Its prefix is what stands before the start token; query, key and value of a head are kept together; half of a head turns
by place, half by the place in the blank; the stream is normed before each branch and kept sqrt(2 L) as loud.
"""

from __future__ import annotations

import math

import numpy as np

Weights = dict[str, np.ndarray]


def shapes(*, vocab: int, width: int, ffn: int, layers: int) -> dict[str, tuple[int, ...]]:
    """Every tensor of a published file."""
    linear = {"attention.query_key_value": (3 * width, width), "attention.dense": (width, width)}
    linear |= {"mlp.dense_h_to_4h": (ffn, width), "mlp.dense_4h_to_h": (width, ffn)}
    found: dict[str, tuple[int, ...]] = {"transformer.word_embeddings.weight": (vocab, width)}
    for layer in range(layers):
        start = f"transformer.layers.{layer}."
        for name, shape in linear.items():
            found |= {f"{start}{name}.weight": shape, f"{start}{name}.bias": shape[:1]}
        for name in ("input_layernorm", "post_attention_layernorm"):
            found |= {f"{start}{name}.weight": (width,), f"{start}{name}.bias": (width,)}
    found |= {f"transformer.final_layernorm.{part}": (width,) for part in ("weight", "bias")}
    return found | {"lm_head.weight": (vocab, width)}


def logits(
    weights: Weights, row: list[int], *, heads: int, layers: int, start: int, blanks: tuple[int, int]
) -> np.ndarray:
    """(T, V) of one text of ids with one blank."""
    length, context = len(row), row.index(start)
    blank = row.index(blanks[0] if blanks[0] in row else blanks[1])
    place = np.array([at if at < context else blank for at in range(length)])
    inside = np.array([max(0, at - context + 1) for at in range(length)])
    return placed_logits(weights, row, heads=heads, layers=layers, context=context, place=place, inside=inside)


def placed_logits(
    weights: Weights, row: list[int], *, heads: int, layers: int, context: int, place: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """(T, V) of one text of ids, of which `context` are the prefix and whose places are known."""
    length = len(row)
    hidden = np.arange(length)[None, :] > np.arange(length)[:, None]
    hidden[:, :context] = False
    x = weights["transformer.word_embeddings.weight"][row]
    loud = math.sqrt(2 * layers)
    for layer in range(layers):
        w = {k.removeprefix(f"transformer.layers.{layer}."): v for k, v in weights.items() if f"layers.{layer}." in k}
        x = norm(x, w, "input_layernorm")
        x = x * loud + attention(x, w, heads, place, inside, hidden)
        x = norm(x, w, "post_attention_layernorm")
        inner = linear(x, w, "mlp.dense_h_to_4h")
        inner = 0.5 * inner * (1 + np.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)))
        x = x * loud + linear(inner, w, "mlp.dense_4h_to_h")
    w = {k.removeprefix("transformer."): v for k, v in weights.items()}
    return norm(x, w, "final_layernorm") @ w["lm_head.weight"].T


def attention(
    x: np.ndarray, w: Weights, heads: int, place: np.ndarray, inside: np.ndarray, hidden: np.ndarray
) -> np.ndarray:
    mixed = linear(x, w, "attention.query_key_value").reshape(len(x), heads, -1)
    q, k, v = np.split(mixed, 3, axis=-1)
    q, k = (turn_both(one, place, inside) for one in (q, k))
    scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(q.shape[-1])
    scores = np.where(hidden, -np.inf, scores)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    seen = np.einsum("hij,jhd->ihd", shares / shares.sum(-1, keepdims=True), v)
    return linear(seen.reshape(len(x), -1), w, "attention.dense")


def turn_both(heads: np.ndarray, place: np.ndarray, inside: np.ndarray) -> np.ndarray:
    first, second = np.split(heads, 2, axis=-1)
    return np.concatenate([turn(first, place), turn(second, inside)], -1)


def turn(half: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Number i of half a head turns with number i + half of its width."""
    size = half.shape[-1]
    angles = places[:, None] / 10000.0 ** (np.arange(0, size, 2) / size)
    cos, sin = (np.tile(f(angles), 2)[:, None] for f in (np.cos, np.sin))
    first, second = np.split(half, 2, axis=-1)
    return half * cos + np.concatenate([-second, first], -1) * sin


def linear(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def norm(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]
