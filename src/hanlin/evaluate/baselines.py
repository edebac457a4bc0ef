"""What a language model has to beat: a general compressor, and counting.

All three speak bits per UTF-8 byte of the same held-out text, so that their figures stand in one column.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Sequence

from hanlin.text.ngram import KneserNey


def xz_bits_per_byte(train: Iterable[str], validation: Iterable[str]) -> float:
    """Bits per byte that xz adds for the validation text once it has seen the training text.

    Size of xz(train + validation) minus size of xz(train), with a dictionary that holds all of it: LZMA's usual
    window would forget most of a corpus.
    """
    seen, new = _joined(train), _joined(validation)
    window = max(1 << 20, 1 << (len(seen) + len(new) - 1).bit_length())
    return 8 * (_xz_size(seen + new, window) - _xz_size(seen, window)) / len(new)


def _joined(texts: Iterable[str]) -> bytes:
    return b"\n".join(text.encode() for text in texts)


def _xz_size(data: bytes, window: int) -> int:
    window = min(window, 1536 << 20)  # LZMA2's largest dictionary
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": window}]
    return len(lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_NONE, filters=filters))


def kneser_ney_bits_per_byte(
    train: Iterable[Sequence[int]],
    validation: Iterable[Sequence[int]],
    num_bytes: int,
    *,
    vocab_size: int,
    order: int = 5,
) -> float:
    """Bits per byte of an interpolated Kneser-Ney n-gram over the same token ids as the model.

    Counted like the model: each document's bos is context, every other id, eos included, is predicted.
    """
    counts = KneserNey(order, vocab_size=vocab_size).train(train)
    return -sum(counts.log2prob(ids) for ids in validation) / num_bytes
