"""`hanlin tokenizer compare`: vocabularies of any origin on the same text, in figures and pictures."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError, UsageError
from hanlin.base.files import write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.config import CompareTokenizersConfig
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.text.document import Dropped
from hanlin.text.language import identify
from hanlin.text.readers import read_documents
from hanlin.text.tokenizer_compare import (
    Measured,
    Vocabulary,
    measure,
    megabytes_per_second,
    open_vocabulary,
    premiums,
    together,
)
from hanlin.train.plot import drawn

SPEED_BYTES = 1_000_000
BY_LANGUAGE = ("bytes_per_token", "characters_per_token", "tokens_per_word", "bits_per_byte", "share_of_bytes")
"""Figures of each language."""
SHARES = ("share_of_bytes", "unknown_rate")

Found = Mapping[str, Mapping[str, Measured]]


def compare_tokenizers(
    config: Given[CompareTokenizersConfig] = None, *, progress: Progress | None = None, **settings: Any
) -> Report:
    """Hold vocabularies against each other on files of text, by language; figures and pictures lie under `out`.

    Raises InputError for what is no tokenizer or holds no text, UsageError where the reference language is missing.
    """
    job, progress = (
        settled(CompareTokenizersConfig, config, settings, first="tokenizers").value,
        progress or Progress("none"),
    )
    vocabularies = _opened(job.tokenizers)
    progress.note(say("life.comparing_tokenizers", number=len(vocabularies)))
    dropped: list[Dropped] = []
    texts = _sample(_texts(job.data, dropped), job.max_bytes)
    if not texts:
        raise InputError("life.nothing_to_learn", paths=", ".join(job.data))
    found = measure(vocabularies, texts)
    speeds = megabytes_per_second(vocabularies, _for_speed([text for _, text in texts]))
    figures = _figures(vocabularies, found, speeds)
    if job.parallel:
        _add_premiums(figures, found, job.reference)
    tables = (_overall(figures), *_by_language(figures, job.parallel))
    write_json(job.out / "compare.json", figures)
    for name in ("bytes_per_token", "bits_per_byte", *(("premium",) if job.parallel else ())):
        _draw(job.out / f"{name}.svg", figures, name)
    lines = [say("life.compared_tokenizers", path=job.out), *_losses(figures)]
    if dropped:
        lines.append(say("life.dropped", number=len(dropped), first=dropped[0].location))
    return Report("tokenizer compare", job.out, figures, tuple(lines), tables)


def _opened(paths: Sequence[str]) -> list[Vocabulary]:
    """The vocabularies, each under a name of its own. Raises UsageError for a file of text among them."""
    for path in map(Path, paths):
        if path.is_file() and path.suffix != ".json":
            raise UsageError("life.text_among_tokenizers", path=path)
    opened = [open_vocabulary(path) for path in paths]
    names = [one.name for one in opened]
    if len(set(names)) < len(names):
        opened = [open_vocabulary(one.path).named(str(one.path)) for one in opened]
    return opened


def _texts(paths: Iterable[str], dropped: list[Dropped]) -> Iterator[tuple[str, str]]:
    """Texts with their language; Chinese by script, since both cost differently."""
    for document in read_documents(list(paths), on_drop=dropped.append):
        language = identify(document.text)
        script = language.script if language.code == "zh" and language.script != "Hani" else ""
        yield "-".join(filter(None, (language.code, script))), document.text


def _sample(texts: Iterable[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """An even sample of about `most` bytes of each language, the same each time; order as it came."""
    draw = random.Random(0)
    held: dict[str, list[tuple[float, int, str]]] = {}
    sizes: dict[str, int] = {}
    for number, (lang, text) in enumerate(texts):
        heap = held.setdefault(lang, [])
        heapq.heappush(heap, (-draw.random(), number, text))
        sizes[lang] = sizes.get(lang, 0) + len(text.encode())
        while sizes[lang] > most and len(heap) > 1:
            sizes[lang] -= len(heapq.heappop(heap)[2].encode())
    return [(lang, text) for lang in sorted(held) for _, _, text in sorted(held[lang], key=lambda row: row[1])]


def _for_speed(texts: Sequence[str]) -> list[str]:
    """Enough text to time, every so many-th of it."""
    size = sum(len(text.encode()) for text in texts)
    return list(texts[:: max(1, size // SPEED_BYTES)])


def _figures(vocabularies: Sequence[Vocabulary], found: Found, speeds: Mapping[str, float]) -> dict[str, Any]:
    return {
        "tokenizers": {
            one.name: {
                "path": str(one.path),
                "kind": one.kind,
                "vocab_size": one.size,
                "normaliser": one.normaliser,
                "megabytes_per_second": round(speeds[one.name], 3),
                "all": together(found[one.name]).figures(),
                "languages": {lang: held.figures() for lang, held in sorted(found[one.name].items())},
            }
            for one in vocabularies
        }
    }


def _add_premiums(figures: dict[str, Any], found: Found, reference: str) -> None:
    for name, table in figures["tokenizers"].items():
        if reference not in found[name]:
            raise UsageError("life.no_reference", reference=reference, known=", ".join(sorted(found[name])))
        for lang, premium in premiums(found[name], reference).items():
            table["languages"][lang]["premium"] = premium


# ---------------------------------------------------------------- for people


def _overall(figures: Mapping[str, Any]) -> Table:
    """All languages together: figures down, vocabularies across."""
    tables = figures["tokenizers"]

    def cells(row: Mapping[str, Any]) -> dict[str, str]:
        return {
            "entries": f"{row['vocab_size']:,}",
            **{name: _shown(row["all"][name], name) for name in (*BY_LANGUAGE, "unknown_rate")},
            "changed": f"{row['all']['changed']:,} / {row['all']['texts']:,}",
            "speed": f"{row['megabytes_per_second']:.2f}",
        }

    columns = [cells(row) for row in tables.values()]
    rows = tuple((say(f"life.column_{name}"), *(column[name] for column in columns)) for name in columns[0])
    return Table("", (say("life.column_tokenizer"), *tables), rows)


def _by_language(figures: Mapping[str, Any], parallel: bool) -> Iterator[Table]:
    """A table for each figure: languages down, vocabularies across."""
    tables = figures["tokenizers"]
    languages = next(iter(tables.values()))["languages"]
    for figure in (*BY_LANGUAGE, *(("premium",) if parallel else ())):
        rows = tuple(
            (lang, *(_shown(row["languages"][lang][figure], figure) for row in tables.values())) for lang in languages
        )
        yield Table(say(f"life.column_{figure}"), (say("life.column_language"), *tables), rows)


def _shown(value: float | None, figure: str) -> str:
    if value is None:
        return "–"
    return f"{value:.1%}" if figure in SHARES else f"{value:.2f}"


def _losses(figures: Mapping[str, Any]) -> Iterator[str]:
    """What each vocabulary does to a text that it does not give back; that it gives all back is said as well."""
    for name, row in figures["tokenizers"].items():
        normaliser = row["normaliser"] or say("life.no_normaliser")
        key = "life.tokenizer_loses" if row["all"]["changed"] else "life.tokenizer_keeps"
        told = {name: row["all"][name] for name in ("changed", "texts", "example")}
        yield say(key, name=name, kind=row["kind"], normaliser=normaliser, **told)


def _draw(path: Path, figures: Mapping[str, Any], figure: str) -> None:
    """Bars of one figure: a group for each language, a colour for each vocabulary."""
    tables = figures["tokenizers"]
    languages = list(next(iter(tables.values()))["languages"])
    width = 0.8 / len(tables)

    def bars(axes: Any) -> None:
        for number, (name, row) in enumerate(tables.items()):
            heights = [row["languages"][lang][figure] or 0.0 for lang in languages]
            places = [place + width * (number - (len(tables) - 1) / 2) for place in range(len(languages))]
            axes.bar(places, heights, width, label=name, color=f"C{number}")
        axes.set_xticks(range(len(languages)), languages)
        axes.set_ylabel(say(f"life.column_{figure}"))

    drawn(path, bars, size=(max(8.0, 2 + 0.16 * len(languages) * len(tables)), 4))
