"""Rows of a task as tensors, and the stream of batches that the loop takes.

Legend: B rows, T tokens, L labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hanlin.base.errors import InputError, RequestTooLong
from hanlin.base.seeds import Seeds
from hanlin.data.batches import ReadBatch
from hanlin.data.framing import Framer, Overflow, Row
from hanlin.data.mixture import shuffled
from hanlin.data.sources import IGNORE, digest
from hanlin.train.task.config import TaskName
from hanlin.train.task.rows import TaskRow

WINDOW = 16
"""Batches whose rows are sorted by length together, so that little is padding and the order stays random."""


@dataclass(frozen=True)
class Example:
    """ids with their types; `other` the second row of a pair that is compared; target as the objective wants it: a
    number of a label, a list of numbers, a tag for each token, the places where an answer begins and ends, or the ids
    of what is written."""

    ids: list[int]
    types: list[int]
    target: Any
    other: list[int] | None = None


@dataclass(frozen=True)
class Examples:
    """What rows became; num_cut texts that lost their end, num_split that were read in parts, num_lost spans and
    answers that no row holds whole."""

    examples: list[Example]
    num_cut: int = 0
    num_split: int = 0
    num_lost: int = 0


def make_examples(
    rows: Sequence[TaskRow],
    task: TaskName,
    labels: Sequence[str],
    framer: Framer,
    overflow: Overflow,
    *,
    max_target_tokens: int | None = None,
) -> Examples:
    """Frame rows and put their targets beside them. Raises InputError E440, RequestTooLong E441 and E523."""
    if task == "embedding":
        return _pairs(rows, framer, overflow)
    if task == "seq2seq":
        return _rewritings(rows, framer, overflow, max_target_tokens or framer.max_tokens)
    framed = framer.frame([row.text for row in rows], overflow, names=[row.location for row in rows])
    numbers = {label: number for number, label in enumerate(labels)}
    examples, kept = [], set[tuple[int, int]]()
    for row in framed.rows:
        target = _target(rows[row.text].target, row, task, numbers, kept)
        examples.append(Example(row.ids, row.types, target))
    num_wanted = {"tokens": lambda row: len(row.target), "qa": lambda row: bool(row.target)}.get(task, lambda row: 0)
    return Examples(examples, framed.num_cut, framed.num_split, sum(map(num_wanted, rows)) - len(kept))


def _pairs(rows: Sequence[TaskRow], framer: Framer, overflow: Overflow) -> Examples:
    """Two framed texts for each row; in parts makes no sense of a text that becomes one vector."""
    policy: Overflow = "cut" if overflow == "cut" else "error"
    names = [row.location for row in rows]
    lefts, rights = (framer.frame([row.text[side] for row in rows], policy, names=names) for side in (0, 1))
    made = [
        Example(left.ids, left.types, math.nan if row.target is None else float(row.target), right.ids)
        for row, left, right in zip(rows, lefts.rows, rights.rows, strict=True)
    ]
    return Examples(made, lefts.num_cut + rights.num_cut)


def _rewritings(rows: Sequence[TaskRow], framer: Framer, overflow: Overflow, most: int) -> Examples:
    """What is read, framed, and the ids of what is written, its end among them; neither is read in parts."""
    policy: Overflow = "cut" if overflow == "cut" else "error"
    framed = framer.frame([row.text for row in rows], policy, names=[row.location for row in rows])
    tokenizer = framer.tokenizer
    made, num_cut = [], framed.num_cut
    for row, read, ids in zip(rows, framed.rows, tokenizer.encode_batch([row.target for row in rows]), strict=True):
        if len(ids) >= most:
            if policy == "error":
                told = {"location": row.location, "num_tokens": len(ids) + 1, "max_tokens": most}
                raise RequestTooLong("train.target_too_long", **told)
            num_cut += 1
        made.append(Example(read.ids, read.types, [*ids[: most - 1], tokenizer.special.eos]))
    return Examples(made, num_cut)


def _target(wanted: Any, row: Row, task: TaskName, numbers: Mapping[str, int], kept: set[tuple[int, int]]) -> Any:
    if task == "classification":
        return numbers[wanted[0]]
    if task == "multilabel":
        return [float(label in wanted) for label in numbers]
    if task == "regression":
        return [wanted]
    if task == "tokens":
        return _tags(wanted, row, numbers, kept)
    return _span(wanted, row, kept)


def _tags(spans: Sequence[Any], row: Row, numbers: Mapping[str, int], kept: set[tuple[int, int]]) -> list[int]:
    """A tag for each token of the text, none for control tokens. A token that touches a span is in it."""
    tags = [IGNORE] * len(row.ids)
    for place in range(len(row.places)):
        tags[row.first + place] = numbers["O"]
    for number, span in enumerate(spans):
        inside = [n for n, (start, end) in enumerate(row.places) if start < span.end and end > span.start]
        for position, place in enumerate(inside):
            tags[row.first + place] = numbers[f"{'I' if position else 'B'}-{span.label}"]
        if inside and row.places[inside[0]][0] <= span.start and row.places[inside[-1]][1] >= span.end:
            kept.add((row.text, number))
    return tags


def _span(answers: Sequence[tuple[str, int]], row: Row, kept: set[tuple[int, int]]) -> list[int]:
    """Where the first answer stands in this row; at its first token where it does not (SQuAD 2.0)."""
    if not answers:
        return [0, 0]
    text, start = answers[0]
    inside = [n for n, place in enumerate(row.places) if place[0] < start + len(text) and place[1] > start]
    whole = inside and row.places[inside[0]][0] <= start and row.places[inside[-1]][1] >= start + len(text)
    if not whole:
        return [0, 0]
    kept.add((row.text, 0))
    return [row.first + inside[0], row.first + inside[-1]]


@dataclass(frozen=True)
class ExampleBatch:
    """tokens, segments, types (B, T); of pairs first all left rows, then all right ones. targets (B,), (B, L), (B, 2),
    or with `tagged` (B, T)."""

    tokens: Tensor
    segments: Tensor
    types: Tensor
    targets: Tensor
    tagged: bool = False

    @property
    def num_positions(self) -> int:
        """Positions that hold a token."""
        return int(self.segments.sum())

    @property
    def num_targets(self) -> int:
        """What the loss is a mean over: rows, or the tags that are there."""
        return int((self.targets != IGNORE).sum()) if self.tagged else len(self.targets)

    def to(self, device: torch.device | str) -> ExampleBatch:
        tokens, segments, types, targets = (
            part.to(device) for part in (self.tokens, self.segments, self.types, self.targets)
        )
        return ExampleBatch(tokens, segments, types, targets, self.tagged)


def collate(examples: Sequence[Example], *, pad: int, tagged: bool) -> ExampleBatch:
    """One batch, padded at the right."""
    rows = [(one.ids, one.types) for one in examples]
    rows += [(one.other, [0] * len(one.other)) for one in examples if one.other is not None]
    longest = max(len(ids) for ids, _ in rows)
    tokens = torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in rows])
    types = torch.tensor([kinds + [0] * (longest - len(kinds)) for _, kinds in rows])
    segments = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows])
    targets = [one.target + [IGNORE] * (longest - len(one.target)) if tagged else one.target for one in examples]
    return ExampleBatch(tokens, segments, types, torch.tensor(targets), tagged)


def collate_written(examples: Sequence[Example], *, pad: int, start: int) -> ReadBatch:
    """One batch of what is read and what is written about it: the decoder reads `start` and all but the last token."""
    read, read_segments = _padded([one.ids for one in examples], pad)
    tokens, segments = _padded([[start, *one.target[:-1]] for one in examples], pad)
    targets = _padded([one.target for one in examples], IGNORE)[0]
    return ReadBatch(tokens=tokens, targets=targets, segments=segments, read=read, read_segments=read_segments)


def _padded(rows: Sequence[Sequence[int]], filling: int) -> tuple[Tensor, Tensor]:
    """Rows (B, T), and 1 where a row has a token, else 0."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[filling] * (longest - len(row))] for row in rows])
    return ids, (torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]).long()


Collate = Callable[[Sequence[Example]], Any]
"""Examples to a batch of the objective."""


class ExampleLoader:
    """Batches of `size` examples, shuffled anew in every epoch, for the loop: exactly resumable.

    The last batch of an epoch may be smaller. Rows of like length stand in one batch, the batches in random order.
    """

    def __init__(self, examples: Sequence[Example], *, size: int, seed: int, collate: Collate) -> None:
        self.examples, self.size, self.collate = examples, size, collate
        self._seeds = Seeds(seed)
        self._epoch, self._next = 0, 0
        self._fingerprint = digest([f"{seed} {size}", *(f"{one.ids} {one.target}" for one in examples)])
        self._planned = self._plan()

    @property
    def batches_per_epoch(self) -> int:
        return math.ceil(len(self.examples) / self.size)

    def next_batch(self) -> Any:
        """The next batch; there is always one."""
        if self._next == len(self._planned):
            self._epoch, self._next = self._epoch + 1, 0
            self._planned = self._plan()
        chosen = [self.examples[number] for number in self._planned[self._next]]
        self._next += 1
        return self.collate(chosen)

    def state(self) -> dict[str, Any]:
        """Where the stream stands."""
        return {"fingerprint": self._fingerprint, "epoch": self._epoch, "next": self._next}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken. Raises InputError E410 when the data are not the same."""
        if state["fingerprint"] != self._fingerprint:
            raise InputError("data.other_data", sources="task")
        self._epoch, self._next = state["epoch"], state["next"]
        self._planned = self._plan()

    def _plan(self) -> list[list[int]]:
        order = shuffled(len(self.examples), key=self._seeds.derive(f"examples {self._epoch}")).tolist()
        reach = self.size * WINDOW
        sorted_windows = (
            sorted(order[start : start + reach], key=lambda number: len(self.examples[number].ids))
            for start in range(0, len(order), reach)
        )
        batches = [batch for window in sorted_windows for batch in _cut(window, self.size)]
        places = shuffled(len(batches), key=self._seeds.derive(f"batches {self._epoch}"))
        return [batches[place] for place in places]


def _cut(numbers: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(numbers), size):
        yield list(numbers[start : start + size])
