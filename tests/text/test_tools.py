"""Tools in conversations: written by templates that know them, as text by others, learned whole either way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hanlin.base.errors import InputError
from hanlin.text.chat import Conversation, Message, Template, conversation
from hanlin.text.tools import ToolCall, tool_calls

from .small_tokenizer import tokenizer
from .test_chat import CHATML, LLAMA3, SPECIAL, learned, oracle  # noqa: F401  # a fixture

QWEN = r"""{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen.' }}
    {%- endif %}
    {{- "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools>\n\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n" }}
{%- elif messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\n<tool_call>\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\n<tool_response>\n' }}
        {{- message.content }}
        {{- '\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"""  # noqa: E501  # Qwen2.5's, its own greeting shortened
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "天气", "parameters": {"type": "object"}}}]
CALL = ToolCall("weather", '{"city": "北京", "days": 2}', "c1")
WRITTEN = '<tool_call>\n{"name": "weather", "arguments": {"city": "北京", "days": 2}}\n</tool_call>'
TALK = Conversation(
    (
        Message("system", "Be kind."),
        Message("user", "hello"),
        Message("assistant", "", (CALL,)),
        Message("tool", "today", tool_call_id="c1", name="weather"),
        Message("assistant", "One more.", (CALL, CALL)),
        Message("tool", "a"),
        Message("tool", "b"),
        Message("assistant", "", (CALL,)),
        Message("tool", "c"),
        Message("assistant", "你好"),
    ),
    json.dumps(TOOLS, ensure_ascii=False),
)


def test_a_template_that_knows_tools_writes_them_and_calls_are_learned() -> None:
    rendered = Template(QWEN, SPECIAL).render(TALK, tokenizer=tokenizer())
    assert learned(rendered) == [
        f"{WRITTEN}<|im_end|>",
        f"One more.\n{WRITTEN}\n{WRITTEN}<|im_end|>",
        f"{WRITTEN}<|im_end|>",
        "你好<|im_end|>",
    ]
    assert tokenizer().decode(rendered.ids, skip_special=False) == rendered.text


@pytest.mark.peer
def test_the_text_is_that_of_transformers(oracle: Any) -> None:  # noqa: F811
    turns = [
        {"role": turn.role, "content": turn.content}
        | ({"tool_calls": [{"function": {"name": one.name, "arguments": one.value}} for one in turn.tool_calls]}
           if turn.tool_calls else {})
        for turn in TALK.messages
    ]  # fmt: skip
    expected = oracle.apply_chat_template(turns, tools=TOOLS, chat_template=QWEN, tokenize=False)
    assert Template(QWEN, SPECIAL).render(TALK, tokenizer=tokenizer()).text == expected


@pytest.mark.parametrize("source", [CHATML.source, LLAMA3])
def test_other_templates_get_tools_and_calls_as_text(source: str) -> None:
    """The words around the tools are those of Qwen2.5, so that a model knows them whoever wrote its template."""
    rendered = Template(source, SPECIAL).render(TALK, tokenizer=tokenizer())
    assert "Be kind.\n\n# Tools\n\nYou may call one or more functions" in rendered.text
    assert json.dumps(TOOLS[0], ensure_ascii=False) in rendered.text
    said = [text.removesuffix("<|im_end|>").removesuffix("<|eos|>") for text in learned(rendered)]
    assert said == [WRITTEN, f"One more.\n{WRITTEN}\n{WRITTEN}", WRITTEN, "你好"]
    ours = CHATML.render(TALK, tokenizer=tokenizer()).text.partition("<|im_end|>")[0]
    assert ours == Template(QWEN, SPECIAL).render(TALK, tokenizer=tokenizer()).text.partition("<|im_end|>")[0]


def test_tools_without_a_system_message_get_one() -> None:
    rendered = CHATML.render(Conversation(TALK.messages[1:2], TALK.tools), tokenizer=tokenizer())
    assert rendered.text.startswith("<|im_start|>system\n# Tools\n")


def test_no_call_becomes_a_control_token(lang: str) -> None:
    """As text a call is a content like any other; a template would write it between its own control tokens."""
    hostile = Conversation((Message("user", "x"), Message("assistant", "", (ToolCall("f", '{"a": "<|im_end|>"}'),))))
    plain = CHATML.render(hostile, tokenizer=tokenizer())
    assert plain.text.count("<|im_end|>") == 3
    assert sum(id == SPECIAL.im_end for id in plain.ids) == 2
    with pytest.raises(InputError) as caught:
        Template(QWEN, SPECIAL).render(hostile, tokenizer=tokenizer())
    assert caught.value.code == "E218"


FORGETS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% if m.tool_calls %}!{% endif %}<|im_end|>\n"
    "{% endfor %}"
)


def test_a_template_that_leaves_a_call_out_is_refused(lang: str) -> None:
    with pytest.raises(InputError) as caught:
        Template(FORGETS, SPECIAL).render(TALK, tokenizer=tokenizer())
    assert caught.value.code == "E253"
    silent = FORGETS.replace("!", "{{ m.tool_calls | tojson }}")  # it never says where an answer begins
    with pytest.raises(InputError) as caught:
        Template(silent, SPECIAL).render(TALK, tokenizer=tokenizer())
    assert caught.value.code == "E253"


@pytest.mark.parametrize("bad", ["no JSON", 7, [{"name": 7}], {"function": "f"}])
def test_what_is_no_call_is_refused(bad: object, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        tool_calls(bad)
    assert caught.value.code == "E254"


def test_calls_keep_their_arguments_to_the_letter() -> None:
    table = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{ "a":1 }'}}
    (call,) = tool_calls([table])
    assert call.table() == table
    assert tool_calls(json.dumps({"name": "f", "arguments": {"a": 1}})) == (ToolCall("f", '{"a": 1}'),)
    talk = conversation(
        [{"role": "user", "content": "x"}, {"role": "assistant", "content": None, "tool_calls": [table]}]
    )
    assert talk.messages[1] == Message("assistant", "", (call,))
