"""Scripts of characters, and the forms of Han characters that tell who writes so."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.scripts import count_scripts, script_of

NAMES = {
    "Latn": "LATIN", "Grek": "GREEK", "Cyrl": "CYRILLIC", "Armn": "ARMENIAN", "Hebr": "HEBREW", "Arab": "ARABIC",
    "Deva": "DEVANAGARI", "Beng": "BENGALI", "Guru": "GURMUKHI", "Gujr": "GUJARATI", "Orya": "ORIYA", "Taml": "TAMIL",
    "Telu": "TELUGU", "Knda": "KANNADA", "Mlym": "MALAYALAM", "Sinh": "SINHALA", "Thai": "THAI", "Laoo": "LAO",
    "Tibt": "TIBETAN", "Mymr": "MYANMAR", "Geor": "GEORGIAN", "Hang": "HANGUL", "Ethi": "ETHIOPIC", "Khmr": "KHMER",
    "Mong": "MONGOLIAN", "Hira": "HIRAGANA", "Kana": "KATAKANA", "Hani": "CJK",
}  # fmt: skip


def test_letters_belong_to_the_script_that_unicode_names() -> None:
    """The first word of a letter's Unicode name is its script; the table was written from the charts of blocks."""
    for code in (*range(0x41, 0x1100), *range(0x1200, 0x1380), *range(0x1780, 0x1800), *range(0x1E00, 0x2000)):
        sign = chr(code)
        if unicodedata.category(sign) in ("Ll", "Lu", "Lo") and script_of(sign) != "Zyyy":
            name = unicodedata.name(sign)
            ours = NAMES[script_of(sign)]
            assert ours in name or (ours == "GREEK" and "COPTIC" in name) or "ORDINAL" in name, name


def test_hardly_a_letter_is_left_out() -> None:
    """Of some 4,000 letters those few are not in the table that Unicode added for transcriptions and old prints."""
    first = {name.split()[0] for name in NAMES.values()}
    left_out = [
        chr(code)
        for code in range(0x41, 0x3100)
        if unicodedata.category(chr(code)) in ("Ll", "Lu", "Lo")
        and unicodedata.name(chr(code)).split()[0] in first
        and script_of(chr(code)) == "Zyyy"
    ]
    assert len(left_out) < 350, left_out


@pytest.mark.parametrize("sign", ["1", "１", " ", "。", "，", "-", "😀", "\n", "€", "\u200b", "々"])
def test_signs_belong_to_no_script(sign: str) -> None:
    assert script_of(sign) == ("Hani" if sign == "々" else "Zyyy")


def test_forms_of_han_characters() -> None:
    counts = count_scripts("国书体东汉龙")
    assert (counts.simplified, counts.traditional) == (6, 0)
    counts = count_scripts("國書體東漢龍裡為")
    assert (counts.simplified, counts.traditional) == (0, 8)
    counts = count_scripts("図気駅円売")
    assert counts.japanese == 5 and counts.foreign_to_japanese == 0
    counts = count_scripts("人山水大小中")
    assert counts.simplified == counts.traditional == counts.japanese == counts.cantonese == 0
    assert count_scripts("佢哋喺度嘅").cantonese == 4


@given(st.text(max_size=80))
def test_every_letter_is_counted_once(text: str) -> None:
    counts = count_scripts(text)
    assert sum(counts.letters.values()) == sum(script_of(sign) != "Zyyy" for sign in text)
    assert counts.simplified + counts.traditional <= counts["Hani"]
    assert counts.foreign_to_japanese <= counts["Hani"], "forms that Japanese has not, and spoken words such as 你"
