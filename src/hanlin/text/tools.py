"""Tool calls in conversations: as data, and as text for templates that know of none.

The text is the form that Hermes and Qwen models are trained on: <tool_call>{"name": ..., "arguments": ...}</tool_call>.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hanlin.base.errors import InputError

_HEAD = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
"""
_TAIL = """
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>"""


@dataclass(frozen=True)
class ToolCall:
    """One call of a function by the model: `arguments` is JSON text, as it was given."""

    name: str
    arguments: str
    id: str = ""

    @property
    def value(self) -> Any:
        """The arguments as data; text that is no JSON stays text."""
        try:
            return json.loads(self.arguments)
        except (ValueError, RecursionError):
            return self.arguments

    def table(self) -> dict[str, Any]:
        """The call as OpenAI writes it."""
        named = {"id": self.id} if self.id else {}
        return {**named, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


def tool_calls(value: object) -> tuple[ToolCall, ...]:
    """Return the calls in OpenAI's list, in one table {name, arguments}, or in the JSON text of either.

    Raises InputError for anything else.
    """
    try:
        listed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise InputError("text.tool_calls", found=str(value)[:40]) from None
    return tuple(_call(one) for one in (listed if isinstance(listed, list | tuple) else [listed]))


def _call(value: Any) -> ToolCall:
    table = value.get("function", value) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise InputError("text.tool_calls", found=str(value)[:40])
    arguments = table.get("arguments", table.get("parameters", {}))
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCall(table["name"], arguments, str(value.get("id") or ""))


def tools_text(value: object) -> str:
    """Return a list of tools as JSON text, verbatim where it came as text; nothing for none.

    Raises InputError where it is no list of tables.
    """
    if value in (None, "", []):
        return ""
    try:
        listed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not all(isinstance(tool, Mapping) for tool in listed):
        raise InputError("text.tool_calls", found=str(value)[:40])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def calls_as_text(content: str, calls: Sequence[ToolCall]) -> str:
    """Return what an assistant says and calls as one text."""
    return "\n".join([content] * bool(content) + list(_written(calls)))


def _written(calls: Sequence[ToolCall]) -> Iterator[str]:
    for call in calls:
        table = {"name": call.name, "arguments": call.value}
        yield f"<tool_call>\n{json.dumps(table, ensure_ascii=False)}\n</tool_call>"


def tools_as_text(system: str, tools: str) -> str:
    """Return a system message that offers the tools after what it says."""
    offered = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in json.loads(tools))
    return "\n\n".join([system] * bool(system) + [f"{_HEAD}{offered}{_TAIL}"])
