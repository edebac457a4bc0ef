"""BLEU, chrF and ROUGE against sacreBLEU and rouge-score where they are installed, and against counting by hand."""

from __future__ import annotations

import math
import random

import pytest

from hanlin.evaluate.overlap import bleu, chrf, rouge, rouge_units

ENGLISH = (
    ("The cat sat on the mat, at 3.5 o'clock.", ["The cat sat on the mat at 3.5 o'clock."]),
    ("It's &quot;fine&quot; - isn't it?", ['It is "fine", isn\'t it?', "It's fine - is it not?"]),
    ("no word in common", ["etwas ganz anderes hier"]),
    ("A well-known 10-year plan (2,000 people) costs $5.", ["The 10-year plan (of 2,000 people) cost $5."]),
)
CHINESE = (
    ("今天天气很好，我们去公园。", ["今天天气不错，我们去公园吧。"]),
    ("他在2008年学Python编程！", ["2008年他学习了 Python 编程。"]),
    ("一", ["二"]),
    ("完全不同的一句话", ["没有任何共同之处"]),
)
SETS = {"13a": ENGLISH, "zh": CHINESE}


def columns(rows):
    return [text for text, _ in rows], [known for _, known in rows]


@pytest.mark.parametrize("cut", ["13a", "zh"])
def test_bleu_and_chrf_are_those_of_sacrebleu(cut):
    metrics = pytest.importorskip("sacrebleu.metrics")
    generator = random.Random(4)
    for rows in (SETS[cut], SETS[cut][2:3], *([generator.choice(SETS[cut]) for _ in range(3)] for _ in range(20))):
        written, known = columns(rows)
        widest = max(map(len, known))
        streams = [[one[at] if at < len(one) else None for one in known] for at in range(widest)]
        theirs = metrics.BLEU(tokenize=cut).corpus_score(written, streams)
        ours = bleu(written, known, cut=cut)
        assert ours.score == pytest.approx(theirs.score, abs=1e-9)
        assert ours.precisions == pytest.approx(theirs.precisions, abs=1e-9) or not theirs.score
        assert (ours.brevity, ours.num_units) == pytest.approx((theirs.bp, theirs.sys_len))
        assert chrf(written, known) == pytest.approx(metrics.CHRF().corpus_score(written, streams).score, abs=1e-9)


def test_rouge_of_english_is_that_of_rouge_score():
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rouge1", "rouge2", "rougeL"])
    for text, known in ENGLISH:
        theirs, ours = scorer.score_multi(known, text), rouge([text], [known])
        assert ours.rouge1 == pytest.approx(theirs["rouge1"].fmeasure)
        assert ours.rouge2 == pytest.approx(theirs["rouge2"].fmeasure)
        assert ours.rouge_l == pytest.approx(theirs["rougeL"].fmeasure)


def test_bleu_counted_by_hand():
    """Of "a b c d e" beside "a b c d f": 4/5, 3/4, 2/3, 1/2 of the runs; as long, so no penalty."""
    found = bleu(["a b c d e"], [["a b c d f"]])
    assert found.precisions == pytest.approx((80, 75, 200 / 3, 50))
    assert found.score == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    short = bleu(["a b c d"], [["a b c d e f"]])
    assert short.score == pytest.approx(100 * math.exp(1 - 6 / 4))


def test_chrf_counted_by_hand():
    """ "abc" beside "abd": orders 1 to 3 match 2/3, 1/2, 0, the same both ways, so F is their mean."""
    assert chrf(["a b c"], [["abd"]]) == pytest.approx(100 * (2 / 3 + 1 / 2) / 3)


def test_rouge_of_chinese_counts_characters():
    assert rouge_units("GPT-4模型，3个") == ["gpt", "4", "模", "型", "3", "个"]
    found = rouge(["今天下雨"], [["今天不下雨"]])  # 4 of 4 and of 5; pairs 今天, 下雨 of 3 and of 4
    assert found.rouge1 == pytest.approx(8 / 9)
    assert found.rouge2 == pytest.approx(2 * 2 / 7)
    assert found.rouge_l == pytest.approx(8 / 9)


def test_nothing_written_scores_nothing():
    for text in ("", "，。"):
        assert bleu([text], [["一二三四"]], cut="zh").score == 0
        assert rouge([text], [["一二三四"]]).rouge_l == 0
    assert chrf([""], [["一二三四"]]) == 0


def test_texts_without_references_are_refused():
    with pytest.raises(ValueError, match="2 texts, 1 lists"):
        bleu(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="without a reference"):
        rouge(["a"], [[]])
