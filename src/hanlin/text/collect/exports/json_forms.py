"""Exports in JSON, told apart by their shape: whoever recognises it reads it.

Telegram (result.json), Discord (DiscordChatExporter and Discord's own package), Slack, Facebook and Instagram, X
(tweets.js), Mastodon (outbox.json), Weibo (weiboSpider, weibo-crawler, m.weibo.cn), ChatGPT and Claude, and any list of
objects that each say who, when and what, as exporters of WeChat and QQ write them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hanlin.text.collect.dates import moment_of, moment_of_seconds
from hanlin.text.collect.exports.thread import Message, Thread
from hanlin.text.collect.markup import Markup

Row = Mapping[str, Any]

_AUTHOR = (
    "from_id", "sender_id", "user_id", "senderUin", "wxid", "Sender", "sender", "talker", "StrTalker", "from",
    "sender_name", "author", "username", "user", "screen_name", "nickname", "nickName", "NickName", "Remark", "name",
)  # fmt: skip
_NAME = (
    "from", "sender_name", "senderName", "screen_name", "nickname", "nickName", "NickName", "Remark", "username",
    "name", "user_name",
)  # fmt: skip
_TEXT = ("StrContent", "Contents", "content", "text", "message", "msg", "body")
_TIME = (
    "date_unixtime", "timestamp_ms", "CreateTime", "createTime", "create_time", "created_at", "timestamp",
    "publish_time", "StrTime", "date", "time", "Timestamp", "msgTime", "sent_at", "created_utc", "ts",
)  # fmt: skip
_LISTS = ("messages", "chatMessages", "msgs", "records", "chats", "data", "weibo", "list")


def threads_of_json(text: str) -> list[Thread] | None:
    """Return the threads of an export, or None where the JSON is none that we know. Raises ValueError."""
    opening = re.match(r"\s*window\.YTD\.(\w+)\.part\d+\s*=\s*", text)
    data = json.loads(text[opening.end() :] if opening else text)
    threads = next((threads for form in _FORMS if (threads := form(data)) is not None), None)
    return threads if threads and any(one.messages or one.lost for one in threads) else None


def _first(row: Row, names: Iterable[str]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "", [], {})), "")


def _rows(value: Any) -> list[Row]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _message(row: Row, text: str, author: Any = None) -> Message:
    who = _first(row, _AUTHOR) if author is None else author
    if isinstance(who, Mapping):
        name, who = _first(who, _NAME), _first(who, ("id", "uin", "uid", *_AUTHOR))
    else:
        name = _first(row, _NAME)
    moment = _first(row, _TIME)
    at = (moment_of_seconds(moment) if re.fullmatch(r"[\d.]+", str(moment)) else None) or moment_of(str(moment))
    return Message(str(who), text, at, name if isinstance(name, str) else "")


def _thread(form: str, name: Any, said: Iterable[Message | str], *, is_posts: bool = False) -> Thread:
    """Messages, and the names of reasons for what is none."""
    listed = list(said)
    lost = Counter(one for one in listed if isinstance(one, str))
    kept = tuple(one for one in listed if isinstance(one, Message) and one.text.strip())
    lost["no_text"] += len(listed) - len(kept) - sum(lost.values())
    return Thread(form, str(name or ""), kept, is_posts, {reason: number for reason, number in lost.items() if number})


def plain_text(html: str) -> str:
    """Return the text of a message written in HTML, its line breaks kept."""
    broken = re.sub(r"<br\s*/?>|</p>\s*<p[^>]*>", "\n", html)
    return Markup(broken).text if "<" in html or "&" in html else html


# ---------------------------------------------------------------- one function for each kind of export


def _telegram(data: Any) -> list[Thread] | None:
    chats = _rows(data.get("chats", {}).get("list")) if isinstance(data, dict) and "chats" in data else [data]
    if not all(isinstance(chat, dict) and {"messages", "type", "id"} <= set(chat) for chat in chats) or not chats:
        return None
    return [_thread("telegram", chat.get("name") or chat["id"], _telegram_messages(chat)) for chat in chats]


def _telegram_messages(chat: Row) -> Iterator[Message | str]:
    for row in _rows(chat["messages"]):
        text = row.get("text", "")
        parts = text if isinstance(text, list) else [text]
        joined = "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in parts)
        yield _message(row, joined) if row.get("type") == "message" else "service"


def _discord(data: Any) -> list[Thread] | None:
    if isinstance(data, dict) and {"guild", "channel", "messages"} <= set(data):
        said = (_message(row, str(row.get("content", ""))) for row in _rows(data["messages"]))
        return [_thread("discord", data["channel"].get("id"), said)]
    rows = _rows(data)
    if rows and {"ID", "Timestamp", "Contents"} <= set(rows[0]):
        return [_thread("discord", "own", (_message(row, str(row["Contents"]), "me") for row in rows), is_posts=True)]
    return None


def _slack(data: Any) -> list[Thread] | None:
    rows = _rows(data)
    if not rows or not all({"type", "ts"} <= set(row) for row in rows):
        return None
    return [_thread("slack", "", (_slack_message(row) for row in rows))]


def _slack_message(row: Row) -> Message | str:
    if row["type"] != "message" or row.get("subtype") not in (None, "thread_broadcast", "me_message"):
        return "service"
    text = re.sub(r"<(https?:[^|>]+)(?:\|([^>]+))?>", lambda link: link[2] or link[1], str(row.get("text", "")))
    return _message(row, text, str(row.get("user") or row.get("username") or ""))


def _facebook(data: Any) -> list[Thread] | None:
    if not isinstance(data, dict) or not {"participants", "messages"} <= set(data):
        return None
    rows = _rows(data["messages"])
    said = (
        _message(row, _repaired(str(row.get("content", ""))), _repaired(str(row.get("sender_name", ""))))
        for row in rows
    )
    return [_thread("facebook", _repaired(str(data.get("thread_path") or data.get("title", ""))), said)]


def _repaired(text: str) -> str:
    """Facebook writes each byte of UTF-8 as a character of its own."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _twitter(data: Any) -> list[Thread] | None:
    rows = [row["tweet"] for row in _rows(data) if isinstance(row.get("tweet"), Mapping)]
    if not rows:
        return None
    return [_thread("x", "own", map(_tweet, rows), is_posts=True)]


def _tweet(row: Row) -> Message | str:
    text = plain_text(str(row.get("full_text") or row.get("text", "")))
    return "repost" if text.startswith("RT @") else _message(row, text, "me")


def _mastodon(data: Any) -> list[Thread] | None:
    if not isinstance(data, dict) or "orderedItems" not in data:
        return None
    return [_thread("mastodon", data.get("id"), map(_activity, _rows(data["orderedItems"])), is_posts=True)]


def _activity(row: Row) -> Message | str:
    post = row.get("object")
    if row.get("type") != "Create" or not isinstance(post, Mapping):
        return "repost"
    return Message(
        str(row.get("actor", "")), plain_text(str(post.get("content", ""))), moment_of(str(post.get("published", "")))
    )


def _weibo(data: Any) -> list[Thread] | None:
    inner = data.get("data", data) if isinstance(data, dict) else {}
    cards = _rows(inner.get("cards")) if isinstance(inner, Mapping) else []
    rows = [card["mblog"] for card in cards if isinstance(card.get("mblog"), Mapping)]
    rows = rows or (_rows(data.get("weibo")) if isinstance(data, dict) else [])
    return [_thread("weibo", "own", map(_weibo_post, rows), is_posts=True)] if rows else None


def _weibo_post(row: Row) -> Message | str:
    text = plain_text(str(_first(row, ("longText", "text", "content"))))
    is_repost = bool(row.get("retweeted_status") or row.get("retweet") or row.get("retweet_id"))
    return "repost" if is_repost and text in ("转发微博", "Repost", "") else _message(row, text)


def _assistants(data: Any) -> list[Thread] | None:
    rows = _rows(data)
    if rows and all("chat_messages" in row for row in rows):
        return [_thread("claude", row.get("uuid"), map(_claude_turn, _rows(row["chat_messages"]))) for row in rows]
    if rows and all({"mapping", "current_node"} <= set(row) for row in rows):
        return [_thread("chatgpt", row.get("id") or row.get("title"), _chatgpt_turns(row)) for row in rows]
    return None


def _claude_turn(row: Row) -> Message:
    role = {"human": "user"}.get(str(row.get("sender")), "assistant")
    return _message(row, str(row.get("text", "")), role)


def _chatgpt_turns(row: Row) -> list[Message]:
    """The branch that was last on the screen, from its end up to the root."""
    turns, node, passed = [], row["mapping"].get(row["current_node"]), set()
    while node and id(node) not in passed:
        passed.add(id(node))
        said = node.get("message") or {}
        parts = said.get("content", {}).get("parts") or ()
        role = said.get("author", {}).get("role", "")
        if role in ("user", "assistant"):
            turns.append(_message(said, "\n".join(part for part in parts if isinstance(part, str)), role))
        node = row["mapping"].get(node.get("parent"))
    return turns[::-1]


def _anything(data: Any) -> list[Thread] | None:
    """A list of objects, at the top or under a usual name, nearly all of which say who, when and what."""
    places = [data, *(data[name] for name in _LISTS if name in data)] if isinstance(data, dict) else [data]
    for rows in map(_rows, places):
        if threads := threads_of_rows(rows):
            return threads
    return None


def threads_of_rows(rows: list[Row]) -> list[Thread] | None:
    """Return rows of any export that each have an author, a time and a text; None where too many have not."""
    full = [row for row in rows if _first(row, _TEXT) != "" and _first(row, _TIME) != "" and _first(row, _AUTHOR) != ""]
    if not full or len(full) < 0.6 * len(rows):
        return None
    said = (_message(row, plain_text(str(_first(row, _TEXT)))) for row in full)
    thread = _thread("chat", "", [*said, *["no_text"] * (len(rows) - len(full))])
    return [thread]


_FORMS: tuple[Callable[[Any], list[Thread] | None], ...] = (
    _telegram, _discord, _slack, _facebook, _twitter, _mastodon, _weibo, _assistants, _anything,
)  # fmt: skip
