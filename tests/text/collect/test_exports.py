"""Exports of chats and accounts, each in the shape its program writes, found by that shape and read without names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.text.collect.conftest import Gather, documents

from hanlin.text.collect.config import ChatsConfig
from hanlin.text.collect.exports.detect import threads_of
from hanlin.text.collect.exports.json_forms import threads_of_json
from hanlin.text.collect.exports.text_forms import threads_of_text
from hanlin.text.collect.exports.thread import Authors, Message, Thread, pieces_of

TELEGRAM = {
    "name": "Reading club", "type": "private_group", "id": 4711,
    "messages": [
        {"id": 1, "type": "service", "date": "2024-01-01T10:00:00", "actor": "Wang Li", "action": "create_group"},
        {"id": 2, "type": "message", "date": "2024-01-01T10:01:00", "date_unixtime": "1704103260", "from": "Wang Li",
         "from_id": "user1", "text": "大家好"},
        {"id": 3, "type": "message", "date": "2024-01-01T10:02:00", "date_unixtime": "1704103320", "from": "Ann",
         "from_id": "user2", "text": ["Hello ", {"type": "mention", "text": "@Wang Li"}, "!"]},
        {"id": 4, "type": "message", "date": "2024-01-03T09:00:00", "date_unixtime": "1704272400", "from": "Ann",
         "from_id": "user2", "text": "Two days later"},
        {"id": 5, "type": "message", "date": "2024-01-03T09:01:00", "date_unixtime": "1704272460", "from": "Ann",
         "from_id": "user2", "text": "", "photo": "a.jpg"},
    ],
}  # fmt: skip


def write(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def test_a_telegram_chat_becomes_documents_without_names(tmp_path: Path, gather: Gather) -> None:
    made = gather(write(tmp_path, "Wang Li/result.json", TELEGRAM))
    first, second = documents(made)
    lines = first["text"].splitlines()
    wang, ann = (line.partition(": ")[0] for line in lines)
    assert wang.startswith("user-")
    assert ann.startswith("user-")
    assert wang != ann
    assert lines == [f"{wang}: 大家好", f"{ann}: Hello @{wang}!"]
    assert second["text"] == f"{ann}: Two days later", "two days of silence begin a new document"
    assert (first["date"], second["date"]) == ("2024-01-01", "2024-01-03")
    assert first["group"] == second["group"]
    everything = made.path.read_text()
    assert not [name for name in ("Wang", "Ann", "user1", "user2", "4711", "Reading") if name in everything]
    assert made.figures["lost"] == {"service": 1, "no_text": 1}


def test_the_same_person_has_one_name_in_a_collection_and_another_elsewhere(tmp_path: Path) -> None:
    config = ChatsConfig()
    here, there = Authors(config, b"key"), Authors(config, b"other key")
    assert here.called("user1") == Authors(config, b"key").called("user1")
    assert here.called("user1") != there.called("user1")
    assert here.called("assistant") == "assistant", "roles are nobody's name"


@pytest.mark.parametrize(("mode", "line"), [("keep", "user2: Two days later"), ("drop", "Two days later")])
def test_authors_kept_or_left_out(tmp_path: Path, gather: Gather, mode: str, line: str) -> None:
    rows = documents(gather(write(tmp_path, "result.json", TELEGRAM), chats={"authors": mode}))
    assert rows[1]["text"] == line
    assert ("@Wang Li" in rows[0]["text"]) == (mode == "keep")


def twice(text: str) -> str:
    """Text as Facebook writes it."""
    return text.encode().decode("latin-1")


FACEBOOK_NAME = twice("Zoë")
JSON_FORMS: dict[str, tuple[Any, list[tuple[str, str]], bool]] = {
    "telegram": (
        {"about": "…", "chats": {"list": [TELEGRAM]}},
        [("user1", "大家好"), ("user2", "Hello @Wang Li!"), ("user2", "Two days later")], False,
    ),
    "discord": (
        {"guild": {"id": "1"}, "channel": {"id": "2"}, "messages": [
            {"id": "3", "type": "Default", "timestamp": "2024-01-01T10:00:00+00:00", "content": "hi",
             "author": {"id": "77", "name": "ann", "nickname": "Ann"}}]},
        [("77", "hi")], False,
    ),
    "slack": (
        [{"type": "message", "user": "U1", "text": "see <https://a.example|this> <@U2>", "ts": "1704103260.000100"},
         {"type": "message", "subtype": "channel_join", "user": "U2", "text": "joined", "ts": "1704103261.0"}],
        [("U1", "see this <@U2>")], False,
    ),
    "facebook": (
        {"participants": [{"name": FACEBOOK_NAME}], "title": FACEBOOK_NAME, "messages": [
            {"sender_name": FACEBOOK_NAME, "timestamp_ms": 1704103260000, "content": twice("你好")}]},
        [("Zoë", "你好")], False,
    ),
    "x": (
        [{"tweet": {"id_str": "1", "full_text": "Fish &amp; chips", "created_at": "Wed Oct 10 20:19:24 +0000 2018"}},
         {"tweet": {"id_str": "2", "full_text": "RT @ann: not mine", "created_at": "Wed Oct 10 20:19:24 +0000 2018"}}],
        [("me", "Fish & chips")], True,
    ),
    "mastodon": (
        {"type": "OrderedCollection", "id": "outbox.json", "orderedItems": [
            {"type": "Create", "actor": "https://a/@me", "object": {"published": "2024-01-01T10:00:00Z",
             "content": "<p>One<br>two</p><p>three</p>"}},
            {"type": "Announce", "object": "https://b/1"}]},
        [("https://a/@me", "One\ntwo\nthree")], True,
    ),
    "weibo": (
        {"user": {"id": 5}, "weibo": [
            {"id": 1, "user_id": 5, "screen_name": "小王", "text": "今天下雪了", "created_at": "2024-01-01"},
            {"id": 2, "user_id": 5, "text": "转发微博", "created_at": "2024-01-02", "retweet": {"id": 9}}]},
        [("5", "今天下雪了")], True,
    ),
    "claude": (
        [{"uuid": "c1", "chat_messages": [
            {"sender": "human", "text": "1+1?", "created_at": "2024-01-01T10:00:00Z"},
            {"sender": "assistant", "text": "2", "created_at": "2024-01-01T10:00:01Z"}]}],
        [("user", "1+1?"), ("assistant", "2")], False,
    ),
    "chatgpt": (
        [{"title": "Sums", "id": "g1", "current_node": "c", "mapping": {
            "a": {"message": None, "parent": None},
            "b": {"parent": "a", "message": {"author": {"role": "user"}, "content": {"parts": ["1+1?"]}}},
            "x": {"parent": "b", "message": {"author": {"role": "assistant"}, "content": {"parts": ["a first try"]}}},
            "c": {"parent": "b", "message": {"author": {"role": "assistant"}, "content": {"parts": ["2"]}}}}}],
        [("user", "1+1?"), ("assistant", "2")], False,
    ),
    "chat": (
        {"records": [
            {"StrTalker": "wxid_1", "NickName": "小李", "StrContent": "吃了吗", "StrTime": "2024-01-01 10:00:00"},
            {"StrTalker": "wxid_2", "NickName": "小张", "StrContent": "吃了", "StrTime": "2024-01-01 10:01:00"}]},
        [("wxid_1", "吃了吗"), ("wxid_2", "吃了")], False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", JSON_FORMS)
def test_every_json_form_is_known_by_its_shape(form: str) -> None:
    data, expected, is_posts = JSON_FORMS[form]
    (thread,) = threads_of_json(json.dumps(data)) or pytest.fail("not recognised")
    assert (thread.form, thread.is_posts) == (form, is_posts)
    assert [(one.author, one.text) for one in thread.messages] == expected
    assert all(one.at is not None for one in thread.messages) or form == "chatgpt"
    total = len(thread.messages) + sum(thread.lost.values())
    assert total >= len(expected)


def test_an_archive_of_x_is_a_script() -> None:
    text = "window.YTD.tweets.part0 = " + json.dumps(JSON_FORMS["x"][0])
    (thread,) = threads_of_json(text) or pytest.fail("not recognised")
    assert (thread.form, len(thread.messages), dict(thread.lost)) == ("x", 1, {"repost": 1})


def test_weibo_as_its_own_interface_answers() -> None:
    data = {"ok": 1, "data": {"cards": [{"mblog": {
        "id": "1", "created_at": "Tue Mar 02 10:00:00 +0800 2021", "user": {"id": 5, "screen_name": "小王"},
        "text": '今天<a href="/n/x">#下雪#</a>了<br />真好'}}]}}  # fmt: skip
    (thread,) = threads_of_json(json.dumps(data)) or pytest.fail("not recognised")
    assert [(one.author, one.text, one.name) for one in thread.messages] == [("5", "今天#下雪#了\n真好", "小王")]


@pytest.mark.parametrize(
    "data",
    [
        [{"instruction": "a", "output": "b"}],
        [{"messages": [{"role": "user", "content": "x"}]}],
        {"conversations": [{"from": "human", "value": "x"}]},
        [{"text": "a", "label": 1}],
        {"text": "a document"},
        [1, 2, 3],
        [],
        {},
        "text",
    ],
)
def test_training_data_is_no_chat(data: Any) -> None:
    assert threads_of_json(json.dumps(data)) is None


WHATSAPP_EN = """12/31/20, 11:58 PM - Messages and calls are end-to-end encrypted.
12/31/20, 11:59 PM - Ann: Happy new year
and good health!
1/13/21, 12:01 AM - Bob Lee: You too: all the best
1/13/21, 12:02 AM - Ann: <Media omitted>
"""
WHATSAPP_ZH = """[2020/12/31 下午11:59:00] 王小明: 新年快樂
[2021/1/1 上午12:01:00] 李華: 你也是
"""
WHATSAPP_DE = """[31.12.20, 23:59:00] Ann: Frohes Neues
[01.01.21, 00:01:00] Bob: Danke
"""
QQ = """消息记录（此消息记录为文本格式，不支持重新导入）

2020-12-31 23:59:00 小明(12345)
新年快乐

2021-01-01 0:01:00 小红<xiaohong@example.com>
你也是
还有一行
"""
LINE = """[LINE] 與小明的聊天記錄
儲存日期：2021/01/02 10:00

2020/12/31（四）
23:59\t小明\t新年快樂
2021/01/01（五）
00:01\t小華\t你也是
"""

_SAID = [("阿梅", "新年快乐", "2020-12-31 23:59"), ("老李", "你也是\n还有一行", "2021-01-01 00:01"),
         ("阿梅", "早点睡", "2021-01-01 00:02")]  # fmt: skip
WECHAT = {
    "moment-name": """2020-12-31 23:59:00 阿梅
新年快乐

2021-01-01 0:01:00 老李
你也是
还有一行

2021-01-01 00:02 阿梅
早点睡""",
    "name-moment": """阿梅 2020/12/31 23:59:00
新年快乐

老李  2021/1/1 0:01:00
你也是
还有一行

阿梅 2021/1/1 00:02
早点睡
""",
    "one-line": """阿梅 (2020-12-31 23:59:00): 新年快乐
老李 (2021-01-01 00:01:00): 你也是
还有一行
阿梅（2021-01-01 00:02:10）：早点睡
""",
}


def _plain(text: str) -> list[tuple[str, str, str]]:
    (thread,) = threads_of_text(text) or pytest.fail("not recognised")
    return [(one.author, one.text, one.at.strftime("%Y-%m-%d %H:%M") if one.at else "") for one in thread.messages]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WHATSAPP_EN, [("Ann", "Happy new year\nand good health!", "2020-12-31 23:59"),
                       ("Bob Lee", "You too: all the best", "2021-01-13 00:01")]),
        (WHATSAPP_ZH, [("王小明", "新年快樂", "2020-12-31 23:59"), ("李華", "你也是", "2021-01-01 00:01")]),
        (WHATSAPP_DE, [("Ann", "Frohes Neues", "2020-12-31 23:59"), ("Bob", "Danke", "2021-01-01 00:01")]),
        (QQ, [("12345", "新年快乐", "2020-12-31 23:59"),
              ("xiaohong@example.com", "你也是\n还有一行", "2021-01-01 00:01")]),
        (LINE, [("小明", "新年快樂", "2020-12-31 23:59"), ("小華", "你也是", "2021-01-01 00:01")]),
    ],
    ids=["whatsapp-en", "whatsapp-zh", "whatsapp-de", "qq", "line"],
)  # fmt: skip
def test_chats_as_plain_text(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert _plain(text) == expected


@pytest.mark.parametrize("form", WECHAT)
def test_wechat_as_plain_text(form: str) -> None:
    """It was a document like any other, with everybody's name in it."""
    assert _plain(WECHAT[form]) == _SAID


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-12 09:14:02 server started\n2024-03-12 09:14:05 server started\n2024-03-12 09:14:07 done\n" * 9,
        "2024-03-12 09:14:02 晴\n今天走了很远的路。\n\n2024-03-13 09:10:00 小雨\n在家看书。\n",
        "2024-03-12 09:14:02 ERROR: disk full\n  at one\n2024-03-12 09:14:03 ERROR: disk full\n  at two\n",
    ],
    ids=["log", "diary", "trace"],
)
def test_logs_and_diaries_are_no_chats(text: str) -> None:
    assert threads_of_text(text) is None


def test_what_is_no_message_is_counted() -> None:
    (thread,) = threads_of_text(WHATSAPP_EN) or pytest.fail("not recognised")
    assert dict(thread.lost) == {"service": 1, "no_text": 1}


@pytest.mark.parametrize(
    "text",
    ["", "Chapter 1\n\nOnce upon a time: a fox.\n" * 40, "10:30\nlunch\n12/31/20 is a day\n" * 20, "2020-12-31\n" * 9],
)
def test_ordinary_text_is_no_chat(text: str) -> None:
    assert threads_of_text(text) is None


@given(st.text(max_size=400))
def test_no_text_breaks_the_look(text: str) -> None:
    threads_of_text(text)


TELEGRAM_HTML = """<html><body><div class="history">
<div class="message default clearfix" id="m1"><div class="body">
<div class="pull_right date details" title="31.12.2024 23:59:59 UTC+08:00">
23:59</div><div class="from_name">Ann</div><div class="text">One<br>two</div></div></div>
<div class="message default clearfix joined" id="m2"><div class="body">
<div class="pull_right date details" title="01.01.2025 00:00:10 UTC+08:00">
00:00</div><div class="text">three</div></div></div></div></body></html>"""
WECHAT_HTML = """<html><script>
const chatMessages = [{"wxid": "wxid_1", "nickname": "小李", "content": "吃了吗", "timestamp": 1704103260},
{"wxid": "wxid_2", "nickname": "小张", "content": "吃了", "timestamp": 1704103320}];
render(chatMessages);</script></html>"""
DISCORD_HTML = """<html><body><div class="chatlog"><div class="chatlog__message-group">
<span class="chatlog__author" title="ann#1" data-user-id="77">Ann</span>
<span class="chatlog__timestamp" title="2024-01-01 10:00">10:00</span>
<div class="chatlog__content">hi</div><div class="chatlog__content">there</div></div></div>
<script>"chatlog__message"</script></body></html>"""


@pytest.mark.parametrize(
    ("page", "form", "expected"),
    [
        (TELEGRAM_HTML, "telegram", [("Ann", "One\ntwo", "2024-12-31"), ("Ann", "three", "2025-01-01")]),
        (WECHAT_HTML, "chat", [("wxid_1", "吃了吗", "2024-01-01"), ("wxid_2", "吃了", "2024-01-01")]),
        (DISCORD_HTML, "discord", [("77", "hi", "2024-01-01"), ("77", "there", "2024-01-01")]),
    ],
    ids=["telegram", "wechat", "discord"],
)
def test_chats_as_web_pages(tmp_path: Path, page: str, form: str, expected: list[tuple[str, str, str]]) -> None:
    (thread,) = threads_of(write(tmp_path, "messages.html", page)) or pytest.fail("not recognised")
    assert thread.form == form
    assert [(one.author, one.text, f"{one.at:%Y-%m-%d}" if one.at else "") for one in thread.messages] == expected


def test_tables_of_wechat_exporters(tmp_path: Path) -> None:
    table = "localId,Type,StrContent,StrTime,NickName,Sender\n1,1,吃了吗,2024-01-01 10:00:00,小李,wxid_1\n"
    (thread,) = threads_of(write(tmp_path, "messages.csv", table)) or pytest.fail("not recognised")
    assert [(one.author, one.text) for one in thread.messages] == [("wxid_1", "吃了吗")]
    assert threads_of(write(tmp_path, "other.csv", "text,label\na,b\n")) is None


@pytest.mark.parametrize(
    "content", ["{broken", "[" * 5000, '{"messages": [1]}', '{"chats": 5}', '{"participants": 1, "messages": {}}']
)
def test_damaged_json_is_left_to_the_readers(tmp_path: Path, content: str) -> None:
    assert not threads_of(write(tmp_path, "a.json", content))


def test_a_folder_mixes_chats_and_documents(tmp_path: Path, gather: Gather) -> None:
    folder = tmp_path / "mixed"
    write(folder, "chat.txt", WHATSAPP_ZH)
    write(folder, "essay.txt", "An essay about lighthouses.\n" * 5)
    write(folder, "rows.jsonl", '{"text": "row one", "license": "MIT", "date": "2020-01-02"}\nbroken\n')
    write(folder, ".hidden", "x")
    write(folder, "README.md", "---\nlicense: cc-by-4.0\n---\n# A card\n")
    made = gather(folder)
    by_text = {row["text"].split()[0]: row["licence"] for row in documents(made)}
    assert (by_text["row"], by_text["An"]) == ("MIT", "CC-BY-4.0")
    assert made.figures["licences"]["CC-BY-4.0"] >= 2, "a folder's data card names the licence of what says nothing"
    assert made.figures["lost"] == {"not_json": 1}
    assert made.figures["reasons"] == {"hidden": 1}
    again = gather(folder)
    assert again.figures == made.figures


def test_a_changed_file_is_taken_again(tmp_path: Path, gather: Gather) -> None:
    path = write(tmp_path, "a.txt", "first version of it")
    gather(path)
    write(tmp_path, "a.txt", "a second version of it")
    assert [row["text"] for row in documents(gather(path))] == ["a second version of it"]


def test_threads_in_any_order_come_out_by_time() -> None:
    config = ChatsConfig(authors="keep")
    late, early = Message("a", "late", None), Message("b", "early", None)
    thread = Thread("chat", "", (late, early))
    (piece,) = pieces_of(thread, config, Authors(config, b""), "s", "unknown")
    assert piece.text == "a: late\nb: early", "without times the order of the file stays"
