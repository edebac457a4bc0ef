"""Shards: what goes in comes out, and damage is found."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanlin.base.errors import DiskFull, InputError
from hanlin.data.config import ShardConfig
from hanlin.data.shards import ShardSet, token_dtype, write_shards

from .conftest import ByteTokenizer, FakeDocument

TEXTS = st.lists(st.text(max_size=20), min_size=1, max_size=12).filter(any)


def encoded(text: str) -> list[int]:
    return [1, *(byte + 3 for byte in text.encode()), 2]


@settings(max_examples=20)
@given(texts=TEXTS, shard_tokens=st.integers(2, 60))
def test_documents_come_back_whole(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], shard_tokens: int
) -> None:
    folder = tmp_path_factory.mktemp("shards") / "train"
    config = ShardConfig(shard_tokens=shard_tokens, batch_characters=7)
    manifest = write_shards([FakeDocument(text) for text in texts], ByteTokenizer(), folder, config=config)
    shards = ShardSet.open(folder)
    with_text = [text for text in texts if text]
    assert [shards.document(number).tolist() for number in range(shards.num_documents)] == list(map(encoded, with_text))
    assert [shards.document_bytes(number) for number in range(len(with_text))] == [len(t.encode()) for t in with_text]
    assert manifest.num_empty == len(texts) - len(with_text)
    assert manifest.num_tokens == shards.num_tokens == sum(len(encoded(text)) for text in with_text)


def test_languages_and_sources_are_counted_apart(tmp_path: Path) -> None:
    documents = [
        FakeDocument("ab", source="a.txt", lang="en"),
        FakeDocument("字", source="b.txt", lang="zh"),
        FakeDocument("c", source="b.txt", lang=None),
    ]
    manifest = write_shards(documents, ByteTokenizer(), tmp_path / "train")
    assert {name: (one.documents, one.tokens, one.bytes) for name, one in manifest.languages.items()} == {
        "en": (1, 4, 2),
        "zh": (1, 5, 3),
        "": (1, 3, 1),
    }
    assert manifest.sources["b.txt"].documents == 2
    shards = ShardSet.open(tmp_path / "train")
    assert [shards.document_language(number) for number in range(3)] == ["en", "zh", ""]


def test_ids_are_as_narrow_as_the_vocabulary_allows(make_shards: Callable[..., ShardSet]) -> None:
    assert make_shards(["a"]).document(0).dtype == np.uint16
    assert token_dtype(65536) == np.uint16
    assert token_dtype(65537) == np.uint32


def test_wide_ids_survive(tmp_path: Path) -> None:
    class Wide(ByteTokenizer):
        def encode_batch(self, texts: list[str]) -> list[list[int]]:  # type: ignore[override]
            return [[70_000] for _ in texts]

    write_shards([FakeDocument("x")], Wide(vocab_size=80_000), tmp_path / "wide")
    assert ShardSet.open(tmp_path / "wide").document(0).tolist() == [1, 70_000, 2]


def test_documents_are_streamed_in_small_groups(tmp_path: Path) -> None:
    """Two long documents must never stand in memory together with the third."""
    alive: list[int] = []

    class Watching(ByteTokenizer):
        def encode_batch(self, texts: list[str]) -> list[list[int]]:  # type: ignore[override]
            alive.append(len(texts))
            return super().encode_batch(texts)

    documents = (FakeDocument("x" * 100) for _ in range(6))
    write_shards(documents, Watching(), tmp_path / "train", config=ShardConfig(batch_characters=150))
    assert alive == [2, 2, 2]


def test_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        write_shards([FakeDocument(""), FakeDocument("")], ByteTokenizer(), tmp_path / "train")
    assert caught.value.code == "E401"
    assert "2 were empty" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_shards_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        ShardSet.open(tmp_path)
    assert caught.value.code == "E402"
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("change", [{"num_tokens": None}, {"surprise": 1}, {"version": 99}, {"languages": 3}])
def test_a_foreign_manifest_is_refused(make_shards: Callable[..., ShardSet], change: dict[str, object]) -> None:
    path = make_shards(["abc"]).path / "manifest.json"
    manifest = json.loads(path.read_text()) | change
    path.write_text(json.dumps({name: value for name, value in manifest.items() if value is not None}))
    with pytest.raises(InputError) as caught:
        ShardSet.open(path.parent)
    assert caught.value.code == "E403"


def test_a_lost_file_is_named(make_shards: Callable[..., ShardSet]) -> None:
    path = make_shards(["abc"]).path
    (path / "00000.idx").unlink()
    with pytest.raises(InputError) as caught:
        ShardSet.open(path)
    assert caught.value.code == "E404"
    assert "00000.idx" in str(caught.value)


@pytest.mark.parametrize("name", ["00000.bin", "00000.idx", "00000.bytes", "00000.lang"])
def test_one_flipped_bit_is_found(make_shards: Callable[..., ShardSet], name: str) -> None:
    path = make_shards(["abc"]).path / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError) as caught:
        ShardSet.open(path.parent)
    assert caught.value.code == "E405"
    assert name in str(caught.value)


def test_a_cut_file_is_found_without_reading_checksums(make_shards: Callable[..., ShardSet]) -> None:
    path = make_shards(["abc", "de"]).path / "00000.bin"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(InputError) as caught:
        ShardSet.open(path.parent, verify=False)
    assert caught.value.code == "E405"


def test_another_tokenizer_is_refused(make_shards: Callable[..., ShardSet]) -> None:
    shards = make_shards(["abc"])
    shards.require_tokenizer("bytes")
    with pytest.raises(InputError) as caught:
        shards.require_tokenizer("something else")
    assert caught.value.code == "E406"


def test_the_fingerprint_follows_the_contents(make_shards: Callable[..., ShardSet]) -> None:
    first, same, other = make_shards(["abc"], "1"), make_shards(["abc"], "2"), make_shards(["abd"], "3")
    assert first.fingerprint == same.fingerprint != other.fingerprint


def test_an_error_half_way_keeps_the_older_shards(make_shards: Callable[..., ShardSet]) -> None:
    old = make_shards(["old"])

    def breaking() -> Iterator[FakeDocument]:
        yield FakeDocument("new")
        raise RuntimeError("reader broke")

    with pytest.raises(RuntimeError):
        write_shards(breaking(), ByteTokenizer(), old.path)
    assert ShardSet.open(old.path).document(0).tolist() == encoded("old")


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFull):
        write_shards([FakeDocument("abc")], ByteTokenizer(), tmp_path / "train")
    assert list(tmp_path.iterdir()) == []
