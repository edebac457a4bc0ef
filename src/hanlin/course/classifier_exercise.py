"""The checker of exercise 2: split, load, prepare, build, train, evaluate a classifier on a pre-trained encoder."""

from __future__ import annotations

import copy
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.base.errors import InputError, UsageError
from hanlin.base.messages import Language, language
from hanlin.bundle.bundle import Bundle, load_bundle
from hanlin.course.findings import Finding, attempt, diagnose
from hanlin.course.practice import LABELS, Row, labelled_reviews
from hanlin.course.pretrained import Base, choose_base
from hanlin.course.texts import TextPreprocessor
from hanlin.course.training import Batch, Scores, evaluate_model

NAMES = ("split", "load_model", "prepare", "build", "train_step", "evaluate")
BETTER_THAN_CHANCE = 0.5
"""Accuracy that the whole has to reach on three labels that occur equally often: chance is 0.33, and right solutions of
four seeds reached 0.67 to 0.75 (48 texts)."""


def check_classifier(module: Any) -> list[Finding]:
    """Findings for the six functions of a student's module, up to the first that is wrong.

    The encoder is the one that the module's MODEL names, else what `choose_base` finds; LANG is that of the reviews.
    """
    found = []
    for finding in _steps(module):
        found.append(finding)
        if not finding.is_right:
            break
    return found


def _steps(module: Any) -> Iterator[Finding]:
    missing = [name for name in NAMES if not hasattr(module, name)]
    if missing:
        yield Finding("names", "missing", {"names": ", ".join(missing)})
        return
    yield check_split(module.split)
    base = choose_base(getattr(module, "MODEL", ""), lang=_lang(module))
    bundle, preprocess = _opened(base.folder)
    yield check_load(module.load_model, bundle, preprocess)
    yield check_prepare(module.prepare, preprocess)
    yield check_build(module.build, bundle.model)
    yield from train_findings(module.train_step)
    yield check_evaluate(module.evaluate)
    yield attempt("whole", lambda: _whole(module, base, bundle.model, preprocess))


def _lang(module: Any) -> Language:
    """Raises UsageError E824 for a language in which there are no reviews."""
    lang: Language = getattr(module, "LANG", language())
    if lang not in ("zh", "en"):
        raise UsageError("course.language_unknown", language=lang)
    return lang


@functools.cache
def _opened(folder: Path) -> tuple[Bundle, TextPreprocessor]:
    """Once for all files that a teacher checks; in float32. Raises InputError E825 without a tokenizer."""
    bundle = load_bundle(folder)
    if bundle.tokenizer is None:
        raise InputError("course.no_vocabulary", folder=folder)
    return bundle, TextPreprocessor(bundle.tokenizer, max_length=bundle.config.max_seq_len)


# Data -----------------------------------------------------------------------------------------------------------------


def check_split(split: Callable[..., Any]) -> Finding:
    """On rows sorted by label, a tenth of them twice: nothing is lost, no text is in both parts, all labels in each."""
    rows = sorted(labelled_reviews(90, seed=2), key=lambda row: row[1])
    rows = sorted(rows + rows[::10], key=lambda row: row[1])
    parts = attempt("split", lambda: split(list(rows)))
    if isinstance(parts, Finding):
        return parts
    if not isinstance(parts, tuple | list) or len(parts) != 2:
        return Finding("split", "split_kind")
    train, validation = ([tuple(row) for row in part] for part in parts)
    if not train or not validation:
        return Finding("split", "split_empty")
    if {text for text, _ in train} & {text for text, _ in validation}:
        return Finding("split", "split_leak")
    if set(train) | set(validation) != set(rows):
        return Finding("split", "split_lost")
    for part in (train, validation):
        if {label for _, label in part} != set(LABELS):
            return Finding("split", "split_by_label", {"labels": ", ".join(sorted({label for _, label in part}))})
    share = len(validation) / (len(train) + len(validation))
    return Finding("split") if share <= 0.5 else Finding("split", "split_share", {"share": f"{share:.0%}"})


def check_prepare(prepare: Callable[..., Any], preprocess: TextPreprocessor) -> Finding:
    """Every text with its own label, numbered by LABELS, padding hidden."""
    rows = [("好", "positive"), ("服务太差了，再也不来", "negative"), ("还行", "neutral"), ("很好", "positive")]
    batches = attempt("prepare", lambda: list(prepare(rows, preprocess, LABELS)))
    if isinstance(batches, Finding):
        return batches
    wanted = ("input_ids", "attention_mask", "labels")
    if not batches or any(name not in batch for batch in batches for name in wanted):
        return Finding("prepare", "batch_kind")
    pairs: Counter[tuple[tuple[int, ...], int]] = Counter()
    for batch in batches:
        ids, real, labels = (batch[name] for name in wanted)
        if ids.shape != real.shape or len(labels) != len(ids) or labels.is_floating_point():
            return Finding("prepare", "batch_shapes", {"shapes": [tuple(part.shape) for part in (ids, real, labels)]})
        padding = ids == preprocess.pad_id
        if bool((real.bool() & padding).any()):
            return Finding("prepare", "padding_marked_real")
        pairs.update((tuple(row[kept.bool()].tolist()), int(n)) for row, kept, n in zip(ids, real, labels, strict=True))
    return _judged_pairs(pairs, rows, preprocess)


def _judged_pairs(
    pairs: Mapping[tuple[tuple[int, ...], int], int], rows: Sequence[Row], preprocess: TextPreprocessor
) -> Finding:
    """Whether each row's ids stand beside the number of its label."""
    right = Counter((tuple(preprocess.encode(text)), LABELS.index(label)) for text, label in rows)
    if pairs == right:
        return Finding("prepare")
    texts, expected = Counter(ids for ids, _ in pairs), Counter(ids for ids, _ in right)
    if Counter((ids[1:-1], label) for ids, label in right) == Counter(pairs):
        return Finding("prepare", "no_cls")
    if texts != expected:
        return Finding("prepare", "texts_lost", {"num_texts": sum(pairs.values()), "expected": len(rows)})
    return Finding("prepare", "labels_mixed_up", {"labels": ", ".join(LABELS)})


# Model ----------------------------------------------------------------------------------------------------------------


def check_load(load_model: Callable[..., Any], bundle: Bundle, right: TextPreprocessor) -> Finding:
    """The weights of the folder, in float32, and a preprocessor that goes by its vocabulary and no longer than it."""
    got = attempt("load", lambda: load_model(bundle.path))
    if isinstance(got, Finding):
        return got
    if not isinstance(got, tuple | list) or len(got) != 2:
        return Finding("load", "load_kind", {"kind": type(got).__name__})
    encoder, preprocess = got
    if not isinstance(encoder, nn.Module) or not isinstance(preprocess, TextPreprocessor):
        kinds = f"{type(encoder).__name__}, {type(preprocess).__name__}"
        return Finding("load", "load_kind", {"kind": kinds})
    table = token_table(encoder)
    if table.dtype != torch.float32:
        return Finding("load", "load_half", {"dtype": str(table.dtype).removeprefix("torch.")})
    if not torch.equal(table, token_table(bundle.model)):
        return Finding("load", "load_other")
    if preprocess.tokenizer.fingerprint != right.tokenizer.fingerprint:
        return Finding("load", "load_vocabulary")
    if preprocess.max_length > right.max_length:
        values = {"max_length": preprocess.max_length, "longest": right.max_length}
        return Finding("load", "load_too_long", values)
    return Finding("load")


def token_table(encoder: nn.Module) -> Tensor:
    """(V, D): the matrix with the most rows, which only the vocabulary can give it."""
    matrices = (parameter for parameter in encoder.parameters() if parameter.dim() == 2)
    return max(matrices, key=lambda matrix: matrix.shape[0], default=torch.empty(0, 0)).detach()


def check_build(build: Callable[..., Any], encoder: nn.Module) -> Finding:
    """The classifier stands on the encoder it was given, has an output for each label, and reads the first token."""
    torch.manual_seed(0)
    model = attempt("build", lambda: build(copy.deepcopy(encoder), len(LABELS)))
    if isinstance(model, Finding):
        return model
    if not isinstance(model, nn.Module):
        return Finding("build", "no_module", {"kind": type(model).__name__})
    table = token_table(encoder)
    if not any(torch.equal(table, held) for held in model.parameters() if held.shape == table.shape):
        return Finding("build", "not_pretrained")
    if not all(parameter.requires_grad for parameter in model.parameters()):
        return Finding("build", "frozen")
    ids = torch.tensor([[1, 9, 9, 9], [1, 9, 0, 0]])
    with torch.no_grad():
        logits = attempt("build", lambda: model.eval()(ids, (ids > 0).long()))
    if isinstance(logits, Finding):
        return logits
    if not isinstance(logits, Tensor) or tuple(logits.shape) != (2, len(LABELS)):
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        return Finding("build", "shape", {"shape": shape, "expected": (2, len(LABELS))})
    if torch.allclose(logits.exp().sum(dim=1), torch.ones(2)) or bool((logits.sum(dim=1) - 1).abs().max() < 1e-5):
        return Finding("build", "softmax_in_model")
    return Finding("build")


# Training -------------------------------------------------------------------------------------------------------------


class _Linear(nn.Module):
    """A classifier small enough to be trained by hand: a table of logits, averaged over real tokens."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.linspace(-1, 1, 8 * len(LABELS)).sin().view(8, len(LABELS)))
        self.dropout = nn.Dropout(dropout)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        real = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        states = self.table[input_ids] * real[..., None]
        return self.dropout(states.sum(dim=1) / real.sum(dim=1, keepdim=True))


def _batches() -> list[Batch]:
    ids = torch.tensor([[1, 2, 3], [1, 5, 0], [1, 6, 7], [1, 4, 4]])
    return [
        {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": torch.tensor([0, 1, 2, 2])},
        {"input_ids": ids[:2], "attention_mask": (ids[:2] > 0).long(), "labels": torch.tensor([2, 0])},
    ]


def _trained(
    *, forget: bool = True, step: bool = True, mask: bool = True, softmax: bool = False, uphill: bool = False
) -> Tensor:
    """The table after two steps, with whatever mistake is asked for."""
    model = _Linear()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for batch in _batches():
        logits = model(batch["input_ids"], batch["attention_mask"] if mask else None)
        loss = F.cross_entropy(logits.softmax(dim=1) if softmax else logits, batch["labels"])
        if forget:
            optimizer.zero_grad()
        (-loss if uphill else loss).backward()
        if step:
            optimizer.step()
    return model.table.detach()


def train_findings(train_step: Callable[..., Any]) -> Iterator[Finding]:
    """Two steps on a classifier that is trained by hand beside it, and what they return."""
    returned: list[Any] = []

    def student() -> Tensor:
        model = _Linear()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        returned.extend(train_step(model, batch, optimizer) for batch in _batches())
        return model.table.detach()

    wrong = {
        "gradients_kept": lambda: _trained(forget=False),
        "no_step": lambda: _trained(step=False),
        "mask_not_given": lambda: _trained(mask=False),
        "softmax_before_loss": lambda: _trained(softmax=True),
        "uphill": lambda: _trained(uphill=True),
    }
    finding = diagnose("train_step", student, _trained, wrong)
    yield finding
    loss = returned[0] if returned else None
    if not isinstance(loss, float):
        yield Finding("train_loss", "loss_no_number", {"kind": type(loss).__name__})
        return
    batch = _batches()[0]
    expected = F.cross_entropy(_Linear()(batch["input_ids"], batch["attention_mask"]), batch["labels"]).item()
    is_right = abs(loss - expected) < 1e-4
    yield Finding("train_loss") if is_right else Finding("train_loss", "loss_other", {"loss": loss, "right": expected})


# Evaluation -----------------------------------------------------------------------------------------------------------


def _examination() -> tuple[_Linear, list[Batch]]:
    """A model with dropout that answers with the label its text spells, and with 1 where it reads padding; seven texts
    in batches of five and two. Every usual mean of their scores is another number."""
    model = _Linear(dropout=0.9).train()
    with torch.no_grad():
        model.table.copy_(F.one_hot(torch.arange(8) % len(LABELS), len(LABELS)) * 2.0)
        model.table[0] = torch.tensor([0.0, 9.0, 0.0])
    true, predicted = torch.tensor([0, 0, 2, 2, 1, 0, 2]), torch.tensor([0, 0, 2, 0, 2, 2, 2])
    ids = torch.stack((predicted + 3, torch.zeros(7, dtype=torch.int64)), dim=1)
    parts = (slice(0, 5), slice(5, 7))
    return model, [
        {"input_ids": ids[part], "attention_mask": (ids[part] > 0).long(), "labels": true[part]} for part in parts
    ]


def check_evaluate(evaluate: Callable[..., Any]) -> Finding:
    """Accuracy and macro F1 of a model with dropout on batches of unequal size, where one label is never predicted."""
    model, batches = _examination()
    before = model.table.detach().clone()
    got = attempt("evaluate", lambda: evaluate(model, batches))
    if isinstance(got, Finding):
        return got
    if not isinstance(got, Mapping) or not {"accuracy", "macro_f1"} <= set(got):
        return Finding("evaluate", "scores_kind")
    if not torch.equal(model.table.detach(), before):
        return Finding("evaluate", "evaluation_trains")
    if model.training:
        return Finding("evaluate", "dropout_on")
    right = evaluate_model(model, batches)
    accuracy, macro_f1 = float(got["accuracy"]), float(got["macro_f1"])
    if not abs(accuracy - right.accuracy) <= 1e-4:  # NaN too is another number
        by_batch = sum(evaluate_model(model, [batch]).accuracy for batch in batches) / len(batches)
        mistake = "mean_of_batches" if abs(accuracy - by_batch) < 1e-4 else "accuracy"
        return Finding("evaluate", mistake, {"got": f"{accuracy:.4f}", "right": f"{right.accuracy:.4f}"})
    if not abs(macro_f1 - right.macro_f1) <= 1e-4:
        mistake = _f1_mistake(macro_f1, right)
        return Finding("evaluate", mistake, {"got": f"{macro_f1:.4f}", "right": f"{right.macro_f1:.4f}"})
    return Finding("evaluate")


def _f1_mistake(got: float, right: Scores) -> str:
    """Which other mean the student's F1 is."""
    hits, true, predicted = right.confusion.diagonal(), right.confusion.sum(dim=1), right.confusion.sum(dim=0)
    f1 = 2 * hits / (true + predicted).clamp(min=1)
    means = {
        "f1_is_accuracy": torch.tensor(right.accuracy),
        "f1_weighted": (f1 * true).sum() / true.sum(),
        "f1_label_left_out": f1[predicted > 0].mean(),
        "f1_not_a_number": torch.tensor(torch.nan),
    }
    for mistake, mean in means.items():
        if torch.isclose(torch.tensor(got), mean, atol=1e-4, equal_nan=True):
            return mistake
    return "f1"


# The whole ------------------------------------------------------------------------------------------------------------


def _whole(module: Any, base: Base, encoder: nn.Module, preprocess: TextPreprocessor) -> Finding:
    """The student's functions in order: does the classifier read reviews it has never seen?"""
    torch.manual_seed(0)
    train, validation = module.split(labelled_reviews(240, lang=_lang(module), seed=1))
    model = module.build(copy.deepcopy(encoder), len(LABELS))
    optimizer = torch.optim.AdamW(model.parameters(), lr=base.learning_rate)
    for _ in range(5):
        model.train()
        for batch in module.prepare(train, preprocess, LABELS):
            module.train_step(model, batch, optimizer)
    accuracy = float(module.evaluate(model, module.prepare(validation, preprocess, LABELS))["accuracy"])
    values = {"accuracy": f"{accuracy:.2f}", "least": f"{BETTER_THAN_CHANCE:.2f}"}
    return Finding("whole") if accuracy >= BETTER_THAN_CHANCE else Finding("whole", "no_better_than_chance", values)
