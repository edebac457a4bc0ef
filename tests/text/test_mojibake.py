"""Wrongly decoded text comes back, and good text, however odd, is never touched."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.text.wrongly import WAYS, utf8_as_cp1252

from hanlin.text.clean import normalise
from hanlin.text.config import NormaliseConfig
from hanlin.text.mojibake import Garbled, garbled, repaired

CHINESE = (
    "今天天气很好，我们一起去公园里走走。\n他说这是他第一次来北京，什么都想看一看。\n"
    "“你好吗？”她问道：“我们什么时候回去？”\n\n第二天早上，大家都起得很早。"
)
FRENCH = "Un café très fort, s’il vous plaît.\nL’été – c’est déjà fini…"


@pytest.mark.parametrize("way", WAYS)
def test_chinese_read_wrongly_comes_back(way: str) -> None:
    broken = WAYS[way](CHINESE)
    text, number = repaired(broken)
    wanted = CHINESE.encode("gb2312", "ignore").decode("gb2312") if way.startswith("GBK") else CHINESE
    assert number == 4
    if way == "UTF-8 read as GBK":  # a line of an odd number of bytes has lost its last character for good
        assert 1 <= text.count("\ufffd") <= 8
        rest = iter(wanted)
        assert all(letter in rest for letter in text.replace("\ufffd", ""))  # nothing but what was there, in its order
    else:
        assert text == wanted


def test_european_text_read_wrongly_comes_back() -> None:
    assert repaired(utf8_as_cp1252(FRENCH)) == (FRENCH, 2)


def test_a_line_among_good_ones_is_repaired_alone() -> None:
    broken = f"Good line: café.\n{utf8_as_cp1252('我们一起去公园里走走')}\n好的一行。"
    assert repaired(broken) == ("Good line: café.\n我们一起去公园里走走\n好的一行。", 1)


def test_what_is_lost_is_marked() -> None:
    broken = "你好吗".encode().decode("gb18030", "replace").replace("\ufffd", "?")
    assert broken == "浣犲ソ鍚?"
    assert repaired(broken)[0] == "你好\ufffd"


def test_what_one_line_proves_another_is_believed_on_less() -> None:
    short = "你好".encode().decode("gb18030")
    assert repaired(short) == (short, 0)
    long = "今天天气很好，我们一起去公园".encode().decode("gb18030")
    assert repaired(f"{long}\n{short}") == ("今天天气很好，我们一起去公园\n你好", 2)


@pytest.mark.parametrize(
    "text",
    [
        FRENCH, CHINESE, "«Été à Évian», «À»", "voilà\xa0»", "« un café…»", "ÄÖÜäöüß ÅÄÖåäö ÉÈÊ", "ÄÄÄÄÄÄÄÄÄÄ",
        "▀▀▀▀ ±±±± ÛÛÛÛ ßßßß", "浣熊住在浣水边，用浣衣的石头。", "鏄、銆、浣三个字很少见。", "锟斤拷烫烫烫屯屯屯",
        "Ðóttir Þórð ðý", "São Tomé, Ångström, naïve", "¿Qué? ¡Sí! «ñandú»", "Ñ°12, 3½×4¼", "Việt Nam đẹp",
        "今日は良い天気ですね。", "x² + y³ = z¼ ± 1°", "",
    ],
)  # fmt: skip
def test_good_text_is_not_touched(text: str) -> None:
    assert repaired(text) == (text, 0)


@given(st.text())
def test_any_text_survives_and_a_repair_is_final(text: str) -> None:
    once, number = repaired(text)
    assert (number > 0) == (once != text)
    assert once.count("\n") == text.count("\n")


def test_repairs_are_counted_with_all_that_is_evened_out() -> None:
    broken = utf8_as_cp1252(CHINESE)
    even = normalise(broken)
    assert (even.text, even.changes["mojibake"]) == (CHINESE, 4)
    assert "mojibake" not in normalise(broken, NormaliseConfig(mojibake=False)).changes


@pytest.mark.peer
@pytest.mark.parametrize("part", ["pretrain-zh", "pretrain-en", "langid"])
def test_no_line_of_good_collections_is_touched(test_data: Path, part: str) -> None:
    """The beginning of each; all 100 million characters of the test data: benchmarks/mojibake.py."""
    for path in sorted((test_data / part).glob("*.jsonl*")):
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().stream_reader(data).read(4 << 20)
        for line in islice(data.split(b"\n")[:-1], 60):
            text = json.loads(line)["text"]
            assert repaired(text) == (text, 0), path.name


@pytest.mark.parametrize("way", WAYS)
def test_where_a_text_is_garbled_and_what_it_means(way: str) -> None:
    """What the doctor shows is what a build will write."""
    line = CHINESE.partition("\n")[0]
    text = f"A good line.\n{WAYS[way](line)}\nAnother."
    found = garbled(text)
    assert found and (found.number, found.start) == (1, 13)
    assert text[found.start :].startswith(found.line) and repaired(text)[0].split("\n")[1] == found.meant
    assert found.meant[:4] == line[:4]


def test_what_nobody_can_read_again_is_told_without_a_meaning() -> None:
    assert garbled("好\n价格锟斤拷元") == Garbled(1, 2, "价格锟斤拷元", "")
    assert garbled("plain") is None and garbled(CHINESE) is None and garbled(FRENCH) is None
