"""What is counted while a corpus is built, and how the counts are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hanlin.base.messages import say
from hanlin.text.document import Document
from hanlin.text.ledger import KEPT
from hanlin.text.privacy.treat import personal_lines
from hanlin.text.reasons import reason_text
from hanlin.text.refine_report import refined_lines
from hanlin.text.rules.presets import is_threshold

SPLITS = KEPT


@dataclass
class Amount:
    """How much text: documents, characters and UTF-8 bytes."""

    documents: int = 0
    characters: int = 0
    bytes: int = 0

    def add(self, text: str, num_bytes: int) -> None:
        """Count one document."""
        self.documents += 1
        self.characters += len(text)
        self.bytes += num_bytes


@dataclass
class Tally:
    """Everything that is counted on the way."""

    read: int = 0
    pieces: int = 0
    splits: dict[str, Amount] = field(default_factory=lambda: {split: Amount() for split in SPLITS})
    languages: dict[str, dict[str, Amount]] = field(default_factory=lambda: {split: {} for split in SPLITS})
    sources: dict[str, Amount] = field(default_factory=dict)
    encodings: dict[str, int] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    personal: dict[str, Any] = field(default_factory=dict)
    edits: dict[str, int] = field(default_factory=dict)
    edited: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    refined: dict[str, Any] = field(default_factory=dict)
    unscored: dict[str, int] = field(default_factory=dict)

    def add(self, table: Mapping[str, Any], most: int) -> None:
        """Add the figures of another part of the corpus; of its examples as many as there is room for up to `most`."""
        told = added(self.table(), table, most)
        self.__dict__.update(
            told,
            splits={name: Amount(**amount) for name, amount in told["splits"].items()},
            sources={name: Amount(**amount) for name, amount in told["sources"].items()},
            languages={
                split: {name: Amount(**amount) for name, amount in amounts.items()}
                for split, amounts in told["languages"].items()
            },
        )

    def table(self) -> dict[str, Any]:
        """All counts as plain data."""
        return asdict(self)

    def figures(self) -> dict[str, Any]:
        """All counts; those of steps that are off by default only where they were on."""
        return {
            name: value
            for name, value in asdict(self).items()
            if value or name not in ("groups", "refined", "unscored")
        }

    def count_kept(self, split: str, document: Document) -> None:
        """Count a document in its part."""
        num_bytes = len(document.text.encode())
        for amounts, name in (
            (self.splits, split),
            (self.languages[split], document.lang),
            (self.sources, document.source),
        ):
            amounts.setdefault(name, Amount()).add(document.text, num_bytes)


def added(one: Any, other: Any, most: int) -> Any:
    """Return the sum of two tables of figures: numbers added, lists joined up to `most`, the rest as in the first."""
    if isinstance(one, Mapping):
        both = {name: added(value, other[name], most) if name in other else value for name, value in one.items()}
        return {**both, **{name: value for name, value in other.items() if name not in one}}
    if isinstance(one, list):
        return [*one, *other][:most]
    return one + other if isinstance(one, int | float) and not isinstance(one, bool) else one


def count(counts: dict[str, int], name: str, number: int = 1) -> None:
    """Add to one of several counts."""
    counts[name] = counts.get(name, 0) + number


def report_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """The figures in the user's language."""
    for split in SPLITS:
        amount = figures["splits"][split]
        by_language = ", ".join(
            f"{lang} {held['bytes']:,}" for lang, held in sorted(figures["languages"][split].items())
        )
        yield say(f"text.report_{split}", **{k: f"{v:,}" for k, v in amount.items()}, languages=by_language or "-")
    for name, amount in figures["sources"].items():
        yield say("text.report_source", name=name, documents=f"{amount['documents']:,}", bytes=f"{amount['bytes']:,}")
    if figures["pieces"]:
        yield say("text.report_pieces", number=f"{figures['pieces']:,}")
    for section in ("encodings", "changes"):
        if figures[section]:
            counts = ", ".join(f"{name} {number:,}" for name, number in sorted(figures[section].items()))
            yield say(f"text.report_{section}", counts=counts)
    yield from personal_lines(figures["personal"])
    for edit, number in sorted(figures["edits"].items()):
        yield say(
            f"text.report_edit_{edit}",
            number=f"{number:,}",
            documents=f"{figures['edited'][edit]:,}",
            examples=" | ".join(example["example"] for example in figures["examples"].get(edit, ())) or "-",
        )
    for name, number in sorted(figures.get("unscored", {}).items()):
        measure, _, lang = name.partition(" ")
        yield say("text.report_unscored", number=f"{number:,}", lang=lang, measure=measure)
    yield from refined_lines(figures)
    for reason, number in figures["dropped"].items():
        places = ", ".join(_place(example) for example in figures["examples"].get(reason, ()))
        yield say("text.report_dropped", number=f"{number:,}", reason=reason_text(reason), places=places or "-")


def _place(example: Mapping[str, str]) -> str:
    """Where an example came from; that of a threshold with its value."""
    return f"{example['location']}: {example['example']}" if is_threshold(example["reason"], 0) else example["location"]
