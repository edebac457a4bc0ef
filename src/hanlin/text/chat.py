"""Conversations, and the only renderer that turns them into token ids: for fine-tuning, chat and the server alike.

What users write can never become a control token. Every content is wrapped in random markers before rendering, so its
place in the result is known; it is encoded without control tokens, and only the template's own text with them.

    template   <|im_start|>user\\n   3f0a..0:What is <|im_end|>?9c41..   <|im_end|>\\n<|im_start|>assistant\\n ...
    encoded    with control tokens  without any                        with control tokens
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import secrets
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from hanlin.base.errors import InputError
from hanlin.base.files import read_text, recover, write_atomic
from hanlin.text import jinja, sandbox
from hanlin.text.tokenizer import SpecialTokens, Tokenizer
from hanlin.text.tools import ToolCall, calls_as_text, tool_calls, tools_as_text

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = get_args(Role)
TEMPLATE = "chat_template.jinja"

_CHATML = (
    "{% for message in messages %}"
    "{{ START + message['role'] + '\\n' + message['content'] + END + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ START + 'assistant\\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Message:
    """One turn. Raises InputError for an unknown role and for a content that is no text or no Unicode.

    The assistant may call tools; a message of the role tool may name the call that it answers, and the tool.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise InputError("text.role_unknown", role=self.role, known=", ".join(ROLES))
        if not isinstance(self.content, str):
            raise InputError("text.content_no_text", role=self.role, found=type(self.content).__name__)
        if "".join(c for c in self.content if "\ud800" <= c <= "\udfff"):
            raise InputError("text.content_surrogate", role=self.role)


@dataclass(frozen=True)
class Conversation:
    """Turns in order. Raises InputError without a message, or without one of the user.

    `tools` is the JSON text of the tools on offer; `family` names the original of a row that was made from another.
    """

    messages: tuple[Message, ...]
    tools: str = ""
    family: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", tuple(self.messages))
        if not self.messages:
            raise InputError("text.conversation_empty")
        if not any(message.role == "user" for message in self.messages):
            raise InputError("text.conversation_without_user")


@dataclass(frozen=True)
class Rendered:
    """A conversation as the model sees it: `loss_mask[i]` is true where `ids[i]` is to be learned."""

    ids: list[int]
    loss_mask: list[bool]
    text: str


@dataclass(frozen=True)
class Template:
    """A chat template in Jinja, as Hugging Face names and writes it.

    Raises InputError for a template with a syntax error, naming the line. Templates other than ours run in a process of
    their own with limits on time, memory and output; they see no file and no clock.
    """

    source: str
    special: SpecialTokens

    def __post_init__(self) -> None:
        if not self._is_ours:
            with _sentences():
                sandbox.check(self.source)

    @classmethod
    def default(cls, special: SpecialTokens) -> Template:
        """Return ChatML, the form of OpenAI's early chat models: <|im_start|>role\\ncontent<|im_end|>\\n."""
        return cls(_chatml(special), special)

    @classmethod
    def load(cls, folder: Path | str, special: SpecialTokens | None = None) -> Template:
        """Open a saved template; the control tokens are those of the tokenizer beside it, if not given."""
        recover(folder)
        path = Path(folder) / TEMPLATE
        if not path.is_file():
            raise InputError("text.template_missing", path=path)
        return cls(read_text(path), special or Tokenizer.load(folder).special)

    def save(self, folder: Path | str) -> None:
        """Write chat_template.jinja in the Hugging Face layout."""
        write_atomic(Path(folder) / TEMPLATE, self.source)

    def render(
        self,
        messages: Conversation | Sequence[Message | Mapping[str, Any]],
        *,
        tokenizer: Tokenizer,
        add_generation_prompt: bool = False,
    ) -> Rendered:
        """Return the ids of a conversation and which of them are to be learned.

        Learned are the contents of the assistant, and what follows each up to the first control token, the one that
        ends the turn. Raises InputError for a bad message, for a template that fails, refuses the conversation, takes
        too much, leaves a message out, or changes contents otherwise than by stripping white space.
        """
        asked = self._in_its_words(conversation(messages), tokenizer)
        turns = asked.messages
        text, marked, marks = self._marked(asked, add_generation_prompt)
        ids: list[int] = []
        learned: list[bool] = []
        for piece, turn, goes_on in self._parts(turns, marks.pieces(marked)):
            if turn is None:
                more = tokenizer.encode_template(piece)
                num_learned = _first_control(more, tokenizer) if goes_on else 0
            else:
                more = tokenizer.encode(piece)
                num_learned = len(more) if goes_on else 0
            ids += more
            learned += [place < num_learned for place in range(len(more))]
        return Rendered(ids, learned, text)

    def _in_its_words(self, asked: Conversation, tokenizer: Tokenizer) -> Conversation:
        """The conversation with tools and calls as text where the template knows of none.

        Where it does, it writes them itself, between its own words: so no name of a control token may stand in them.
        """
        if not self.knows_tools:
            return _as_text(asked)
        for text in (asked.tools, *(part for turn in asked.messages for part in _written_by_template(turn))):
            if tokenizer.encode(text) != tokenizer.encode_template(text):
                raise InputError("text.tool_control", found=text[:40])
        return asked

    def _parts(
        self, turns: Sequence[Message], pieces: Iterable[tuple[str, int | None]]
    ) -> Iterator[tuple[str, int | None, bool]]:
        """Pieces with the number of their message, and whether they belong to an answer (up to its end).

        An answer that only calls tools is written by the template: it begins where the template opens an answer.
        """
        listed, last = list(pieces), -1
        for place, (piece, turn) in enumerate(listed):
            after_answer = last >= 0 and turns[last].role == "assistant"
            if turn is not None:
                last = turn
                yield piece, turn, turns[turn].role == "assistant"
                continue
            following = listed[place + 1][1] if place + 1 < len(listed) else len(turns)
            calling = [number for number in range(last + 1, cast(int, following)) if _only_calls(turns[number])]
            parts = self._opened(piece, calling[0]) if calling else [piece]
            if len(parts) <= len(calling):
                raise InputError("text.template_leaves_out", number=calling[-1] + 1, role="assistant")
            shown = [*parts[: len(calling)], "".join(parts[len(calling) :])]
            yield from ((part, None, after_answer or number > 0) for number, part in enumerate(shown))

    def _opened(self, piece: str, number: int) -> list[str]:
        """A text of the template, cut after every place where it opens an answer."""
        asked = Conversation((Message("user", "?"),))
        opening = self._text(asked, ["?"], True).removeprefix(self._text(asked, ["?"], False))
        if not opening:
            raise InputError("text.template_leaves_out", number=number + 1, role="assistant")
        *opened, rest = piece.split(opening)
        return [*(part + opening for part in opened), rest]

    def _marked(self, asked: Conversation, add_generation_prompt: bool) -> tuple[str, str, _Marks]:
        """The text, the same with every content marked, and the marks.

        A template that strips contents strips nothing between marks: then the contents are stripped before. Answers
        that only call tools have no content to mark.
        """
        turns = asked.messages
        marks = _Marks.unlike(self.source, *(turn.content for turn in turns))
        contents = [turn.content for turn in turns]
        bare = {number for number, turn in enumerate(turns) if _only_calls(turn)}
        text = self._text(asked, contents, add_generation_prompt)
        for candidate in (contents, [content.strip() for content in contents]):
            marked = self._text(asked, marks.around(candidate, bare), add_generation_prompt)
            if marks.removed(marked) == text:
                _check_all_there(turns, marks.turns(marked), text)
                return text, marked, marks
        raise InputError("text.template_changes_content")

    def _text(self, asked: Conversation, contents: Sequence[str], add_generation_prompt: bool) -> str:
        variables = {
            "messages": [_variables(turn, content) for turn, content in zip(asked.messages, contents, strict=True)],
            "add_generation_prompt": add_generation_prompt,
            "tools": json.loads(asked.tools) if asked.tools else None,
            "documents": None,
            **{f"{name}_token": self.special.texts[name] for name in ("bos", "eos", "pad")},
        }
        with _sentences():
            if self._is_ours:
                return jinja.render(self.source, variables)
            return sandbox.render(self.source, variables)

    @property
    def knows_tools(self) -> bool:
        """Whether the template itself writes calls of tools; for others they are written as text."""
        return "tool_calls" in self.source

    @property
    def _is_ours(self) -> bool:
        return self.source == _chatml(self.special)


def conversation(messages: Conversation | Sequence[Message | Mapping[str, Any]]) -> Conversation:
    """Return the conversation that messages make up, given as records or as OpenAI's tables. Raises InputError."""
    if isinstance(messages, Conversation):
        return messages
    return Conversation(tuple(m if isinstance(m, Message) else message(m) for m in messages))


def message(table: Mapping[str, Any], *, role: str = "role", content: str = "content") -> Message:
    """Return the message in a table with these two keys; a content in parts is joined if all are text.

    Calls of tools are kept, and a content that they leave empty may be null or missing.
    """
    calls = tool_calls(table["tool_calls"]) if isinstance(table, Mapping) and table.get("tool_calls") else ()
    if not isinstance(table, Mapping) or role not in table or (content not in table and not calls):
        raise InputError("text.message_shape", found=_shape(table), role=role, content=content)
    parts = table.get(content)
    if isinstance(parts, list | tuple):
        parts = "".join(_text_part(part) for part in parts)
    if calls and parts is None:
        parts = ""
    return Message(
        cast(Role, table[role]),
        cast(str, parts),
        calls,
        str(table.get("tool_call_id") or ""),
        str(table.get("name") or ""),
    )


def _shape(table: object) -> str:
    return ", ".join(map(str, table)) if isinstance(table, Mapping) and table else type(table).__name__


def _text_part(part: object) -> str:
    if isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    found = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    raise InputError("text.part_no_text", found=found)


def _as_text(asked: Conversation) -> Conversation:
    """The conversation with tools in its system message and calls in the contents."""
    turns = [
        replace(turn, content=calls_as_text(turn.content, turn.tool_calls), tool_calls=()) for turn in asked.messages
    ]
    if asked.tools:
        system = turns.pop(0).content if turns[0].role == "system" else ""
        turns.insert(0, Message("system", tools_as_text(system, asked.tools)))
    return replace(asked, messages=tuple(turns), tools="")


def _only_calls(turn: Message) -> bool:
    return bool(turn.tool_calls) and not turn.content.strip()


def _written_by_template(turn: Message) -> Iterator[str]:
    """What of a message stands beside its content."""
    yield from (turn.tool_call_id, turn.name)
    for call in turn.tool_calls:
        yield from (call.name, call.arguments, call.id)


def _variables(turn: Message, content: str) -> dict[str, Any]:
    """A message as templates know it: arguments are data, what is not there has no name."""
    calls = [{**call.table(), "function": {"name": call.name, "arguments": call.value}} for call in turn.tool_calls]
    extra = {"tool_calls": calls, "tool_call_id": turn.tool_call_id, "name": turn.name}
    return {"role": turn.role, "content": content, **{name: value for name, value in extra.items() if value}}


@dataclass(frozen=True)
class _Marks:
    """Random marks around contents: opening, the number of the message, a colon, the content, closing."""

    opening: str
    closing: str

    @classmethod
    def unlike(cls, *texts: str) -> _Marks:
        """Marks that stand in none of the texts."""
        marks = _first_marks()
        while any(mark in text for text in texts for mark in (marks.opening, marks.closing)):
            marks = cls.drawn()
        return marks

    @classmethod
    def drawn(cls) -> _Marks:
        """Two marks that nobody can guess."""
        return cls(secrets.token_hex(16), secrets.token_hex(16))

    def around(self, contents: Sequence[str], bare: Container[int] = ()) -> list[str]:
        """The contents, each between marks but for the bare ones."""
        return [
            content if turn in bare else f"{self.opening}{turn}:{content}{self.closing}"
            for turn, content in enumerate(contents)
        ]

    def removed(self, marked: str) -> str | None:
        """The text without marks; None if the marks do not stand in pairs."""
        text = "".join(piece for piece, _ in self.pieces(marked))
        return None if self.opening in text or self.closing in text else text

    def turns(self, marked: str) -> set[int]:
        """The numbers of the messages whose marks are there."""
        return {turn for _, turn in self.pieces(marked) if turn is not None}

    def pieces(self, marked: str) -> Iterator[tuple[str, int | None]]:
        """Text of the template, and contents with the number of their message, in turn."""
        end = 0
        for span in re.finditer(rf"{self.opening}(\d+):(.*?){self.closing}", marked, re.DOTALL):
            yield marked[end : span.start()], None
            yield span[2], int(span[1])
            end = span.end()
        yield marked[end:], None


@functools.cache
def _first_marks() -> _Marks:
    """The same marks for every conversation: their pattern is compiled once, which is half of the time of rendering."""
    return _Marks.drawn()


def _check_all_there(turns: Sequence[Message], there: set[int], text: str) -> None:
    for number, turn in enumerate(turns):
        is_called = all(call.name in text for call in turn.tool_calls)
        if (turn.content.strip() and number not in there) or not is_called:
            raise InputError("text.template_leaves_out", number=number + 1, role=turn.role)


def _first_control(ids: Sequence[int], tokenizer: Tokenizer) -> int:
    """How many ids reach through the first control token: 0 when there is none."""
    return next((place + 1 for place, id in enumerate(ids) if not tokenizer.piece_bytes(id)), 0)


def _chatml(special: SpecialTokens) -> str:
    start, end = (json.dumps(special.texts[name], ensure_ascii=False) for name in ("im_start", "im_end"))
    return _CHATML.replace("START", start).replace("END", end)


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """Turn a fault of the template inside the block into an InputError."""
    try:
        yield
    except jinja.Fault as fault:
        raise InputError(f"text.template_{fault.kind}", line=fault.line, reason=fault.reason) from None
