"""Fakes of the data room's neighbours: a byte tokenizer and documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from hanlin.data.shards import ShardSet, write_shards


@dataclass(frozen=True)
class FakeSpecial:
    pad: int = 0
    bos: int = 1
    eos: int = 2


@dataclass(frozen=True)
class ByteTokenizer:
    """One id per UTF-8 byte, after three specials."""

    vocab_size: int = 259
    fingerprint: str = "bytes"
    special: FakeSpecial = FakeSpecial()

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [[byte + 3 for byte in text.encode("utf-8")] for text in texts]


@dataclass(frozen=True)
class FakeDocument:
    text: str
    source: str = "a.txt"
    lang: str | None = "en"


@dataclass(frozen=True)
class FakeRendered:
    ids: list[int]
    loss_mask: list[bool]


@pytest.fixture
def make_shards(tmp_path: Path) -> Callable[..., ShardSet]:
    def make(texts: Sequence[str], name: str = "shards") -> ShardSet:
        write_shards([FakeDocument(text) for text in texts], ByteTokenizer(), tmp_path / name)
        return ShardSet.open(tmp_path / name)

    return make
