"""Rows to conversations: OpenAI's messages, ShareGPT, Alpaca, prompt and response.

{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "tool_calls": [...]}, ...], "tools": [...]}
{"conversations": [{"from": "human", "value": "..."}, {"from": "function_call", "value": "{...}"}, ...]}
{"instruction": "...", "input": "...", "output": "...", "system": "...", "history": [["...", "..."]]}
{"prompt": "...", "response": "..."}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.base.errors import InputError
from hanlin.text.chat import Conversation, Message, message
from hanlin.text.records.columns import Row, short
from hanlin.text.records.rows import Rule
from hanlin.text.tools import tool_calls, tools_text

# Names of speakers in published files.
SPEAKERS = {
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
    "model": "assistant", "bot": "assistant", "observation": "tool", "function_response": "tool", "function": "tool",
    "developer": "system", "function_call": "assistant", "tool_call": "assistant", "用户": "user", "人类": "user",
    "问": "user", "助手": "assistant", "机器人": "assistant", "答": "assistant", "系统": "system", "工具": "tool",
}  # fmt: skip
CALLING = ("function_call", "tool_call")
_ASKING = ("human", "user", "question", "问", "用户")
_ANSWERING = ("assistant", "gpt", "bot", "answer", "答", "助手")


def turns_column(row: Row) -> str:
    """Return the role of the column that holds turns: messages first."""
    return "messages" if row.has("messages") else "conversations"


def is_sharegpt(row: Row) -> bool:
    """Whether the turns are written as ShareGPT writes them; where no turn tells, by the column's name."""
    turns = row.get(turns_column(row))
    first = turns[0] if isinstance(turns, list) and turns else None
    if isinstance(first, Mapping):
        return "role" not in first
    return not row.has("messages")


def turns_conversation(row: Row) -> Conversation:
    """Read OpenAI's messages and ShareGPT's conversations. Raises Rule and InputError."""
    return _spoken(row, [*_system(row), *turns_of(row.listed(turns_column(row)))])


def asked_conversation(row: Row, asked: str, answered: str) -> Conversation:
    """Read a question and its answer, with what was said before. Raises Rule and InputError."""
    return _spoken(row, [*question(row, asked), Message("assistant", row.text(answered))])


def question(row: Row, asked: str) -> list[Message]:
    """The messages up to and with the question of a row."""
    text = [row.text(asked)]
    if row.columns.get("input") != row.columns[asked]:
        text.append(row.text("input"))
    return [*_system(row), *_earlier(row), Message("user", "\n".join(part for part in text if part))]


def _system(row: Row) -> Iterator[Message]:
    if system := row.text("system"):
        yield Message("system", system)


def _earlier(row: Row) -> Iterator[Message]:
    """Turns before the question: pairs of question and answer, as LLaMA-Factory writes them."""
    value = row.get("history") or []
    for pair in row.listed("history") if isinstance(value, str) else value if isinstance(value, list) else [value]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise row.wrong("history", "[[..., ...]]", pair)
        yield Message("user", pair[0])
        yield Message("assistant", pair[1])


def turns_of(turns: list[Any]) -> Iterator[Message]:
    """Yield the messages of a list of turns: tables, pairs, or texts in turn from user and assistant."""
    for number, turn in enumerate(turns):
        if isinstance(turn, str) and len(turns) > 1:
            yield Message("assistant" if number % 2 else "user", turn)
        elif isinstance(turn, Mapping) and "role" not in turn and "from" not in turn and _pair(turn):
            yield from _pair(turn)
        else:
            yield _turn(turn)


def _pair(turn: Mapping[str, Any]) -> list[Message]:
    """A question and its answer in one table; nothing where it is no such table."""
    asked = next((name for name in _ASKING if name in turn), None)
    answered = next((name for name in _ANSWERING if name in turn), None)
    return [Message("user", turn[asked]), Message("assistant", turn[answered])] if asked and answered else []


def _turn(turn: Any) -> Message:
    role, content = ("from", "value") if isinstance(turn, Mapping) and "from" in turn else ("role", "content")
    if not isinstance(turn, Mapping) or role not in turn:
        return message(turn, role=role, content=content)
    speaker = turn[role]
    named = {**turn, role: SPEAKERS.get(str(speaker), speaker)}
    if str(speaker) in CALLING and content in turn:
        named |= {content: "", "tool_calls": turn[content]}
    elif turn.get("function_call"):  # how OpenAI wrote one call before there were several
        named |= {"tool_calls": [turn["function_call"]]}
    if named.get("tool_calls"):
        named["tool_calls"] = [call.table() for call in tool_calls(named["tool_calls"])]
    if isinstance(turn.get(content), list):
        named |= _parts(turn[content], content)
    return message(_thinking(named, content), role=role, content=content)


def _parts(parts: list[Any], content: str) -> dict[str, Any]:
    """Typed parts as LLaMA-Factory writes them too: thoughts and calls beside the text; others are left to be named."""
    texts: list[Any] = []
    found: dict[str, Any] = {}
    for part in parts:
        kind, value = (part.get("type"), part.get("value")) if isinstance(part, Mapping) else (None, None)
        if kind == "reasoning" and isinstance(value, str):
            found["reasoning_content"] = found.get("reasoning_content", "") + value
        elif kind == "tool_call":
            found.setdefault("tool_calls", []).extend(call.table() for call in tool_calls(value))
        else:
            texts.append({"type": "text", "text": value} if kind == "text" and isinstance(value, str) else part)
    return {**found, content: texts}


def _thinking(turn: dict[str, Any], content: str) -> dict[str, Any]:
    """Thoughts go before the answer, between the marks that Qwen3 and DeepSeek-R1 are trained on."""
    thought = turn.get("reasoning_content")
    if not isinstance(thought, str) or not thought:
        return turn
    said = turn.get(content)
    marked = f"<think>\n{thought}\n</think>\n\n"
    return {
        **turn,
        content: [{"type": "text", "text": marked}, *said] if isinstance(said, list) else marked + (said or ""),
    }


def _spoken(row: Row, messages: list[Message]) -> Conversation:
    """A conversation in which both sides say something."""
    try:
        tools = tools_text(row.get("tools"))
    except InputError as error:
        raise Rule(
            "wrong_column", column=row.columns["tools"], wanted="[{...}]", found=short(row.get("tools"))
        ) from error
    found = Conversation(tuple(messages), tools, str(row.get("family") or ""))
    speaking = {turn.role for turn in found.messages if turn.content.strip() or turn.tool_calls}
    missing = next((role for role in ("user", "assistant") if role not in speaking), None)
    if missing:
        raise Rule("silent", role=missing)
    return found
