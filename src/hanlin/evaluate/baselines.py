"""What a language model has to beat: a general compressor, and counting.

Both speak bits per UTF-8 byte of the same held-out text, so that their figures stand in one column with the model's.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from hanlin.base.device import num_cores
from hanlin.text.ngram import KneserNey

LARGEST_WINDOW = 1536 << 20  # LZMA2's own limit


def xz_bits_per_byte(train: Iterable[str], validation: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Bits per byte that xz adds for each validation text once it has seen the training text.

    Size of xz(train + validation) minus size of xz(train), with a dictionary that holds all of it: LZMA's usual
    window would forget most of a corpus.
    """
    seen = _joined(train)
    new = {lang: _joined(texts) for lang, texts in validation.items()}
    window = _window(len(seen) + max((len(text) for text in new.values()), default=0))
    with ThreadPoolExecutor(num_cores()) as pool:  # lzma works outside the interpreter's lock
        alone, *together = pool.map(lambda text: _xz_size(seen + text, window), (b"", *new.values()))
    return {
        lang: 8 * (size - alone) / max(1, len(text)) for (lang, text), size in zip(new.items(), together, strict=True)
    }


def _joined(texts: Iterable[str]) -> bytes:
    return b"\n".join(text.encode() for text in texts)


def _window(size: int) -> int:
    return min(LARGEST_WINDOW, max(1 << 20, 1 << (size - 1).bit_length()))


def _xz_size(data: bytes, window: int) -> int:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": window}]
    return len(lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_NONE, filters=filters))


def kneser_ney_bits_per_byte(
    train: Iterable[Sequence[int]],
    validation: Mapping[str, tuple[Iterable[Sequence[int]], int]],
    *,
    vocab_size: int,
    order: int = 5,
) -> dict[str, float]:
    """Bits per byte of an interpolated Kneser-Ney n-gram over the same token ids as the model.

    `validation` maps a language to its documents' ids and their UTF-8 bytes. Counted like the model: each document's
    bos is context, every other id, eos included, is predicted.
    """
    counts = KneserNey(order, vocab_size=vocab_size).train(train)
    return {
        lang: -float(counts.log2probs(documents).sum()) / max(1, num_bytes)
        for lang, (documents, num_bytes) in validation.items()
    }
