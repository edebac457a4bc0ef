"""The formats of training data, the most telling first: which columns each has, and how its rows are read.

A row is of the first format whose columns it has and whose look it has; a file is of the format of most of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hanlin.base.errors import InputError
from hanlin.base.messages import say
from hanlin.text.config import FormatName
from hanlin.text.records import choices, labels
from hanlin.text.records.columns import ColumnMap, Row, key_of
from hanlin.text.records.conversations import asked_conversation, is_sharegpt, turns_conversation
from hanlin.text.records.kinds import Record, Use
from hanlin.text.records.rows import Rule

_CHOICES = frozenset({"choices", "options", "选项", "a", "b", "c", "d", "distractor1"})


@dataclass(frozen=True)
class Format:
    """One format: `needs` are the sets of roles of which a row must have one, `more` the roles it may have besides."""

    name: FormatName
    use: Use
    needs: tuple[tuple[str, ...], ...]
    more: tuple[str, ...]
    looks: Callable[[Row], bool]
    read: Callable[[Row], Record]

    @property
    def roles(self) -> frozenset[str]:
        """Every role that a column may play in it."""
        return frozenset(role for needed in self.needs for role in needed) | frozenset(self.more)

    def has_columns(self, row: Row) -> bool:
        """Whether a row has the columns, whatever stands in them."""
        if self.name == "pairs":
            return len(labels.pair_columns(row)) >= 2
        return any(row.has(*needed) for needed in self.needs)

    def missing(self, row: Row) -> tuple[str, ...]:
        """The fewest roles for which a row has no column."""
        return min((tuple(role for role in needed if not row.has(role)) for needed in self.needs), key=len)

    def used(self, row: Row) -> set[str]:
        """The columns that are read."""
        named = {row.columns[role] for role in self.roles if role in row.columns}
        return named | set(labels.pair_columns(row)) if self.name == "pairs" else named

    def title(self) -> str:
        """Its name in sentences."""
        return say(f"text.format_{self.name.replace('-', '_')}")


def _any(row: Row) -> bool:
    return True


def _looks_ranked(row: Row) -> bool:
    return choices.says_order(row)


def _looks_rated(row: Row) -> bool:
    return choices.verdict(row.get("good")) is not None


def _looks_extracted(row: Row) -> bool:
    value = row.get("answers")
    if isinstance(value, Mapping):
        return "answer_start" in value
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)


def _looks_tagged(row: Row) -> bool:
    tokens, tags = row.get("tokens"), row.get("tags")
    if isinstance(tokens, str) and isinstance(tags, str):
        return tokens.lstrip().startswith("[") or len(tokens.split()) == len(tags.split()) > 1
    return isinstance(tokens, list) and isinstance(tags, list)


def _looks_spanned(row: Row) -> bool:
    value = row.get("spans")
    is_label = key_of(row.columns["spans"]) in ("label", "labels", "标签")
    return labels.is_span_list(value) and (bool(value) or not is_label)


def _looks_paired(row: Row) -> bool:
    """Two texts with a label are classified, not paired; a score makes a pair of them."""
    is_labelled = row.has("label") and not row.has("score") and row.has("left", "right")
    return len(labels.pair_columns(row)) >= 2 and not is_labelled


def _looks_answered(row: Row) -> bool:
    """A question with choices is an examination, and its answer a letter."""
    keys = {key_of(name) for name in row.table if isinstance(name, str)} & _CHOICES
    is_examination = bool(keys & {"choices", "options", "选项", "distractor1"}) or {"a", "b", "c", "d"} <= keys
    return row.columns["prompt"] != row.columns["response"] and not is_examination


def _looks_labelled(row: Row) -> bool:
    return not isinstance(row.get("label"), dict) and not labels.is_span_list(row.get("label") or None)


_SPOKEN = ("system", "history", "tools", "family")
_ASKED = ("prompt", "instruction", "input", "messages", "conversations", *_SPOKEN)

FORMATS: tuple[Format, ...] = (
    Format("preference", "preference", (("chosen", "rejected"),), _ASKED, _any, choices.preference),
    Format(
        "comparison", "preference", (("first", "second", "better"),), _ASKED,
        lambda row: choices.is_verdict(row.get("better")), choices.compared,
    ),
    Format(
        "kto", "rated",
        (("messages", "good"), ("conversations", "good"), ("prompt", "response", "good"),
         ("instruction", "response", "good")),
        ("input", *_SPOKEN), _looks_rated, choices.rated,
    ),
    Format(
        "ranked", "ranked",
        (("prompt", "answers_ranked"), ("instruction", "answers_ranked"), ("messages", "answers_ranked"),
         ("conversations", "answers_ranked")),
        ("ranks", "scores", "input", *_SPOKEN), _looks_ranked, choices.ranked,
    ),
    Format("qa", "extract", (("context", "question", "answers"),), ("id", "title"), _looks_extracted, labels.extract),
    Format("tokens", "tagged", (("tokens", "tags"),), (), _looks_tagged, labels.tagged),
    Format("spans", "tagged", (("text", "spans"),), (), _looks_spanned, labels.spanned),
    Format(
        "messages", "conversation", (("messages",), ("conversations",)), _SPOKEN,
        lambda row: not is_sharegpt(row), turns_conversation,
    ),
    Format("sharegpt", "conversation", (("conversations",), ("messages",)), _SPOKEN, _any, turns_conversation),
    Format("pairs", "pair", (("left", "right"), ("translation",)), ("score",), _looks_paired, labels.pair),
    Format(
        "alpaca", "conversation", (("instruction", "output"),), ("input", *_SPOKEN), _any,
        lambda row: asked_conversation(row, "instruction", "output"),
    ),
    Format(
        "prompt-response", "conversation", (("prompt", "response"),), ("input", *_SPOKEN), _looks_answered,
        lambda row: asked_conversation(row, "prompt", "response"),
    ),
    Format(
        "classification", "classified", (("text", "label"), ("left", "right", "label")), ("other_text",),
        _looks_labelled, labels.classified,
    ),
    Format("text", "plain", (("text",),), (), _any, labels.plain),
)  # fmt: skip

BY_NAME: Mapping[str, Format] = {one.name: one for one in FORMATS}


def formats_with(name: str, columns: ColumnMap) -> tuple[Format, ...]:
    """Return the formats that a row may have: the one asked for, or those that have every column of the map.

    Raises InputError (E214) where no format has them all.
    """
    asked = FORMATS if name == "auto" else (BY_NAME[name],)
    found = tuple(one for one in asked if columns.roles <= one.roles)
    if not found:
        shown = ", ".join(sorted(columns.roles))
        detail = say("text.columns_of_none", names=shown, formats=", ".join(one.title() for one in asked))
        raise InputError("text.columns_contradict", detail=detail)
    return found


def format_of(row: Row, formats: Sequence[Format] = FORMATS) -> Format | None:
    """Return the first format that a row has."""
    return next((one for one in formats if one.has_columns(row) and one.looks(row)), None)


def read_row(row: Row, formats: Sequence[Format], main: Format | None) -> tuple[Format, Record]:
    """Read a row as the format it has, where that serves the use of the file's main one. Raises Rule, InputError."""
    found = format_of(row, formats)
    if main and (found is None or (found.use != main.use and FORMATS.index(found) > FORMATS.index(main))):
        if main.has_columns(row):
            return main, main.read(row)  # it says what is wrong
        if len(formats) == 1:
            raise Rule("missing_columns", missing=", ".join(main.missing(row)), found=_names(row))
    if found is None:
        raise Rule("unknown_columns", found=_names(row))
    if main and found.use != main.use:
        raise Rule("other_format", found=found.title(), main=main.title())
    return found, found.read(row)


def _names(row: Row) -> str:
    return ", ".join(map(str, row.table)) or "-"
