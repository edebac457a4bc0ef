"""Bundles tuned on a task, and what they say of the test rows: labels, numbers, places, answers, texts.

Texts are written by what `hanlin task train` made. All families that judge are tuned by one plain loop over Hanlin's
models: a linear head on the mean of a text's states, or on every state; AdamW, a rate that rises and falls, rows of
like length together. So families differ in what they have read and in their shape, and in nothing else.

Legend: B rows, T tokens, D width, K outputs.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from benchmarks.proofs.rows import Question
from torch import Tensor, nn

import hanlin
from hanlin.base.device import compute_dtype
from hanlin.bundle.bundle import Bundle, load_bundle
from hanlin.data.packing import by_length
from hanlin.life.classify import TextRewriter, opened
from hanlin.life.open import open_bundle
from hanlin.model.refit import with_dropout
from hanlin.model.transformer import Transformer
from hanlin.text.tokenizer import Tokenizer
from hanlin.train.config import OptimizerConfig
from hanlin.train.optimizers import build_optimizer

IGNORED = -100
TOKENS = 4096
"""Positions of one batch when nothing is learned."""


@dataclass(frozen=True)
class TuneRecipe:
    """How a task is learned: passes or minutes (the shorter), least updates for few rows, rates, rows of an update."""

    epochs: float = 1000.0
    minutes: float = 1000.0
    least_steps: int = 150
    rate: float = 4e-4
    head_rate: float = 4e-3
    dropout: float = 0.1
    rows: int = 32
    seed: int = 1


@dataclass(frozen=True)
class Row:
    """Ids of a row, kinds of its tokens (1: of a second text), its aim: a class, a number, or one of each token.
    other: ids of a text that is read beside it, in a row of its own."""

    ids: list[int]
    types: list[int]
    aim: Any = None
    other: list[int] = field(default_factory=list)


class Tuned(nn.Module):
    """A model under a linear head: of whole texts (the mean of their states), of pairs of them (both means, their
    difference and product, Reimers & Gurevych 2019), or of every token."""

    def __init__(
        self, model: Transformer, num_outputs: int, *, of_tokens: bool, dropout: float, of_pairs: bool = False
    ) -> None:
        super().__init__()
        self.model, self.of_tokens, self.of_pairs = model, of_tokens, of_pairs
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(model.config.hidden_size * (4 if of_pairs else 1), num_outputs)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        with_dropout(model, dropout)

    def forward(self, tokens: Tensor, segments: Tensor, types: Tensor) -> Tensor:
        """(B, T) -> (B, K), or (B, T, K); of pairs (2B, T) -> (B, K), the second texts behind all first ones."""
        said = {"types": types} if self.model.config.embeddings.types > 1 else {}
        states = self.model.hidden(tokens, segments=segments, **said).float()
        if not self.of_tokens:
            known = (segments > 0)[..., None]
            states = (states * known).sum(dim=1) / known.sum(dim=1)
        if self.of_pairs:
            one, other = states.chunk(2)
            states = torch.cat((one, other, (one - other).abs(), one * other), dim=1)
        scores: Tensor = self.head(self.dropout(states))
        return scores


# ---------------------------------------------------------------- tasks


def classified(
    bundle: Path, texts: Sequence[str], labels: Sequence[str], asked: Sequence[str], recipe: TuneRecipe,
    *, start: Transformer | None = None,
) -> tuple[list[str], Transformer]:  # fmt: skip
    """The labels of asked texts, and the model as it is now: `start` goes on from such a one instead of the bundle."""
    opened, names = opened_for(bundle), sorted(set(labels))
    rows = [Row(*framed(opened, text), names.index(label)) for text, label in zip(texts, labels, strict=True)]
    tuned = Tuned(start or opened.model, len(names), of_tokens=False, dropout=recipe.dropout)
    learn(tuned, rows, lambda found, batch: F.cross_entropy(found, aims(batch)), recipe)
    scores = judged(tuned, [Row(*framed(opened, text)) for text in asked])
    return [names[int(one.argmax())] for one in scores], tuned.model


def valued(
    bundle: Path, pairs: Sequence[tuple[str, str]], values: Sequence[float], asked: Sequence[tuple[str, str]],
    recipe: TuneRecipe,
) -> list[float]:  # fmt: skip
    """Numbers of asked pairs, each text read by itself, as roads.py reads them too."""
    opened, scale = opened_for(bundle), max(values)

    def row(pair: tuple[str, str], aim: float = 0.0) -> Row:
        first, second = (framed(opened, text)[0] for text in pair)
        return Row(first, [0] * len(first), aim, second)

    rows = [row(pair, value / scale) for pair, value in zip(pairs, values, strict=True)]
    tuned = Tuned(opened.model, 1, of_tokens=False, of_pairs=True, dropout=recipe.dropout)
    learn(tuned, rows, lambda found, batch: F.mse_loss(found.squeeze(1), aims(batch)), recipe)
    return [scale * float(one) for one in judged(tuned, [row(pair) for pair in asked])]


def answered(bundle: Path, known: Sequence[Question], asked: Sequence[Question], recipe: TuneRecipe) -> list[str]:
    """The likeliest part of each passage, of at most 40 tokens. A passage is cut to what the model reads."""
    opened = opened_for(bundle)
    rows = []
    for row in known:
        ids, types, places = questioned(opened, row)
        ends = [at for at, (start, end) in enumerate(places)
                if types[at] and end > row.start and start < row.start + len(row.answers[0])]  # fmt: skip
        if ends:
            rows.append(Row(ids, types, (ends[0], ends[-1])))
    tuned = Tuned(opened.model, 2, of_tokens=True, dropout=recipe.dropout)
    learn(tuned, rows, spans_loss, recipe)
    read = [questioned(opened, row) for row in asked]
    scores = judged(tuned, [Row(ids, types) for ids, types, _ in read])
    return [
        part_of(row, found, types, places) for row, found, (_, types, places) in zip(asked, scores, read, strict=True)
    ]


def written(
    bundle: Path, prompts: Sequence[str], answers: Sequence[str], asked: Sequence[str], folder: Path, **settings: Any
) -> list[str]:
    """What an encoder-decoder writes after `hanlin task train` has shown it answers to prompts; its figures stand in
    the run, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = folder / "pairs.jsonl"
    rows = ({"source": one, "target": other} for one, other in zip(prompts, answers, strict=True))
    pairs.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    report = hanlin.train_task(
        bundle, data=(str(pairs),), task="seq2seq", overflow="cut", validation_share=0.02, runs=folder, **settings
    )
    face = opened(open_bundle(str(report.path)))
    assert isinstance(face, TextRewriter)
    return face.predict(asked, overflow="cut")


def features(bundle: Path, texts: Sequence[str]) -> Tensor:
    """The mean state of every text (N, D), nothing tuned."""
    opened = opened_for(bundle)
    tuned = Tuned(opened.model, opened.config.hidden_size, of_tokens=False, dropout=0.0)
    tuned.head = nn.Identity()  # type: ignore[assignment]
    tuned.eval()
    return torch.stack(judged(tuned, [Row(*framed(opened, text)) for text in texts]))


# ---------------------------------------------------------------- rows


def opened_for(bundle: Path) -> Bundle:
    """A bundle that computes as fast as the processor can."""
    return load_bundle(bundle, compute_dtype=compute_dtype("cpu"))


def of(opened: Bundle) -> tuple[Tokenizer, Transformer]:
    """Its parts."""
    assert opened.tokenizer is not None
    return opened.tokenizer, opened.model


def framed(opened: Bundle, text: str) -> tuple[list[int], list[int]]:
    """Ids and kinds of one text, cut to what the model reads."""
    ids, _ = placed(opened, text)
    return ids, [0] * len(ids)


def placed(opened: Bundle, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Ids of one text, and where each stands in it; control tokens stand nowhere."""
    tokenizer, model = of(opened)
    ids, places = tokenizer.encode_with_places(text)
    room = model.config.max_seq_len - tokenizer.num_frame
    row = tokenizer.frame(ids[:room])
    before = len(tokenizer.frame([])) and row.index(ids[0]) if ids else 0
    after = len(row) - before - len(ids[:room])
    return row, [(0, 0)] * before + places[:room] + [(0, 0)] * after


def paired(opened: Bundle, first: str, second: str) -> tuple[list[int], list[int]]:
    """Ids and kinds of two texts in one row, cut at its end to what the model reads."""
    tokenizer, model = of(opened)
    row, room = tokenizer.encode_pair(first, second), model.config.max_seq_len
    return row.ids[:room], row.types[:room]


def questioned(opened: Bundle, row: Question) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Ids and kinds of a question and its passage, and where the passage's tokens stand in it."""
    tokenizer, _ = of(opened)
    ids, types = paired(opened, row.question, row.context)
    _, places = tokenizer.encode_with_places(row.context)
    first = types.index(1)
    stand = [(0, 0)] * first + places
    return ids, types, (stand + [(0, 0)] * len(ids))[: len(ids)]


def part_of(
    row: Question, scores: Tensor, types: Sequence[int], places: Sequence[tuple[int, int]], most: int = 40
) -> str:
    """The part whose beginning and end have the best scores together."""
    allowed = torch.tensor([bool(kind) and start < end for kind, (start, end) in zip(types, places, strict=True)])
    begins, ends = (scores[:, side].masked_fill(~allowed, -1e9) for side in (0, 1))
    both = (begins[:, None] + ends[None]).triu().tril(most - 1)
    both = both.masked_fill(both == 0, -2e9)
    first, last = divmod(int(both.argmax()), len(types))
    return row.context[places[first][0] : places[last][1]].strip()


# ---------------------------------------------------------------- learning


def learn(
    module: nn.Module,
    rows: Sequence[Row],
    loss: Callable[[Tensor, Sequence[Row]], Tensor],
    recipe: TuneRecipe,
) -> None:
    """Minimise `loss(module(batch), batch)`; the rate rises over a twentieth of the run and falls to nothing."""
    steps = max(recipe.least_steps, math.ceil(recipe.epochs * len(rows) / recipe.rows))
    parts = (
        [(module.model, recipe.rate), (module.head, recipe.head_rate)]
        if isinstance(module, Tuned)
        else [(module, recipe.rate)]
    )
    said = OptimizerConfig(name="adamw", weight_decay=0.01)
    optimizers = [(build_optimizer(part, said), peak) for part, peak in parts]
    torch.manual_seed(recipe.seed)
    module.train()
    began, gone = time.monotonic(), 0.0
    for step, batch in enumerate(batches(rows, recipe)):
        gone = max(step / steps, (time.monotonic() - began) / (60 * recipe.minutes))
        if gone >= 1:
            break
        found = module(**tensors(batch))
        loss(found, batch).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        for optimizer, peak in optimizers:
            optimizer.step(peak * min(1.0, gone / 0.05, (1 - gone) / 0.95))
            optimizer.zero_grad()
    module.eval()


def batches(rows: Sequence[Row], recipe: TuneRecipe) -> Iterator[list[Row]]:
    """Without end: rows shuffled, those of like length of every twenty batches together."""
    chance, pool = random.Random(recipe.seed), 20 * recipe.rows
    while True:
        order = chance.sample(rows, len(rows))
        found = []
        for at in range(0, len(order), pool):
            part = sorted(order[at : at + pool], key=lambda row: len(row.ids))
            found += [part[first : first + recipe.rows] for first in range(0, len(part), recipe.rows)]
        yield from chance.sample(found, len(found))


def tensors(batch: Sequence[Row]) -> dict[str, Tensor]:
    """tokens, segments and types, each (B, T), or (2B, T) where a text is read beside each."""
    batch = [*batch, *(Row(row.other, [0] * len(row.other)) for row in batch if row.other)]
    width = max(len(row.ids) for row in batch)
    return {
        "tokens": filled([row.ids for row in batch], width, 0),
        "segments": filled([[1] * len(row.ids) for row in batch], width, 0),
        "types": filled([row.types for row in batch], width, 0),
    }


def filled(rows: Sequence[Sequence[int]], width: int, padding: int) -> Tensor:
    """Rows of one width (B, T)."""
    return torch.tensor([[*row, *[padding] * (width - len(row))] for row in rows])


def aims(batch: Sequence[Row]) -> Tensor:
    """Classes or numbers (B,), or classes of every token (B, T)."""
    if isinstance(batch[0].aim, list):
        return filled([row.aim for row in batch], max(len(row.ids) for row in batch), IGNORED)
    return torch.tensor([row.aim for row in batch])


def spans_loss(found: Tensor, batch: Sequence[Row]) -> Tensor:
    """Cross-entropy of where the answer begins and ends: found (B, T, 2)."""
    width = found.shape[1]
    padding = filled([[0] * len(row.ids) for row in batch], width, 1).bool()
    sides = (found[..., side].masked_fill(padding, -1e9) for side in (0, 1))
    return sum(
        (F.cross_entropy(one, torch.tensor([row.aim[side] for row in batch])) for side, one in enumerate(sides)),
        start=torch.zeros(()),
    )


def judged(module: Tuned, rows: Sequence[Row]) -> list[Tensor]:
    """Scores of every row: (K,), or (T, K) of its own tokens."""
    scores: list[Tensor] = [torch.empty(0)] * len(rows)
    for group in by_length(range(len(rows)), lambda number: len(rows[number].ids), TOKENS):
        with torch.inference_mode():
            found = module(**tensors([rows[number] for number in group]))
        for number, one in zip(group, found, strict=True):
            scores[number] = one[: len(rows[number].ids)] if module.of_tokens else one
    return scores
