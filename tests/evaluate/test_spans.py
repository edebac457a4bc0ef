"""Entities and answers by rules written out as cases (seqeval's strict IOB2, SQuAD's script)."""

from __future__ import annotations

import pytest

from hanlin.evaluate.spans import answer_scores, plain, score_answers, score_spans, spans_of_tags, words

TAGS = {
    "B-PER I-PER O": [(0, 2, "PER")],
    "O I-PER I-PER": [],  # nothing begins it
    "B-PER I-LOC": [(0, 1, "PER")],  # another label goes on with nothing
    "B-PER B-PER I-PER": [(0, 1, "PER"), (1, 3, "PER")],
    "B-PER O I-PER": [(0, 1, "PER")],
    "B-A-B I-A-B": [(0, 2, "A-B")],
    "O O": [],
    "": [],
}


@pytest.mark.parametrize("tags", TAGS)
def test_tags_are_entities_by_the_strict_rule(tags):
    assert spans_of_tags(tags.split()) == TAGS[tags]


def test_an_entity_counts_only_whole_and_with_its_label():
    true = [[(0, 2, "PER"), (4, 6, "LOC")], [(1, 2, "PER")], []]
    said = [[(0, 2, "PER"), (4, 5, "LOC")], [(1, 2, "LOC")], [(0, 1, "PER")]]
    found = score_spans(true, said)
    values = {name: one.value for name, one in found.figures.items()}
    assert values == {"precision": pytest.approx(1 / 4), "recall": pytest.approx(1 / 3), "f1": pytest.approx(2 / 7)}
    assert found.by_label["PER"] == (pytest.approx(1 / 2), pytest.approx(1 / 2), pytest.approx(1 / 2), 2)
    assert found.by_label["LOC"] == (0.0, 0.0, 0.0, 1)


ANSWERS = [
    ("The Eiffel Tower!", ["eiffel tower"], 1.0, 1.0),
    ("Eiffel Tower in Paris", ["Eiffel Tower"], 0.0, 2 / 3),
    ("北京大学", ["北京"], 0.0, 2 / 3),
    ("“北京”。", ["北京"], 1.0, 1.0),
    ("1998年", ["1998 年"], 0.0, 1.0),
    ("", [], 1.0, 1.0),
    ("something", [], 0.0, 0.0),
    ("", ["something"], 0.0, 0.0),
    ("b", ["a c", "b"], 1.0, 1.0),
]


@pytest.mark.parametrize(("said", "right", "exact", "overlap"), ANSWERS)
def test_answers_by_cases(said, right, exact, overlap):
    assert answer_scores(said, right) == (exact, pytest.approx(overlap))


def test_words_of_both_languages():
    assert plain("  The  Cat, a dog. ") == "cat dog"
    assert words("用Python写 code") == ["用", "python", "写", "code"]


def test_chance_is_silence():
    found = score_answers(["x", ""], [["x"], []])
    assert (found.figures["exact_match"].value, found.figures["exact_match"].chance) == (1.0, 0.5)
