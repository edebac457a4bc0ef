"""What a fine-tuned model says of texts: labels with probabilities, numbers, labelled parts, answers found in passages.

Legend: N texts, L labels, B rows, T tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hanlin.base.errors import UsageError
from hanlin.data.framing import Framer, Overflow, Row, Text
from hanlin.data.packing import by_length
from hanlin.infer.states import padded
from hanlin.model.transformer import Transformer
from hanlin.text.tokenizer import Tokenizer

BATCH_TOKENS = 4096
"""Positions of one batch, padding included."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """Of one text. labels: the likeliest, or where there may be several, all of a probability of one half and more."""

    label: str
    score: float
    probabilities: dict[str, float]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Predictions:
    """probabilities (N, L) float32, which sum to one unless a text may have several labels; num_cut texts of which only
    the start was read, num_split that were read in parts. Iterating gives one Prediction per text."""

    probabilities: Floats
    labels: tuple[str, ...]
    num_cut: int = 0
    num_split: int = 0
    several: bool = False

    def __len__(self) -> int:
        return len(self.probabilities)

    def __iter__(self) -> Iterator[Prediction]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Prediction:
        row = self.probabilities[number]
        best = int(row.argmax())
        chosen = [place for place in range(len(row)) if row[place] >= 0.5] if self.several else [best]
        probabilities = {label: float(share) for label, share in zip(self.labels, row, strict=True)}
        return Prediction(self.labels[best], float(row[best]), probabilities, tuple(self.labels[n] for n in chosen))


@dataclass(frozen=True)
class Scores:
    """values (N, L) float32 before any softmax; for what reads a text in parts, the mean by their tokens."""

    values: Floats
    num_cut: int
    num_split: int


@dataclass(frozen=True)
class Entity:
    """A labelled part of a text, in characters, end excluded, and how sure the model is of its least sure token."""

    start: int
    end: int
    label: str
    text: str
    score: float


@dataclass(frozen=True)
class Answer:
    """Words of a passage that answer a question, "" where the model finds none; start in characters, -1 for none."""

    text: str
    start: int
    score: float


class Predictor:
    """Labels or numbers of whole texts, or of pairs of them.

    labels: in the order of the columns. max_tokens: of a row, control tokens included. Raises UsageError E615 where the
    model was not fine-tuned for this.
    """

    def __init__(self, model: Transformer, tokenizer: Tokenizer, *, max_tokens: int | None = None) -> None:
        _require(model, "sequence")
        self.model, self.task = model, model.config.head.task
        self.labels = self.task.labels
        longest = model.config.max_seq_len
        self.framer = Framer(tokenizer, min(max_tokens or longest, longest))

    def predict(
        self, texts: Sequence[Text], *, overflow: Overflow = "error", batch_tokens: int = BATCH_TOKENS
    ) -> Predictions:
        """Probabilities of texts, in their order. Raises UsageError E616 for a model that gives numbers, InputError
        E440 for a blank text, RequestTooLong E441 for one that is too long."""
        if self.task.problem == "value":
            raise UsageError("infer.gives_numbers")
        scores = self.scores(texts, overflow=overflow, batch_tokens=batch_tokens)
        several = self.task.problem == "several"
        found = torch.from_numpy(scores.values)
        shares = found.sigmoid() if several else found.softmax(dim=1)
        return Predictions(shares.numpy(), self.labels, scores.num_cut, scores.num_split, several)

    def scores(
        self, texts: Sequence[Text], *, overflow: Overflow = "error", batch_tokens: int = BATCH_TOKENS
    ) -> Scores:
        """The same before softmax; of a model that gives numbers (problem "value"), those. Raises as `predict`."""
        rows = self.framer.frame(texts, overflow)
        sums = np.zeros((len(texts), len(self.labels)), dtype=np.float64)
        weights = np.zeros((len(texts), 1))
        for row, found in judged(self.model, rows.rows, batch_tokens):
            sums[row.text] += found * len(row.ids)
            weights[row.text] += len(row.ids)
        values = (sums / np.maximum(weights, 1)).astype(np.float32)
        return Scores(values, rows.num_cut, rows.num_split)


def judged(model: Transformer, rows: Sequence[Row], batch_tokens: int) -> Iterator[tuple[Row, NDArray[np.float64]]]:
    """Every row with its scores: (L,), or (T, L) of its own tokens. Rows of like length are read together."""
    device = model.embeddings.tokens.weight.device
    for group in by_length(rows, lambda row: len(row.ids), batch_tokens):
        tensors = _tensors(group, has_types=model.config.embeddings.types > 1)
        with torch.inference_mode():
            tokens = tensors.pop("tokens").to(device)
            found = model.judge(tokens, **{name: part.to(device) for name, part in tensors.items()}).double().cpu()
        for row, scores in zip(group, found.numpy(), strict=True):
            yield row, scores if scores.ndim == 1 else scores[: len(row.ids)]


def _tensors(rows: Sequence[Row], *, has_types: bool) -> dict[str, torch.Tensor]:
    """tokens (B, T), segments (B, T) where there is padding, types (B, T) where the model tells the texts of a pair."""
    tokens, segments = padded([row.ids for row in rows])
    tensors = {"tokens": tokens}
    if has_types:
        tensors["types"] = padded([row.types for row in rows])[0]
    if segments is not None:
        tensors["segments"] = segments
    return tensors


def _require(model: Transformer, kind: str) -> None:
    """Raise UsageError E615 unless the model has the head of such a task."""
    found = model.config.head.task.kind
    if found != kind:
        raise UsageError("infer.other_task", found=found, wanted=kind)


# ---------------------------------------------------------------- parts of texts


_WORD = re.compile(r"[^\W\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
"""A word of a script that has spaces; characters of others are words of their own."""


class Tagger:
    """Labelled parts of texts, from labels of tokens in the BIO scheme, or plain ones.

    The tokens of a word decide together (`decided`), so that no part ends within one.
    """

    def __init__(self, model: Transformer, tokenizer: Tokenizer, *, max_tokens: int | None = None) -> None:
        _require(model, "tokens")
        self.model, self.labels = model, model.config.head.task.labels
        longest = model.config.max_seq_len
        self.framer = Framer(tokenizer, min(max_tokens or longest, longest))

    def predict(
        self, texts: Sequence[str], *, overflow: Overflow = "error", batch_tokens: int = BATCH_TOKENS
    ) -> list[list[Entity]]:
        """The parts of every text, in order. Raises InputError E440, RequestTooLong E441."""
        rows = self.framer.frame(texts, overflow)
        found: list[list[Entity]] = [[] for _ in texts]
        read = {id(row): scores for row, scores in judged(self.model, rows.rows, batch_tokens)}
        for row in rows.rows:
            own = torch.from_numpy(read[id(row)][row.first : row.first + len(row.places)]).softmax(dim=-1)
            shares = decided(own, words_of(texts[row.text], row.places), self.labels)
            found[row.text] += self._entities(texts[row.text], row, shares)
        return found

    def _entities(self, text: str, row: Row, shares: torch.Tensor) -> Iterator[Entity]:
        """Runs of tokens of one label; B- begins a new one (Ramshaw & Marcus 1995)."""
        held: Entity | None = None
        best = shares.max(dim=-1)
        for (start, end), share, number in zip(row.places, best.values.tolist(), best.indices.tolist(), strict=True):
            tag = self.labels[number]
            begins, label = tag.startswith("B-"), tag[2:] if tag[:2] in ("B-", "I-") else tag
            if held is not None and label == held.label and not begins:
                held = _entity(text, held.start, end, label, min(share, held.score))
                continue
            if held is not None:
                yield held
            held = None if tag == "O" else _entity(text, start, end, label, share)
        if held is not None:
            yield held


def words_of(text: str, places: Sequence[tuple[int, int]]) -> list[range]:
    """Tokens, by their places in a text, that stand in one word; words of one token are left out."""
    ends = [match.span() for match in _WORD.finditer(text)]
    found: list[range] = []
    number = 0
    for start, end in ends:
        while number < len(places) and places[number][1] <= start:
            number += 1
        first = number
        while number < len(places) and places[number][0] < end and places[number][1] <= end:
            number += 1
        if number - first > 1:
            found.append(range(first, number))
    return found


def decided(shares: torch.Tensor, words: Sequence[range], labels: Sequence[str]) -> torch.Tensor:
    """Shares of labels (T, L) after the tokens of each word have decided together.

    Of every kind (B- and I- are one) the geometric mean over the word's tokens counts; whether a part begins there the
    first token says, the others go on with it.
    """
    kinds = [label[2:] if label[:2] in ("B-", "I-") else label for label in labels]
    names = list(dict.fromkeys(kinds))
    member = torch.tensor([[kind == name for name in names] for kind in kinds], dtype=shares.dtype)  # (L, kinds)
    inside = [labels.index(f"I-{name}") if f"I-{name}" in labels else kinds.index(name) for name in names]
    heads = torch.arange(len(shares))
    for word in words:
        heads[word.start : word.stop] = word.start
    of_kinds = shares @ member
    sums = torch.zeros_like(of_kinds).index_add_(0, heads, of_kinds.clamp(min=1e-9).log())
    agreed = (sums / heads.bincount(minlength=len(shares)).clamp(min=1)[:, None]).softmax(dim=1)[heads]  # (T, kinds)
    begun = shares / (of_kinds @ member.T).clamp(min=1e-9) * (agreed @ member.T)
    going_on = torch.zeros_like(shares).index_copy_(1, torch.tensor(inside), agreed)
    together = heads.bincount(minlength=len(shares))[heads] > 1
    is_first = heads == torch.arange(len(shares))
    return torch.where(together[:, None], torch.where(is_first[:, None], begun, going_on), shares)


def _entity(text: str, start: int, end: int, label: str, score: float) -> Entity:
    """White space at the borders, which some vocabularies count to a token, is no part of it."""
    said = text[start:end]
    start += len(said) - len(said.lstrip())
    return Entity(start, start + len(said.strip()), label, said.strip(), score)


class Extractor:
    """Answers that stand in a passage. longest: tokens of an answer; overlap: tokens that two parts of a long passage
    share, so that an answer on their border stands whole in one."""

    def __init__(
        self, model: Transformer, tokenizer: Tokenizer, *, max_tokens: int | None = None, longest: int = 64
    ) -> None:
        _require(model, "spans")
        self.model, self.longest = model, longest
        most = min(max_tokens or model.config.max_seq_len, model.config.max_seq_len)
        self.framer = Framer(tokenizer, most, overlap=min(longest, most // 4))

    def predict(
        self,
        questions: Sequence[str],
        contexts: Sequence[str],
        *,
        overflow: Overflow = "windows",
        batch_tokens: int = BATCH_TOKENS,
    ) -> list[Answer]:
        """The best answer to each question in its passage. Raises InputError E440, RequestTooLong E441."""
        rows = self.framer.frame(list(zip(questions, contexts, strict=True)), overflow)
        best: list[Answer | None] = [None] * len(questions)
        for row, scores in judged(self.model, rows.rows, batch_tokens):
            answer, held = self._best(contexts[row.text], row, scores), best[row.text]
            if held is None or answer.score > held.score:
                best[row.text] = answer
        return [answer or Answer("", -1, 0.0) for answer in best]

    def _best(self, context: str, row: Row, scores: NDArray[np.float64]) -> Answer:
        """The span of the highest sum of scores, over that of no answer, which is the first token's (SQuAD 2.0)."""
        own = scores[row.first : row.first + len(row.places)]  # (T, 2)
        sums = own[:, None, 0] + own[None, :, 1]
        size = len(own)
        places = np.arange(size)
        far = places[None] - places[:, None]
        sums = np.where((far >= 0) & (far < self.longest), sums, -np.inf)
        begin, end = np.unravel_index(int(sums.argmax()), sums.shape)
        none = float(scores[0].sum())
        if none >= sums[begin, end]:
            return Answer("", -1, 0.0)
        entity = _entity(context, row.places[begin][0], row.places[end][1], "", 0.0)
        return Answer(entity.text, entity.start, float(sums[begin, end]) - none)
