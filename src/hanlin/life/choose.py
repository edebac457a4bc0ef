"""`hanlin models choose`: which family, objective and size suit a task, with the reason and what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hanlin.base.device import available_memory_bytes
from hanlin.base.messages import say
from hanlin.base.progress import Progress, value_text
from hanlin.life.choose_config import ChooseModelConfig, read_amount
from hanlin.life.prepare import BYTES_PER_TOKEN, text_bytes
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import preset
from hanlin.recipe.cache import input_files
from hanlin.recipe.choosing import Choice, Figure, Means, choose, measured
from hanlin.train.plan import suggest_vocabulary

TUNED = ("classify", "pairs", "label", "answer", "embed")
"""Tasks that `hanlin task train` teaches."""


def choose_model(
    config: Given[ChooseModelConfig] = None,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """The ways to do a task with the text, rows and memory there are, the advised one first.

    Nothing is trained and nothing downloaded. Raises ConfigError, InputError where a path of `data` is not there.
    """
    job = settled(ChooseModelConfig, config, settings, first="task").value
    memory = job.memory or available_memory_bytes()
    size = sum(map(_amount, job.data)) if job.data else None
    tokens = None if size is None else size / BYTES_PER_TOKEN
    found = choose(job.task, Means(memory, tokens, job.rows))
    figures = {
        "task": job.task,
        "memory_bytes": memory,
        "text_bytes": size,
        "rows": job.rows,
        "choices": [as_figures(one, tokens) for one in found],
    }
    lines = (*_told(job, memory, size), *map(_reason, found))
    return Report("models choose", None, figures, lines, (_ways(found), *_measured(found)), _next_steps(job, found[0]))


def _amount(data: str) -> int:
    """Bytes of an amount, or of the files under a path."""
    amount = read_amount(data)
    if isinstance(amount, int) and not Path(data).exists():
        return amount
    return text_bytes(input_files([data]))


def as_figures(choice: Choice, tokens: float | None) -> dict[str, Any]:
    """One choice for programs; of a model from nothing also its shape."""
    way = choice.way
    return {
        "name": way.name,
        "kind": way.kind,
        "family": way.family or None,
        "objective": way.objective or None,
        "example": way.example or None,
        "parameters": choice.parameters or None,
        "shape": shape_of(choice, tokens) if way.kind == "pretrain" and not choice.lacks and tokens else None,
        "training_memory_bytes": choice.training_memory or None,
        "serving_memory_bytes": choice.serving_memory or None,
        "fits": not choice.lacks,
        "lacks": choice.lacks or None,
        "because": _reason(choice),
        "source": way.source,
        "measured": {place: [vars(one) for one in rows] for place, rows in measured(way)},
    }


def shape_of(choice: Choice, tokens: float) -> dict[str, int]:
    """Width, depth and heads of a family's model of that size."""
    vocabulary = suggest_vocabulary(round(tokens * BYTES_PER_TOKEN))
    shape = ModelConfig(**preset(choice.way.family, _size(choice), vocabulary))
    names = ("vocab_size", "hidden_size", "num_layers", "num_encoder_layers", "num_heads")
    return {name: getattr(shape, name) for name in names if getattr(shape, name)}


def _size(choice: Choice) -> str:
    """Parameters as `--size` takes them, to two digits."""
    return f"{float(f'{choice.parameters:.2g}') / 1e6:g}m"


# ---------------------------------------------------------------- for people


def _told(job: ChooseModelConfig, memory: int, size: int | None) -> Iterator[str]:
    text = say("life.choose_no_text") if size is None else say("life.choose_text", megabytes=f"{size / 1e6:.1f}")
    rows = say("life.choose_no_rows") if job.rows is None else say("life.choose_rows", rows=f"{job.rows:,}")
    yield say("life.choose_means", text=text, rows=rows, memory=f"{memory / 1e9:.1f}")


def _reason(choice: Choice) -> str:
    reason = say(f"recipe.choose_because_{choice.way.because}")
    name = say(f"recipe.choose_name_{choice.way.kind}", name=choice.way.name, example=choice.way.example)
    if not choice.lacks:
        return say("life.choose_reason", name=name, reason=reason, source=choice.way.source)
    needed = {"memory": f"{choice.needed / 1e9:.1f} GB", "text": f"{choice.needed * BYTES_PER_TOKEN / 1e6:.1f} MB"}
    lack = say(f"life.choose_lacks_{choice.lacks}", needed=needed[choice.lacks])
    return say("life.choose_set_aside", name=name, lack=lack)


def _ways(found: list[Choice]) -> Table:
    columns = ("rank", "way", "objective", "parameters", "training_memory", "serving_memory")
    rows = tuple(
        (
            "–" if one.lacks else str(place),
            say(f"recipe.choose_name_{one.way.kind}", name=one.way.name, example=one.way.example),
            one.way.objective or "–",
            value_text(one.parameters) if one.parameters else "–",
            *(f"{size / 1e9:.2f} GB" if size else "–" for size in (one.training_memory, one.serving_memory)),
        )
        for place, one in enumerate(found, start=1)
    )
    return Table("", tuple(say(f"life.choose_column_{name}") for name in columns), rows)


def _measured(found: list[Choice]) -> Iterator[Table]:
    """Every table that some choice stands in, once."""
    tables = {place: rows for one in found for place, rows in measured(one.way)}
    for place, figures in tables.items():
        columns = tuple(dict.fromkeys(one.column for one in figures))
        cells = {(one.row, one.column): _cell(one) for one in figures}
        rows = tuple(
            (row, *(cells.get((row, column), "") for column in columns))
            for row in dict.fromkeys(one.row for one in figures)
        )
        yield Table(say("life.choose_measured", place=place), (say("life.column_method"), *columns), rows)


def _cell(figure: Figure) -> str:
    spread = "" if figure.low is None or figure.high is None else f" ({figure.low:.3g}–{figure.high:.3g})"
    return f"{figure.value:.3g}{spread}"


def _next_steps(job: ChooseModelConfig, best: Choice) -> tuple[str, ...]:
    """Commands to go on with; RUN is the folder that the first one names at its end."""
    way = best.way
    if way.kind == "count" or best.lacks:
        return ()
    bundle = "RUN" if way.kind == "pretrain" else way.example
    tuned = (f"hanlin task train {bundle} rows.jsonl",) if job.task in TUNED else ()
    if way.kind == "open":
        return tuned
    size = _size(best)
    made = f"hanlin pretrain TEXT --objective {way.objective} --size {size} --model family={way.family} --dry-run"
    return made, *tuned
