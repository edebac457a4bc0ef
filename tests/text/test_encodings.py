"""Finding the encoding of a file: proof first, likelihood after, and "no text" for what is none."""

from __future__ import annotations

import codecs
import json
import os
import random
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.encodings import decoded_stream, doubtful_part, encoding_of

SIMPLIFIED = "今天天气很好，我们一起去公园里走走。他说这是他第一次来北京，什么都想看一看。\n" * 4
TRADITIONAL = "寶玉聽了，不覺呆了一回，道：「這個話從那裡說起？我們去看看便知道了。」\n" * 4
ENGLISH = "It was the best of times, it was the worst of times.\n" * 4
FRENCH = "Le garçon a mangé des pâtes à la crème brûlée chez son frère aîné à Besançon.\n" * 4
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n" * 4
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 4


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ENGLISH, "utf-8"),
        (SIMPLIFIED, "utf-8"),
        (SIMPLIFIED, "utf-8-sig"),
        (SIMPLIFIED, "utf-16"),
        (SIMPLIFIED, "utf-32"),
        (SIMPLIFIED, "utf-16-le"),
        (SIMPLIFIED, "utf-16-be"),
        (ENGLISH, "utf-16-le"),
        (ENGLISH, "utf-16-be"),
        (SIMPLIFIED, "gb18030"),
        (SIMPLIFIED, "gbk"),
        (ENGLISH + SIMPLIFIED[:40], "gb18030"),
        (TRADITIONAL, "gb18030"),
        (TRADITIONAL, "big5"),
        ("春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。", "big5"),
        (FRENCH, "cp1252"),
        (RUSSIAN, "cp1251"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        ("hello", "utf-16-be"),
        ("hello", "utf-16-le"),
        ("你好，世界", "gb18030"),
        ("他用Python写了", "gb18030"),
        ("Herr Müller über Käse", "cp1252"),
    ],
)
def test_text_comes_back_from_its_encoding(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    found = encoding_of(data)
    assert found is not None
    assert data.decode(found) == text


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_the_mark_of_utf_16_decides_and_is_not_part_of_the_text(mark: bytes) -> None:
    coding = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
    data = mark + "好".encode(coding)
    assert data.decode(encoding_of(data) or "") == "好"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
        zlib.compress(os.urandom(100) + ENGLISH.encode() * 50) * 3,
        b"\x7fELF" + bytes(200),
        b"text" + bytes(60) + b"more",
        bytes(range(1, 32)) * 20,
        random.Random(1).randbytes(5000),
        random.Random(2).randbytes(5000).replace(b"\0", b"\1"),
    ],
)
def test_what_is_no_text_has_no_encoding(data: bytes) -> None:
    assert encoding_of(data) is None


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le"])
def test_a_head_cut_inside_a_character_is_still_known(encoding: str) -> None:
    data = SIMPLIFIED.encode(encoding)
    assert {encoding_of(data[:cut]) for cut in range(160, 170)} == {encoding}


def test_one_stray_byte_does_not_turn_chinese_into_something_else() -> None:
    """A chapter cut in the middle of a character, or with one damaged byte, is still UTF-8."""
    data = (SIMPLIFIED * 20).encode()
    for damaged in (data[:-2], data[:301] + b"\xff" + data[301:], data[:600] + data[601:]):
        assert encoding_of(damaged + b"\n") == "utf-8"


@given(text=st.text(st.characters(exclude_categories=["Cs"])), size=st.integers(1, 7))
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_a_stream_in_any_chunks_is_the_text(text: str, size: int, encoding: str) -> None:
    data = text.encode(encoding)
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert "".join(decoded_stream(chunks, encoding)) == text


@given(data=st.binary(max_size=40), size=st.integers(1, 7))
def test_bytes_that_are_not_allowed_are_replaced_and_the_rest_is_kept(data: bytes, size: int) -> None:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert "".join(decoded_stream(chunks, "utf-8")) == data.decode("utf-8", "replace")


def test_the_first_doubtful_part_of_a_long_file_is_found() -> None:
    english, chinese = (ENGLISH * 100).encode(), (SIMPLIFIED * 5).encode("gb18030")
    data = english + chinese
    for size in (1000, len(english), len(data)):
        part = doubtful_part(data[at : at + size] for at in range(0, len(data), size))
        assert part is not None
        assert encoding_of(part) == "gb18030"
    assert doubtful_part([english, SIMPLIFIED.encode()[:100], SIMPLIFIED.encode()[100:]]) is None


def test_a_cut_end_is_doubtful_only_where_the_file_ends() -> None:
    cut = SIMPLIFIED.encode()[:100]
    assert doubtful_part([cut]) is None
    assert doubtful_part([cut], final=True) is not None
    first, second = SIMPLIFIED.encode()[:100], SIMPLIFIED.encode()[100:]
    assert doubtful_part([first, b"", second, b""], final=True) is None  # unpacking yields nothing now and then


@pytest.mark.parametrize("length", [12, 20, 60])
@pytest.mark.parametrize("encoding", ["shift_jis", "cp932", "utf-16-le", "utf-16-be"])
def test_a_few_words_of_japanese_are_enough(encoding: str, length: int) -> None:
    """Short texts in Shift-JIS were once taken for UTF-16 in the wrong order, or for GB18030."""
    data = JAPANESE[:length].encode(encoding)
    assert data.decode(encoding_of(data) or "") == JAPANESE[:length]


def test_a_nul_among_much_text_is_damage_and_in_a_lump_no_text() -> None:
    assert encoding_of(SIMPLIFIED.encode() + b"\0" + ENGLISH.encode()) == "utf-8"
    assert encoding_of(ENGLISH.encode() + bytes(10)) is None


@pytest.mark.peer
def test_books_in_big5_are_told_from_gb18030(test_data: Path) -> None:
    """Every pair of bytes of Big5 is a character of GB18030 too; one in seven of these was taken for that."""
    data = zstandard.ZstdDecompressor().stream_reader((test_data / "pretrain-zh/novels-hant.jsonl.zst").read_bytes())
    texts = [json.loads(line)["text"] for line in data.read().split(b"\n") if line]
    heads = [(text[:size], name) for text in texts for size in (60, 3000) for name in ("big5", "gb18030")]
    right = sum(encoding_of(text.encode(name, "replace")) == name for text, name in heads)
    assert right >= 0.99 * len(heads)
