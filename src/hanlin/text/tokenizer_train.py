"""Training a vocabulary that is fair to Chinese and English, and how far its tokens reach.

The split before the merges decides what may share a token: runs of Han characters never join Latin letters or marks,
a space belongs to the word after it, digits stand in small groups. White space is never a condition for a split.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from hanlin.base.errors import InputError
from hanlin.base.messages import say
from hanlin.text.config import TokenizerConfig
from hanlin.text.document import Document
from hanlin.text.tokenizer import Tokenizer, check_encodable
from hanlin.text.tokenizer_kinds import learn


def train_tokenizer(
    texts: Iterable[str], config: TokenizerConfig, *, on_note: Callable[[str], None] | None = None
) -> Tokenizer:
    """Learn a vocabulary: equal texts, in any order, give equal vocabularies.

    The control tokens get the first ids, and every byte has one, so that every text can be encoded. Of more than
    `sample_chars` characters an even sample is taken. `on_note` gets a sentence when the text allows fewer entries
    than asked for; without it that is a warning. Raises InputError without any text.
    """
    sample = _sample(texts, config.sample_chars)
    if not sample:
        raise InputError("text.tokenizer_no_text")
    tokenizer = Tokenizer(learn(sample, config))
    if tokenizer.vocab_size < config.vocab_size and config.kind != "byte":
        note = say("text.vocabulary_smaller", asked=config.vocab_size, trained=tokenizer.vocab_size)
        (on_note or _warn)(note)
    return tokenizer


def _warn(note: str) -> None:
    warnings.warn(note, stacklevel=3)


def _sample(texts: Iterable[str], limit: int) -> list[str]:
    """The texts with the smallest hashes up to `limit` characters: even, whatever the order, in bounded memory."""
    kept: list[tuple[int, str]] = []
    num_chars = 0
    for text in texts:
        heapq.heappush(kept, (-_hash(text), text))
        num_chars += len(text)
        while num_chars > limit and len(kept) > 1:
            num_chars -= len(heapq.heappop(kept)[1])
    return [text for _, text in sorted(kept, reverse=True) if text]


def _hash(text: str) -> int:
    check_encodable(text)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


@dataclass(frozen=True)
class Fertility:
    """How far tokens reach in one language."""

    num_chars: int
    num_bytes: int
    num_tokens: int

    @property
    def characters_per_token(self) -> float:
        """Characters that one token stands for, on average."""
        return self.num_chars / max(1, self.num_tokens)

    @property
    def bytes_per_token(self) -> float:
        """UTF-8 bytes that one token stands for, on average."""
        return self.num_bytes / max(1, self.num_tokens)


def characters_per_token(tokenizer: Tokenizer, documents: Iterable[Document]) -> dict[str, Fertility]:
    """Return, for each language of the documents, how many characters, bytes and tokens they have."""
    counts: dict[str, list[int]] = {}
    for batch in _batches(documents, 1000):
        encoded = tokenizer.encode_batch([document.text for document in batch])
        for document, ids in zip(batch, encoded, strict=True):
            total = counts.setdefault(document.lang, [0, 0, 0])
            for at, more in enumerate((len(document.text), len(document.text.encode()), len(ids))):
                total[at] += more
    return {language: Fertility(*counts[language]) for language in sorted(counts)}


def even_sample(documents: Iterable[Document], per_language: int) -> list[Document]:
    """The `per_language` documents of each language with the smallest hashes: from all of a corpus."""
    kept: dict[str, list[tuple[int, int, Document]]] = {}
    for number, document in enumerate(documents):
        held = kept.setdefault(document.lang, [])
        heapq.heappush(held, (-_hash(document.text), -number, document))
        if len(held) > per_language:
            heapq.heappop(held)
    return [document for lang in sorted(kept) for *_, document in sorted(kept[lang], reverse=True)]


def _batches(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    rest = iter(documents)
    while batch := list(itertools.islice(rest, size)):
        yield batch
