"""`hanlin data build`: raw files to a cleaned corpus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.base.engines import engine_of
from hanlin.base.messages import say
from hanlin.base.progress import Progress, duration_text
from hanlin.life.config import BuildDataConfig
from hanlin.life.data_report import opened, write_report
from hanlin.life.report import Report
from hanlin.life.settings import Given, settled
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import CorpusReport, build_corpus

REPORTED_BYTES = 2 << 30
"""Of text: a report reads all of a corpus once more, in one process."""


def build_data(
    config: Given[BuildDataConfig] = None,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """Clean raw files into a corpus under `out`; every drop is counted. Raises InputError, DiskFull, MachineError."""
    job = settled(BuildDataConfig, config, settings, first="sources").value
    fields = {name: getattr(job, name) for name in CorpusConfig.model_fields}
    engine = engine_of(job.engine, workers=job.workers, rank=job.rank, world=job.world_size, address=job.ray_address)
    built = build_corpus(
        CorpusConfig(**fields), job.out, earlier=job.earlier, progress=progress, engine=engine, work=job.work
    )
    cost = cost_of(built.spent, job.price)
    steps = (
        _reported(built, is_ours=engine.rank == 0),
        f"hanlin tokenizer train {job.out}",
        f"hanlin pretrain {job.out}",
    )
    figures = {**built.figures, "cost": cost}
    return Report("data build", built.path, figures, (*built.lines, *cost_lines(cost)), next_steps=steps)


def _reported(built: CorpusReport, *, is_ours: bool) -> str:
    """Write the report of a corpus, which one process does, the first of several ranks; of a large one only when asked.
    Returns what to do next."""
    if not (built.figures and is_ours) or built.spent["bytes"] > REPORTED_BYTES:
        return f"hanlin data report {built.path}"
    write_report(built.path)
    return opened(built.path)


def cost_of(spent: Mapping[str, float], price: float | None) -> dict[str, float]:
    """Return the speed of a build, and what a GB (10^9 bytes of text as it was read) costs in core-hours and money.

    Core-hours are those of all tasks, also of an earlier run that this one went on from.
    """
    gigabytes = spent["bytes"] / 1e9
    cost = {
        "gigabytes": gigabytes,
        "seconds": spent["seconds"],
        "megabytes_per_second": spent["bytes"] / 1e6 / max(spent["seconds"], 1e-9),
        "core_hours": spent["core_seconds"] / 3600,
        "core_hours_per_gigabyte": spent["core_seconds"] / 3600 / max(gigabytes, 1e-9),
    }
    if price is not None:
        cost |= {"price": price, "cost_per_gigabyte": price * cost["core_hours_per_gigabyte"]}
    return cost


def cost_lines(cost: Mapping[str, float]) -> Iterator[str]:
    """Yield speed and cost in the user's language."""
    yield say(
        "life.corpus_speed",
        megabytes=f"{1e3 * cost['gigabytes']:,.1f}",
        duration=duration_text(cost["seconds"]),
        speed=f"{cost['megabytes_per_second']:.2f}",
        core_hours=f"{cost['core_hours_per_gigabyte']:.2f}",
    )
    if "price" in cost:
        yield say("life.corpus_cost", price=f"{cost['price']:g}", cost=f"{cost['cost_per_gigabyte']:,.4f}")


def main_result(figures: Mapping[str, Any]) -> str:
    """A corpus in one phrase, for the table of a recipe."""
    train, validation = (figures["splits"][split] for split in ("train", "validation"))
    return say(
        "life.corpus_result",
        documents=f"{train['documents']:,}",
        megabytes=f"{train['bytes'] / 1e6:.1f}",
        held_out=f"{validation['bytes'] / 1e6:.2f}",
        dropped=f"{sum(figures.get('dropped', {}).values()):,}",
    )
