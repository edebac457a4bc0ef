"""Chats exported as plain text: WhatsApp, LINE, QQ and WeChat, told by how their lines begin."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

from hanlin.text.collect.exports.thread import Message, Thread

_CLOCK = r"(?:上午|下午|凌晨|早上|中午|晚上)?\s?\d{1,2}:\d{2}(?::\d{2})?(?:[\s\u202f]?[AaPp]\.?\s?[Mm]\.?)?"
_WHATSAPP = re.compile(
    rf"^\u200e?(?:\[(\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}),?\s({_CLOCK})\]|"
    rf"(\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}),?\s({_CLOCK})\s-)\s(.*)$"
)
_QQ = re.compile(r"^(\d{4}-\d{2}-\d{2})\s(\d{1,2}:\d{2}:\d{2})\s(.*?)[(<]([^()<>\s]+)[)>]\s*$")
_MOMENT = r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2})\s(\d{1,2}:\d{2}(?::\d{2})?)"
_NAME = r"([^\s:：=|{}<>][^:：=|{}<>\t]{0,31}?)"
# How exporters of WeChat head a message: moment and name, name and moment, or both in the line of what is said.
_WECHAT = (
    re.compile(rf"^(?P<at>{_MOMENT})\s{{1,4}}(?P<who>{_NAME})[:：]?\s*$"),
    re.compile(rf"^(?P<who>{_NAME})\s{{1,4}}(?P<at>{_MOMENT})[:：]?\s*$"),
    re.compile(rf"^(?P<who>{_NAME})\s?[(（\[](?P<at>{_MOMENT})[)）\]][:：]?\s?(?P<said>.*)$"),
)
_LINE_DAY = re.compile(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})\s?[(（]?\S{1,4}?[)）]?\s*$")
_LINE = re.compile(rf"^({_CLOCK})\t([^\t]+)\t(.*)$")
_MEDIA = re.compile(
    r"^\u200e?(?:<[^<>]{1,40}>|\S+ omitted|省略多媒體檔案|"
    r"\[(?:图片|照片|贴图|貼圖|影片|视频|语音|表情|Photo|Sticker|Video)\])$"
)
_LEAST = 2  # lines that must look like messages
_HEAD = 200  # lines that are looked at


def threads_of_text(text: str) -> list[Thread] | None:
    """Return the thread of a chat, or None where the text is none."""
    lines = text.splitlines()
    for form, read in (("whatsapp", _whatsapp), ("qq", _qq), ("line", _line_chat), *_wechat_forms(lines[:_HEAD])):
        if sum(one is not None for one in read(lines[:_HEAD])) >= max(_LEAST, 0.1 * len(lines[:_HEAD])):
            return [_thread(form, list(read(lines)))]
    return None


def _thread(form: str, said: list[Message | None]) -> Thread:
    """Messages with the lines that belong to them; those of the service and pictures are counted."""
    kept, lost = [], Counter[str]()
    for message in filter(None, said):
        if not message.author:
            lost["service"] += 1
        elif _MEDIA.match(message.text.strip()) or not message.text.strip():
            lost["no_text"] += 1
        else:
            kept.append(replace(message, text=message.text.strip()))
    return Thread(form, "", tuple(kept), lost=dict(lost))


def _joined(lines: list[str], opened: Iterator[Message | None]) -> Iterator[Message | None]:
    """For each line the message it opens; a line that opens none belongs to the message before."""
    held: Message | None = None
    for line, message in zip(lines, opened, strict=True):
        if message is None:
            held = replace(held, text=f"{held.text}\n{line}") if held else None
        else:
            yield held
            held = message
    yield held


def _whatsapp(lines: list[str]) -> Iterator[Message | None]:
    found = [_WHATSAPP.match(line) for line in lines]
    opened = [one for one in found if one]
    order = _order([one[1] or one[3] for one in opened], any("m" in (one[2] or one[4]).lower() for one in opened))
    return _joined(lines, (_whatsapp_message(one, order) if one else None for one in found))


def _whatsapp_message(found: re.Match[str], order: str) -> Message:
    who, colon, text = found[5].partition(": ")
    at = _moment(found[1] or found[3], found[2] or found[4], order)
    return Message(who.strip("\u200e \u202a\u202c"), text, at) if colon else Message("", found[5], at)


def _order(days: list[str], has_am_pm: bool) -> str:
    """Which of year, month and day stands first: by the numbers, else by the clock of the country."""
    parts = [[int(number) for number in re.split(r"[./-]", day)] for day in days]
    if parts and all(first > 31 for first, _, _ in parts):
        return "ymd"
    if any(first > 12 for first, _, _ in parts):
        return "dmy"
    return "mdy" if has_am_pm or any(second > 12 for _, second, _ in parts) else "dmy"


def _moment(day: str, clock: str, order: str) -> datetime | None:
    numbers = dict(zip(order, map(int, re.split(r"[./-]", day)), strict=True))
    hour, minute, *_ = map(int, re.findall(r"\d+", clock))
    is_afternoon = bool(re.search(r"[Pp]\.?\s?[Mm]|下午|晚上|中午", clock))
    is_clock_of_12 = is_afternoon or bool(re.search(r"[Aa]\.?\s?[Mm]|上午|凌晨|早上", clock))
    hour = hour % 12 + 12 * is_afternoon if is_clock_of_12 else hour
    year = numbers["y"] + (2000 if numbers["y"] < 100 else 0)
    try:
        return datetime(year, numbers["m"], numbers["d"], hour, minute)
    except ValueError:
        return None


def _qq(lines: list[str]) -> Iterator[Message | None]:
    found = (_QQ.match(line) for line in lines)
    opened = (Message(one[4], "", _moment(one[1], one[2], "ymd"), one[3].strip()) if one else None for one in found)
    return _joined(lines, opened)


def _wechat_forms(lines: list[str]) -> Iterator[tuple[str, Callable[[list[str]], Iterator[Message | None]]]]:
    """The heads of messages that these lines have: each before a line of its own, since a log has them in every line,
    and somebody twice, since people in a chat answer."""
    for head in _WECHAT:
        found = [head.match(line) for line in lines]
        heads = [number for number, one in enumerate(found) if one]
        says = sum(_says_something(found, lines, number) for number in heads)
        names = {one["who"] for one in found if one}
        if heads and says >= 0.9 * len(heads) and len(names) < len(heads):
            yield "wechat", partial(_wechat, head)


def _says_something(found: list[re.Match[str] | None], lines: list[str], number: int) -> bool:
    """Whether a message follows its head: in the same line, or in the next one."""
    one = found[number]
    said = one.groupdict().get("said") if one else None
    after = number + 1 < len(lines) and found[number + 1] is None and lines[number + 1].strip()
    return bool(said or after) or number + 1 == len(lines)


def _wechat(head: re.Pattern[str], lines: list[str]) -> Iterator[Message | None]:
    found = (head.match(line) for line in lines)
    return _joined(lines, (_wechat_message(one) if one else None for one in found))


def _wechat_message(found: re.Match[str]) -> Message:
    day, clock = found["at"].split()
    return Message(found["who"].strip(), found.groupdict().get("said") or "", _moment(day, clock, "ymd"))


def _line_chat(lines: list[str]) -> Iterator[Message | None]:
    return _joined(lines, _line_messages(lines))


def _line_messages(lines: list[str]) -> Iterator[Message | None]:
    day = ""
    for line in lines:
        if found := _LINE_DAY.match(line):
            day = "/".join(found.groups())
            yield Message("", line)
        elif found := _LINE.match(line):
            yield Message(found[2], found[3], _moment(day, found[1], "ymd") if day else None)
        else:
            yield None
