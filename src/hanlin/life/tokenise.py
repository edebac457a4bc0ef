"""Corpus to token shards: the training and the validation part, each in a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hanlin.base.errors import InputError
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.data.config import ShardConfig
from hanlin.data.shards import ShardSet, write_shards
from hanlin.text.corpus import read_corpus
from hanlin.text.tokenizer import Tokenizer

TRAIN, VALIDATION = "train", "validation"


@dataclass(frozen=True)
class Shards:
    """The shards of a corpus; `validation` is None where the corpus has no such part."""

    train: Path
    validation: Path | None
    num_tokens: int
    fingerprint: str


def tokenise(corpus: Path, tokenizer: Path, out: Path, *, config: ShardConfig, progress: Progress) -> Shards:
    """Write `out/train` and `out/validation`. Raises InputError, DiskFull."""
    encoder = Tokenizer.load(tokenizer)
    progress.note(say("life.tokenising", corpus=corpus))
    write_shards(read_corpus(corpus, TRAIN), encoder, out / TRAIN, config=config)
    if any(True for _ in read_corpus(corpus, VALIDATION)):
        write_shards(read_corpus(corpus, VALIDATION), encoder, out / VALIDATION, config=config)
    return open_shards(out)


def open_shards(out: Path) -> Shards:
    """The shards that `tokenise` wrote."""
    train = ShardSet.open(out / TRAIN, verify=False)
    try:
        validation = ShardSet.open(out / VALIDATION, verify=False)
    except InputError:
        return Shards(out / TRAIN, None, train.num_tokens, train.fingerprint)
    fingerprint = f"{train.fingerprint}{validation.fingerprint}"
    return Shards(out / TRAIN, out / VALIDATION, train.num_tokens, fingerprint)
