"""Models that read before they write: encoder-decoders and prefix models, one batch of texts at a time.

The encoder's states are projected once per layer, every new token costs one token, and rows that have ended leave the
batch. Tokens are drawn by sampling.py, as the engine draws them.

Legend: B rows that still write, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hanlin.base.errors import InputError, RequestTooLong, UsageError
from hanlin.infer.config import SamplingParams
from hanlin.infer.request import Finish, Generation, Reason, Token
from hanlin.infer.sampling import Row, sample
from hanlin.infer.stream import TextStream
from hanlin.model.transformer import EncoderDecoder, Transformer
from hanlin.text.tokenizer import Tokenizer


class Reader:
    """What rows have read, and the logits of their next tokens.

    start: the token every answer of an encoder-decoder begins with. room: most tokens that will be written.
    Raises RequestTooLong, InputError E601 for an empty row, UsageError E613 for a model of another shape.
    """

    def __init__(self, model: Transformer, rows: Sequence[Sequence[int]], *, start: int, room: int) -> None:
        if model.config.arch not in ("encoder_decoder", "prefix"):
            raise UsageError("infer.does_not_read_first", arch=model.config.arch)
        if not rows or not all(rows):
            raise InputError("infer.prompt_empty")
        self._model, self._device, self.memory = model, model.embeddings.tokens.weight.device, None
        lengths = torch.tensor([len(row) for row in rows])
        longest = int(lengths.max())
        tokens = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=self._device)
        segments = (torch.arange(longest) < lengths[:, None]).long().to(self._device)
        if isinstance(model, EncoderDecoder):
            self.memory = model.encode(tokens, segments=None if bool(segments.all()) else segments)
            self.cache = model.new_cache(len(rows), room + 1)
            self.logits = self.read([start] * len(rows))
        else:
            if longest >= model.config.max_seq_len:
                raise RequestTooLong("infer.too_long", num_tokens=longest, max_seq_len=model.config.max_seq_len)
            self.cache = model.new_cache(len(rows), longest + room)
            told = model.config.positions.start_token >= 0  # the tokens themselves say where the prefix ends
            prefix = None if told else segments != 0
            states = model.hidden(tokens, segments=segments, cache=self.cache, prefix=prefix)
            self.logits = model.head(states[torch.arange(len(rows)), lengths - 1]).float()

    def read(self, tokens: Sequence[int]) -> Tensor:
        """One more token of each row -> logits (B, V) float32 of what follows."""
        column = torch.tensor(tokens, device=self._device)[:, None]
        self.logits = self._model(column, cache=self.cache, memory=self.memory)[:, -1].float()
        return self.logits

    def select(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order; one named twice is copied."""
        if list(rows) == list(range(len(self.cache.lengths))):
            return
        self.cache.select(rows)
        self.memory = None if self.memory is None else self.memory.select(rows)


@dataclass(eq=False)
class _Answer:
    """One row on its way."""

    number: int
    params: SamplingParams
    stream: TextStream
    ids: list[int]
    num_prompt_tokens: int
    seed: int
    tokens: list[Token] = field(default_factory=list)
    reason: Reason | None = None

    def row(self) -> Row:
        return Row(self.params, self.seed, self.ids, len(self.tokens))


@torch.no_grad()
def write(
    model: Transformer,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    params: SamplingParams | None = None,
    *,
    start: int,
) -> list[Generation]:
    """One answer per prompt of framed ids, drawn as `params` say. A request without a seed draws by its number.

    Raises as Reader.
    """
    params = params or SamplingParams()
    room = room_for(model, prompts, params.max_tokens)
    reader = Reader(model, prompts, start=start, room=room)
    answers = [_answer(tokenizer, params, number, ids, start) for number, ids in enumerate(prompts)]
    ends = frozenset() if params.ignore_eos else frozenset((tokenizer.special.eos, tokenizer.special.im_end))
    going = list(answers)
    while going:
        choices = sample(reader.logits[:, : tokenizer.vocab_size], [answer.row() for answer in going])
        for answer, choice in zip(going, choices, strict=True):
            assert choice is not None, "weights are checked when they are loaded"
            _add(answer, choice.token_id, choice.logprob, choice.top, ends, room)
        kept = [place for place, answer in enumerate(going) if answer.reason is None]
        going = [going[place] for place in kept]
        if going:
            reader.select(kept)
            reader.read([answer.ids[-1] for answer in going])
    return [_finished(answer) for answer in answers]


def room_for(model: Transformer, prompts: Sequence[Sequence[int]], max_tokens: int) -> int:
    """Tokens that may be written before the model's own end."""
    taken = 1 if isinstance(model, EncoderDecoder) else max(map(len, prompts), default=0)
    return max(1, min(max_tokens, model.config.max_seq_len - taken))


def _answer(tokenizer: Tokenizer, params: SamplingParams, number: int, prompt: Sequence[int], start: int) -> _Answer:
    seed = number if params.seed is None else params.seed
    return _Answer(number, params, TextStream(tokenizer, stop=params.stop), [start], len(prompt), seed)


def _add(
    answer: _Answer,
    token_id: int,
    logprob: float | None,
    top: tuple[tuple[int, float], ...],
    ends: frozenset[int],
    room: int,
) -> None:
    """Put a token down, and note whether it was the last."""
    answer.ids.append(token_id)
    text = "" if token_id in ends else answer.stream.push(token_id)
    answer.tokens.append(Token(str(answer.number), token_id, text, logprob, top))
    if token_id in ends or answer.stream.stopped:
        answer.reason = "stop"
    elif len(answer.tokens) >= room:
        answer.reason = "length"


def _finished(answer: _Answer) -> Generation:
    assert answer.reason is not None
    text = "".join(token.text for token in answer.tokens) + answer.stream.flush()
    finish = Finish(str(answer.number), answer.reason, answer.num_prompt_tokens, len(answer.tokens))
    return Generation(text, tuple(answer.tokens), finish)
