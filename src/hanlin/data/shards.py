"""Token shards: flat files of ids on disk, read as memory maps.

    folder/
      manifest.json       tokenizer fingerprint, counts, checksum of every file; written last
      00000.bin           ids of all documents, end to end, uint16 or uint32 (the vocabulary decides), little endian
      00000.idx           uint64 end of each document in 00000.bin
      00000.bytes         uint64 bytes of each document's raw text, for bits per byte
      00000.lang          uint8 language of each document, a number into the manifest's languages
      00000.source        uint32 source of each document, a number into the manifest's sources
      00001.bin ...       the next shard; a document never crosses from one to the next

A document is stored as bos, its ids, eos. This module needs no torch.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from hanlin.base.errors import InputError
from hanlin.base.files import building_folder, read_json, recover, sha256_bytes, sha256_file, write_json
from hanlin.data.config import ShardConfig

FORMAT, VERSION = "hanlin-shards", 1
_TYPE_CODE = next(code for code in "IL" if array(code).itemsize == 4)
"""Ids wait in four bytes each: a list of them is taken up three times as fast as in two."""
LENGTHS, LANGUAGES, SOURCES = np.dtype("<u8"), np.dtype("u1"), np.dtype("<u4")


class Encoder(Protocol):
    """What is needed of a tokenizer."""

    @property
    def vocab_size(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def special(self) -> Any: ...
    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]: ...


class TextDocument(Protocol):
    """What is needed of a document."""

    @property
    def text(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def lang(self) -> str | None: ...


@dataclass
class Counts:
    """Documents, tokens (bos and eos included) and bytes of raw text."""

    documents: int = 0
    tokens: int = 0
    bytes: int = 0

    def add(self, tokens: int, num_bytes: int) -> None:
        self.documents += 1
        self.tokens += tokens
        self.bytes += num_bytes


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a folder of shards holds and what was left out."""

    tokenizer: str
    vocab_size: int
    dtype: str
    num_documents: int
    num_tokens: int
    num_bytes: int
    num_empty: int
    languages: dict[str, Counts]
    sources: dict[str, Counts]
    shards: list[str]
    checksums: dict[str, str] = field(repr=False)
    format: str = FORMAT
    version: int = VERSION


def write_shards(
    documents: Iterable[TextDocument], tokenizer: Encoder, out: Path | str, *, config: ShardConfig | None = None
) -> Manifest:
    """Encode documents into a new folder of shards; an older folder is replaced when the new one is whole.

    A document without text is left out and counted. Raises InputError when no document has text, DiskFull.
    """
    config = config or ShardConfig()
    with (
        building_folder(out, known_by="manifest.json") as folder,
        _Writer(folder, tokenizer, config.shard_tokens) as writer,
    ):
        for batch, encoded in _encoded(documents, tokenizer, config.batch_characters):
            for document, ids in zip(batch, encoded, strict=True):
                writer.add(document, ids)
            writer.flush()
        if writer.total.documents == 0:
            raise InputError("data.no_documents", path=out, num_empty=writer.num_empty)
        manifest = writer.finish()
        write_json(folder / "manifest.json", asdict(manifest), durable=False)  # the folder is made so as a whole
    return manifest


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """The smallest id type that holds the vocabulary."""
    return np.dtype("<u2") if vocab_size <= 1 << 16 else np.dtype("<u4")


class ShardSet:
    """A folder of shards, open for reading: documents are views of memory maps, nothing is copied."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        dtype = np.dtype(manifest.dtype)
        self._tokens = [_map(path / f"{name}.bin", dtype) for name in manifest.shards]
        ends = [np.fromfile(path / f"{name}.idx", LENGTHS).astype(np.int64) for name in manifest.shards]
        self._starts = [np.concatenate([[0], one[:-1]]) for one in ends]
        self._first = np.cumsum([0, *(len(one) for one in ends)])
        self.lengths: npt.NDArray[np.int64] = np.concatenate([np.diff(one, prepend=0) for one in ends])
        self.bytes = _joined(path, manifest.shards, "bytes", LENGTHS).astype(np.int64)
        self.languages = _joined(path, manifest.shards, "lang", LANGUAGES)

    @classmethod
    def open(cls, folder: Path | str, *, verify: bool = True) -> ShardSet:
        """Open a folder of shards. `verify=False` skips the checksums (they read every byte once), not the counts.

        Raises InputError when the folder is absent, incomplete or damaged.
        """
        folder = Path(folder)
        recover(folder)
        manifest = _read_manifest(folder)
        for name, checksum in manifest.checksums.items():
            if not (folder / name).is_file():
                raise InputError("data.shard_missing", path=folder / name)
            if verify and sha256_file(folder / name) != checksum:
                raise InputError("data.shard_damaged", path=folder / name)
        shards = cls(folder, manifest)
        if (shards.num_documents, shards.num_tokens) != (manifest.num_documents, manifest.num_tokens):
            raise InputError("data.shard_damaged", path=folder)
        return shards

    @property
    def num_documents(self) -> int:
        return len(self.lengths)

    @property
    def num_tokens(self) -> int:
        return sum(len(tokens) for tokens in self._tokens)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over tokenizer and contents."""
        return sha256_bytes(repr((self.manifest.tokenizer, sorted(self.manifest.checksums.items()))).encode())

    @property
    def title(self) -> str:
        """The folder's name and the sources that were read into it, as lineage and cards tell it."""
        return f"{self.path.name}: {', '.join(self.manifest.sources)}"

    def document(self, number: int) -> npt.NDArray[np.integer[Any]]:
        """Ids (num_tokens,) of one document, bos and eos included."""
        shard = int(np.searchsorted(self._first, number, side="right")) - 1
        start = int(self._starts[shard][number - int(self._first[shard])])
        return self._tokens[shard][start : start + int(self.lengths[number])]

    def document_bytes(self, number: int) -> int:
        """Bytes of the document's raw text in UTF-8."""
        return int(self.bytes[number])

    def document_language(self, number: int) -> str:
        """Language of the document as its reader or the corpus named it; "" when nobody did."""
        return list(self.manifest.languages)[self.languages[number]]

    def document_sources(self) -> npt.NDArray[np.uint32]:
        """(num_documents,) the source of each document, as a number into `manifest.sources`.

        Raises InputError for shards of several sources that an earlier version wrote without saying which is whose.
        """
        if f"{self.manifest.shards[0]}.source" in self.manifest.checksums:
            return _joined(self.path, self.manifest.shards, "source", SOURCES)
        if len(self.manifest.sources) > 1:
            raise InputError("data.sources_unknown", path=self.path)
        return np.zeros(self.num_documents, SOURCES)

    def stretches(self, most: int) -> Iterator[tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.int64]]]:
        """All tokens in order, whole documents together: ids of at least one document, about `most`, and the places at
        which documents begin in them."""
        for tokens, starts in zip(self._tokens, self._starts, strict=True):
            cuts = np.flatnonzero(np.diff(starts // most, prepend=-1))
            for first, last in zip(cuts, [*cuts[1:], len(starts)], strict=True):
                begin, end = starts[first], starts[last] if last < len(starts) else len(tokens)
                yield tokens[begin:end], starts[first:last] - begin

    def require_tokenizer(self, fingerprint: str) -> None:
        """Raise InputError unless the shards were made by the tokenizer with this fingerprint."""
        if self.manifest.tokenizer != fingerprint:
            raise InputError(
                "data.other_tokenizer", path=self.path, made=self.manifest.tokenizer[:12], given=fingerprint[:12]
            )


class _Writer:
    """Appends documents to shard after shard; checksums grow along, so nothing is read twice."""

    def __init__(self, folder: Path, tokenizer: Encoder, shard_tokens: int) -> None:
        self.folder, self.tokenizer, self.shard_tokens = folder, tokenizer, shard_tokens
        self.dtype = token_dtype(tokenizer.vocab_size)
        self.total, self.num_empty = Counts(), 0
        self.languages: dict[str, Counts] = {}
        self.sources: dict[str, Counts] = {}
        self._language_numbers: dict[str, int] = {}
        self._source_numbers: dict[str, int] = {}
        self._bos, self._eos = tokenizer.special.bos, tokenizer.special.eos
        self._buffer = array(_TYPE_CODE)
        self.shards: list[str] = []
        self.checksums: dict[str, str] = {}
        self._open_shard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, document: TextDocument, ids: list[int]) -> None:
        if not ids:
            self.num_empty += 1
            return
        if self._length and self._length + len(ids) + 2 > self.shard_tokens:
            self._close_shard()
            self._open_shard()
        self._buffer.append(self._bos)
        self._buffer.fromlist(ids)
        self._buffer.append(self._eos)
        self._length += len(ids) + 2
        self._ends.append(self._length)
        text = document.text
        num_bytes = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        language = document.lang or ""
        for counts in (self.total, _of(self.languages, language), _of(self.sources, document.source)):
            counts.add(len(ids) + 2, num_bytes)
        self._bytes.append(num_bytes)
        self._languages.append(self._language_numbers.setdefault(language, len(self._language_numbers)))
        self._sources.append(self._source_numbers.setdefault(document.source, len(self._source_numbers)))

    def finish(self) -> Manifest:
        self._close_shard()
        return Manifest(
            tokenizer=self.tokenizer.fingerprint,
            vocab_size=self.tokenizer.vocab_size,
            dtype=self.dtype.str,
            num_documents=self.total.documents,
            num_tokens=self.total.tokens,
            num_bytes=self.total.bytes,
            num_empty=self.num_empty,
            languages=self.languages,
            sources=self.sources,
            shards=self.shards,
            checksums=self.checksums,
        )

    def _open_shard(self) -> None:
        self.shards.append(f"{len(self.shards):05d}")
        self._file = open(self.folder / f"{self.shards[-1]}.bin", "wb")  # noqa: SIM115  # closed in __exit__
        self._hash, self._length = hashlib.sha256(), 0
        self._ends: list[int] = []
        self._bytes: list[int] = []
        self._languages: list[int] = []
        self._sources: list[int] = []

    def flush(self) -> None:
        """Write the ids that were added: many documents together, since each write and each sum has its price."""
        if not self._buffer:
            return
        ids = np.frombuffer(self._buffer, np.uint32)
        assert ids.max() < self.tokenizer.vocab_size, "an id outside the vocabulary"
        data = ids.astype(self.dtype, copy=False).tobytes()
        self._file.write(data)
        self._hash.update(data)
        self._buffer = array(_TYPE_CODE)

    def _close_shard(self) -> None:
        self.flush()
        self._file.close()
        name = self.shards[-1]
        self.checksums[f"{name}.bin"] = self._hash.hexdigest()
        columns: dict[str, npt.NDArray[Any]] = {
            "idx": np.array(self._ends, LENGTHS),
            "bytes": np.array(self._bytes, LENGTHS),
            "lang": np.array(self._languages, LANGUAGES),
            "source": np.array(self._sources, SOURCES),
        }
        for suffix, column in columns.items():
            data = column.tobytes()
            (self.folder / f"{name}.{suffix}").write_bytes(data)
            self.checksums[f"{name}.{suffix}"] = sha256_bytes(data)


def _encoded(
    documents: Iterable[TextDocument], tokenizer: Encoder, characters: int
) -> Iterator[tuple[list[TextDocument], list[list[int]]]]:
    """Groups of documents with their ids. While one is written and the one after is read, the next is encoded in a
    thread: the library lets go of the interpreter, and writing costs no time of its own."""
    with ThreadPoolExecutor(1) as thread:
        ahead: tuple[list[TextDocument], Future[list[list[int]]]] | None = None
        for batch in _batches(documents, characters):
            coming = thread.submit(tokenizer.encode_batch, [document.text for document in batch])
            if ahead is not None:
                yield ahead[0], ahead[1].result()
            ahead = batch, coming
        if ahead is not None:
            yield ahead[0], ahead[1].result()


def _batches(documents: Iterable[TextDocument], characters: int) -> Iterator[list[TextDocument]]:
    """Groups of documents of about so many characters: enough to keep the encoder's cores busy, not to fill memory."""
    batch: list[TextDocument] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.text)
        if size >= characters:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _of(table: dict[str, Counts], name: str) -> Counts:
    return table.setdefault(name, Counts())


def _map(path: Path, dtype: np.dtype[Any]) -> npt.NDArray[np.integer[Any]]:
    return np.memmap(path, dtype, mode="r")


def _joined(path: Path, shards: Sequence[str], suffix: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    return np.concatenate([np.fromfile(path / f"{name}.{suffix}", dtype) for name in shards])


def _read_manifest(folder: Path) -> Manifest:
    if not (folder / "manifest.json").is_file():
        raise InputError("data.no_shards", path=folder)
    raw = read_json(folder / "manifest.json")
    try:
        for table in ("languages", "sources"):
            raw[table] = {name: Counts(**counts) for name, counts in raw[table].items()}
        manifest = Manifest(**raw)
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError("data.manifest_unreadable", path=folder / "manifest.json", reason=error) from None
    if (manifest.format, manifest.version) != (FORMAT, VERSION):
        raise InputError(
            "data.manifest_unreadable", path=folder / "manifest.json", reason=f"version {manifest.version}"
        )
    return manifest
