"""`hanlin data words`: how often each word occurs, and how many words make up how much of the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.base.errors import InputError
from hanlin.base.files import building_folder, write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.config import WordsConfig
from hanlin.life.places import expanded
from hanlin.life.prepare import is_corpus
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.text.corpus import read_corpus
from hanlin.text.document import Document, Dropped
from hanlin.text.readers import read_documents
from hanlin.text.words import SHARES, WordCounts, count_words, coverage, words_for
from hanlin.train.plot import drawn


def word_statistics(config: Given[WordsConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Count the words of a corpus or of files, by language; lists, figures and a picture lie under `out`.

    Raises InputError where there is no text, DiskFull.
    """
    job, progress = settled(WordsConfig, config, settings, first="data").value, progress or Progress("none")
    progress.note(say("life.counting_words"))
    dropped: list[Dropped] = []
    found, left_out = count_words(_documents(job, dropped), stemmed=job.stem)
    if not any(held.num_words for held in found.values()):
        raise InputError("life.nothing_to_learn", paths=", ".join(job.data))
    ranked = {lang: held.ranked() for lang, held in sorted(found.items())}
    figures = {lang: _figures(found[lang], ranked[lang]) for lang in ranked}
    with building_folder(job.out, known_by="words.json") as folder:
        for lang, rows in ranked.items():
            text = "".join(f"{word}\t{number}\n" for word, number in rows)
            (folder / f"words.{lang or 'unknown'}.tsv").write_text(text, encoding="utf-8")
        write_json(folder / "words.json", {"stemmed": job.stem, "languages": figures, "left_out": left_out})
        drawn(folder / "coverage.svg", lambda axes: _draw(axes, figures))
    lines = [say("life.counted_words", path=job.out)]
    lines += [say("life.words_left_out", lang=lang, number=number) for lang, number in left_out.items()]
    if dropped:
        lines.append(say("life.dropped", number=len(dropped), first=dropped[0].location))
    tables = (_summary(figures), *(_commonest(lang, rows[: job.top]) for lang, rows in ranked.items()))
    report = {"stemmed": job.stem, "languages": figures, "left_out": left_out}
    return Report("data words", job.out, report, tuple(lines), tables)


def _documents(job: WordsConfig, dropped: list[Dropped]) -> Iterator[Document]:
    for path in map(expanded, job.data):
        yield from read_corpus(path, "train") if is_corpus(path) else read_documents([path], on_drop=dropped.append)


def _figures(held: WordCounts, ranked: list[tuple[str, int]]) -> dict[str, Any]:
    return {
        "documents": held.num_documents,
        "words": held.num_words,
        "different": len(ranked),
        "seen_once": sum(1 for _, number in ranked if number == 1),
        "characters_per_word": held.num_characters / max(1, held.num_words),
        "words_for": {f"{share:g}": words_for(ranked, share) for share in SHARES},
        "coverage": [[rank, round(share, 6)] for rank, share in coverage(ranked)],
    }


def _summary(figures: Mapping[str, Any]) -> Table:
    """Languages across: ten columns would not fit a terminal."""
    names = ("documents", "words", "different", "seen_once")
    rows = [(say(f"life.column_{name}"), *(f"{row[name]:,}" for row in figures.values())) for name in names]
    for share in SHARES:
        numbers = (f"{row['words_for'][f'{share:g}']:,}" for row in figures.values())
        rows.append((say("life.column_words_for", share=f"{share:.0%}"), *numbers))
    return Table(say("life.words_summary"), (say("life.column_language"), *figures), tuple(rows))


def _commonest(lang: str, rows: list[tuple[str, int]]) -> Table:
    columns = (say("life.column_word"), say("life.column_count"))
    return Table(lang, columns, tuple((word, f"{number:,}") for word, number in rows))


def _draw(axes: Any, figures: Mapping[str, Any]) -> None:
    for lang, row in figures.items():
        axes.plot(*zip(*row["coverage"], strict=True), label=lang)
    axes.set_xscale("log")
    axes.set_ylim(0, 1)
    axes.set_xlabel(say("life.axis_commonest"))
    axes.set_ylabel(say("life.axis_covered"))
