"""Baselines against plain arithmetic on small text."""

from __future__ import annotations

import lzma
import math

import pytest

from hanlin.evaluate.baselines import kneser_ney_bits_per_byte, xz_bits_per_byte

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "the",
    "mat",
    "and",
    "the",
    "dog",
    "lay",
    "on",
    "the",
    "rug",
    "while",
    "it",
    "rained",
    "all",
    "day",
    "long",
]
TRAIN = [" ".join(WORDS[i % 9 : i % 9 + 6]) + f" {i}" for i in range(200)]


def test_xz_is_the_size_that_the_new_text_adds() -> None:
    new = ["completely different text, " + "".join(chr(97 + (i * i) % 26) for i in range(3000))]
    figures = xz_bits_per_byte(TRAIN, {"en": new, "seen": TRAIN[:50]})
    joined, text = "\n".join(TRAIN).encode(), new[0].encode()
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 20}]

    def size(data: bytes) -> int:
        return len(lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_NONE, filters=filters))

    assert figures["en"] == pytest.approx(8 * (size(joined + text) - size(joined)) / len(text))
    assert figures["seen"] < 0.5 * figures["en"], "what was seen costs little"


def test_kneser_ney_of_text_without_order_is_its_entropy() -> None:
    """Uniform random tokens cannot be predicted better than log2 of how many there are."""
    state, documents = 1, []
    for _ in range(60):
        ids = [0]
        for _ in range(200):
            state = (1103515245 * state + 12345) % 2**31
            ids.append(1 + (state >> 16) % 16)
        documents.append(ids)
    held = documents[50:]
    num_bytes = sum(len(ids) - 1 for ids in held)
    bits = kneser_ney_bits_per_byte(documents[:50], {"x": (held, num_bytes)}, vocab_size=17, order=3)["x"]
    assert math.log2(16) * 0.98 < bits < math.log2(16) * 1.25


def test_kneser_ney_learns_a_rule_and_counts_eos_but_not_bos() -> None:
    documents = [[0, *([2, 3] * 20), 1] for _ in range(20)]
    bits = kneser_ney_bits_per_byte(documents, {"x": (documents[:2], 2 * 41)}, vocab_size=4)["x"]
    assert 0 < bits < 0.2
