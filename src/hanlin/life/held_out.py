"""Where held-out text comes from: what the user names, or what the model's own training kept out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.bundle.bundle import Bundle, Info, read_info
from hanlin.data.shards import ShardSet
from hanlin.life.places import is_bundle
from hanlin.life.prepare import is_corpus, is_shards
from hanlin.text.corpus import read_corpus
from hanlin.text.document import Document, Dropped
from hanlin.text.readers import read_documents
from hanlin.text.tokenizer import Tokenizer


def held_out_documents(data: Sequence[str], bundle: Bundle, progress: Progress) -> Iterator[Document]:
    """The validation part of a corpus, token shards as text, or all of a file or folder; without `data`, the shards
    that the model's pre-training measured itself on."""
    paths = [Path(path) for path in data] or kept_out(bundle.info)
    if not paths:
        progress.note(say("life.no_held_out"))
    plain = [path for path in paths if not is_corpus(path) and not is_shards(path)]
    for path in paths:
        if is_corpus(path):
            yield from read_corpus(path, "validation")
        elif is_shards(path):
            assert bundle.tokenizer is not None
            yield from decoded(path, bundle.tokenizer)
    dropped: list[Dropped] = []
    if plain:
        yield from read_documents(plain, on_drop=dropped.append)
    if dropped:
        progress.note(say("life.dropped", number=len(dropped), first=dropped[0].location))


def decoded(path: Path, tokenizer: Tokenizer) -> Iterator[Document]:
    """The documents of token shards; byte-level tokens give back the text they were made from."""
    shards = ShardSet.open(path)
    shards.require_tokenizer(tokenizer.fingerprint)
    for number in range(shards.num_documents):
        text = tokenizer.decode(shards.document(number).tolist())
        yield Document(text, f"{path.name}/{number}", path.name, shards.document_language(number))


def kept_out(info: Info) -> list[Path]:
    """The validation shards of the pre-training at the root of a bundle's life, as far as they are still there."""
    named: Any = info.resolved.get("validation") or ()
    if info.lineage is not None and info.lineage.stage == "pretrain":
        return [Path(path) for path in named if is_shards(Path(path))]
    parent = parent_of(info)
    return kept_out(read_info(parent)) if parent else []


def parent_of(info: Info) -> Path | None:
    """The bundle that a bundle was made from, if it is still there."""
    parent = info.resolved.get("from_bundle")
    return Path(parent) if parent and is_bundle(Path(parent)) else None
