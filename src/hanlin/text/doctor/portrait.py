"""What the texts of a sample are like, and what is wrong with them: each text is looked at once, then all together."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanlin.text.clean import normalise
from hanlin.text.config import NearDupConfig, RulesConfig
from hanlin.text.dedup import text_digest
from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.twins import near_twins
from hanlin.text.language import UNKNOWN, identify, language_of
from hanlin.text.mojibake import garbled
from hanlin.text.pages.bins import even_bins
from hanlin.text.privacy.find import counted, find_personal
from hanlin.text.privacy.treat import shape_of
from hanlin.text.rules.debris import remove_debris
from hanlin.text.rules.measures import measure
from hanlin.text.rules.rulebook import Rulebook
from hanlin.text.rules.watermarks import WatermarkFinder

TEXT_CHARS = 12_000
"""Characters of a text that are looked at."""
TINY_CHARS = 20
MOST_NEAR = 20_000_000
"""Characters kept to look for near duplicates among."""
PERSONAL_PER_TEXT = 5
"""Findings from which a text has too much of somebody: a directory, a log, a list of customers."""
ENDLESS_CHARS = 100_000
LEAST_SIGNS = 8
"""Different characters of a text that is in a language."""
DEBRIS = 3
"""Leftovers of HTML that are more than a mention."""
BOILERPLATE_TEXTS = 5
MOST_SEEN = 2_000_000
"""Texts whose digests are kept to find copies: about 400 MB."""
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0e-\x1f\x7f]")
_LINE_CHARS = range(10, 400)
_HELD_OUT = re.compile(
    r"(?:^|[^a-z])(?:test|tests|dev|valid|validation|eval|evaluation|heldout|held_out|benchmark)(?:[^a-z]|$)"
)


@dataclass(frozen=True)
class Text:
    """One text of the sample and where it stands: a row, or a file from `first_line` on (0: not known)."""

    text: str
    place: str
    kind: str = "text"
    is_code: bool = False
    first_line: int = 0

    def at(self, index: int) -> str:
        """The place of a character: file:line, or the row it is in."""
        return f"{self.place}:{self.first_line + self.text.count(chr(10), 0, index)}" if self.first_line else self.place


@dataclass
class Portrait:
    """Counts of all texts so far; `settle` adds what only all together tell."""

    findings: Findings
    languages: Counter[str] = field(default_factory=Counter)
    scripts: Counter[str] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    lengths: list[int] = field(default_factory=list)
    measures: dict[str, list[float]] = field(default_factory=dict)
    num_near: int = 0
    num_bytes: int = 0

    def __post_init__(self) -> None:
        self._finder = WatermarkFinder()
        self._seen: dict[bytes, str] = {}
        self._rules = Rulebook(RulesConfig(preset="hanlin"))
        self._lines: dict[bytes, list[Any]] = {}
        self._near: list[Text] = []
        self._near_chars = 0

    @property
    def num_texts(self) -> int:
        """Texts looked at."""
        return len(self.lengths)

    def is_new(self, one: Text) -> bool:
        """Whether a text was not met before; a copy is told of, one between a held-out file and another as a leak."""
        digest = text_digest(one.text.strip())
        twin = self._seen.setdefault(digest, one.place) if len(self._seen) < MOST_SEEN else self._seen.get(digest)
        if twin is None or twin == one.place:
            return True
        is_leak = is_held_out(twin) != is_held_out(one.place)
        self.findings.add("leaked_rows" if is_leak else "duplicate_rows", one.place, f"= {twin}: {one.text}")
        return False

    def add(self, one: Text) -> None:
        """Look at a text."""
        self.lengths.append(len(one.text))
        self.num_bytes += len(one.text.encode("utf-8", "surrogatepass"))
        text = one.text[:TEXT_CHARS]
        if len(text.strip()) < TINY_CHARS and one.kind != "chat":
            self.findings.add("tiny_text", one.place, text)
        if not text.strip():
            return
        if not self._look_at_characters(text, one):
            self._look_at_language(text, one)
        self._look_at_people(text, one)
        even = normalise(text).text  # as rules and duplicates see it
        self._look_at_quality(even, one)
        self._compare(even, one)

    def _look_at_characters(self, text: str, one: Text) -> bool:
        """Tell of signs that should not be there; returns whether the text is in no language for being garbled."""
        wrong = garbled(text)
        if wrong:
            first = max(0, _first_difference(wrong.line, wrong.meant) - 10)
            meant = f" → {wrong.meant[first : first + 40]}" if wrong.meant else ""
            self.findings.add("mojibake", one.at(wrong.start), f"{wrong.line[first : first + 40]}{meant}", wrong.number)
        if found := _CONTROL.search(text):
            start = found.start()
            self.findings.add("control_characters", one.at(start), text[max(0, start - 20) : start + 20])
        if not one.is_code and len(removed := remove_debris(text)[1]) >= DEBRIS:
            self.findings.add("html_debris", one.at(max(0, text.find(removed[0]))), " ".join(removed[:6]))
        if not one.first_line and len(one.text) > ENDLESS_CHARS:  # lines of plain text are looked at as bytes
            longest = max(one.text.split("\n"), key=len)
            if len(longest) > ENDLESS_CHARS:
                self.findings.add("endless_line", one.place, longest[:60])
        return wrong is not None

    def _look_at_language(self, text: str, one: Text) -> None:
        if one.is_code:
            self.languages["code"] += len(one.text)
            return
        found = identify(text) if len(set(text[:2000])) >= LEAST_SIGNS else UNKNOWN
        self.languages[found.code] += len(one.text)
        self.scripts[found.script] += len(one.text)

    def _look_at_people(self, text: str, one: Text) -> None:
        found = find_personal(text)
        self.personal.update(counted(found))
        if len(found) >= PERSONAL_PER_TEXT:
            shapes = ", ".join(f"{span.kind} {shape_of(span.text)}" for span in found[:3])
            self.findings.add("personal", one.at(found[0].start), shapes)

    def _look_at_quality(self, text: str, one: Text) -> None:
        found = measure(text)
        for name, value in found.items():
            self.measures.setdefault(name, []).append(value)
        lang = "code" if one.is_code else language_of(text)
        broken = [bound for bound in self._rules.bounds(lang, one.kind, found) if not bound.is_kept]
        self.broken.update({bound.threshold.name for bound in broken})
        if broken:
            first = broken[0]
            is_repeated = first.threshold.measure.startswith(("dup_", "top_"))
            shown = f"{first.threshold.name} {first.value:g} ({first.threshold.limit:g}): {text[:60]}"
            self.findings.add("repetition" if is_repeated else "poor_text", one.place, shown)

    def histogram(self, name: str) -> dict[str, Any]:
        """Return a measure of all texts as bins, with the bounds that the rules set for texts of no special kind."""
        bounds = self._rules.bounds("en", "web", {name: 0.0})
        return {**even_bins(self.measures[name]).figures(), "limits": [one.threshold.limit for one in bounds]}

    # ------------------------------------------------------------ texts beside each other

    def _compare(self, text: str, one: Text) -> None:
        self._finder.learn(text)
        for line in {line.strip() for line in text.split("\n")}:
            if len(line) in _LINE_CHARS:
                entry = self._lines.setdefault(text_digest(line)[:8], [0, one.place, line])
                entry[0] += 1
        if one.kind != "chat" and self._near_chars < MOST_NEAR:  # rows made by a template are alike on purpose
            self._near.append(Text(text, one.place))
            self._near_chars += len(text)

    def settle(self) -> None:
        """Tell what all texts together show."""
        self._settle_lines()
        self._settle_watermarks()
        self._settle_near()
        if self.scripts["Hans"] and self.scripts["Hant"]:
            small = min(self.scripts["Hans"], self.scripts["Hant"])
            if small > 0.02 * (self.scripts["Hans"] + self.scripts["Hant"]):
                self.findings.add("two_scripts", "", f"Hans {self.scripts['Hans']:,}, Hant {self.scripts['Hant']:,}")

    def _settle_lines(self) -> None:
        least = max(BOILERPLATE_TEXTS, self.num_texts // 20)
        common = sorted((entry for entry in self._lines.values() if entry[0] >= least), key=lambda entry: -entry[0])
        for number, place, line in common:
            self.findings.add("boilerplate", place, f"{number} x {line}", 1)

    def _settle_watermarks(self) -> None:
        found = self._finder.found()
        if not found.stretches:
            return
        for one in self._near:
            if removed := found.remove(one.text)[1]:
                self.findings.add("watermark", one.place, removed[0], len(removed))

    def _settle_near(self) -> None:
        for number, twin, similarity in near_twins([one.text for one in self._near], NearDupConfig(action="report")):
            self.num_near += 1
            shown = f"{similarity:.2f} {self._near[twin].place}"
            self.findings.add("near_duplicates", self._near[number].place, shown)


def is_held_out(place: str) -> bool:
    """Whether the name of a file, or of the folder it lies in, says that it is kept for measuring."""
    return bool(_HELD_OUT.search("/".join(Path(place).parts[-2:]).lower()))


def is_for_training(place: str) -> bool:
    """Whether the name of a file says that it is there to be learned from."""
    return "train" in Path(place).name.lower()


def _first_difference(one: str, other: str) -> int:
    """Where two lines part; 0 where one goes on as the other does."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
