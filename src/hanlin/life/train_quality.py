"""`hanlin quality train`: a classifier of good and bad texts, learned from examples and measured on others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.judge_config import TrainQualityConfig
from hanlin.life.places import expanded
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.life.texts import Texts
from hanlin.text.quality.classifier import Classifier
from hanlin.text.quality.grams import Hashing
from hanlin.text.quality.judged import THRESHOLDS, judge
from hanlin.text.quality.labelled import Example, Examples, labelled, split_examples
from hanlin.text.quality.train import train_classifier

_LEAST_HARM = 0.01
BOTH = ("zh", "en")
"""Languages of which a user expects an answer; where one is missing, the report says so."""


def train_quality(
    config: Given[TrainQualityConfig] = None, *, progress: Progress | None = None, **settings: Any
) -> Report:
    """Learn a classifier, and tell precision and recall on held-out examples, and what it would delete of clean text.

    Raises InputError (E258, E297), MissingExtra (E259) without scikit-learn, DiskFull.
    """
    job, progress = settled(TrainQualityConfig, config, settings).value, progress or Progress("none")
    progress.note(say("life.reading_examples"))
    texts = {name: Texts(getattr(job, name)) for name in ("good", "bad", "data", "clean")}
    found = list(_examples(texts, job.bad_labels))
    examples = split_examples(found, held_out=job.held_out, seed=job.seed, field=job.split_by)
    progress.note(say("life.training_classifier", number=f"{len(examples.train):,}"))
    classifier = train_classifier(
        examples.train,
        job.measure,
        hashing=Hashing(bits=job.bits),
        passage=job.passage,
        strength=job.strength,
        most_lost=job.most_lost,
    )
    progress.note(say("life.judging_classifier", number=f"{len(examples.held_out):,}"))
    figures: dict[str, Any] = {
        "measure": job.measure,
        "languages": dict(classifier.languages),
        "missing_languages": [lang for lang in BOTH if not classifier.knows(lang)],
        "examples": _example_figures(examples, len(found)),
        **classifier.figures,
        "setting": classifier.setting(classifier.figures["threshold"]),
        "held_out": dict(judged(classifier, examples.held_out)),
        "clean": (clean := dict(_clean(classifier, texts["clean"])) if job.clean else {}),
        "clean_lost": max((_lost(found, classifier) for found in clean.values()), default=None),
    }
    out = expanded(job.out)
    Classifier(**{**vars(classifier), "figures": figures}).save(out)
    lines = [*_lines(figures, classifier, job), *(line for one in texts.values() for line in one.lines())]
    tables = (*threshold_tables(figures["held_out"], classifier), *_clean_tables(figures["clean"], classifier))
    return Report("quality train", out, figures, tuple(lines), tables, tuple(_next_steps(figures, job)))


def _next_steps(figures: Mapping[str, Any], job: TrainQualityConfig) -> Iterator[str]:
    """A build by the proposed rule, unless that would do harm."""
    field = "classifier" if job.measure == "quality" else job.measure
    if not _is_harmful(figures, job):
        yield f"hanlin data build SOURCES --quality.{field} {job.out} --rules.thresholds {figures['setting']}"


def _is_harmful(figures: Mapping[str, Any], job: TrainQualityConfig) -> bool:
    """Whether the proposed rule would delete far more of some clean file than of the examples."""
    return figures["clean_lost"] is not None and figures["clean_lost"] > 2 * max(job.most_lost, _LEAST_HARM)


def _examples(texts: Mapping[str, Texts], bad_labels: tuple[str, ...]) -> Iterator[Example]:
    for name in ("good", "bad"):
        if texts[name].paths:
            yield from (Example(document, name == "bad") for document in texts[name]())
    if texts["data"].paths:
        yield from labelled(texts["data"](), bad_labels)


def _example_figures(examples: Examples, number: int) -> dict[str, int]:
    return {
        "found": number,
        "copies": examples.num_copies,
        "contradictions": examples.num_contradictions,
        "groups": examples.num_groups,
        "train": len(examples.train),
        "held_out": len(examples.held_out),
    }


def judged(classifier: Classifier, examples: Sequence[Example]) -> Iterator[tuple[str, dict[str, Any]]]:
    """How good the classifier is on rows it has not read, in each language that has both sorts."""
    for lang in sorted({example.lang for example in examples}):
        rows = [example for example in examples if example.lang == lang]
        bad = [row.is_bad for row in rows]
        if classifier.knows(lang) and 0 < sum(bad) < len(bad):
            yield lang, judge(bad, [classifier.bad(row.text) for row in rows], thresholds=_told(classifier)).figures()


def _clean(classifier: Classifier, texts: Texts) -> Iterator[tuple[str, dict[str, Any]]]:
    """By file: its documents, how many have no score, and how many each threshold would drop."""
    found: dict[str, list[float | None]] = {}
    for document in texts():
        value = classifier.bad(document.text) if classifier.knows(document.lang) else None
        found.setdefault("/".join(Path(str(document.meta["path"])).parts[-2:]), []).append(value)
    for source, values in found.items():
        scored = [value for value in values if value is not None]
        dropped = {f"{at:g}": sum(value > at for value in scored) for at in _told(classifier)}
        yield source, {"documents": len(values), "unscored": len(values) - len(scored), "dropped": dropped}


def _lost(found: Mapping[str, Any], classifier: Classifier) -> float:
    """Share of one clean file's scored documents that the proposed rule would drop."""
    dropped: int = found["dropped"][f"{classifier.figures['threshold']:g}"]
    return dropped / max(1, found["documents"] - found["unscored"])


def _told(classifier: Classifier) -> list[float]:
    """The thresholds that are told of: the usual ones and the proposed one."""
    return sorted({*THRESHOLDS, classifier.figures["threshold"]})


# ---------------------------------------------------------------- for people


def _lines(figures: Mapping[str, Any], classifier: Classifier, job: TrainQualityConfig) -> Iterator[str]:
    yield say("life.examples", **{name: f"{number:,}" for name, number in figures["examples"].items()})
    for lang, (good, bad) in figures["languages"].items():
        yield say("life.examples_of", lang=lang, good=f"{good:,}", bad=f"{bad:,}")
    for lang in figures["missing_languages"]:
        yield say("life.examples_missing", lang=lang, measure=job.measure)
    yield from judged_lines(figures["held_out"])
    if _is_harmful(figures, job):
        file = max(figures["clean"], key=lambda name: _lost(figures["clean"][name], classifier))
        shares = {"lost": f"{job.most_lost:.1%}", "clean": f"{figures['clean_lost']:.1%}"}
        yield say("life.harmful_setting", setting=figures["setting"], file=file, **shares)
        return
    yield say("life.proposed_setting", setting=figures["setting"], lost=f"{job.most_lost:.1%}")
    if not figures["clean"]:
        yield say("life.clean_not_asked")


def judged_lines(held_out: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What was found on rows that were not learned, in one sentence a language; or that nothing could be."""
    if not held_out:
        yield say("life.not_judged")
    for lang, found in held_out.items():
        shares = {name: f"{found[name]:.3f}" for name in ("average_precision", "chance", "area", "calibration_error")}
        yield say("life.judged", lang=lang, good=f"{found['good']:,}", bad=f"{found['bad']:,}", **shares)


def threshold_tables(held_out: Mapping[str, Mapping[str, Any]], classifier: Classifier) -> Iterator[Table]:
    """Precision and recall by threshold, as the rule that would be set."""
    names = ("rule", "flagged", "precision", "interval", "recall", "interval", "lost_good", "interval")
    columns = tuple(say(f"life.column_{name}") for name in names)
    for lang, found in held_out.items():
        rows = tuple(_threshold_row(row, classifier) for row in found["thresholds"])
        yield Table(say("life.finding_bad", lang=lang, chance=f"{found['chance']:.1%}"), columns, rows)


def _threshold_row(row: Mapping[str, Any], classifier: Classifier) -> tuple[str, ...]:
    cells = [classifier.setting(row["threshold"]), f"{row['flagged']:,}"]
    for name in ("precision", "recall", "lost"):
        low, high = row[f"{name}_interval"]
        cells += ["", ""] if row[name] is None else [f"{row[name]:.1%}", f"{low:.1%} – {high:.1%}"]
    return tuple(cells)


def _clean_tables(clean: Mapping[str, Mapping[str, Any]], classifier: Classifier) -> Iterator[Table]:
    """What each source of clean text would lose."""
    if not clean:
        return
    told = ["0.5", "0.9", "0.99", f"{classifier.figures['threshold']:g}"]
    shown = sorted(dict.fromkeys(told), key=float)
    names = (say(f"life.column_{name}") for name in ("file", "documents", "unscored"))
    columns = (*names, *(classifier.setting(float(at)) for at in shown))
    rows = (_clean_row(source, found, shown) for source, found in clean.items())
    yield Table(say("life.lost_of_clean"), columns, tuple(rows))


def _clean_row(source: str, found: Mapping[str, Any], shown: Sequence[str]) -> tuple[str, ...]:
    scored = found["documents"] - found["unscored"]
    shares = (f"{found['dropped'][at] / scored:.1%}" if scored else "" for at in shown)
    return source, f"{found['documents']:,}", f"{found['unscored']:,}", *shares
