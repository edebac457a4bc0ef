"""The card of a bundle, Markdown in the user's language: what it is, what it read, how well it does, where it fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hanlin.base.messages import say
from hanlin.bundle.bundle import Info
from hanlin.bundle.lineage import Lineage


@dataclass(frozen=True)
class Sample:
    """A text the model wrote: its beginning was given."""

    prompt: str
    text: str


def write_card(info: Info, scores: Mapping[str, Any], samples: Sequence[Sample] = ()) -> str:
    """The card of one bundle from what it says of itself and what was measured (see `Scores` in `life/evaluate.py`)."""
    parts = [
        f"# {info.path.name if info.path.name != 'bundle' else info.path.parent.name}",
        say("evaluate.card_what", parameters=f"{info.config.num_parameters():,}", family=info.family),
        *_section("sizes", _table(("what", "value"), _sizes(info))),
        *_section("data", _data(info.lineage)),
        *_section("scores", language_table(scores.get("language", {}))),
        *_section("objective", objective_table(scores.get("objective", {}))),
        *_section("task", figure_table(scores.get("task", {}).get("figures", {}))),
        *_section("tasks", task_table(scores.get("tasks", ()))),
        *_section("forgetting", forgetting_table(scores.get("forgetting", ()))),
        *_section("samples", "\n\n".join(map(_shown, samples))),
        *_section("limits", say("evaluate.card_limits")),
        *_section("lineage", _lineage(info.lineage)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(name: str, body: str) -> list[str]:
    return [f"## {say(f'evaluate.card_{name}_title')}", body] if body else []


def _shown(sample: Sample) -> str:
    """A sample as a quote, its beginning bold: Markdown takes `**def **`, with a space inside, for four stars."""
    bold = sample.prompt.rstrip()
    return f"> **{_quoted(bold)}**{_quoted(sample.prompt[len(bold) :] + sample.text)}"


def _quoted(text: str) -> str:
    """A text inside a Markdown quote: its line ends stay, its marks mean nothing."""
    plain = "".join("\\" + char if char in "\\`*_<>#[]|" else char for char in text)
    return plain.replace("\n", "\n> ")


def _table(columns: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with column names from the catalogue; empty without rows."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    heads = [say(f"evaluate.column_{column}") for column in columns]
    return "\n".join(["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *lines]) if lines else ""


def _sizes(info: Info) -> Iterator[tuple[str, str]]:
    for name in ("num_layers", "hidden_size", "num_heads", "num_kv_heads", "ffn_size", "vocab_size", "max_seq_len"):
        yield name, f"{getattr(info.config, name):,}"


def _data(lineage: Lineage | None) -> str:
    stages = (*lineage.earlier, lineage) if lineage else ()
    rows = [(stage.stage, name, f"`{digest[:12]}`") for stage in stages for name, digest in stage.data.items()]
    return _table(("stage", "data", "checksum"), rows)


def language_table(languages: Mapping[str, Mapping[str, Any]]) -> str:
    """Bits per byte of every language beside what it has to beat, and what the columns are."""
    table = _table(
        ("language", "bits_per_byte", "error", "perplexity", "accuracy", "kneser_ney", "xz", "untrained"),
        (language_row(lang, score) for lang, score in languages.items()),
    )
    return f"{table}\n\n{say('evaluate.card_scores_legend')}" if table else ""


def language_row(lang: str, score: Mapping[str, Any]) -> tuple[str, ...]:
    """One language as cells of text."""
    baselines = score.get("baselines", {})
    compared = (_figure(baselines.get(name), 3) for name in ("kneser_ney", "xz", "untrained"))
    return (
        lang,
        _figure(score["bits_per_byte"], 3),
        _figure(score.get("bits_per_byte_error"), 3),
        _figure(score["perplexity"], 2),
        _figure(score["accuracy"], 3),
        *compared,
    )


def objective_table(languages: Mapping[str, Mapping[str, Any]]) -> str:
    """What a model that is no decoder tells right of what its objective hides."""
    rows = (objective_row(lang, score) for lang, score in languages.items())
    table = _table(("language", "objective", "loss", "accuracy", "documents"), rows)
    return f"{table}\n\n{say('evaluate.card_objective_legend')}" if table else ""


def objective_row(lang: str, score: Mapping[str, Any]) -> tuple[str, ...]:
    """One language as cells of text."""
    accuracy = f"{score['accuracy']:.1%}"
    return lang, score["objective"], _figure(score["loss"], 3), accuracy, f"{score['num_documents']:,}"


def task_table(tasks: Iterable[Mapping[str, Any]]) -> str:
    """Every task with its chance level and its interval."""
    return _table(("task", "score", "interval", "chance", "cases"), (task_row(task) for task in tasks))


def task_row(task: Mapping[str, Any]) -> tuple[str, ...]:
    """One task as cells of text."""
    low, high = task["interval"]
    interval = f"{low:.0%} – {high:.0%}"
    return task["task"], f"{task['accuracy']:.1%}", interval, f"{task['chance']:.1%}", f"{task['num_cases']:,}"


def figure_table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """What a model reaches on the task it was fine-tuned for, beside chance."""
    rows = (
        (
            say(f"evaluate.figure_{name}"),
            f"{one['value']:.3f}",
            f"{one['low']:.3f} – {one['high']:.3f}",
            _figure(one["chance"], 3),
        )
        for name, one in figures.items()
    )
    return _table(("measure", "score", "interval", "chance"), rows)


def forgetting_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Perplexity before and after fine-tuning."""
    return _table(("language", "before", "after", "ratio"), (forgetting_row(row) for row in rows))


def forgetting_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One language as cells of text."""
    return row["lang"], *(_figure(row[name], 2) for name in ("perplexity_before", "perplexity_after", "ratio"))


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _lineage(lineage: Lineage | None) -> str:
    stages = (*lineage.earlier, lineage) if lineage else ()
    rows = [
        (s.stage, s.created, str(s.seed), s.versions.get("hanlin", "–"), s.versions.get("torch", "–")) for s in stages
    ]
    return _table(("stage", "made", "seed", "hanlin", "torch"), rows)
