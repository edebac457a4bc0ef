"""How likely a model finds given texts: log-probabilities of their tokens, many texts at a time.

    decoder, prefix    each token given all before it; `sources` stand before the text and are not counted
    encoder_decoder    each token given the source that the encoder has read and all tokens before it, the end included
    encoder            each token given all others, itself hidden: pseudo-log-likelihood (Salazar et al. 2020), whose
                       sum is no probability of the text but ranks texts as one does

Legend: B rows of a batch, T tokens, N tokens that are scored, D width, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from hanlin.base.errors import InputError, RequestTooLong, UsageError
from hanlin.data.packing import by_length
from hanlin.infer.states import PaddedReader, padded
from hanlin.model.heads import CHUNK_COPIED_LOGITS, LmHead
from hanlin.model.transformer import EncoderDecoder, Transformer
from hanlin.text.tokenizer import Tokenizer

Top = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Score:
    """ids of the tokens that were scored, and the natural logarithm of each one's probability.

    top: for each the most likely tokens in its place with theirs, where they were asked for.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    top: tuple[Top, ...] = ()

    @property
    def total(self) -> float:
        """The sum: of the whole text, in nats."""
        return math.fsum(self.logprobs)

    @property
    def perplexity(self) -> float | None:
        """exp(-mean); None for a text without a token."""
        return math.exp(-self.total / len(self.ids)) if self.ids else None


@dataclass(frozen=True)
class _Row:
    """What is scored (`ids`), what stands before it, and what an encoder reads first."""

    text: int
    before: list[int]
    ids: list[int]
    read: list[int]

    @property
    def size(self) -> int:
        return len(self.before) + len(self.ids)


class Scorer:
    """Scores texts by one model. start: what a decoder under an encoder begins with."""

    def __init__(
        self, model: Transformer, tokenizer: Tokenizer, *, start: int, batch_tokens: int = PaddedReader.batch_tokens
    ) -> None:
        self._model, self._tokenizer, self._start, self._batch_tokens = model, tokenizer, start, batch_tokens
        self._device = model.embeddings.tokens.weight.device

    def score(self, texts: Sequence[str], *, sources: Sequence[str] | None = None, top: int = 0) -> list[Score]:
        """A score for each text, in their order, `top` alternatives with every token.

        Raises RequestTooLong E623, InputError E617 for another number of sources, UsageError E618 where a model needs
        sources or can use none, E611 for an encoder without a mask, E303 for one without a head.
        """
        arch = self._model.config.arch
        if sources is not None and len(sources) != len(texts):
            raise InputError("infer.sources_differ", sources=len(sources), texts=len(texts))
        if arch == ("encoder_decoder" if sources is None else "encoder"):
            raise UsageError("infer.score_sources", arch=arch)
        ids = self._tokenizer.encode_batch(texts)
        read = [[]] * len(texts) if sources is None else self._tokenizer.encode_batch(sources)
        rows = [self._row(*item) for item in zip(range(len(texts)), ids, read, strict=True)]
        return self._scored(rows, top)

    def score_ids(self, rows: Sequence[Sequence[int]], *, top: int = 0) -> list[Score]:
        """Scores of ids as they are, for a decoder: of all but the first, which nothing stands before."""
        return self._scored([_Row(n, list(ids[:1]), list(ids[1:]), []) for n, ids in enumerate(rows)], top)

    def _row(self, text: int, ids: list[int], source: list[int]) -> _Row:
        match self._model.config.arch:
            case "encoder_decoder":
                end = self._tokenizer.special.eos
                return _Row(text, [self._start], [*ids, end], self._tokenizer.frame(source))
            case "prefix":
                return _Row(text, self._tokenizer.frame(source), ids, [])
            case "encoder":
                return _Row(text, [], ids, [])
            case _:
                return _Row(text, [self._tokenizer.special.bos, *source], ids, [])

    @torch.inference_mode()
    def _scored(self, rows: Sequence[_Row], top: int) -> list[Score]:
        self._check(rows)
        found: list[Score] = [Score((), ())] * len(rows)
        pass_over = self._hidden_one_by_one if self._model.config.arch == "encoder" else self._from_the_left
        for group, states, ids in pass_over([row for row in rows if row.ids]):
            figures = zip(*_figures(self._model.head, states, ids, top), strict=True)
            for row in group:
                own = [next(figures) for _ in row.ids]
                best = tuple(one[1] for one in own) if top else ()
                found[row.text] = Score(tuple(row.ids), tuple(one[0] for one in own), best)
        return found

    def _check(self, rows: Sequence[_Row]) -> None:
        arch, room = self._model.config.arch, self._model.config.max_seq_len
        if arch == "encoder" and self._tokenizer.special.mask is None:
            raise UsageError("infer.no_mask_token")
        frame = self._tokenizer.num_frame if arch == "encoder" else -1  # the last token is asked for, not read
        for row in rows:
            size = max(row.size + frame, len(row.read))
            if size > room:
                raise RequestTooLong("infer.score_too_long", number=row.text + 1, num_tokens=size, max_seq_len=room)

    def _from_the_left(self, rows: Sequence[_Row]) -> Iterator[tuple[list[_Row], Tensor, Tensor]]:
        """Batches of rows, with the states (N, D) before each of their tokens, and these tokens (N)."""
        for group in by_length(rows, lambda row: max(row.size, len(row.read)), self._batch_tokens):
            tokens, real = padded([[*row.before, *row.ids][:-1] for row in group])
            states = self._states(group, tokens.to(self._device), None if real is None else real.to(self._device))
            places = torch.arange(tokens.shape[1])
            lengths = torch.tensor([[len(row.before), row.size] for row in group])
            counted = (places >= lengths[:, :1] - 1) & (places < lengths[:, 1:] - 1)
            yield group, states[counted.to(self._device)], torch.tensor([id for row in group for id in row.ids])

    def _states(self, group: Sequence[_Row], tokens: Tensor, real: Tensor | None) -> Tensor:
        """(B, T, D)."""
        if isinstance(self._model, EncoderDecoder):
            read, known = padded([row.read for row in group])
            known = None if known is None else known.to(self._device)
            memory = self._model.encode(read.to(self._device), segments=known)
            return self._model.hidden(tokens, segments=real, memory=memory)
        if self._model.config.arch != "prefix":
            return self._model.hidden(tokens, segments=real)
        ends = torch.tensor([[len(row.before)] for row in group], device=self._device)
        told = self._model.config.positions.tell_prefix
        prefix = None if told else torch.arange(tokens.shape[1], device=self._device) < ends
        return self._model.hidden(tokens, segments=real, prefix=prefix)

    def _hidden_one_by_one(self, rows: Sequence[_Row]) -> Iterator[tuple[list[_Row], Tensor, Tensor]]:
        """As `_from_the_left`: rows of one length, each token hidden in a copy of its row."""
        mask = self._tokenizer.special.mask
        assert mask is not None, "checked"
        first = self._tokenizer.frame([-1]).index(-1)
        for length, same in groupby(sorted(rows, key=lambda row: len(row.ids)), key=lambda row: len(row.ids)):
            group = list(same)
            framed = torch.tensor([self._tokenizer.frame(row.ids) for row in group], device=self._device)
            states = []
            for part in torch.arange(len(group) * length).split(max(1, self._batch_tokens // framed.shape[1])):
                tokens, at = framed[part // length].clone(), first + part % length
                tokens[torch.arange(len(part)), at] = mask
                states.append(self._model.guessed(tokens, at[:, None].to(self._device))[:, 0])
            yield group, torch.cat(states), torch.tensor([id for row in group for id in row.ids])


def _figures(head: LmHead, states: Tensor, ids: Tensor, top: int) -> tuple[list[float], list[Top]]:
    """Log-probability of each id (N) by the state (N, D) before it, and the `top` likeliest; some of the N at once."""
    logprobs: list[float] = []
    best: list[Top] = []
    size = max(1, CHUNK_COPIED_LOGITS // head.weight.shape[0])
    for some, wanted in zip(states.split(size), ids.to(states.device).split(size), strict=True):
        shares = head(some).float().log_softmax(dim=-1)  # (N, V)
        logprobs += shares.gather(1, wanted[:, None]).squeeze(1).tolist()
        likeliest = shares.topk(min(top, shares.shape[1]))
        pairs = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        best += [tuple(zip(*pair, strict=True)) for pair in pairs]
    return logprobs, best
