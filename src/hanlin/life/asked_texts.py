"""`hanlin embed` and `hanlin score`: what a model makes of texts, many at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hanlin.base.errors import InputError, UsageError
from hanlin.base.files import write_atomic
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.infer.embed import Vectors
from hanlin.infer.score import Score
from hanlin.life.load import Model, load
from hanlin.life.places import expanded, is_file_name
from hanlin.life.reading_config import EmbedConfig, ScoreConfig, TextsConfig
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.life.texts import Texts

_SHOWN = 20
_ENDINGS = (".npy", ".jsonl")
"""Of files of vectors."""


def embed(config: Given[EmbedConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Make vectors of texts, the way the model's folder says.

    Raises RequestTooLong E610, InputError E888 without a text and E889 for a file of another ending, BundleError.
    """
    job = settled(EmbedConfig, config, settings, first="model").value
    if job.out is not None and job.out.suffix not in _ENDINGS:
        raise InputError("life.vectors_ending", path=job.out)
    model, texts = load(job.model, device=job.device, exact=job.exact, pickles=job.pickles), _texts(job)
    vectors = model.embed(texts, overflow=job.overflow)
    number, width = vectors.values.shape
    lines = [say("life.embedded", texts=number, width=width, tokens=vectors.num_tokens)]
    if vectors.num_cut:
        lines.append(say("life.embedded_cut", cut=vectors.num_cut))
    figures = {"model": str(model.path), "texts": number, "width": width, "tokens": vectors.num_tokens}
    figures |= {"cut": vectors.num_cut}
    if job.out is None:
        return Report("embed", None, {**figures, "vectors": vectors.values.tolist()}, tuple(lines))
    out = _write_vectors(expanded(job.out), texts, vectors)
    return Report("embed", out, figures, (*lines, say("life.written_to", path=out)))


def score(config: Given[ScoreConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Tell how likely a model finds texts, in nats. Raises RequestTooLong E623, InputError, UsageError, BundleError."""
    job = settled(ScoreConfig, config, settings, first="model").value
    model, texts = load(job.model, device=job.device, exact=job.exact, pickles=job.pickles), _texts(job)
    scores = model.score(texts, sources=job.sources or None)
    rows = [_figures(model, text, one) for text, one in zip(texts, scores, strict=True)]
    figures: dict[str, Any] = {"model": str(model.path), "texts": len(rows), **_together(scores)}
    table = _table(rows, model.config.arch)
    if job.out is None:
        return Report("score", None, {**figures, "scores": rows}, _lines(rows), (table,))
    out = expanded(job.out)
    write_atomic(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return Report("score", out, figures, (*_lines(rows), say("life.written_to", path=out)), (table,))


def _texts(job: TextsConfig) -> Sequence[str]:
    """Raises InputError E888 where none is given, UsageError E859 for a file among them."""
    if not job.texts and not job.data:
        raise InputError("life.no_texts")
    for text in job.texts:
        if is_file_name(text):
            raise UsageError("life.file_among_texts", path=text)
    return job.texts or [document.text for document in Texts(job.data)()]


def _write_vectors(path: Path, texts: Sequence[str], vectors: Vectors) -> Path:
    """As numpy's file, or a line of JSON for each text."""
    if path.suffix == ".npy":
        data = io.BytesIO()
        np.save(data, vectors.values, allow_pickle=False)
        write_atomic(path, data.getvalue())
    else:
        rows = zip(texts, vectors.values.tolist(), strict=True)
        lines = (json.dumps({"text": text, "vector": vector}, ensure_ascii=False) + "\n" for text, vector in rows)
        write_atomic(path, "".join(lines))
    return path


def _figures(model: Model, text: str, one: Score) -> dict[str, Any]:
    tokens = [model.tokenizer.piece_bytes(id).decode("utf-8", "replace") for id in one.ids]
    logprobs = [round(value, 6) for value in one.logprobs]
    return {"text": text, "logprob": one.total, "perplexity": one.perplexity, "tokens": tokens, "logprobs": logprobs}


def _together(scores: Sequence[Score]) -> Mapping[str, Any]:
    """Of all texts as one."""
    whole = Score(tuple(id for one in scores for id in one.ids), tuple(p for one in scores for p in one.logprobs))
    return {"tokens": len(whole.ids), "logprob": whole.total, "perplexity": whole.perplexity}


def _lines(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return (say("life.scored_some", shown=_SHOWN, number=len(rows)),) if len(rows) > _SHOWN else ()


def _table(rows: Sequence[Mapping[str, Any]], arch: str) -> Table:
    title = say("life.scored_hidden") if arch == "encoder" else say("life.scored")
    columns = tuple(say(f"life.column_{name}") for name in ("text", "tokens", "logprob", "perplexity"))
    return Table(title, columns, tuple(_cells(rows)))


def _cells(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for row in rows[:_SHOWN]:
        text, perplexity = row["text"], row["perplexity"]
        shown = text if len(text) <= 60 else f"{text[:59]}…"
        value = "–" if perplexity is None else f"{perplexity:.2f}"
        yield shown, str(len(row["tokens"])), f"{row['logprob']:.2f}", value
