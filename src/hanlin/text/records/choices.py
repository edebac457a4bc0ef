"""Rows to what people preferred: pairs of answers, single answers found good or bad, ranked lists.

{"prompt": "...", "chosen": "...", "rejected": "..."}               also lists of messages, with the prompt inside
{"conversations": [...], "chosen": {"from": ...}, "rejected": ...}  LLaMA-Factory
{"chosen": "\\n\\nHuman: ...\\n\\nAssistant: ...", "rejected": ...}     Anthropic's transcripts
{"input": "...", "output_1": "...", "output_2": "...", "label": 1}  which of two is better
{"messages": [...], "label": true}                                  KTO
{"prompt": "...", "responses": ["...", ...], "ranks": [2, 1, ...]}  ranks, scores, or the best first
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hanlin.text.chat import Conversation, Message
from hanlin.text.records.columns import Row
from hanlin.text.records.conversations import asked_conversation, question, turns_column, turns_conversation, turns_of
from hanlin.text.records.kinds import Preference, Ranked, Rated
from hanlin.text.records.rows import Rule

_SPEECH = re.compile(r"(?:^|\n\n)(Human|Assistant|H|A|人类|助手): ?")
_GOOD = {
    "true": True, "false": False, "good": True, "bad": False, "yes": True, "no": False, "desirable": True,
    "undesirable": False, "好": True, "坏": False, "是": True, "否": False,
}  # fmt: skip
_FIRST = {"1", "first", "a", "model_a", "output_1", "response_a", "chosen_1"}
_SECOND = {"2", "second", "b", "model_b", "output_2", "response_b", "chosen_2"}


def asked_role(row: Row) -> str | None:
    """Return the role of the column that asks, if there is one."""
    return next((role for role in ("instruction", "prompt") if row.has(role)), None)


def preference(row: Row) -> Preference:
    """Read chosen and rejected answers. Raises Rule and InputError."""
    before = _before(row)
    chosen, rejected = (_answer(row, role) for role in ("chosen", "rejected"))
    if not before:
        shared = sum(
            1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False))
        )
        before, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    else:
        chosen, rejected = _after(before, chosen), _after(before, rejected)
    return _compared(before, chosen, rejected)


def compared(row: Row) -> Preference:
    """Read two answers and which is better. Raises Rule and InputError."""
    before = _before(row)
    answers = [[Message("assistant", row.text(role))] for role in ("first", "second")]
    verdict = str(row.get("better")).strip().lower()
    if verdict in _SECOND:
        answers.reverse()
    elif verdict not in _FIRST:
        raise Rule("no_verdict", column=row.columns["better"], found=verdict)
    return _compared(before, *answers)


def is_verdict(value: object) -> bool:
    """Whether a value says which of two is better, or neither."""
    return str(value).strip().lower() in _FIRST | _SECOND | {"0", "tie"}


def rated(row: Row) -> Rated:
    """Read a conversation and whether its last answer is good. Raises Rule and InputError."""
    asked = asked_role(row)
    is_talk = row.has("messages") or row.has("conversations")
    talk = turns_conversation(row) if is_talk or not asked else asked_conversation(row, asked, "response")
    is_good = verdict(row.get("good"))
    if is_good is None:
        raise row.wrong("good", "true, false", row.get("good"))
    if talk.messages[-1].role != "assistant":
        raise Rule("silent", role="assistant")
    return Rated(talk, is_good)


def verdict(value: object) -> bool | None:
    """Return good or bad as people write it; None for anything else."""
    return value if isinstance(value, bool) else _GOOD.get(str(value).strip().lower())


def ranked(row: Row) -> Ranked:
    """Read several answers by rank or score; without either the best stands first. Raises Rule and InputError."""
    before = _before(row)
    answers = row.listed("answers_ranked")
    texts = [_content(row, one) for one in answers]
    if len(texts) < 2:
        raise Rule("too_few_answers", column=row.columns["answers_ranked"], found=len(texts))
    keys = _keys(row, answers)
    if keys is None:
        return Ranked(tuple(before), tuple(texts))
    order = sorted(range(len(texts)), key=lambda place: keys[0][place])
    scores = tuple(keys[1][place] for place in order) if keys[1] else ()
    return Ranked(tuple(before), tuple(texts[place] for place in order), scores)


def says_order(row: Row) -> bool:
    """Whether a list of answers says which is better: by ranks, scores or its own name."""
    answers = row.get("answers_ranked")
    if not isinstance(answers, list) or len(answers) < 2:
        return False
    in_tables = isinstance(answers[0], Mapping) and bool({"rank", "score"} & answers[0].keys())
    return in_tables or row.has("ranks") or row.has("scores") or row.columns["answers_ranked"] in ("ranked", "回答列表")


def _keys(row: Row, answers: Sequence[Any]) -> tuple[list[float], list[float]] | None:
    """What to sort by, least first, and the scores in the same order."""
    for role, sign in (("ranks", 1), ("scores", -1)):
        inside = role.removesuffix("s")
        values: list[Any] | None = row.listed(role) if row.has(role) else None
        if values is None and all(isinstance(one, Mapping) and inside in one for one in answers):
            values = [one[inside] for one in answers]
        if values is None:
            continue
        if len(values) != len(answers) or not all(isinstance(value, int | float) for value in values):
            raise Rule("bad_ranks", column=row.columns.get(role, inside), wanted=len(answers))
        return [sign * value for value in values], [] if role == "ranks" else values
    return None


def _content(row: Row, answer: object) -> str:
    if isinstance(answer, list) and len(answer) == 1:  # a list of one message, as preferences have it
        answer = answer[0]
    if isinstance(answer, Mapping):
        answer = next((answer[name] for name in ("content", "text", "response", "answer") if name in answer), answer)
    if not isinstance(answer, str) or not answer.strip():
        raise row.wrong("answers_ranked", '["...", ...]', answer)
    return answer


def _before(row: Row) -> list[Message]:
    """The messages before the two answers; none where they stand in the answers themselves."""
    asked = asked_role(row)
    if row.has("messages") or row.has("conversations"):
        return _turns(row)
    if asked is None:
        return []
    if isinstance(row.get(asked), list):
        return [*_system(row), *turns_of(row.listed(asked))]
    return _transcript(row.text(asked)) or question(row, asked)


def _turns(row: Row) -> list[Message]:
    return [*_system(row), *turns_of(row.listed(turns_column(row)))]


def _system(row: Row) -> list[Message]:
    return [Message("system", row.text("system"))] if row.text("system") else []


def _answer(row: Row, role: str) -> list[Message]:
    value = row.get(role)
    if isinstance(value, Mapping):
        return list(turns_of([value]))
    if isinstance(value, list):
        return list(turns_of(value))
    return _transcript(row.text(role)) or [Message("assistant", row.text(role))]


def _transcript(text: str) -> list[Message]:
    """The turns of a text such as "Human: ... Assistant: ..."; none where it is no such text."""
    head, *spoken = _SPEECH.split(text)
    if head.strip() or not spoken:
        return []
    pairs = zip(spoken[::2], spoken[1::2], strict=True)
    return [Message("user" if name in ("Human", "H", "人类") else "assistant", said.strip()) for name, said in pairs]


def _after(before: list[Message], answer: list[Message]) -> list[Message]:
    """An answer without the question, which some files repeat."""
    return answer[len(before) :] if answer[: len(before)] == before else answer


def _compared(before: Sequence[Message], chosen: Sequence[Message], rejected: Sequence[Message]) -> Preference:
    for name, answer in (("chosen", chosen), ("rejected", rejected)):
        if not any(turn.role == "assistant" and (turn.content.strip() or turn.tool_calls) for turn in answer):
            raise Rule("no_answer", name=name)
    if list(chosen) == list(rejected):
        raise Rule("same_answers")
    Conversation((*before, *chosen))  # an answer without a question teaches nothing
    return Preference(tuple(before), tuple(chosen), tuple(rejected))
