"""What can be wrong with raw text, in order of harm, and what was found of it: numbers, and the first places.

Every kind has two sentences in the catalogue: `text.found_<kind>` says what is wrong, `text.mend_<kind>` what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hanlin.base.messages import say
from hanlin.text.files import shown
from hanlin.text.privacy.find import mask_personal

Level = Literal["severe", "warning", "note"]

SEVERE = (
    "unreadable", "truncated", "mixed_encodings", "undecodable", "mojibake", "nul_bytes", "bad_json", "not_object",
    "bad_table", "ragged_table", "bomb", "outside", "damaged", "no_text_column", "mixed_schemas", "broken_row",
    "bad_conversation", "turn_order", "empty_answer", "unread_label", "evaluation_rows", "leaked_rows", "one_class",
    "label_spelling",
)  # fmt: skip
WARNINGS = (
    "personal", "duplicate_files", "duplicate_rows", "near_duplicates", "boilerplate", "watermark", "repetition",
    "html_debris", "poor_text", "other_format", "binary", "endless_line", "huge_file", "empty_file", "tiny_text",
    "special_file", "json_nan", "no_licence",
)  # fmt: skip
NOTES = (
    "mark", "line_ends", "control_characters", "other_encoding", "verdict_text", "two_scripts", "hidden", "no_reader",
    "web_pages",
)  # fmt: skip
LEVELS: dict[str, Level] = {
    **dict.fromkeys(SEVERE, "severe"),
    **dict.fromkeys(WARNINGS, "warning"),
    **dict.fromkeys(NOTES, "note"),
}
"""Every kind of finding with its level, in order of harm: what loses or spoils text before what wastes training."""
SHOWN_CHARS = 100


@dataclass(frozen=True)
class Example:
    """One place (file:line, or file@byte deep in a large file) and what stands there, nobody's number in it."""

    place: str
    text: str = ""


@dataclass
class Finding:
    """One thing that is wrong: how often it was met in what was looked at, and the first few places."""

    kind: str
    number: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def level(self) -> Level:
        """How much harm it does."""
        return LEVELS[self.kind]

    def figures(self) -> dict[str, Any]:
        """The finding for JSON."""
        examples = [vars(example) for example in self.examples]
        return {"kind": self.kind, "level": self.level, "number": self.number, "examples": examples}


class Findings:
    """All findings; `on_first` hears of each kind when it is first met."""

    def __init__(self, max_examples: int, on_first: Callable[[Finding], None]) -> None:
        self._most, self._on_first = max_examples, on_first
        self._found: dict[str, Finding] = {}

    def add(self, kind: str, place: object, text: str = "", number: int = 1) -> None:
        """Count something that is wrong at a place."""
        assert kind in LEVELS, kind
        is_new = kind not in self._found
        finding = self._found.setdefault(kind, Finding(kind))
        finding.number += number
        if len(finding.examples) < self._most:
            finding.examples.append(Example(shown(place), quoted(text)))
        if is_new:
            self._on_first(finding)

    def number(self, kind: str) -> int:
        """Return how often something was met."""
        return self._found[kind].number if kind in self._found else 0

    def __contains__(self, kind: str) -> bool:
        return kind in self._found

    def __iter__(self) -> Iterator[Finding]:
        """Yield what was found, the most harmful first."""
        return (self._found[kind] for kind in LEVELS if kind in self._found)


def quoted(text: str) -> str:
    """Return the beginning of a text in one line, as a report may show it: no control characters, nobody's number."""
    return shown(mask_personal(" ".join(text[: 4 * SHOWN_CHARS].split()))[0][:SHOWN_CHARS])


def found_sentence(finding: Mapping[str, Any]) -> str:
    """Return what is wrong in one sentence of the user's language."""
    return say(f"text.found_{finding['kind']}", number=f"{finding['number']:,}")


def mend_sentence(finding: Mapping[str, Any]) -> str:
    """Return what to do about it."""
    return say(f"text.mend_{finding['kind']}")
