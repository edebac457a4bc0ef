"""`hanlin eval`: a model measured on held-out text, on tasks, against baselines and against its parent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hanlin.base.files import read_json, write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.base.seeds import Seeds
from hanlin.bundle.bundle import Bundle, annotate_bundle, read_info
from hanlin.evaluate.forgetting import forgetting
from hanlin.evaluate.metrics import LmScore
from hanlin.evaluate.report import Sample, forgetting_row, language_row, objective_row, task_row, write_card
from hanlin.infer.config import EngineConfig
from hanlin.infer.engine import Engine
from hanlin.life.baselines import Baselines, compute_baselines
from hanlin.life.config import EvaluateJob
from hanlin.life.held_out import held_out_documents, parent_of
from hanlin.life.measure import HeldOut, held_out, score_languages, score_tasks, write_samples
from hanlin.life.measure_objective import score_objective
from hanlin.life.open import open_bundle
from hanlin.life.places import name_of
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.life.talk import answers
from hanlin.model.transformer import build_model
from hanlin.train.plot import plot_bits_per_byte

UNTRAINED_BYTES = 1 << 16  # fresh weights guess alike everywhere: a small slice says it


def evaluate(config: Given[EvaluateJob] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Measure a model, write figures and answers under `out`, and scores and card into its bundle.

    Scores are `{"language": {lang: bits per byte …}, "tasks": […], "forgetting": […], "before": [tasks of the
    parent]}`. Raises InputError, BundleError, MachineError.
    """
    job, progress = settled(EvaluateJob, config, settings, first="model").value, progress or Progress("none")
    bundle = open_bundle(job.model, device=job.device, pickles=job.pickles)
    assert bundle.tokenizer is not None
    if bundle.config.arch != "decoder":
        return _evaluate_objective(bundle, job, progress)
    engine = _engine(bundle)
    parent = Path(job.parent) if job.parent else parent_of(bundle.info)
    text = held_out(held_out_documents(job.data, bundle, progress), job.max_bytes)
    scores: dict[str, Any] = {"language": _languages(bundle, text, job, progress)}
    scores["tasks"], said = _tasks(bundle, engine, job, progress)
    if parent is not None:
        scores |= _against_parent(parent, job, text, scores["language"], progress)
    samples = write_samples(bundle, engine, job.prompts, num_tokens=job.sample_tokens, seed=job.seed)
    out = job.out or bundle.path.parent / "eval"
    keep(bundle, scores, said, samples, out)
    _curve((parent or bundle.path).parent, scores["language"], out)
    return evaluation_report(bundle, scores, samples, out)


def _evaluate_objective(bundle: Bundle, job: EvaluateJob, progress: Progress) -> Report:
    """What is no decoder fills what its objective hides; it has no perplexity, answers no tasks and writes no samples.

    Scores are `{"language": {}, "tasks": [], "objective": {lang: …}}` (see `score_objective`).
    """
    if job.tasks or job.prompts:
        progress.note(say("life.only_decoders", arch=bundle.config.arch))
    text = held_out(held_out_documents(job.data, bundle, progress), job.max_bytes)
    scores = {"language": {}, "tasks": [], "objective": score_objective(bundle, text)}
    out = job.out or bundle.path.parent / "eval"
    keep(bundle, scores, {}, (), out)
    return evaluation_report(bundle, scores, (), out)


def _languages(bundle: Bundle, text: Mapping[str, HeldOut], job: EvaluateJob, progress: Progress) -> dict[str, Any]:
    if text:
        progress.note(say("life.scoring", megabytes=f"{sum(sum(p.num_bytes) for p in text.values()) / 1e6:.1f}"))
    assert bundle.tokenizer is not None
    scores = score_languages(bundle.model, bundle.tokenizer, text, batch=job.batch_tokens)
    baselines = _baselines(bundle, text, job, progress) if text else {}
    return {lang: {**score.as_dict(), "baselines": baselines.get(lang, {})} for lang, score in scores.items()}


def _baselines(bundle: Bundle, text: Mapping[str, HeldOut], job: EvaluateJob, progress: Progress) -> Baselines:
    if not job.baselines:
        return {}
    found: Baselines = {}
    if job.known_baselines is not None:
        found = read_json(job.known_baselines)
    elif job.corpus is not None:
        found = compute_baselines(job.corpus, bundle.path, job, out=None, progress=progress)
    for lang, score in _untrained(bundle, text, job).items():
        found[lang] = {**found.get(lang, {}), "untrained": score.bits_per_byte}
    return found


def _untrained(bundle: Bundle, text: Mapping[str, HeldOut], job: EvaluateJob) -> dict[str, LmScore]:
    """The same shape with fresh weights, on a small part of the text."""
    assert bundle.tokenizer is not None
    few = {lang: HeldOut(_some(part.texts)) for lang, part in text.items()}
    fresh = build_model(bundle.config, seed=Seeds(job.seed).derive("init"), compute_dtype=bundle.model.compute_dtype)
    fresh = fresh.to(bundle.model.head.weight.device)
    return score_languages(fresh, bundle.tokenizer, few, batch=job.batch_tokens)


def _some(texts: Sequence[str]) -> tuple[str, ...]:
    chosen: list[str] = []
    for text in texts:
        chosen.append(text)
        if sum(len(one.encode()) for one in chosen) >= UNTRAINED_BYTES:
            break
    return tuple(chosen)


def _tasks(
    bundle: Bundle, engine: Engine, job: EvaluateJob, progress: Progress
) -> tuple[list[dict[str, Any]], dict[str, tuple[str, ...]]]:
    """Scores as figures, and what was answered."""
    if not job.tasks:
        return [], {}
    progress.note(say("life.asking", model=name_of(bundle.path)))
    results = score_tasks(bundle, engine, job)
    return [result.as_dict() for result in results], {result.task: result.answers for result in results}


def _against_parent(
    path: Path, job: EvaluateJob, text: Mapping[str, HeldOut], after: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """What fine-tuning gave and what it took: the same questions and the same text, before it."""
    parent = open_bundle(path, device=job.device, pickles=job.pickles)
    assert parent.tokenizer is not None
    found: dict[str, Any] = {}
    if job.forgetting:
        before = score_languages(parent.model, parent.tokenizer, text, batch=job.batch_tokens)
        now = {lang: LmScore(row["nats"], row["num_tokens"], row["num_bytes"]) for lang, row in after.items()}
        found["forgetting"] = [row.as_dict() for row in forgetting(before, now)]
    found["before"], _ = _tasks(parent, _engine(parent), job, progress)
    return found


def _engine(bundle: Bundle) -> Engine:
    """Nobody waits for a single answer, so many run at once: 12 instead of 17 s of a demo without a compiler."""
    assert bundle.tokenizer is not None
    return Engine(bundle.model, bundle.tokenizer, config=EngineConfig(max_batch=64, step_tokens=2048))


def keep(
    bundle: Bundle, scores: Mapping[str, Any], said: Mapping[str, Sequence[str]], samples: Sequence[Sample], out: Path
) -> None:
    """Figures, answers and samples under `out`; scores and card into the bundle, unless it is a foreign folder."""
    model = {"model": str(bundle.path), "fingerprint": bundle.info.fingerprint}
    write_json(out / "evaluation.json", {**model, "scores": scores})
    write_json(out / "answers.json", {**model, "answers": said, "samples": [asdict(sample) for sample in samples]})
    if bundle.lineage is not None:
        info = read_info(bundle.path)
        annotate_bundle(bundle.path, scores=scores, card=write_card(info, {**info.scores, **scores}, samples))


def _curve(run: Path, languages: Mapping[str, Any], out: Path) -> None:
    """Bits per byte over the minutes of the pre-training, beside what counting reaches on the same documents."""
    if (run / "metrics.jsonl").is_file():
        found = {lang: row["baselines"] for lang, row in languages.items() if "curve" in row["baselines"]}
        levels = {lang: {say("evaluate.column_kneser_ney"): row["curve"]} for lang, row in found.items()}
        plot_bits_per_byte(run, levels=levels, path=out / "bits_per_byte.svg")


# ---------------------------------------------------------------- for people


def evaluation_report(bundle: Bundle, scores: Mapping[str, Any], samples: Sequence[Sample], out: Path) -> Report:
    """The figures as tables."""
    columns = ("language", "bits_per_byte", "error", "perplexity", "accuracy", "kneser_ney", "xz", "untrained")
    tables = [
        _table("scores", columns, [language_row(lang, row) for lang, row in scores["language"].items()]),
        _table(
            "objective",
            ("language", "objective", "loss", "accuracy", "documents"),
            [objective_row(lang, row) for lang, row in scores.get("objective", {}).items()],
        ),
        _table("tasks", ("task", "score", "interval", "chance", "cases", "before"), _task_rows(scores)),
        _table(
            "forgetting", ("language", "before", "after", "ratio"), map(forgetting_row, scores.get("forgetting", ()))
        ),
    ]
    lines = [say("life.evaluated", model=name_of(bundle.path), out=out)]
    lines += [f"» {sample.prompt}{sample.text}" for sample in samples]
    path = bundle.path
    steps = (f"hanlin chat {path}",) if answers(bundle) else (f'hanlin ask {path} "…"',)
    figures = {"model": str(path), **scores, "samples": [asdict(sample) for sample in samples]}
    return Report("eval", out, figures, tuple(lines), tuple(t for t in tables if t.rows), steps)


def _task_rows(scores: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    before = {row["task"]: f"{row['accuracy']:.1%}" for row in scores.get("before", ())}
    for row in scores["tasks"]:
        yield *task_row(row), before.get(row["task"], "–")


def _table(title: str, columns: Sequence[str], rows: Any) -> Table:
    heads = tuple(say(f"evaluate.column_{column}") for column in columns)
    return Table(say(f"evaluate.card_{title}_title"), heads, tuple(rows))


def main_score(figures: Mapping[str, Any]) -> str:
    """An evaluation in one phrase, for the table of a recipe."""
    languages = ", ".join(f"{lang} {row['bits_per_byte']:.3f}" for lang, row in figures["language"].items())
    filled = ", ".join(f"{lang} {row['accuracy']:.1%}" for lang, row in figures.get("objective", {}).items())
    if filled:
        return say("life.objective_result", figures=filled)
    tasks = ", ".join(f"{row['task']} {row['accuracy']:.0%}" for row in figures["tasks"])
    return say("life.evaluation_result", languages=languages or "–") + (f"; {tasks}" if tasks else "")
