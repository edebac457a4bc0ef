"""Records to rows of a chosen format, and rows to files.

A record that the format cannot hold is rejected with the rule, as it is on reading: a conversation of many turns is no
prompt and response, a bad answer nothing to learn from.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import zstandard

from hanlin.base.errors import InputError
from hanlin.base.files import disk_errors, rename
from hanlin.text.chat import Conversation, Message
from hanlin.text.config import FormatName
from hanlin.text.files import kind_suffix
from hanlin.text.records.columns import NAMES_OF_ROWS, key_of
from hanlin.text.records.kinds import Classified, Extract, Pair, Plain, Preference, Ranked, Rated, Tagged
from hanlin.text.records.reading import Placed
from hanlin.text.records.rows import Rule

Table = dict[str, Any]
OUT_KINDS = (".jsonl", ".json")
_SHAREGPT = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}


def rows_as(placed: Placed, target: FormatName) -> Iterator[Table]:
    """Yield the rows that a record gives in a format, with the columns that name the row. Raises Rule."""
    writer = _WRITERS.get((type(placed.record), target))
    if writer is None:
        raise Rule("not_this_format", found=placed.format.title(), target=target)
    names = {name: value for name, value in placed.table.items() if key_of(str(name)) in NAMES_OF_ROWS}
    for row in writer(placed.record):
        yield {**names, **row}


# ---------------------------------------------------------------- conversations


def as_message(turn: Message) -> Table:
    """Return a message as OpenAI writes it."""
    table: Table = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        table["tool_calls"] = [call.table() for call in turn.tool_calls]
    named = {"tool_call_id": turn.tool_call_id, "name": turn.name}
    return table | {name: value for name, value in named.items() if value}


def _messages(talk: Conversation) -> Iterator[Table]:
    table: Table = {"messages": [as_message(turn) for turn in talk.messages]}
    yield table | ({"tools": json.loads(talk.tools)} if talk.tools else {})


def _sharegpt(talk: Conversation) -> Iterator[Table]:
    table: Table = {"conversations": [said for turn in talk.messages for said in _said(turn)]}
    yield table | ({"tools": talk.tools} if talk.tools else {})


def _said(turn: Message) -> Iterator[Table]:
    """A turn as ShareGPT writes it: calls are turns of their own, several in one as a list."""
    if turn.content or not turn.tool_calls:
        yield {"from": _SHAREGPT[turn.role], "value": turn.content}
    calls = [{"name": call.name, "arguments": call.value} for call in turn.tool_calls]
    if calls:
        value = json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)
        yield {"from": "function_call", "value": value}


def _alpaca(talk: Conversation) -> Iterator[Table]:
    system, pairs = _pairs(talk)
    asked, answered = pairs[-1]
    more: Table = {"history": [list(pair) for pair in pairs[:-1]]} if len(pairs) > 1 else {}
    yield {"instruction": asked, "input": "", "output": answered} | ({"system": system} if system else {}) | more


def _prompt_response(talk: Conversation) -> Iterator[Table]:
    system, pairs = _pairs(talk)
    if len(pairs) > 1:
        raise Rule("many_turns", found=len(pairs))
    yield {"prompt": pairs[0][0], "response": pairs[0][1]} | ({"system": system} if system else {})


def _pairs(talk: Conversation) -> tuple[str, list[tuple[str, str]]]:
    """The system message, and questions with their answers. Raises Rule for any other order, and for tools."""
    turns = list(talk.messages)
    system = turns.pop(0).content if turns[0].role == "system" else ""
    roles = [turn.role for turn in turns]
    if talk.tools or any(turn.tool_calls for turn in turns) or roles != ["user", "assistant"] * (len(turns) // 2):
        raise Rule("no_pairs")
    return system, [(one.content, other.content) for one, other in zip(turns[::2], turns[1::2], strict=True)]


# ---------------------------------------------------------------- what people preferred


def _preference(record: Preference) -> Iterator[Table]:
    yield {name: [as_message(turn) for turn in getattr(record, name)] for name in ("prompt", "chosen", "rejected")}


def _both_rated(record: Preference) -> Iterator[Table]:
    for name, label in (("chosen", True), ("rejected", False)):
        turns = (*record.prompt, *getattr(record, name))
        yield {"messages": [as_message(turn) for turn in turns], "label": label}


def _chosen(record: Preference) -> Iterator[Table]:
    yield from _messages(Conversation((*record.prompt, *record.chosen)))


def _rated(record: Rated) -> Iterator[Table]:
    yield from ({**row, "label": record.is_good} for row in _messages(record.conversation))


def _good(record: Rated) -> Iterator[Table]:
    if not record.is_good:
        raise Rule("not_good")
    yield from _messages(record.conversation)


def _ranked(record: Ranked) -> Iterator[Table]:
    scores = {"scores": list(record.scores)} if record.scores else {}
    yield {"prompt": [as_message(turn) for turn in record.prompt], "ranked": list(record.answers), **scores}


def _neighbours(record: Ranked) -> Iterator[Table]:
    """Each answer against the next worse one; equal scores give no pair."""
    prompt = [as_message(turn) for turn in record.prompt]
    scores = record.scores or tuple(-float(place) for place in range(len(record.answers)))
    for place, (better, worse) in enumerate(zip(record.answers, record.answers[1:], strict=False)):
        if scores[place] > scores[place + 1]:
            sides = {"chosen": better, "rejected": worse}
            yield {"prompt": prompt, **{side: [as_message(Message("assistant", said))] for side, said in sides.items()}}


def _best(record: Ranked) -> Iterator[Table]:
    yield from _messages(Conversation((*record.prompt, Message("assistant", record.answers[0]))))


# ---------------------------------------------------------------- labels, pairs, passages


def _classified(record: Classified) -> Iterator[Table]:
    label = record.labels[0] if len(record.labels) == 1 else list(record.labels)
    yield {"text": record.text, **({"text_pair": record.other} if record.other else {}), "label": label}


def _tokens(record: Tagged) -> Iterator[Table]:
    if not record.tokens:
        raise Rule("no_tokens")
    yield {"tokens": [record.text[start:end] for start, end in record.tokens], "tags": list(record.tags())}


def _spans(record: Tagged) -> Iterator[Table]:
    yield {"text": record.text, "spans": [vars(span) for span in record.spans]}


def _pair(record: Pair) -> Iterator[Table]:
    names = ("sentence1", "sentence2") if record.names[0].startswith("column ") else record.names
    score = {} if record.score is None else {"score": record.score}
    yield {names[0]: record.left, names[1]: record.right, **score}


def _extract(record: Extract) -> Iterator[Table]:
    answers = {"text": [text for text, _ in record.answers], "answer_start": [start for _, start in record.answers]}
    yield {"context": record.context, "question": record.question, "answers": answers}


def _answered(record: Extract) -> Iterator[Table]:
    if not record.answers:
        raise Rule("unanswered")
    asked = Message("user", f"{record.context}\n\n{record.question}")
    yield from _messages(Conversation((asked, Message("assistant", record.answers[0][0]))))


def _plain(record: Plain) -> Iterator[Table]:
    yield {"text": record.text}


_WRITERS: Mapping[tuple[type, str], Callable[[Any], Iterator[Table]]] = {
    (Conversation, "messages"): _messages, (Conversation, "sharegpt"): _sharegpt, (Conversation, "alpaca"): _alpaca,
    (Conversation, "prompt-response"): _prompt_response,
    (Preference, "preference"): _preference, (Preference, "kto"): _both_rated, (Preference, "messages"): _chosen,
    (Rated, "kto"): _rated, (Rated, "messages"): _good,
    (Ranked, "ranked"): _ranked, (Ranked, "preference"): _neighbours, (Ranked, "messages"): _best,
    (Classified, "classification"): _classified, (Tagged, "tokens"): _tokens, (Tagged, "spans"): _spans,
    (Pair, "pairs"): _pair, (Extract, "qa"): _extract, (Extract, "messages"): _answered, (Plain, "text"): _plain,
}  # fmt: skip
"""Which records can be said in which format, and how."""


# ---------------------------------------------------------------- files


def check_out(out: Path, sources: Iterable[Path]) -> None:
    """Raise InputError (E209) where the outcome would take the place of a file that is read."""
    place = out.resolve()
    for source in sources if out.exists() else ():
        if place == source.resolve() or place.is_relative_to(source.resolve()):
            raise InputError("text.rows_out_is_source", path=out, source=source)


class RowWriter:
    """A file of rows that takes its place, whole, when the block ends well; .jsonl or .json, also .gz and .zst.

    Raises InputError (E227) for another kind of file, DiskFull or MachineError.
    """

    def __init__(self, path: Path) -> None:
        if kind_suffix(path) not in OUT_KINDS:
            raise InputError("text.rows_out", path=path, kinds=", ".join(OUT_KINDS))
        self.path, self.num_rows = path, 0
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        self._is_list = kind_suffix(path) == ".json"

    def __enter__(self) -> RowWriter:
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = _packed(self._temporary, self.path.suffix.lower())
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """Append a row."""
        start = ("[\n" if not self.num_rows else ",\n") if self._is_list else ""
        text = f"{start}{json.dumps(row, ensure_ascii=False, default=str)}{'' if self._is_list else chr(10)}"
        with disk_errors(self.path):
            self._file.write(text.encode("utf-8", "backslashreplace"))
        self.num_rows += 1

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with disk_errors(self.path), contextlib.ExitStack() as stack:
            stack.callback(self._temporary.unlink, missing_ok=True)
            if self._is_list:
                self._file.write(b"\n]\n" if self.num_rows else b"[]\n")
            self._file.close()
            if kind is None:
                rename(self._temporary, self.path)


def _packed(path: Path, suffix: str) -> IO[bytes]:
    if suffix == ".gz":
        return gzip.GzipFile(path, "wb", mtime=0)  # type: ignore[return-value]
    return zstandard.open(path, "wb") if suffix == ".zst" else path.open("wb")
