"""Training conversations from JSON files: one row, one conversation, in any of the usual formats.

    OpenAI      {"messages": [{"role": "user", "content": "..."}, ...]}
    ShareGPT    {"conversations": [{"from": "human", "value": "..."}, ...]}
    Alpaca      {"instruction": "...", "input": "...", "output": "..."}
    pairs       {"prompt": "...", "response": "..."}

The format is found for each row by its columns. `system`, where a row has it, is put first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from hanlin.base.errors import InputError
from hanlin.base.messages import say
from hanlin.text.chat import Conversation, Message, message
from hanlin.text.document import Dropped
from hanlin.text.files import UNREADABLE, chunks_of, kind_suffix

COLUMNS = (
    "messages", "conversations", "instruction", "input", "output", "prompt", "response", "system", "history"
)  # fmt: skip
MAX_ROW_BYTES = 64 << 20
KINDS = (".jsonl", ".json")

# Names of speakers in published ShareGPT files.
_SPEAKERS = {
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
    "model": "assistant", "bot": "assistant", "observation": "tool", "function_response": "tool",
}  # fmt: skip

Paths = Path | str | Sequence[Path | str]
OnDrop = Callable[[Dropped], None]
Reason = Literal[
    "not_utf8", "not_json", "not_object", "too_long", "unreadable",
    "unknown_columns", "wrong_column", "bad_conversation", "silent",
]  # fmt: skip

_BLANK = object()  # a line without content: no row, but it counts as a line


def read_conversations(
    paths: Paths, *, columns: Mapping[str, str] | None = None, on_drop: OnDrop
) -> Iterator[Conversation]:
    """Return the conversations of .jsonl and .json files (also .gz, .zst), or of folders of them, in sorted order.

    `columns` maps our names of columns to those of the files. A row that breaks a rule goes to `on_drop` with its place
    and the rule. Raises InputError at once for a path that does not exist or holds no such file and for an unknown name
    in `columns`; and at the end when not a single row was usable.
    """
    for name in columns or {}:
        if name not in COLUMNS:
            raise InputError("text.records_column", name=name, known=", ".join(COLUMNS))
    listed = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    files = [(path, file) for path in listed for file in _files(path)]
    return _conversations(files, columns or {}, on_drop)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError("text.records_missing", path=path)
    found = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    files = [file for file in found if _kind(file)]
    if not files:
        raise InputError("text.records_no_file", path=path, found=_some(file.name for file in found) or "-")
    return files


def _kind(path: Path) -> str | None:
    kind = kind_suffix(path)
    return kind if kind in KINDS and not path.name.startswith(".") else None


def _some(names: Iterable[str], most: int = 8) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (" ..." if len(listed) > most else "")


def _conversations(
    files: Sequence[tuple[Path, Path]], columns: Mapping[str, str], on_drop: OnDrop
) -> Iterator[Conversation]:
    num_kept, num_dropped = 0, 0
    first: Dropped | None = None
    for source, file in files:
        for place, value in _rows(file):
            outcome = _conversation(value, columns)
            if isinstance(outcome, Conversation):
                num_kept += 1
                yield outcome
            else:
                dropped = outcome.dropped(source, file, place)
                num_dropped, first = num_dropped + 1, first or dropped
                on_drop(dropped)
    if not num_kept:
        raise _nothing(files, num_dropped, first)


def _nothing(files: Sequence[tuple[Path, Path]], num_dropped: int, first: Dropped | None) -> InputError:
    path = ", ".join(dict.fromkeys(str(source) for source, _ in files))
    if first is None:
        return InputError("text.records_empty", path=path, num_files=len(files))
    return InputError(
        "text.records_none_usable", path=path, num_dropped=num_dropped, location=first.location, rule=first.example
    )


class _Rule(Exception):
    """A rule that a row breaks; `values` fill its sentence."""

    def __init__(self, reason: Reason, **values: object) -> None:
        super().__init__(reason)
        self.reason, self.values = reason, values

    def dropped(self, source: Path, file: Path, place: int) -> Dropped:
        sentence = say(f"text.row_{self.reason}", **self.values)
        return Dropped(self.reason, f"{file.name}:{place}", str(source), f"{file}:{place}", sentence)


def _rows(path: Path) -> Iterator[tuple[int, object]]:
    """Values or broken rules of a file, numbered from 1: its lines, or the elements of one JSON list."""
    place = 0
    try:
        for place, value in enumerate(_values(path), start=1):
            if value is not _BLANK:
                yield place, value
    except UNREADABLE as error:
        yield place + 1, _Rule("unreadable", detail=error)


def _values(path: Path) -> Iterator[object]:
    chunks = chunks_of(path)
    if _kind(path) == ".jsonl":
        yield from map(_value, _lines(chunks))
        return
    whole = b"".join(chunks)
    value = _value(whole)
    if isinstance(value, list):
        yield from value
    elif isinstance(value, _Rule) and b"\n" in whole.strip():
        yield from map(_value, _lines([whole]))  # lines under the name of .json, as many data sets have them
    else:
        yield value


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes | _Rule]:
    """Split at line feeds only: text holds other characters that Python takes for line ends."""
    row = bytearray()
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            yield _whole(row, piece)
            row.clear()
        row += rest[: MAX_ROW_BYTES + 1 - len(row)]
    if row:
        yield _whole(row, b"")


def _whole(row: bytearray, piece: bytes) -> bytes | _Rule:
    if len(row) + len(piece) > MAX_ROW_BYTES:
        return _Rule("too_long", limit=MAX_ROW_BYTES)
    return bytes(row) + piece


def _value(row: bytes | _Rule) -> object:
    """The JSON value of a row, or the rule that it breaks."""
    if isinstance(row, _Rule):
        return row
    try:
        text = row.decode().removeprefix("\ufeff")
        return json.loads(text) if text.strip() else _BLANK
    except UnicodeDecodeError as error:
        return _Rule("not_utf8", place=error.start + 1)
    except (ValueError, RecursionError) as error:
        return _Rule("not_json", detail=error)


def _conversation(value: object, columns: Mapping[str, str]) -> Conversation | _Rule:
    try:
        if isinstance(value, _Rule):
            return value
        if not isinstance(value, Mapping):
            return _Rule("not_object", found=_short(value))
        conversation = Conversation(tuple(_messages(_renamed(value, columns))))
    except _Rule as rule:
        return rule
    except InputError as error:
        return _Rule("bad_conversation", detail=error)
    speaking = {turn.role for turn in conversation.messages if turn.content.strip()}
    missing = next((role for role in ("user", "assistant") if role not in speaking), None)
    return _Rule("silent", role=missing) if missing else conversation


def _renamed(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """The row under our names. A mapped name means that column only, even where the row has one of our name."""
    kept = {name: value for name, value in row.items() if name not in columns and name not in columns.values()}
    return kept | {ours: row[theirs] for ours, theirs in columns.items() if theirs in row}


def _messages(row: Mapping[str, Any]) -> Iterator[Message]:
    if system := _text(row, "system"):
        yield Message("system", system)
    if "messages" in row or "conversations" in row:
        yield from _turns(row, "messages" if "messages" in row else "conversations")
        return
    asked = next((name for name in ("instruction", "prompt") if name in row), None)
    answered = next((name for name in ("output", "response") if name in row), None)
    if asked is None or answered is None:
        raise _Rule("unknown_columns", found=", ".join(row) or "-")
    yield from _earlier(row)
    question = [_text(row, asked), _text(row, "input")]
    yield Message("user", "\n".join(part for part in question if part))
    yield Message("assistant", _text(row, answered))


def _turns(row: Mapping[str, Any], column: str) -> Iterator[Message]:
    turns = row[column]
    if not isinstance(turns, list):
        raise _Rule("wrong_column", column=column, wanted="[...]", found=_short(turns))
    for turn in turns:
        if isinstance(turn, Mapping) and "from" in turn:
            speaker = turn["from"]
            yield message({**turn, "from": _SPEAKERS.get(str(speaker), speaker)}, role="from", content="value")
        else:
            yield message(turn)


def _earlier(row: Mapping[str, Any]) -> Iterator[Message]:
    """Turns before the question: pairs of question and answer, as LLaMA-Factory writes them."""
    history = row.get("history") or []
    for pair in history if isinstance(history, list) else [history]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise _Rule("wrong_column", column="history", wanted="[[..., ...]]", found=_short(pair))
        yield Message("user", pair[0])
        yield Message("assistant", pair[1])


def _text(row: Mapping[str, Any], column: str) -> str:
    """The text of a column; absent or null is empty."""
    value = row.get(column)
    if not isinstance(value, str | None):
        raise _Rule("wrong_column", column=column, wanted='"..."', found=_short(value))
    return value or ""


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}..."
