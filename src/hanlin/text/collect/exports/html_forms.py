"""Chats exported as web pages: Telegram, DiscordChatExporter, and pages of WeChat exporters, which carry their messages
as a JSON list in a script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from hanlin.text.collect.dates import moment_of
from hanlin.text.collect.exports.json_forms import plain_text, threads_of_rows
from hanlin.text.collect.exports.thread import Message, Thread
from hanlin.text.collect.markup import Markup

_LIST = re.compile(r"(?:const|let|var)\s+(?:chatMessages|messages|msgList|chat_messages)\s*=\s*(?=\[)")


def threads_of_html(page: str) -> list[Thread] | None:
    """Return the thread of an exported page, or None where it is an ordinary one."""
    if found := _LIST.search(page):
        return _of_script(page, found.end())
    if 'class="message default' in page and 'class="from_name"' in page:
        return [Thread("telegram", "", tuple(_telegram(Markup(page))))]
    if "chatlog__message" in page:
        return [Thread("discord", "", tuple(_discord(Markup(page))))]
    return None


def _of_script(page: str, start: int) -> list[Thread] | None:
    try:
        rows, _ = json.JSONDecoder().raw_decode(page, start)
    except ValueError:
        return None
    return threads_of_rows([row for row in rows if isinstance(row, dict)])


def _telegram(page: Markup) -> Iterator[Message]:
    """Messages that follow one of the same author (`joined`) do not repeat the name."""
    author = ""
    for box in page.all("div.message.default"):
        name, text, date = (box.first(f"div.{part}") for part in ("from_name", "text", "date"))
        author = name.text if name else author
        if text and text.text:
            when = _telegram_moment(date["title"] if date else "")
            yield Message(author, plain_text(text.html), moment_of(when), author)


def _telegram_moment(title: str) -> str:
    """`31.12.2024 23:59:59 UTC+08:00` as ISO 8601 writes it."""
    found = re.match(r"(\d\d)\.(\d\d)\.(\d{4}) ([\d:]+)", title)
    return f"{found[3]}-{found[2]}-{found[1]}T{found[4]}" if found else ""


def _discord(page: Markup) -> Iterator[Message]:
    for group in page.all("div.chatlog__message-group"):
        name = group.first(".chatlog__author")
        who = (name["data-user-id"] or name["title"] or name.text) if name else ""
        time = group.first(".chatlog__timestamp")
        at = moment_of(time["title"] or time.text) if time else None
        for content in group.all(".chatlog__content"):
            if content.text:
                yield Message(who, content.text, at, name.text if name else "")
