"""The one engine: requests in, tokens out, many at once.

    submit -> | line | -> scheduler -> runner -> sampling -> stream -> Token, Token, ... Finish

`submit` and `cancel` may come from any thread; one thread at a time drives `step`. `generate` and `stream` drive it
themselves, side by side with others if need be. The model may be alive elsewhere: weights that training has changed
are noticed whenever new work begins.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from hanlin.base.errors import CheckFailed, HanlinError, InputError, MachineError, RequestTooLong, UsageError
from hanlin.base.seeds import Seeds
from hanlin.infer import scheduler
from hanlin.infer.blocks import BlockTables, num_blocks_for
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.request import Finish, Generation, Reason, Request, Token
from hanlin.infer.runner import weights_stamp
from hanlin.infer.runners import make_runner
from hanlin.infer.sampling import Choice, Row, sample
from hanlin.infer.scheduler import Scheduler, Work
from hanlin.infer.stream import TextStream
from hanlin.model.transformer import Transformer
from hanlin.text.tokenizer import Tokenizer

Event = Token | Finish


class Engine:
    """Generates for many requests at once from one model that writes: decoder, prefix model, encoder-decoder, or an
    encoder of two streams.

    An answer ends at an end token (eos, or im_end in a chat), a stop string, max_tokens, or where prompt and answer
    together reach the model's max_seq_len; the last two finish with reason "length". An encoder reads its prompt beside
    the answer: each may be max_seq_len long. start: what answers of an encoder-decoder begin with, its padding token
    unless given. Raises UsageError E614 for an encoder.
    """

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        *,
        config: EngineConfig | None = None,
        start: int | None = None,
    ) -> None:
        if not model.config.writes:
            raise UsageError("infer.no_decoder", arch=model.config.arch)
        self.config = config or EngineConfig()
        self._start = tokenizer.special.pad if start is None else start
        self.reads_apart = model.config.arch == "encoder_decoder"  # an encoder reads the prompt
        self._model, self._tokenizer, self._max_seq_len = model, tokenizer, model.config.max_seq_len
        # Rows of the embedding without an entry in the vocabulary (padding of foreign models) are never drawn.
        self._vocab_size = min(model.config.vocab_size, tokenizer.vocab_size)
        self._end_ids = frozenset((tokenizer.special.eos, tokenizer.special.im_end))
        self._tables = BlockTables(
            num_blocks=num_blocks_for(self.config.cache_size(self._max_seq_len)),
            num_slots=self.config.max_batch,
            max_seq_len=self._max_seq_len,
        )
        self._runner = make_runner(model, self._tables, native=self.config.native)
        self._stamp = weights_stamp(model)
        self._scheduler = Scheduler(
            self._tables, step_tokens=self.config.step_tokens, whole=model.config.arch in ("prefix", "encoder")
        )
        self._doors, self._driver = threading.Lock(), threading.RLock()  # who may knock; who may drive
        self._sequences: dict[str, scheduler.Sequence] = {}  # all that are not finished
        self._arrivals: list[scheduler.Sequence] = []
        self._cancelled: set[str] = set()
        self._mailboxes: dict[str, deque[Event]] = {}
        self._unclaimed: list[Event] = []
        self._numbers, self._seeds = itertools.count(), itertools.count()

    # Any thread -----------------------------------------------------------------------------------------------------

    def submit(self, request: Request) -> str:
        """Put a request in line and return its id.

        Raises RequestTooLong where the prompt leaves no room for one new token or the cache could never hold prompt
        and answer, InputError for an empty prompt, an unknown token id, or an id that is in use.
        """
        self._check(request)
        with self._doors:
            request = replace(request, id=request.id or f"request-{next(self._numbers)}")
            if request.id in self._sequences:
                raise InputError("infer.duplicate_id", id=request.id)
            sequence = self._sequence(request)
            self._sequences[request.id] = sequence
            self._arrivals.append(sequence)
        return request.id

    def cancel(self, request_id: str) -> bool:
        """End a request at the next step; False where it is unknown or already finished."""
        with self._doors:
            known = request_id in self._sequences
            if known:
                self._cancelled.add(request_id)
        return known

    @property
    def max_seq_len(self) -> int:
        """Most tokens of prompt and answer together; of each, where an encoder reads the prompt."""
        return self._max_seq_len

    def room_after(self, num_prompt_tokens: int) -> int:
        """Tokens that can be written for a prompt of so many; none or less where the prompt itself is too long."""
        if not self.reads_apart:
            return self._max_seq_len - num_prompt_tokens
        return self._max_seq_len - 1 if num_prompt_tokens <= self._max_seq_len else 0

    @property
    def num_unfinished(self) -> int:
        """Requests waiting or running."""
        return len(self._sequences)

    @property
    def num_free_blocks(self) -> int:
        """Blocks of the cache that no request holds."""
        return self._tables.num_free

    # The driver -----------------------------------------------------------------------------------------------------

    def step(self) -> list[Event]:
        """Read and write some tokens of every running request; return what came of requests from `submit`."""
        with self._driver:
            self._advance()
            events, self._unclaimed = self._unclaimed, []
        return events

    def refresh(self) -> None:
        """Read the model's weights again: for changes no one could notice (writes through `.data`, foreign code)."""
        with self._driver:
            self._runner.refresh()
            self._stamp = weights_stamp(self._model)

    def generate(self, prompt_ids: Sequence[int], params: SamplingParams | None = None) -> Generation:
        """One answer. Raises what `submit` raises, and what made the request fail."""
        return self.generate_many([prompt_ids], params)[0]

    def generate_many(self, prompts: Iterable[Sequence[int]], params: SamplingParams | None = None) -> list[Generation]:
        """One answer per prompt, computed together; in the order of the prompts."""
        return self.answer_all([Request(tuple(prompt), params or SamplingParams()) for prompt in prompts])

    def answer_all(self, requests: Sequence[Request]) -> list[Generation]:
        """As `generate_many` for requests that differ in more than their prompts."""
        for request in requests:
            self._check(request)
        streams = [self._open(request) for request in requests]
        try:
            return [_collect(self._follow(request_id)) for request_id in streams]
        finally:
            self._close(streams)

    def stream(self, prompt_ids: Sequence[int], params: SamplingParams | None = None) -> Iterator[Event]:
        """One answer, token by token, its Finish last; a stream left early cancels its request."""
        request = Request(tuple(prompt_ids), params or SamplingParams())
        self._check(request)
        return self._stream(request)

    def _stream(self, request: Request) -> Iterator[Event]:
        request_id = self._open(request)
        try:
            yield from self._follow(request_id)
        finally:
            self._close([request_id])

    def _open(self, request: Request) -> str:
        with self._driver:  # no step may come between
            request_id = self.submit(request)
            self._mailboxes[request_id] = deque()
        return request_id

    def _close(self, request_ids: Sequence[str]) -> None:
        unfinished = [request_id for request_id in request_ids if self.cancel(request_id)]
        with self._driver:
            if unfinished:
                self._receive()
            for request_id in request_ids:
                self._mailboxes.pop(request_id, None)

    def _follow(self, request_id: str) -> Iterator[Event]:
        mailbox = self._mailboxes[request_id]
        while True:
            while mailbox:
                event = mailbox.popleft()
                yield event
                if isinstance(event, Finish):
                    return
            with self._driver:
                if not mailbox:  # another driver may have been here meanwhile
                    self._advance()

    # One step -------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Schedule, run, settle."""
        self._receive()
        work = self._scheduler.schedule()
        if work:
            self._settle(work, self._run(work))

    def _receive(self) -> None:
        """Let in who has come and end who was cancelled; where nothing was running, weights may have changed since."""
        with self._doors:
            arrivals, self._arrivals = self._arrivals, []
            cancelled = [self._sequences[name] for name in self._cancelled if name in self._sequences]
            self._cancelled.clear()
        if arrivals and self._scheduler.is_idle and weights_stamp(self._model) != self._stamp:
            self.refresh()
        for sequence in arrivals:
            self._scheduler.add(sequence)
        for sequence in cancelled:
            self._finish(sequence, "cancelled")

    def _run(self, work: Sequence[Work]) -> list[Choice | None] | HanlinError:
        """The choice of every work that samples, or why there is none."""
        try:
            logits = self._runner.run(work)[:, : self._vocab_size]
            return self._sample(logits, [item.sequence for item in work if item.samples])
        except Exception as reason:  # whatever it was, these requests end with it and the engine goes on
            error = reason if isinstance(reason, HanlinError) else MachineError("infer.step_failed", reason=reason)
            error.__cause__ = reason if error is not reason else None
            return error

    @torch.no_grad()
    def _sample(self, logits: Tensor, sequences: Sequence[scheduler.Sequence]) -> list[Choice | None]:
        rows = [Row(s.request.params, s.seed, s.ids, s.num_tokens) for s in sequences]
        return sample(logits, rows) if rows else []

    def _settle(self, work: Sequence[Work], outcome: list[Choice | None] | HanlinError) -> None:
        """Write down what the step gave: tokens, texts, ends."""
        if isinstance(outcome, HanlinError):
            for item in work:
                self._finish(item.sequence, "error", outcome)
            return
        choices = iter(outcome)
        for item in work:
            item.sequence.num_read += item.count
            if item.samples:
                self._settle_choice(item.sequence, next(choices))

    def _settle_choice(self, sequence: scheduler.Sequence, choice: Choice | None) -> None:
        if choice is None:
            self._finish(sequence, "error", CheckFailed("infer.not_finite", num_tokens=sequence.num_read))
            return
        sequence.ids.append(choice.token_id)
        hidden = choice.token_id in sequence.request.params.stop_ids
        text = "" if hidden else sequence.stream.push(choice.token_id)
        reason = "stop" if hidden else self._end(sequence, choice.token_id)
        if reason:
            text += sequence.stream.flush()
        self._post(Token(sequence.request.id, choice.token_id, text, choice.logprob, choice.top))
        if reason:
            self._finish(sequence, reason)

    def _end(self, sequence: scheduler.Sequence, token_id: int) -> Reason | None:
        if token_id in self._end_ids and not sequence.request.params.ignore_eos:
            return "stop"
        if sequence.stream.stopped:
            return "stop"
        return "length" if len(sequence.ids) >= sequence.limit else None

    def _finish(self, sequence: scheduler.Sequence, reason: Reason, error: HanlinError | None = None) -> None:
        self._scheduler.remove(sequence)
        request = sequence.request
        with self._doors:
            del self._sequences[request.id]
        self._post(Finish(request.id, reason, sequence.num_prompt_tokens, sequence.num_tokens, error))

    def _post(self, event: Event) -> None:
        mailbox = self._mailboxes.get(event.request_id)
        (self._unclaimed if mailbox is None else mailbox).append(event)

    # Admission ------------------------------------------------------------------------------------------------------

    def _check(self, request: Request) -> None:
        ids, vocab_size = request.prompt_ids, self._model.config.vocab_size
        if not ids:
            raise InputError("infer.prompt_empty")
        if self.room_after(len(ids)) < 1:
            key = "infer.source_too_long" if self.reads_apart else "infer.too_long"
            raise RequestTooLong(key, num_tokens=len(ids), max_seq_len=self._max_seq_len)
        if min(ids) < 0 or max(ids) >= vocab_size:
            place, token_id = next((n, i) for n, i in enumerate(ids) if not 0 <= i < vocab_size)
            raise InputError("infer.token_unknown", token_id=token_id, place=place, vocab_size=vocab_size)
        limit, room = self._limit(request), self._tables.num_blocks
        if num_blocks_for(limit) > room:
            held = self.config.cache_size(self._max_seq_len)
            raise RequestTooLong("infer.cache_too_small", num_tokens=limit, max_seq_len=held)

    def _limit(self, request: Request) -> int:
        before = 1 if self.reads_apart else len(request.prompt_ids)
        return min(before + request.params.max_tokens, self._max_seq_len)

    def _sequence(self, request: Request) -> scheduler.Sequence:
        seed = request.params.seed
        if seed is None:
            seed = Seeds(self.config.seed).derive(f"sampling/{next(self._seeds)}")
        stream, limit = TextStream(self._tokenizer, stop=request.params.stop), self._limit(request)
        if self.reads_apart:
            return scheduler.Sequence(request, stream, seed, limit, start=(self._start,), source=request.prompt_ids)
        return scheduler.Sequence(request, stream, seed, limit)


def _collect(events: Iterator[Event]) -> Generation:
    tokens: list[Token] = []
    for event in events:
        if isinstance(event, Token):
            tokens.append(event)
            continue
        if event.error is not None:
            raise event.error
        return Generation("".join(token.text for token in tokens), tuple(tokens), event)
    raise AssertionError("a request's last event is its Finish")
