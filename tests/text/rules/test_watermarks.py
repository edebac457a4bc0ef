"""Watermarks are found by their disguises, whatever site they praise; what people write is left alone."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import zstandard

from hanlin.text.rules import watermarks
from hanlin.text.rules.watermarks import WatermarkFinder, Watermarks, many_spellings, stretches_of, watermarks_of

PROSE = "他慢慢地走回家去，一路上想着白天的事情，谁也没有说话。"
MARKS = "*.-~/|+`'，。_ !"


def disguised(words: str, draw: random.Random) -> str:
    """A watermark as copying sites write it: other widths, other cases, marks between letters."""
    letters = []
    for letter in words:
        if letter.isascii() and draw.random() < 0.3:
            letter = chr(ord(letter) + 0xFEE0)
        letters.append(draw.choice([letter, letter.upper()]) + (draw.choice(MARKS) if draw.random() < 0.5 else ""))
    return "".join(letters)


def cleaned(texts: list[str], **settings: int) -> tuple[list[str], list[str]]:
    finder = WatermarkFinder(**settings)
    for text in texts:
        finder.learn(text)
    marks = finder.found()
    pairs = [marks.remove(text) for text in texts]
    return [text for text, _ in pairs], [line for _, removed in pairs for line in removed]


@pytest.mark.parametrize("words", ["bookheavencom", "最新章节请到书海阁", "wwwnovelsnet小说天堂"])
def test_a_watermark_never_seen_before_is_found_in_all_its_spellings(words: str) -> None:
    draw = random.Random(words)
    texts = [f"{PROSE}{n}\n{disguised(words, draw)}\n{PROSE}" for n in range(60)]
    after, removed = cleaned(texts)
    assert after == [f"{PROSE}{n}\n{PROSE}" for n in range(60)]
    assert len(removed) == 60 and len(set(removed)) > 50


def test_inside_a_line_only_the_watermark_goes() -> None:
    draw = random.Random(3)
    proses = ["".join(chr(draw.randrange(0x4E00, 0x4F00)) for _ in range(40)) for _ in range(80)]
    pairs = list(zip(proses[::2], proses[1::2], strict=True))
    after, removed = cleaned([f"{before}。{disguised('bookheavencom', draw)}{behind}。" for before, behind in pairs])
    assert len(removed) == 40
    for text, (before, behind) in zip(after, pairs, strict=True):
        assert text.startswith(f"{before}。") and text.endswith(f"{behind}。")
        assert len(text) <= 82 + len(". "), "a mark behind the last letter may stay"


def test_the_plain_spelling_goes_too_once_the_disguises_gave_it_away() -> None:
    draw = random.Random(4)
    texts = [f"{PROSE}\n{disguised('bookheavencom', draw)}" for _ in range(30)] + [f"{PROSE}\nwww.bookheaven.com"]
    assert cleaned(texts)[0][-1] == PROSE


def test_look_alikes_of_other_alphabets_are_seen_through() -> None:
    spellings = ["sc\u043epes.n\u0435t", "\u0455copes.net", "sco\u0440es.net", "s\u0441opes.n\u0435t"]
    spellings += ["scop\u0435s.net", "\u0455\u0441\u043e\u0440\u0435s.net"]
    after, removed = cleaned([f"{PROSE}\nread more at {one}\n{PROSE}" for one in spellings])
    assert len(removed) == 6
    assert all("net" not in text for text in after)


@pytest.mark.parametrize(
    "line",
    [
        "第{n}章", "See also", "**See also**:", "return x", "1、甲；2、乙；3、丙；", "a, b, c", "x + y = z", "- - -",
        "for (int i = 0; i < n; i++) {{", "$x_{n}^2 + y^2$", "床前明月光，疑是地上霜。", "| 甲 | 乙 | 丙 |", "U. S. A.",
    ],
)  # fmt: skip
def test_lines_that_recur_in_honest_spellings_stay(line: str) -> None:
    texts = [f"{PROSE}\n{line.format(n=n)}\n{PROSE}" for n in range(60)]
    assert cleaned(texts) == (texts, [])


@pytest.mark.parametrize("items", ["春夏秋冬", "上下左右", "ABCDEFGH", "WASDQERF"])
def test_a_list_stays_however_its_items_are_set_apart(items: str) -> None:
    """春/夏/秋/冬, 春|夏|秋|冬, 春-夏-秋-冬: five authors made a watermark of the seasons, and they went everywhere."""
    texts = [f"讲到：{mark.join(items)} 为止。" for mark in ("/", "|", "-", "+", "&", " / ", ", ", ". ")]
    texts += [items]
    assert cleaned(texts) == (texts, [])


@pytest.mark.parametrize("term", ["TNFα{}expression", "10 kΩ{}resistors", "3 μm{}thickness"])
def test_a_term_with_a_greek_letter_stays_whatever_stands_behind_it(term: str) -> None:
    texts = [f"The {term.format(mark)} rose." for mark in (" ", ", ", "-", " (", "/", "; ", ": ")]
    texts += [text.title() for text in texts]
    assert cleaned(texts) == (texts, [])


def test_the_same_formula_in_the_spellings_of_many_authors_stays() -> None:
    draw = random.Random(5)
    spellings = [
        "x^2+y^2=z^2",
        "x^{2} + y^{2} = z^{2}",
        "x ^ 2 + y ^ 2 = z ^ 2",
        "\\frac{a}{b}\\cdot c",
        "p->left->right",
    ]
    texts = [f"{PROSE}\n{draw.choice(spellings)} {draw.choice(spellings)}" for _ in range(80)]
    assert cleaned(texts) == (texts, [])


def test_too_few_spellings_prove_nothing() -> None:
    draw = random.Random(6)
    texts = [f"{PROSE}\n{disguised('bookheavencom', draw)}" for _ in range(6)]
    assert cleaned(texts, least_spellings=30)[1] == []
    assert Watermarks(frozenset()).remove(texts[0]) == (texts[0], [])


@pytest.mark.parametrize("at_hand", [2, 1 << 15])
def test_what_is_learned_apart_is_what_is_learned_together(at_hand: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pieces of a corpus do it: the spellings of each by way of the disk, none of which tells enough."""
    draw = random.Random(8)
    texts = [f"{PROSE}\n{disguised('bookheavencom', draw)}\n{disguised('小说天堂书海阁', draw)}" for _ in range(40)]
    together = WatermarkFinder()
    for text in texts:
        together.learn(text)
    expected = together.found().stretches
    monkeypatch.setattr(watermarks, "MOST_AT_HAND", at_hand)
    apart = [WatermarkFinder() for _ in range(20)]
    for number, text in enumerate(texts):
        apart[number % 20].learn(text)
    records = np.concatenate([finder.records() for finder in apart])
    assert not any(finder.found().stretches for finder in apart)
    assert watermarks_of(many_spellings(records, 5)).stretches == expected != frozenset()
    assert watermarks_of(many_spellings(records[:0], 5)).stretches == frozenset()


def test_a_phrase_that_is_disguised_now_and_then_is_no_watermark() -> None:
    """Five spellings of "from end to end" are no wonder in much text, where it stands plainly many times as often."""
    finder = WatermarkFinder()
    for mark in "-/*~+|":
        for other in "-/":
            finder.learn(f"a b c from{mark}end{other}to{mark}end{PROSE}")
    found = many_spellings(finder.records(), 5)
    assert "fromendt" in stretches_of(found)
    disguised = found[:, watermarks.LETTERS]
    seldom = np.full(len(found), 12, np.uint64)  # in one of sixteen documents: 192 in all, of which 12 are disguised
    assert watermarks_of(found, seldom).stretches == frozenset()
    often = np.maximum(disguised // np.uint64(16), np.uint64(1))
    assert watermarks_of(found, often).stretches == watermarks_of(found).stretches != frozenset()


@pytest.mark.parametrize(
    "hostile", ["Ａa" * 100_000, "a b c " * 60_000, "中*文*" * 60_000, "aа" * 100_000, "a.b.c\n" * 60_000]
)
def test_hostile_texts_come_to_an_end(hostile: str) -> None:
    after, _ = cleaned([hostile] * 2)
    assert len(after) == 2


@pytest.mark.peer
def test_a_real_watermark_in_315_spellings(test_data: Path) -> None:
    """351 lines of a copying site in public-domain prose (pretrain-zh/modern-messy), and none in honest texts."""

    def texts_of(name: str) -> list[str]:
        packed = (test_data / name).read_bytes()
        rows = zstandard.ZstdDecompressor().stream_reader(packed).read().split(b"\n")
        return [json.loads(row)["text"] for row in rows if row]

    messy = texts_of("pretrain-zh/modern-messy.jsonl.zst")
    after, removed = cleaned(messy)
    letters = ["".join(filter(str.isalpha, line.lower())) for text in after for line in text.split("\n")]
    assert 350 <= len(removed) <= 360
    assert not [line for line in letters if "xiaoshuotxt" in line or "小说天堂" in line]
    assert sum(map(len, messy)) - sum(map(len, after)) < 50 * len(removed), "nothing but the lines themselves"
    for name in (
        "pretrain-zh/oiwiki",
        "pretrain-zh/poetry",
        "pretrain-zh/pydocs",
        "pretrain-en/learnx",
        "pretrain-zh/d2l",
    ):
        assert cleaned(texts_of(f"{name}.jsonl.zst"))[1] == [], name
