"""`hanlin tokenizer train`: a vocabulary from a corpus."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError
from hanlin.base.files import building_folder
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.config import TrainTokenizerConfig
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.text.config import TokenizerConfig
from hanlin.text.corpus import read_corpus
from hanlin.text.document import Document, Dropped
from hanlin.text.readers import read_documents
from hanlin.text.tokenizer import TOKENIZER
from hanlin.text.tokenizer_train import characters_per_token, even_sample
from hanlin.text.tokenizer_train import train_tokenizer as train

REPORTED_DOCUMENTS = 500
CONFIG = "config.json"  # of a model, whose folder a vocabulary must not replace


def train_tokenizer(
    config: Given[TrainTokenizerConfig] = None,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """Learn a vocabulary and say how many characters a token holds in each language.

    Raises InputError, E898 where a model stands at `out`; DiskFull.
    """
    job, progress = settled(TrainTokenizerConfig, config, settings, first="data").value, progress or Progress("none")
    if (job.out / CONFIG).exists():
        raise InputError("life.tokenizer_in_model", path=job.out, file=CONFIG)
    dropped: list[Dropped] = []
    progress.note(say("life.training_tokenizer", vocab_size=f"{job.vocab_size:,}"))
    fields = {name: getattr(job, name) for name in TokenizerConfig.model_fields}
    with warnings.catch_warnings(record=True) as noticed:
        tokenizer = train((document.text for document in _documents(job, dropped)), TokenizerConfig(**fields))
    for notice in noticed:
        progress.note(str(notice.message))
    with building_folder(job.out, known_by=TOKENIZER) as folder:
        tokenizer.save(folder)
    sample = even_sample(_documents(job, []), REPORTED_DOCUMENTS)
    density = {lang: held.characters_per_token for lang, held in characters_per_token(tokenizer, sample).items()}
    changed = sum(tokenizer.decode(tokenizer.encode(one.text)) != one.text for one in sample)
    columns = (say("life.column_language"), say("life.column_density"))
    table = Table("", columns, tuple((lang, f"{value:.2f}") for lang, value in sorted(density.items())))
    figures = {
        "kind": job.kind,
        "vocab_size": tokenizer.vocab_size,
        "fingerprint": tokenizer.fingerprint,
        "characters_per_token": density,
        "round_trip": {"texts": len(sample), "changed": changed},
        "dropped": len(dropped),
    }
    lines = [main_result(figures), say("life.round_trip", texts=len(sample), changed=changed)]
    if dropped:
        lines.append(say("life.dropped", number=len(dropped), first=dropped[0].location))
    return Report("tokenizer train", job.out, figures, tuple(lines), (table,))


def main_result(figures: Mapping[str, Any]) -> str:
    """A vocabulary in one phrase, for the table of a recipe."""
    density = ", ".join(f"{lang} {value:.2f}" for lang, value in sorted(figures["characters_per_token"].items()))
    return say("life.tokenizer_result", vocab_size=f"{figures['vocab_size']:,}", density=density)


def _documents(job: TrainTokenizerConfig, dropped: list[Dropped]) -> Iterator[Document]:
    """The training part of a corpus, or all of files and folders. Raises InputError E856 where nothing is left."""
    num_documents = 0
    for path in job.data:
        built = (Path(path) / "corpus.json").is_file()
        for document in read_corpus(Path(path), "train") if built else read_documents([path], on_drop=dropped.append):
            num_documents += 1
            yield document
    if not num_documents:
        raise InputError("life.nothing_to_learn", paths=", ".join(job.data))
