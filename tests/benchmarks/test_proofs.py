"""The parts of the proofs that need no training: splits, baselines by hand, the roads not taken, the documents."""

from __future__ import annotations

import itertools
import json
import math
import re

import pytest
import torch
from benchmarks.proofs import render
from benchmarks.proofs.baselines import dictionary, lead, lead_length, lookup, marked, nearest_part, sentences_of
from benchmarks.proofs.measured import Figure, interval, table_lines
from benchmarks.proofs.roads import Cnn, Judge, Lstm, answers, bits_per_byte, learn_next, learn_task
from benchmarks.proofs.rows import Places, Question, Summary, part_of, split

PLACES = [
    Places("Ann Lee lives in Rome.", ((0, 7, "PERSON"), (17, 21, "GPE"))),
    Places("Rome is old.", ((0, 4, "GPE"),)),
]


def test_parts_go_by_key_in_the_shares_that_are_told():
    keys = [f"key {number}" for number in range(4000)]
    shares = {part: sum(part_of(key) == part for key in keys) / len(keys) for part in ("train", "choice", "test")}
    assert shares == pytest.approx({"train": 0.75, "choice": 0.05, "test": 0.2}, abs=0.02)
    parts = split((key, (key, number)) for key in keys[:50] for number in range(3))
    sides = [{key for key, _ in rows} for rows in (parts.train, parts.choice, parts.test)]
    assert not sides[0] & sides[2] and not sides[0] & sides[1], "rows of one key stay together"
    assert parts.train != sorted(parts.train, key=lambda row: keys.index(row[0])), "an even sample, not the first keys"


def test_lookup_finds_the_nearest_known_sentence():
    known = ["I like tea.", "He runs fast.", "It rains."]
    assert lookup(known, ["茶", "跑", "雨"], ["I like green tea.", "It rained."]) == ["茶", "雨"]
    assert lookup(["我喜欢茶", "下雨了"], ["tea", "rain"], ["下大雨了"]) == ["rain"]


def test_places_come_from_rules_and_from_the_longest_known_word():
    words = dictionary([*PLACES, Places("Rome Hotel", ((0, 10, "ORGANIZATION"),))])
    assert words == {"Ann Lee": "PERSON", "Rome": "GPE", "Rome Hotel": "ORGANIZATION"}
    text = "Write to x@y.org from Rome Hotel, Rome, not Romeo."
    found = {text[start:end]: kind for start, end, kind in marked(text, words)}
    assert found == {"x@y.org": "EMAIL_ADDRESS", "Rome Hotel": "ORGANIZATION", "Rome": "GPE"}


def test_the_nearest_sentence_and_the_part_that_was_not_asked():
    row = Question("长江有多长？", "黄河很短。长江全长，六千三百公里。泰山很高。", ("六千三百公里",), 10)
    assert nearest_part(row, is_whole_sentence=True) == "长江全长，六千三百公里。"
    assert nearest_part(row) == "六千三百公里"


def test_the_lead_is_as_long_as_a_usual_summary():
    document = "第一句话。第二句话。第三句话！"
    assert sentences_of(document) == ["第一句话。", "第二句话。", "第三句话！"]
    assert lead_length([Summary("", ("一二三四五六七八",)), Summary("", ("一二三四五六七八九",))]) == 8
    assert lead(document, 8) == "第一句话。 第二句话。"
    assert lead(document, 1) == "第一句话。"


def test_an_lstm_learns_a_cycle_and_says_its_bits():
    torch.manual_seed(0)
    model = Lstm(vocab_size=8, width=16, num_layers=1, dropout=0.0)
    stream = torch.tensor([1, 2, 3, 4, 5, 6, 7] * 60)
    untaught = bits_per_byte(model, [list(range(1, 8))], 6)
    assert untaught == pytest.approx(3, abs=1.5)
    ticks = itertools.count()
    assert learn_next(model, stream, seconds=60, rate=0.02, rows=8, length=14, clock=lambda: next(ticks)) == 59 * 8 * 14
    assert bits_per_byte(model, [list(range(1, 8))], 6) < untaught / 3


@pytest.mark.parametrize("kind", ["lstm", "cnn"])
def test_readers_learn_labels_and_numbers(kind):
    """Label: whether token 1 stands anywhere; number: the same of both sides."""
    torch.manual_seed(0)
    rows = [
        [1 if place == number % 3 else 3 + place for place in range(4)] if number % 2 else [2, 3, 4]
        for number in range(40)
    ]
    wanted = [number % 2 for number in range(40)]

    def reader():
        if kind == "lstm":
            return Lstm(vocab_size=8, width=12, num_layers=1, dropout=0.0)
        return Cnn(vocab_size=8, width=8, num_filters=6, dropout=0.0)

    judge = Judge(reader(), 2, dropout=0.0)
    learn_task(judge, [(row,) for row in rows], wanted, epochs=15, rate=0.02, rows=8)
    assert answers(judge, [(row,) for row in rows]).argmax(dim=1).tolist() == wanted
    pair = Judge(reader(), 1, is_pair=True, dropout=0.0)
    learn_task(pair, [(row, row) for row in rows], [float(one) for one in wanted], epochs=15, rate=0.02, rows=8)
    assert (answers(pair, [(row, row) for row in rows]).squeeze(1) > 0.5).tolist() == [one == 1 for one in wanted]


def test_an_interval_of_a_mean_is_that_of_the_normal_law():
    values = [0.0, 1.0] * 200
    low, high = interval(lambda rows: sum(values[row] for row in rows) / len(rows), len(values))
    assert (high - low) / 2 == pytest.approx(1.96 * 0.5 / math.sqrt(400), rel=0.1)


def test_documents_show_what_the_runs_left_and_nothing_else(tmp_path):
    figures = [Figure("zh", "lead", "ROUGE-1", 0.3, 0.2, 0.4), Figure("zh", "t5", "ROUGE-1", 0.25)]
    record = {
        "proof": "summaries", "is_whole": True, "date": "2026-11-22", "minutes": 15.0, "seconds": 3600,
        "command": "python -m benchmarks.proofs.summaries", "figures": [vars(one) for one in figures],
        "machine": {"processor": "P", "cores": 2, "threads": 2, "torch": "2"}, "notes": {"read": 384},
    }  # fmt: skip
    (tmp_path / "summaries.json").write_text(json.dumps(record))
    (tmp_path / "spans.json").write_text(json.dumps({**record, "proof": "spans", "is_whole": False}))
    (found,) = render.read(tmp_path)
    for lang in ("en", "zh"):
        section = render.proof(found, lang)
        assert "0.300 (0.200–0.400)" in section and "0.250" in section and "384" in section
        assert render.compared([found], lang) == render.WORDS["unmeasured"][lang]
    assert set(render.figures_of([found])["tables"]) == {"summaries/zh"}
    assert table_lines("zh", figures)[1] == "|---|---|"
    assert render.values_in(found) == {"zh_lead_ROUGE-1": "0.300", "zh_t5_ROUGE-1": "0.250"}


def test_every_proof_has_its_words_in_both_languages():
    for proof in render.ORDER:
        words = render.WORDS["proofs"][proof]
        for lang in ("en", "zh"):
            assert words["title"][lang] and words["text"][lang]
        for part in ("text", "reading") if "reading" in words else ("text",):
            en, zh = (set(re.findall(r"\{(\w+)\}", words[part][lang])) for lang in ("en", "zh"))
            assert en == zh, part


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_decision_table_in_the_docs_is_that_of_the_command(lang):
    page = (render.ROOT / "docs" / f"choosing{render.SUFFIX[lang]}").read_text(encoding="utf-8")
    assert "\n".join(render.ways_table(lang)) in page, "run python -m benchmarks.proofs.render"
