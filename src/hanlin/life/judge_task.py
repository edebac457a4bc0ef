"""What a fine-tuned model is worth on labelled rows: its own predictions, measured by what its task is measured by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanlin.base.intervals import wilson
from hanlin.evaluate.calibration import calibrate
from hanlin.evaluate.embedding import rank_correlation
from hanlin.evaluate.figures import RESAMPLES, Figure, figure
from hanlin.evaluate.labels import score_labels, score_many
from hanlin.evaluate.overlap import bleu, chrf, cut_for, rouge
from hanlin.evaluate.spans import score_answers, score_spans
from hanlin.infer.embed import Embedder
from hanlin.infer.predict import Extractor, Predictor, Tagger
from hanlin.infer.rewrite import Rewriter
from hanlin.model.transformer import Transformer
from hanlin.text.tokenizer import Tokenizer
from hanlin.train.task.config import TaskConfig
from hanlin.train.task.rows import TaskRow
from hanlin.train.task.stage import Judge

Rows = Sequence[TaskRow]
GLANCED = 64
"""Rows that are rewritten for the log: writing takes long."""
SHOWN = 5
"""Rows of which the card tells what was written."""


def judge_task(
    model: Transformer, tokenizer: Tokenizer, config: TaskConfig, rows: Rows, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """figures by name (value, low, high, chance), and what else the task has to tell; ready for JSON.

    resamples: of the intervals; 0: none are worked out, which costs more than the rest.
    """
    assert config.task != "auto"
    measured = _JUDGES[config.task](model, tokenizer, config, rows, resamples)
    figures = {name: asdict(one) for name, one in measured.pop("figures").items()}
    return {"task": config.task, "num_rows": len(rows), "figures": figures, **measured}


def glance(model: Transformer, tokenizer: Tokenizer, config: TaskConfig, rows: Rows) -> dict[str, float]:
    """The figures alone, for the log of a training."""
    rows = rows[:GLANCED] if config.task == "seq2seq" else rows
    figures = judge_task(model, tokenizer, config, rows, resamples=0)["figures"]
    return {name: one["value"] for name, one in figures.items()}


def finish(model: Transformer, tokenizer: Tokenizer, config: TaskConfig, rows: Rows) -> dict[str, Any]:
    """Fold the temperature into the last layer where the task has probabilities of texts, then judge."""
    told: dict[str, Any] = {}
    if config.calibrate and config.task in ("classification", "multilabel"):
        predictor = Predictor(model, tokenizer, max_tokens=config.max_tokens)
        scores = predictor.scores([row.text for row in rows], overflow=config.overflow).values.astype(np.float64)
        found = calibrate(scores, _true(rows, config, predictor.labels))
        assert model.task is not None
        model.task.soften(found.temperature)
        told = {"calibration": asdict(found)}
    return {**judge_task(model, tokenizer, config, rows), **told}


def judge() -> Judge:
    """What a training on a task is handed."""
    return Judge(glance=glance, finish=finish)


def _true(rows: Rows, config: TaskConfig, labels: Sequence[str]) -> NDArray[Any]:
    if config.task == "multilabel":
        return np.array([[label in row.target for label in labels] for row in rows])
    return np.array([labels.index(row.target[0]) for row in rows], np.int64)


def _labels(
    model: Transformer, tokenizer: Tokenizer, config: TaskConfig, rows: Rows, resamples: int = RESAMPLES
) -> dict[str, Any]:
    predictor = Predictor(model, tokenizer, max_tokens=config.max_tokens)
    found = predictor.predict([row.text for row in rows], overflow=config.overflow)
    true = _true(rows, config, found.labels)
    if config.task == "multilabel":
        scores = score_many(true, found.probabilities >= 0.5, found.labels, seed=config.seed, resamples=resamples)
    else:
        said = found.probabilities.argmax(axis=1).tolist()
        scores = score_labels(true.tolist(), said, found.labels, seed=config.seed, resamples=resamples)
    more = {"labels": list(found.labels), "confusion": scores.confusion, "by_label": scores.by_label}
    return {"figures": scores.figures, **more, "num_cut": found.num_cut, "num_split": found.num_split}


def _numbers(
    model: Transformer, tokenizer: Tokenizer, config: TaskConfig, rows: Rows, resamples: int = RESAMPLES
) -> dict[str, Any]:
    predictor = Predictor(model, tokenizer, max_tokens=config.max_tokens)
    found = predictor.scores([row.text for row in rows], overflow=config.overflow).values[:, 0].astype(np.float64)
    wanted = np.array([row.target for row in rows], np.float64)
    ranks = rank_correlation(found, wanted.tolist())
    squared = (found - wanted) ** 2
    error = figure(
        lambda drawn: float(squared[drawn].mean()),
        len(rows),
        float(wanted.var()),
        seed=config.seed,
        resamples=resamples,
    )
    return {"figures": {"mean_squared_error": error, "spearman": Figure(ranks.value, ranks.low, ranks.high, 0.0)}}


def _entities(
    model: Transformer, tokenizer: Tokenizer, config: TaskConfig, rows: Rows, resamples: int = RESAMPLES
) -> dict[str, Any]:
    tagger = Tagger(model, tokenizer, max_tokens=config.max_tokens)
    found = tagger.predict([str(row.text) for row in rows], overflow=config.overflow)
    said = [[(one.start, one.end, one.label) for one in entities] for entities in found]
    true = [[(span.start, span.end, span.label) for span in row.target] for row in rows]
    scores = score_spans(true, said, seed=config.seed, resamples=resamples)
    return {"figures": scores.figures, "by_label": scores.by_label}


def _answers(
    model: Transformer, tokenizer: Tokenizer, config: TaskConfig, rows: Rows, resamples: int = RESAMPLES
) -> dict[str, Any]:
    extractor = Extractor(model, tokenizer, max_tokens=config.max_tokens)
    questions, contexts = ([row.text[side] for row in rows] for side in (0, 1))
    found = extractor.predict(questions, contexts, overflow=config.overflow)
    right = [[text for text, _ in row.target] for row in rows]
    return {"figures": score_answers([one.text for one in found], right, seed=config.seed, resamples=resamples).figures}


def _vectors(
    model: Transformer, tokenizer: Tokenizer, config: TaskConfig, rows: Rows, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Scored pairs by rank correlation; others by whether a left text finds its own right text among all."""
    embedder = Embedder(model, tokenizer, normalise=True, max_tokens=config.max_tokens)
    sides = ([row.text[side] for row in rows] for side in (0, 1))
    left, right = (embedder.embed(texts, overflow=config.overflow).values for texts in sides)
    scores = [float(row.target) for row in rows if row.target is not None]
    if len(scores) == len(rows) and not any(map(math.isnan, scores)):
        ranks = rank_correlation((left * right).sum(axis=1).tolist(), scores)
        return {"figures": {"spearman": Figure(ranks.value, ranks.low, ranks.high, 0.0)}}
    hits = int(((left @ right.T).argmax(axis=1) == np.arange(len(rows))).sum())
    found = Figure(hits / max(1, len(rows)), *wilson(hits, len(rows)), 1 / max(1, len(rows)))
    return {"figures": {"found_first": found}}


def _rewritings(
    model: Transformer, tokenizer: Tokenizer, config: TaskConfig, rows: Rows, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """What is written greedily, beside what was wanted: chrF, BLEU and ROUGE-L (0 to 100), Chinese by characters."""
    rewriter = Rewriter(model, tokenizer, max_tokens=config.max_tokens, max_target_tokens=config.max_target_tokens)
    found = rewriter.predict([str(row.text) for row in rows], overflow=config.overflow)
    wanted = [[str(row.target)] for row in rows]
    cut, few = cut_for(wanted), min(resamples, RESAMPLES // 10)  # each counts all n-grams again

    def measured(measure: Callable[[Sequence[str], Sequence[Sequence[str]]], float]) -> Figure:
        def of(drawn: Sequence[int]) -> float:
            return measure([found[n] for n in drawn], [wanted[n] for n in drawn])

        return figure(lambda drawn: of(drawn.tolist()), len(rows), seed=config.seed, resamples=few)

    figures = {
        "chrf": measured(chrf),
        "bleu": measured(lambda said, known: bleu(said, known, cut=cut).score),
        "rouge_l": measured(lambda said, known: 100 * rouge(said, known).rouge_l),
    }
    shown = zip(rows[:SHOWN], found[:SHOWN], strict=True)
    examples = [{"text": row.text, "wanted": row.target, "written": said} for row, said in shown]
    return {"figures": figures, "examples": examples}


_JUDGES: Mapping[str, Callable[[Transformer, Tokenizer, TaskConfig, Rows, int], dict[str, Any]]] = {
    "classification": _labels,
    "multilabel": _labels,
    "regression": _numbers,
    "tokens": _entities,
    "qa": _answers,
    "embedding": _vectors,
    "seq2seq": _rewritings,
}
