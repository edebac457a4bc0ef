"""An epoch is one step a batch; fine-tuning reports both losses; scores are scikit-learn's."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hanlin.base.errors import InputError
from hanlin.course import (
    LanguageModel,
    LanguageModelingLoss,
    TaskSpecificModel,
    TransformerEncoder,
    evaluate_model,
    finetune_model,
    mask_tokens,
    next_tokens,
    pretrain_epoch,
)

V = 12


def encoder(**settings):
    torch.manual_seed(0)
    return TransformerEncoder(V, 16, 2, 32, 1, dropout=0.0, **settings)


def rows(num_rows, seed=0):
    """Rows that begin with 1 and count upwards from anywhere, modulo nine: 3 4 5 .. 11."""
    starts = torch.randint(9, (num_rows, 1), generator=torch.Generator().manual_seed(seed))
    counting = (starts + torch.arange(7)) % 9 + 3
    return torch.cat((torch.ones(num_rows, 1, dtype=torch.int64), counting), dim=1)


def batch(ids, labels):
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def test_an_epoch_is_one_step_of_the_optimizer_a_batch():
    batches = [batch(rows(2, seed), next_tokens(rows(2, seed))) for seed in range(3)]
    batches[1]["labels"][:, :5] = -100  # fewer targets, so a mean of means would be another number
    model, by_hand = LanguageModel(encoder(causal=True)), LanguageModel(encoder(causal=True))
    loss = pretrain_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0.1), LanguageModelingLoss(V))
    nats = num_tokens = 0
    for one in batches:
        summed = F.cross_entropy(by_hand(one["input_ids"]).flatten(0, 1), one["labels"].flatten(), reduction="sum")
        counted = int((one["labels"] != -100).sum())
        gradients = torch.autograd.grad(summed / counted, list(by_hand.parameters()))
        length = math.sqrt(sum(float(g.square().sum()) for g in gradients))
        with torch.no_grad():
            for parameter, gradient in zip(by_hand.parameters(), gradients, strict=True):
                parameter -= 0.1 * gradient * min(1, 1 / length)
        nats, num_tokens = nats + summed.item(), num_tokens + counted
    assert loss == pytest.approx(nats / num_tokens, abs=1e-5)
    for one, other in zip(model.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def learned(model, batches):
    """The loss of the last epoch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    return [pretrain_epoch(model, batches(epoch), optimizer, LanguageModelingLoss(V)) for epoch in range(12)][-1]


def test_the_causal_objective_learns_to_count():
    """Where counting starts is chance, ln 9 nats of the first token; all else follows."""

    def batches(epoch):
        drawn = [rows(16, seed=100 * epoch + number) for number in range(8)]
        return [batch(ids, next_tokens(ids)) for ids in drawn]

    floor = math.log(9) / 7
    assert floor - 0.05 < learned(LanguageModel(encoder(causal=True)), batches) < floor + 0.35


def test_the_masked_objective_learns_from_both_sides():
    """All tokens of a row are one, drawn at random: only its neighbours tell what is under the mask."""
    generator = torch.Generator().manual_seed(0)

    def batches(epoch):
        drawn = [torch.randint(3, V, (16, 1), generator=generator).expand(16, 12) for _ in range(8)]
        masked = [mask_tokens(ids, mask_id=2, vocab_size=V, generator=generator) for ids in drawn]
        return [batch(*pair) for pair in masked]

    assert learned(LanguageModel(encoder()), batches) < 0.35 < math.log(9)


def labelled(num_rows, seed):
    """Whether a row starts with a small number."""
    ids = rows(num_rows, seed)
    return batch(ids, (ids[:, 1] < 7).long())


def test_finetuning_reports_both_losses_of_every_epoch(lang):
    model = TaskSpecificModel(encoder(), num_labels=2)
    lines = []
    done = finetune_model(
        model, [labelled(16, n) for n in range(6)], [labelled(32, 99)], learning_rate=1e-2, report=lines.append
    )
    assert len(done) == len(lines) == 3
    assert done[-1].train_loss < done[0].train_loss
    assert done[-1].validation_loss < done[0].validation_loss
    assert done[-1].validation_accuracy > 0.9
    assert f"{done[1].train_loss:.3f}" in lines[1]
    assert f"{done[1].validation_loss:.3f}" in lines[1]
    assert done[-1].validation_loss == pytest.approx(evaluate_model(model, [labelled(32, 99)]).loss)


class Fixed(nn.Module):
    """A classifier that answers from a table of logits by the first id."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, input_ids, attention_mask=None):
        return self.logits[input_ids[:, 0]]


def test_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(3)
    labels, predicted = (torch.randint(3, (40,), generator=generator) for _ in range(2))
    model = Fixed((torch.eye(4)[:, :4] * 2).tolist())
    batches = [batch(predicted[part][:, None], labels[part]) for part in (slice(0, 15), slice(15, 40))]
    scores = evaluate_model(model, batches)
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert scores.macro_f1 == pytest.approx(metrics.f1_score(labels, predicted, average="macro"))
    assert scores.confusion[:3, :3].tolist() == metrics.confusion_matrix(labels, predicted).tolist()
    assert scores.loss == pytest.approx(F.cross_entropy(model.logits[predicted], labels).item(), abs=1e-6)
    assert not model.training


def test_no_batches_no_training(lang):
    model = TaskSpecificModel(encoder(), num_labels=2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    spent = iter([labelled(2, 0)])
    list(spent)
    for work in (
        lambda: pretrain_epoch(model, spent, optimizer, F.cross_entropy),
        lambda: evaluate_model(model, []),
    ):
        with pytest.raises(InputError) as caught:
            work()
        assert caught.value.code == "E845"


def test_a_loss_that_is_no_number_changes_nothing(lang):
    model = Fixed([[float("inf"), 0.0], [0.0, 0.0]])
    with pytest.raises(InputError, match="nan") as caught:
        finetune_model(model, [batch(torch.zeros(1, 1, dtype=torch.int64), torch.tensor([1]))], [])
    assert caught.value.code == "E846"
    assert model.logits[1].tolist() == [0.0, 0.0]


def test_a_label_without_an_output_is_named(lang):
    model = TaskSpecificModel(encoder(), num_labels=2)
    for strange in (2, -1):
        with pytest.raises(InputError, match=str(strange)) as caught:
            finetune_model(model, [batch(rows(1), torch.tensor([strange]))], [])
        assert caught.value.code == "E847"
