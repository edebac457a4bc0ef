"""Losses of tasks against transformers' own and against the formulas of sentence-transformers, written out."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from tests.bundle.parity import randomise

from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.parts_config import TaskHeadConfig
from hanlin.model.refit import task_config, with_task
from hanlin.model.tasks import row_vectors
from hanlin.model.transformer import build_model
from hanlin.train.task.examples import Example, ExampleLoader, collate
from hanlin.train.task.objectives import Cosent, InBatch, Numbers, OneLabel, SeveralLabels, Spans, Tags
from hanlin.train.task.stage import label_weights

SIZES = {"vocab_size": 30, "hidden_size": 16, "num_layers": 1, "num_heads": 2, "max_seq_len": 16}
ROWS = [[1, 5, 6, 7], [1, 8, 9], [1, 9, 9, 9, 4], [1, 7]]


def model(**task):
    parent = randomise(build_model(ModelConfig(**{**FAMILIES["bert"].preset, **SIZES, "family": "bert"}), seed=1))
    return with_task(parent, TaskHeadConfig(**task), seed=2).eval() if task else parent.eval()


def batch(targets, *, tagged=False, others=None):
    made = [
        Example(ids, [0] * len(ids), target, None if others is None else others[number])
        for number, (ids, target) in enumerate(zip(ROWS, targets, strict=True))
    ]
    return collate(made, pad=0, tagged=tagged)


def test_a_head_is_put_on_and_all_else_kept():
    parent = model()
    fresh = with_task(parent, TaskHeadConfig(kind="sequence", labels=("a", "b")), seed=2)
    known = dict(parent.named_parameters())
    for name, parameter in fresh.named_parameters():
        assert name.startswith("task.") or torch.equal(parameter, known[name])
    assert fresh.config.family == "bert"
    assert task_config(ModelConfig(family="hanlin"), TaskHeadConfig(kind="spans")).family == "hanlin"


@pytest.mark.parametrize("problem", ["one", "several", "value"])
def test_losses_of_texts_are_those_of_transformers(problem):
    labels = ("a", "b", "c")
    made = model(kind="sequence", labels=labels, problem=problem)
    targets = {"one": [0, 2, 1, 1], "several": [[1.0, 0.0, 1.0]] * 4, "value": [[0.5, -1.0, 2.0]] * 4}[problem]
    objective = {"one": OneLabel(), "several": SeveralLabels(), "value": Numbers()}[problem]
    given = batch(targets)
    found = objective.loss(made, given)
    scores = made.judge(given.tokens, segments=given.segments, types=given.types)
    expected = {"one": F.cross_entropy, "several": F.binary_cross_entropy_with_logits, "value": F.mse_loss}[problem]
    torch.testing.assert_close(found.value / found.num_tokens, expected(scores, given.targets))
    assert found.num_tokens == given.num_targets == 4


def test_losses_of_tags_and_spans_are_those_of_transformers():
    made = model(kind="tokens", labels=("O", "B-X", "I-X"))
    given = batch([[-100, 0, 1, 2], [-100, 0, 0], [-100, 1, 2, 2, -100], [-100, 0]], tagged=True)
    found = Tags().loss(made, given)
    scores = made.judge(given.tokens, segments=given.segments, types=given.types)
    expected = F.cross_entropy(scores.flatten(0, 1), given.targets.flatten(), ignore_index=-100)
    torch.testing.assert_close(found.value / found.num_tokens, expected)
    assert found.num_tokens == given.num_targets == 9
    made = model(kind="spans")
    given = batch([[1, 2], [0, 0], [2, 4], [1, 1]])
    found, scores = Spans().loss(made, given), made.judge(given.tokens, segments=given.segments, types=given.types)
    by_hand = 0.0
    for row, ids in enumerate(ROWS):
        for side in (0, 1):
            by_hand -= float(scores[row, : len(ids), side].log_softmax(0)[given.targets[row, side]]) / 2
    assert float(found.value) == pytest.approx(by_hand, rel=1e-5)


def test_contrastive_losses_by_their_formulas():
    made, others = model(), [[1, 6], [1, 8, 3], [2, 4, 4], [3, 7, 9]]
    given = batch([math.nan] * 4, others=others)
    vectors = row_vectors(made, given.tokens, given.segments).detach()
    for row, ids in enumerate([*ROWS, *others]):
        alone = made.hidden(torch.tensor([ids]))[0].mean(dim=0)
        torch.testing.assert_close(vectors[row], alone, atol=1e-5, rtol=1e-4)
    cosine = [[float(F.cosine_similarity(vectors[i], vectors[4 + j], dim=0)) for j in range(4)] for i in range(4)]
    found = InBatch(0.05).loss(made, given)
    by_hand = -sum(20 * row[i] - math.log(sum(math.exp(20 * one) for one in row)) for i, row in enumerate(cosine))
    assert float(found.value) == pytest.approx(by_hand, rel=1e-4)
    scored = batch([0.1, 0.9, 0.5, 0.5], others=others)
    order = [(i, j) for i in range(4) for j in range(4) if scored.targets[i] > scored.targets[j]]
    assert len(order) == 5
    by_hand = math.log(1 + sum(math.exp(20 * (cosine[j][j] - cosine[i][i])) for i, j in order))
    found = Cosent(0.05).loss(made, scored)
    assert float(found.value) / found.num_tokens == pytest.approx(by_hand, rel=1e-4)


def test_balanced_weights_count_every_label_the_same():
    examples = [Example([1], [0], target) for target in (0, 0, 0, 1)]
    weights = label_weights("classification", ("a", "b"), examples)
    assert weights.tolist() == [pytest.approx(4 / 6), pytest.approx(2.0)]
    many = [Example([1], [0], row) for row in ([1.0, 0.0], [1.0, 1.0], [1.0, 0.0])]
    assert label_weights("multilabel", ("a", "b"), many).tolist() == [0.0, 2.0]


def test_every_example_once_an_epoch_and_on_from_anywhere():
    examples = [Example([number] * (1 + number % 5), [0] * (1 + number % 5), number) for number in range(23)]

    def loader():
        return ExampleLoader(examples, size=4, seed=3, collate=partial(collate, pad=0, tagged=False))

    whole = loader()
    epochs = [[sorted(whole.next_batch().targets.tolist()) for _ in range(6)] for _ in range(2)]
    for epoch in epochs:
        assert sorted(number for one in epoch for number in one) == list(range(23))
    assert epochs[0] != epochs[1]
    cut, on = loader(), loader()
    for _ in range(8):
        cut.next_batch()
    on.load_state(cut.state())
    assert [on.next_batch().targets.tolist() for _ in range(4)] == [cut.next_batch().targets.tolist() for _ in range(4)]
