"""Thresholds by language and kind of document, as data: a preset is a TOML file, one of ours or the user's own.

    source = "where the numbers come from"
    edits = ["watermarks"]     what may change a text: watermarks, html_debris, c4_lines
    least_chars = 200          shares say nothing of a shorter document: half of a line of five words is chance
    [all]                      thresholds: min_ or max_ before the name of a measure
    min_words = 50
    [verse]                    for one kind: web, book, code, verse, chat, text
    min_words = "off"
    [zh]                       for one language: zh, en, code, other
    [zh.verse]                 for one kind in one language

A narrower section wins: all, then the kind, then the language, then both; `edits` may stand in any of them,
`least_chars` only above them.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError
from hanlin.base.toml import read_toml
from hanlin.text.rules.measures import SHARES, is_measure, measure_names

SHIPPED = Path(__file__).parent / "presets"
EDITS = ("html_debris", "watermarks", "c4_lines")
LANGUAGES = ("zh", "en", "code", "other")
KINDS = ("text", "web", "book", "code", "verse", "chat")
NONE, OFF = "none", "off"


@dataclass(frozen=True)
class Threshold:
    """One bound on one measure: `kind` is "min" or "max", `origin` says who set it; of documents with fewer than
    `least_chars` characters it says nothing."""

    measure: str
    kind: str
    limit: float
    origin: str
    least_chars: int = 0

    @property
    def name(self) -> str:
        """The rule as settings and reports name it."""
        return f"{self.kind}_{self.measure}"

    def is_broken(self, value: float) -> bool:
        """Whether a value lies beyond the bound; the bound itself is allowed."""
        return value > self.limit if self.kind == "max" else value < self.limit


@dataclass(frozen=True)
class Preset:
    """One file of thresholds: its name, its sections as they stand, and where its numbers come from."""

    name: str
    source: str
    edits: tuple[str, ...]
    sections: Mapping[str, Mapping[str, Any]]
    least_chars: int = 0

    def thresholds(self, lang: str, kind: str) -> dict[str, Threshold]:
        """Return the bounds for documents of one language and kind, by name."""
        found: dict[str, Threshold] = {}
        for section in sections_for(lang, kind):
            for name, limit in self.sections.get(section, {}).items():
                set_threshold(found, name, limit, f"{self.name} [{section}]")
        return {name: self._of_enough(one) for name, one in found.items()}

    def _of_enough(self, threshold: Threshold) -> Threshold:
        return replace(threshold, least_chars=self.least_chars) if threshold.measure in SHARES else threshold

    def edits_for(self, lang: str, kind: str) -> tuple[str, ...]:
        """Return which edits are asked for in documents of one language and kind."""
        edits = self.edits
        for section in sections_for(lang, kind):
            edits = self.sections.get(section, {}).get("edits", edits)
        return tuple(edits)


def sections_for(lang: str, kind: str) -> tuple[str, ...]:
    """The sections that speak of a document, widest first."""
    return "all", kind, lang, f"{lang}.{kind}"


def set_threshold(into: dict[str, Threshold], name: str, limit: float | str, origin: str) -> None:
    """Set one bound by name, or take it away where it is "off"."""
    if name == "edits":
        return
    if limit == OFF:
        into.pop(name, None)
        return
    bound, _, measure = name.partition("_")
    into[name] = Threshold(measure, bound, float(limit), origin)


def shipped_presets() -> tuple[str, ...]:
    """Names of the presets that come with the package."""
    return (NONE, *sorted(path.stem for path in SHIPPED.glob("*.toml")))


@functools.cache
def load_preset(name: str) -> Preset:
    """Return a preset by name or by the path of a TOML file. Raises InputError (E235, E236, E219)."""
    if name == NONE:
        return Preset(NONE, "", (), {})
    path = SHIPPED / f"{name}.toml" if name in shipped_presets() else Path(name)
    if path.suffix != ".toml" or not path.is_file():
        raise InputError("text.no_preset", name=name, known=", ".join(shipped_presets()))
    table = read_toml(path)
    sections = dict(_sections({key: value for key, value in table.items() if isinstance(value, dict)}))
    for section, values in sections.items():
        for key, value in values.items():
            _check(key, value, f"{path} [{section}]")
    _check_edits(table.get("edits", []), str(path))
    least_chars = table.get("least_chars", 0)
    if type(least_chars) is not int or least_chars < 0:
        raise InputError("text.bad_least_chars", value=least_chars, place=path)
    title = name if path.parent == SHIPPED else path.name
    return Preset(title, table.get("source", ""), tuple(table.get("edits", ())), sections, least_chars)


def _sections(table: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, inner in table.items():
        yield name, {key: value for key, value in inner.items() if not isinstance(value, dict)}
        for kind, values in inner.items():
            if isinstance(values, dict):
                yield f"{name}.{kind}", values


def _check(key: str, value: object, place: str) -> None:
    section = place.rpartition("[")[2].rstrip("]")
    if section not in known_sections():
        raise InputError("text.bad_threshold", name=section, place=place, near=near(section, known_sections()))
    if key == "edits":
        _check_edits(value, place)
    elif not is_threshold(key, value):
        raise InputError("text.bad_threshold", name=key, place=place, near=near(key, threshold_names()))


def _check_edits(value: object, place: str) -> None:
    for edit in value if isinstance(value, list) else [value]:
        if edit not in EDITS:
            raise InputError("text.bad_threshold", name=edit, place=place, near=", ".join(EDITS))


def is_threshold(name: str, value: object) -> bool:
    """Whether this is a bound on something that is measured."""
    bound, _, measure = name.partition("_")
    is_limit = value == OFF or (isinstance(value, int | float) and not isinstance(value, bool))
    return bound in ("min", "max") and is_measure(measure) and is_limit


@functools.cache
def known_sections() -> tuple[str, ...]:
    """Every section a preset may have."""
    return ("all", *LANGUAGES, *KINDS, *(f"{lang}.{kind}" for lang in LANGUAGES for kind in KINDS))


@functools.cache
def threshold_names() -> tuple[str, ...]:
    """Every rule a preset may set."""
    return tuple(f"{bound}_{measure}" for measure in measure_names() for bound in ("min", "max"))


def near(name: object, known: tuple[str, ...]) -> str:
    """The known names that come closest, for the sentence."""
    return ", ".join(difflib.get_close_matches(str(name), known, n=3, cutoff=0.4)) or ", ".join(known[:6])
