"""From what the proofs left to the documents, so that no figure is copied by hand.

Reads `results/*.json` and words.toml; writes, between marks in both languages, the proofs of docs/results.md and the
two tables of docs/choosing.md, and the figures that `hanlin models choose` shows (src/hanlin/recipe/measured.json).
A proof that has not been run whole is left out everywhere.

    python -m benchmarks.proofs.render [RESULTS]
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from benchmarks.proofs.measured import RESULTS, Figure, shown, table_lines

from hanlin.base.messages import Language, entry
from hanlin.recipe.choosing import ways
from hanlin.recipe.config import Task

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ROOT / "src" / "hanlin" / "recipe" / "measured.json"
WORDS = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
SUFFIX: dict[Language, str] = {"en": ".md", "zh": ".zh-CN.md"}
ORDER = ("sentiment", "translation", "families", "spans", "answers", "summaries")

Record = Mapping[str, Any]


def main() -> None:
    """Write all four pages and the figures of the chooser."""
    records = read(Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS)
    for lang, suffix in SUFFIX.items():
        write(ROOT / "docs" / f"results{suffix}", {"proofs": "\n\n".join(proof(one, lang) for one in records)})
        marked = {"ways": "\n".join(ways_table(lang)), "measured": compared(records, lang)}
        write(ROOT / "docs" / f"choosing{suffix}", marked)
    MEASURED.write_text(json.dumps(figures_of(records), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> list[Record]:
    """The whole proofs in their order."""
    paths = [folder / f"{name}.json" for name in ORDER]
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]
    return [one for one in found if one["is_whole"]]


def write(path: Path, parts: Mapping[str, str]) -> None:
    """Put each part between its marks, which must be there."""
    text = path.read_text(encoding="utf-8")
    for name, part in parts.items():
        body = f"\n{part}\n" if part else "\n"
        text, found = re.subn(rf"(<!-- {name} -->)\n.*?(<!-- /{name} -->)", lambda m, body=body: f"{m[1]}{body}{m[2]}",
                              text, flags=re.S)  # fmt: skip
        assert found == 1, f"{path} has {found} places for {name}"
    path.write_text(text, encoding="utf-8")


# ---------------------------------------------------------------- results


def word(key: str, lang: Language) -> str:
    """What a table calls something; what has no entry is a number or a name."""
    return str(WORDS["words"].get(key, {}).get(lang, key))


def proof(record: Record, lang: Language) -> str:
    """One section: what was done, the tables, the machine, the command."""
    words = WORDS["proofs"][record["proof"]]
    notes = {key: number(value) for key, value in record["notes"].items()}
    lines = [f"### {words['title'][lang]}", words["text"][lang].strip().format_map(notes)]
    lines += ["\n".join(table) for table in tables(record, lang)]
    if "reading" in words:
        lines.append(words["reading"][lang].strip().format_map(notes | told_machine(record) | values_in(record)))
    lines.append(WORDS["machine"][lang].format(**told_machine(record)))
    return "\n\n".join([*lines, f"    {record['command'].strip()}"])


def tables(record: Record, lang: Language) -> Iterator[list[str]]:
    """All tables of a proof."""
    figures = figures_in(record)
    for table in dict.fromkeys(one.table for one in figures):
        yield table_lines(table, figures, lambda key: word(key, lang))


def values_in(record: Record) -> dict[str, str]:
    """The figures of a record by table, row and column, joined by underscores, as a sentence names them."""
    return {f"{one.table}_{one.row}_{one.column}": shown(replace(one, low=None)) for one in figures_in(record)}


def figures_in(record: Record) -> list[Figure]:
    """The figures of a record."""
    return [Figure(**row) for row in record["figures"]]


def told_machine(record: Record) -> dict[str, str]:
    """Of the machine what a reader compares by."""
    machine = record["machine"]
    return {
        "date": record["date"],
        "processor": machine["processor"],
        "cores": str(machine["cores"]),
        "threads": str(machine["threads"]),
        "minutes": f"{record['minutes']:g}",
        "whole": f"{record['seconds'] / 60:.0f}",
        "torch": machine["torch"],
    }


def number(value: Any) -> str:
    """Numbers with their thousands apart."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------- choosing


def ways_table(lang: Language) -> Iterator[str]:
    """All ways of all tasks, as `hanlin models choose` knows them."""
    heads = [WORDS["columns"][name][lang] for name in ("task", "way", "objective", "because", "source")]
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    for task in get_args(Task):
        for way in (way for way in ways() if task in way.tasks):
            name = entry(f"recipe.choose_name_{way.kind}").text(lang).format(name=way.name, example=way.example)
            reason = entry(f"recipe.choose_because_{way.because}").text(lang)
            source = way.source.replace("docs/results.md", f"[{WORDS['results'][lang]}](results{SUFFIX[lang]})")
            cells = (
                f"{WORDS['tasks'][task][lang]} `{task}`",
                name,
                way.objective and f"`{way.objective}`",
                reason,
                source,
            )
            yield "| " + " | ".join(cells) + " |"


def compared(records: Iterable[Record], lang: Language) -> str:
    """The tables of the proof that compares families, or that it has not been run."""
    found = [record for record in records if record["proof"] == "families"]
    return "\n\n".join("\n".join(table) for table in tables(found[0], lang)) if found else WORDS["unmeasured"][lang]


def figures_of(records: Iterable[Record]) -> dict[str, Any]:
    """The tables that some way names."""
    wanted = {place for way in ways() for place in way.figures}
    tables: dict[str, dict[str, Any]] = {}
    for record in records:
        for figure in figures_in(record):
            place = f"{record['proof']}/{figure.table}"
            if place in wanted:
                table = tables.setdefault(place, {"date": record["date"], "figures": []})
                table["figures"].append(
                    {key: getattr(figure, key) for key in ("row", "column", "value", "low", "high")}
                )
    return {"tables": tables}


if __name__ == "__main__":
    main()
