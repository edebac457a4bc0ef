"""`hanlin vectors train | neighbours | analogy | score`: vectors of words, and what they are worth beside a model's."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hanlin.base.config import leaves
from hanlin.base.errors import InputError
from hanlin.base.files import sha256_file
from hanlin.base.messages import say
from hanlin.base.origin import describe_origin
from hanlin.base.progress import Progress
from hanlin.evaluate.embedding import (
    Classified,
    Correlation,
    Embed,
    character_overlap,
    read_labelled,
    read_pairs,
    score_classes,
    score_counting,
    score_similarity,
    tfidf_similarity,
)
from hanlin.life.config import AnalogyConfig, NeighboursConfig, ScoreVectorsConfig, TrainVectorsConfig
from hanlin.life.hidden import mean_hidden
from hanlin.life.open import open_bundle
from hanlin.life.places import expanded
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.text.corpus import read_corpus
from hanlin.text.document import Document, Dropped
from hanlin.text.readers import read_documents
from hanlin.text.vectors.config import VectorsConfig
from hanlin.text.vectors.table import Near, WordVectors
from hanlin.text.vectors.train import require_gensim
from hanlin.text.vectors.train import train_vectors as train


def train_vectors(
    config: Given[TrainVectorsConfig] = None, *, progress: Progress | None = None, **settings: Any
) -> Report:
    """Learn a vector for every common word of a corpus. Raises MissingExtra, InputError, DiskFull."""
    job, progress = settled(TrainVectorsConfig, config, settings, first="data").value, progress or Progress("none")
    require_gensim()
    dropped: list[Dropped] = []
    chosen = VectorsConfig(**{name: getattr(job, name) for name in VectorsConfig.model_fields})
    texts = ((document.text, document.lang) for document in _documents(job.data, dropped))
    progress.start(say("life.training_vectors"), job.epochs)
    with tempfile.TemporaryDirectory(prefix="hanlin-vectors-") as room:
        spool = Path(room) / "words.jsonl"
        vectors, read = train(texts, chosen, spool, progress.update)
        fingerprint = sha256_file(spool)
    progress.done(job.epochs)
    origin = describe_origin(seed=job.seed, data={"words": fingerprint})
    figures = {"num_vectors": len(vectors.words), **asdict(read), "dropped": len(dropped)}
    info = {"format": 1, "settings": dict(leaves(chosen)), "sources": list(job.data), "origin": origin, **figures}
    out = expanded(job.out)
    vectors.save(out, info)
    lines = [say("life.vectors_learned", **{name: f"{number:,}" for name, number in figures.items()}, path=out)]
    if read.num_unspaced:
        lines.append(say("life.vectors_unspaced", number=f"{read.num_unspaced:,}"))
    if dropped:
        lines.append(say("life.dropped", number=len(dropped), first=dropped[0].location))
    steps = (f"hanlin vectors neighbours {vectors.words[0]} --vectors {out}", f"hanlin vectors score --vectors {out}")
    return Report("vectors train", out, figures, tuple(lines), next_steps=steps)


def _documents(data: Sequence[str], dropped: list[Dropped]) -> Iterator[Document]:
    """The training part of a corpus, or all of files and folders."""
    for path in data:
        if (expanded(path) / "corpus.json").is_file():
            yield from read_corpus(expanded(path), "train")
        else:
            yield from read_documents([path], on_drop=dropped.append)


def neighbours(config: Given[NeighboursConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Tell which words stand nearest to one. Raises InputError E890 for a word without a vector."""
    job = settled(NeighboursConfig, config, settings, first="word").value
    vectors = _loaded(job.vectors, [job.word])
    return _near_report("vectors neighbours", job.word, vectors.neighbours(job.word.lower(), job.number))


def analogy(config: Given[AnalogyConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Tell what is to the third word as the second is to the first. Raises InputError E890."""
    job = settled(AnalogyConfig, config, settings, first="terms").value
    a, b, c = (word.lower() for word in job.terms)
    vectors = _loaded(job.vectors, job.terms)
    return _near_report("vectors analogy", f"{a} : {b} = {c} : ?", vectors.analogy(a, b, c, job.number))


def _loaded(folder: Path, words: Sequence[str]) -> WordVectors:
    vectors = WordVectors.load(expanded(folder))
    for word in words:
        if word.lower() not in vectors:
            near = ", ".join(difflib.get_close_matches(word.lower(), vectors.words[:50_000], n=3)) or "-"
            raise InputError("life.no_such_word", word=word, path=folder, near=near)
    return vectors


def _near_report(command: str, asked: str, found: Sequence[Near]) -> Report:
    rows = tuple((one.word, f"{one.similarity:.3f}") for one in found)
    table = Table(asked, (say("life.column_word"), say("life.column_similarity")), rows)
    return Report(command, None, {"asked": asked, "words": [asdict(one) for one in found]}, (), (table,))


# ---------------------------------------------------------------- what they are worth


def score_vectors(
    config: Given[ScoreVectorsConfig] = None, *, progress: Progress | None = None, **settings: Any
) -> Report:
    """Measure vectors on pairs of sentences and on labelled texts, beside counted characters and, where a model is
    named, its hidden states. Raises InputError, MissingExtra."""
    job = settled(ScoreVectorsConfig, config, settings, first="vectors").value
    progress = progress or Progress("none")
    methods = dict(_methods(job))
    pairs = {path: read_pairs(expanded(path)) for path in job.sts}
    classes = {path: read_labelled(expanded(path)) for path in job.labels}
    progress.start(say("life.scoring_vectors"), len(pairs) + len(classes))
    similar: dict[str, dict[str, Correlation]] = {}
    sorted_out: dict[str, dict[str, Classified]] = {}
    for path, rows in pairs.items():
        found = {"overlap": character_overlap(rows), "tfidf": tfidf_similarity(rows)}
        for name, embed in methods.items():
            found[name] = score_similarity(rows, embed)
            if name != "mean":
                found[f"{name}_centred"] = score_similarity(rows, embed, is_centred=True)
        similar[path] = found
        progress.update(len(similar))
    for path, labelled in classes.items():
        by_vectors = {name: score_classes(labelled, embed) for name, embed in methods.items()}
        sorted_out[path] = {"tfidf": score_counting(labelled), **by_vectors}
        progress.update(len(similar) + len(sorted_out))
    progress.done(len(pairs) + len(classes))
    figures = {"similarity": _plain(similar), "classes": _plain(sorted_out)}
    return Report("vectors score", expanded(job.vectors), figures, (), _score_tables(similar, sorted_out))


def _methods(job: ScoreVectorsConfig) -> Iterator[tuple[str, Embed]]:
    """Ways to turn texts into vectors, by the name of their sentence."""
    vectors = WordVectors.load(expanded(job.vectors))
    yield "mean", lambda texts: np.stack([vectors.mean(text) for text in texts])
    yield "smooth", lambda texts: np.stack([vectors.mean(text, is_smooth=True) for text in texts])
    if job.model:
        bundle = open_bundle(job.model, device=job.device, exact=True, pickles=job.pickles)
        yield "hidden", lambda texts: mean_hidden(bundle, texts)


def _plain(scores: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {path: {name: asdict(score) for name, score in found.items()} for path, found in scores.items()}


def _score_tables(
    similar: dict[str, dict[str, Correlation]], classes: dict[str, dict[str, Classified]]
) -> tuple[Table, ...]:
    correlations = [
        _table(path, _SIMILAR, [_similar_row(*one) for one in found.items()]) for path, found in similar.items()
    ]
    sorted_out = [
        _table(path, _CLASSES, [_class_row(*one) for one in found.items()]) for path, found in classes.items()
    ]
    return (*correlations, *sorted_out)


_SIMILAR = ("method", "spearman", "interval", "pairs", "blank")
_CLASSES = ("method", "macro_f1", "interval", "accuracy", "chance", "rows")


def _table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(title, tuple(say(f"life.column_{name}") for name in columns), tuple(rows))


def _similar_row(name: str, score: Correlation) -> tuple[str, ...]:
    numbers = f"{score.num_pairs:,}", f"{score.num_blank:,}"
    return say(f"life.vectors_by_{name}"), f"{score.value:.3f}", f"{score.low:.3f}–{score.high:.3f}", *numbers


def _class_row(name: str, score: Classified) -> tuple[str, ...]:
    figures = (
        f"{score.macro_f1:.3f}",
        f"{score.low:.3f}–{score.high:.3f}",
        f"{score.accuracy:.3f}",
        f"{score.chance:.3f}",
    )
    return say(f"life.vectors_by_{name}"), *figures, f"{score.num_train:,} / {score.num_test:,}"
