"""Wrong decodings are told from right text, in both directions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import zstandard

from hanlin.text.doctor.mojibake import mojibake_in

CHINESE = "今天的会议决定，大桥必须在冬天以前修好，因为工程师都提到了洪水的危险。"
WESTERN = "“Où est le café de l’été ?” – demanda-t-elle, déjà fatiguée de la fête à Nîmes."


@pytest.mark.parametrize(
    ("text", "written", "read"),
    [
        (CHINESE, "utf-8", "latin-1"),
        (CHINESE, "utf-8", "cp1252"),
        (CHINESE, "utf-8", "gb18030"),
        (CHINESE, "gb18030", "latin-1"),
        (WESTERN, "utf-8", "latin-1"),
        (WESTERN, "utf-8", "cp1252"),
    ],
)
def test_a_wrong_decoding_is_seen(text: str, written: str, read: str) -> None:
    garbled = "Title\n" + text.encode(written).decode(read, "replace")
    number, at = mojibake_in(garbled)
    assert number and at >= 6


@pytest.mark.parametrize(
    "text",
    ["", CHINESE, WESTERN, "Русский текст без ошибок, совсем обычный.", "日本語の文章です。", "naïve café Ångström",
     "\xa0" * 40, "£5 ± 2° — ½ cup", "模式 目录 状态 停止 前缀 学习 系统", "é",
     "x² ≤ 4µ", "İstanbul'da çok güzel bir gün"],
)  # fmt: skip
def test_right_text_is_left_alone(text: str) -> None:
    assert mojibake_in(text) == (0, 0)


def test_what_is_never_chance() -> None:
    assert mojibake_in("价格锟斤拷元")[0] == 1


@pytest.mark.peer
def test_good_text_holds_none(test_data: Path) -> None:
    """Not one of the shared texts, in two dozen languages, is taken for garbled."""
    for path in [*test_data.glob("pretrain-zh/*.zst"), *test_data.glob("langid/*.jsonl")]:
        data = path.read_bytes()
        data = zstandard.ZstdDecompressor().stream_reader(data).read() if path.suffix == ".zst" else data
        for line in filter(None, data.split(b"\n")):
            text = json.loads(line)["text"]
            assert not mojibake_in(text)[0], text[mojibake_in(text)[1] :][:60]
