"""Bundles tuned on a task, and what they say of the test rows: labels, numbers, places, answers, texts.

All families are tuned by the same plain loop over Hanlin's models: a linear head on the mean of a text's states, or on
every state; AdamW, a rate that rises and falls, rows of like length together. So families differ in what they have read
and in their shape, and in nothing else.

Legend: B rows, T tokens, D width, K outputs.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from benchmarks.proofs.rows import Places, Question
from torch import Tensor, nn

from hanlin.base.device import compute_dtype
from hanlin.bundle.bundle import Bundle, load_bundle
from hanlin.data.packing import by_length
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.engine import Engine
from hanlin.model.heads import lm_loss
from hanlin.model.transformer import EncoderDecoder, Transformer
from hanlin.text.tokenizer import Tokenizer

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
    longest: int = 0


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
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.p = dropout

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


def labelled(
    bundle: Path, known: Sequence[Places], asked: Sequence[str], recipe: TuneRecipe
) -> list[list[tuple[int, int, str]]]:
    """Places in asked texts, by a beginning and an inside of every kind."""
    opened = opened_for(bundle)
    kinds = sorted({kind for row in known for *_, kind in row.spans})
    names = ["O", *(f"{part}-{kind}" for kind in kinds for part in "BI")]
    rows = []
    for row in known:
        ids, places = placed(opened, row.text)
        rows.append(Row(ids, [0] * len(ids), [names.index(one) for one in bio(places, row.spans)]))
    tuned = Tuned(opened.model, len(names), of_tokens=True, dropout=recipe.dropout)
    learn(tuned, rows, lambda found, batch: F.cross_entropy(found.flatten(0, 1), aims(batch).flatten()), recipe)
    read = [placed(opened, text) for text in asked]
    scores = judged(tuned, [Row(ids, [0] * len(ids)) for ids, _ in read])
    found = []
    for text, one, (_, places) in zip(asked, scores, read, strict=True):
        spans = spans_of([names[int(name)] for name in one.argmax(dim=1)], places)
        found.append([(end - len(text[start:end].lstrip()), end, kind) for start, end, kind in spans])
    return found


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
    bundle: Path, prompts: Sequence[str], answers: Sequence[str], asked: Sequence[str], recipe: TuneRecipe,
    *, most: int = 128,
) -> list[str]:  # fmt: skip
    """What an encoder-decoder writes, greedily, after it was shown answers to prompts."""
    opened = opened_for(bundle)
    tokenizer, model = of(opened)
    longest = recipe.longest or model.config.max_seq_len - tokenizer.num_frame
    start, end = tokenizer.special.pad, tokenizer.special.eos

    def read(texts: Sequence[str], room: int) -> list[list[int]]:
        return [tokenizer.frame(ids[:room]) for ids in tokenizer.encode_batch(texts)]

    targets = [[*ids[: most - 1], end] for ids in tokenizer.encode_batch(answers)]
    rows = [Row(ids, [0] * len(ids), target) for ids, target in zip(read(prompts, longest), targets, strict=True)]
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = recipe.dropout
    learn(model, rows, lambda found, batch: found, recipe, run=lambda one, batch: answer_loss(one, batch, start))
    engine = Engine(model, tokenizer, config=EngineConfig(max_batch=64), start=start)
    params = SamplingParams(temperature=0.0, max_tokens=most)
    return [found.text for found in engine.generate_many(read(asked, longest), params)]


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


def bio(places: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int, str]]) -> list[str]:
    """O, B-kind or I-kind for every token."""
    names = []
    inside: tuple[int, int, str] | None = None
    for start, end in places:
        span = next((one for one in spans if start < end and end > one[0] and start < one[1]), None)
        names.append("O" if span is None else f"{'I' if span == inside else 'B'}-{span[2]}")
        inside = span
    return names


def spans_of(names: Sequence[str], places: Sequence[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """Runs of one kind as places."""
    found: list[tuple[int, int, str]] = []
    open_kind = ""
    for name, (start, end) in zip(names, places, strict=True):
        kind = name[2:]
        if start >= end or not kind:
            open_kind = ""
        elif kind == open_kind and name[0] == "I":
            found[-1] = (found[-1][0], end, kind)
        else:
            found.append((start, end, kind))
            open_kind = kind
    return found


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
    run: Callable[[Any, Sequence[Row]], Tensor] | None = None,
) -> None:
    """Minimise `loss(module(batch), batch)`; the rate rises over a twentieth of the run and falls to nothing."""
    steps = max(recipe.least_steps, math.ceil(recipe.epochs * len(rows) / recipe.rows))
    head = [one for name, one in module.named_parameters() if name.startswith("head.") and isinstance(module, Tuned)]
    body = [one for one in module.parameters() if not any(one is other for other in head)]
    groups = [{"params": body, "peak": recipe.rate}, {"params": head, "peak": recipe.head_rate}]
    optimizer = torch.optim.AdamW([one for one in groups if one["params"]], lr=0.0, weight_decay=0.01, fused=True)
    torch.manual_seed(recipe.seed)
    module.train()
    began, gone = time.monotonic(), 0.0
    for step, batch in enumerate(batches(rows, recipe)):
        gone = max(step / steps, (time.monotonic() - began) / (60 * recipe.minutes))
        if gone >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * min(1.0, gone / 0.05, (1 - gone) / 0.95)
        found = run(module, batch) if run else module(**tensors(batch))
        loss(found, batch).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    module.eval()


def batches(rows: Sequence[Row], recipe: TuneRecipe) -> Iterator[list[Row]]:
    """Without end: rows shuffled, those of like length of every twenty batches together."""
    chance, pool = random.Random(recipe.seed), 20 * recipe.rows
    while True:
        order = chance.sample(rows, len(rows))
        found = []
        for at in range(0, len(order), pool):
            part = sorted(order[at : at + pool], key=length)
            found += [part[first : first + recipe.rows] for first in range(0, len(part), recipe.rows)]
        yield from chance.sample(found, len(found))


def length(row: Row) -> int:
    """Tokens that are read and written."""
    return len(row.ids) + (len(row.aim) if isinstance(row.aim, list) else 0)


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


def answer_loss(model: Any, batch: Sequence[Row], start: int) -> Tensor:
    """Mean nats of the answers' tokens, the decoder one place behind them."""
    assert isinstance(model, EncoderDecoder)
    read = tensors(batch)
    width = max(len(row.aim) for row in batch)
    memory = model.encode(read["tokens"], segments=read["segments"])
    shifted = filled([[start, *row.aim[:-1]] for row in batch], width, 0)
    hidden = model.hidden(shifted, memory=memory)
    nats, number = lm_loss(hidden, model.head, filled([row.aim for row in batch], width, IGNORED))
    return nats / number


def judged(module: Tuned, rows: Sequence[Row]) -> list[Tensor]:
    """Scores of every row: (K,), or (T, K) of its own tokens."""
    scores: list[Tensor] = [torch.empty(0)] * len(rows)
    for group in by_length(range(len(rows)), lambda number: len(rows[number].ids), TOKENS):
        with torch.inference_mode():
            found = module(**tensors([rows[number] for number in group]))
        for number, one in zip(group, found, strict=True):
            scores[number] = one[: len(rows[number].ids)] if module.of_tokens else one
    return scores
