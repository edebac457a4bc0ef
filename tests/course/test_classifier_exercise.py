"""The checker of exercise 2: the right solution passes, every usual mistake is told by its own name."""

from __future__ import annotations

import pytest
import torch
from tests.course.solutions import changed, module_of, solved

from hanlin.course import check_classifier as whole_check
from hanlin.course.classifier_exercise import check_build, check_evaluate, check_prepare, check_split, train_findings
from hanlin.course.practice import LABELS, labelled_reviews, pretrain_encoder

SPLIT = {
    "split_leak": ("texts = sorted({text for text, _ in rows})", "return rows[:80], rows[80:]\n    texts = []"),
    "split_by_label": ("random.Random(0).shuffle(texts)", "texts = list(dict.fromkeys(text for text, _ in rows))"),
    "split_lost": ("return train, validation", "return train[10:], validation"),
    "split_empty": ("int(len(texts) * share)", "int(share)"),
    "split_share": ("int(len(texts) * share)", "int(len(texts) * (1 - share))"),
    "split_kind": ("return train, validation", "return train"),
}
PREPARE = {
    "labels_mixed_up": ("for _, label in part])", "for _, label in sorted(part)])"),
    "padding_marked_real": ('{**batch, "labels"', '{**batch, "attention_mask": batch["input_ids"] * 0 + 1, "labels"'),
    "texts_lost": ("return batches\n", "return [{n: x[:1] for n, x in b.items()} for b in batches]\n"),
    "batch_kind": ('{**batch, "labels"', '{"labels"'),
    "batch_shapes": ("for _, label in part])", "for _, label in part]).float()"),
    "no_cls": ("batch = preprocess([text for text, _ in part])", "batch = ends_cut(preprocess, part)"),
}
BUILD = {
    "not_pretrained": ("TaskSpecificModel(base_model, num_labels)", "TaskSpecificModel(fresh(base_model), num_labels)"),
    "frozen": ("return TaskSpecific", "base_model.requires_grad_(False)\n    return TaskSpecific"),
    "softmax_in_model": (
        "TaskSpecificModel(base_model, num_labels)",
        "softened(TaskSpecificModel(base_model, num_labels))",
    ),
    "shape": ("(base_model, num_labels)\n\n", "(base_model, 2)\n\n"),
    "no_module": ("return TaskSpecificModel(base_model, num_labels)", "return None"),
}
TRAIN = {
    "gradients_kept": ("    optimizer.zero_grad()\n", ""),
    "no_step": ("    optimizer.step()\n", ""),
    "mask_not_given": ('model(batch["input_ids"], batch["attention_mask"])', 'model(batch["input_ids"], None)'),
    "softmax_before_loss": ("cross_entropy(logits, batch", "cross_entropy(logits.softmax(1), batch"),
    "uphill": ("loss.backward()", "(-loss).backward()"),
    "loss_no_number": ("return loss.item()", "return loss"),
    "loss_other": ("return loss.item()", "return loss.item() * 2"),
}  # fmt: skip
EVALUATE = {
    "dropout_on": ("    model.eval()\n", ""),
    "accuracy": ("argmax(dim=1)", "argmin(dim=1)"),
    "mean_of_batches": (
        "accuracy = (predicted == true).float().mean()",
        "accuracy = sum((p == t).float().mean() for p, t in zip(predicted.split(5), true.split(5))) / 2",
    ),
    "f1_is_accuracy": ("(sum(f1) / len(f1)).item()", "accuracy.item()"),
    "f1_weighted": (
        "(sum(f1) / len(f1)).item()",
        "float(sum(f * (true == n).sum() for n, f in enumerate(f1)) / len(true))",
    ),
    "f1_label_left_out": (
        "(sum(f1) / len(f1)).item()",
        "float(sum(f1) / len(set(predicted.tolist())))",
    ),
    "f1_not_a_number": ("(sum(f1) / len(f1)).item()", "float('nan')"),
    "f1": ("(sum(f1) / len(f1)).item()", "sum(f1).item()"),
    "scores_kind": ('"macro_f1": (sum', '"f1": (sum'),
    "evaluation_trains": ("    model.eval()\n", "    model.eval()\n    model.table.data *= 0.9\n"),
}
EXTRA = """
import copy


def fresh(encoder):
    other = copy.deepcopy(encoder)
    for parameter in other.parameters():
        parameter.data.normal_()
    return other


def softened(model):
    inner = model.forward
    model.forward = lambda ids, mask=None: inner(ids, mask).softmax(dim=1)
    return model


def ends_cut(preprocess, part):
    rows = [preprocess.encode(text)[1:-1] for text, _ in part]
    longest = max(map(len, rows))
    return {
        "input_ids": torch.tensor([row + [preprocess.pad_id] * (longest - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
    }
"""


@pytest.fixture(scope="module")
def pretrained():
    return pretrain_encoder([text for text, _ in labelled_reviews(60)], epochs=1, d_model=16, num_layers=1)


def student(change):
    return module_of(changed("2", *change) + EXTRA)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_right_solution_of_either_skeleton_passes(language):
    findings = whole_check(module_of(solved("2", language)))
    assert [str(f) for f in findings if not f.is_right] == []
    assert [f.step for f in findings] == [
        "split", "prepare", "build", "train_step", "train_loss", "evaluate", "whole"
    ]  # fmt: skip


@pytest.mark.parametrize(("mistake", "change"), SPLIT.items())
def test_a_split_that_is_none(mistake, change, lang):
    assert said(check_split(student(change).split)) == mistake


@pytest.mark.parametrize(("mistake", "change"), PREPARE.items())
def test_batches_that_are_not_what_was_given(mistake, change, lang, pretrained):
    assert said(check_prepare(student(change).prepare, pretrained[1])) == mistake


@pytest.mark.parametrize(("mistake", "change"), BUILD.items())
def test_a_model_that_does_not_stand_on_the_encoder(mistake, change, lang, pretrained):
    assert said(check_build(student(change).build, pretrained[0])) == mistake


@pytest.mark.parametrize(("mistake", "change"), TRAIN.items())
def test_a_step_that_goes_elsewhere(mistake, change, lang):
    findings = list(train_findings(student(change).train_step))
    assert said(next(finding for finding in findings if not finding.is_right)) == mistake


@pytest.mark.parametrize(("mistake", "change"), EVALUATE.items())
def test_scores_that_are_others(mistake, change, lang):
    assert said(check_evaluate(student(change).evaluate)) == mistake


def said(finding):
    """The mistake, once its sentence has been made."""
    assert len(str(finding).splitlines()) == 2, "a step and a hint"
    return finding.mistake


def test_what_is_missing_or_not_written_is_said_to_be(lang):
    (finding,) = whole_check(module_of("split = prepare = None"))
    assert finding.mistake == "missing"
    assert "train_step" in str(finding)
    assert whole_check(module_of(solved("2", lang, num_parts=0)))[-1].mistake == "todo"


def test_a_classifier_that_learns_nothing_is_not_passed(monkeypatch):
    """All five functions are right, and what they are given to learn from is not."""
    code = module_of(solved("2"))
    right, calls = code.prepare, []

    def forgetful(rows, preprocess, labels):
        calls.append(len(rows))
        batches = right(rows, preprocess, labels)
        if len(rows) > 100:
            for batch in batches:
                batch["labels"] = torch.zeros_like(batch["labels"])
        return batches

    code.prepare = forgetful
    finding = whole_check(code)[-1]
    assert (finding.step, finding.mistake) == ("whole", "no_better_than_chance")
    assert max(calls) > 100


def test_reviews_have_their_labels_in_turn_and_held_out_ones_are_new():
    rows, held_out = labelled_reviews(60), labelled_reviews(60, held_out=True)
    assert [label for _, label in rows[:3]] == list(LABELS)
    assert not {text for text, _ in rows} & {text for text, _ in held_out}
    assert labelled_reviews(5) == labelled_reviews(5) != labelled_reviews(5, seed=1)
