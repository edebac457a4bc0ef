"""Who gets how many tokens of the next step.

First come, first served: a request is admitted when a row and all blocks it may need are free; nobody overtakes. Every
running answer gets its token in every step, and what is left of the step goes to prompts, in pieces, so that a request
that comes late has its first token long before earlier ones are finished. A model that sees its prompt both ways reads
it in one piece, which may then be longer than a step.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hanlin.infer.blocks import BlockTables
from hanlin.infer.request import Request
from hanlin.infer.stream import TextStream


@dataclass(eq=False)
class Sequence:
    """A request on its way. ids: what stands before the answer, and the answer; the first `num_read` are in the cache.

    limit: most ids. Where an encoder reads the prompt, `source` is the prompt and `start` what the decoder begins with.
    """

    request: Request
    stream: TextStream
    seed: int
    limit: int
    slot: int = -1
    num_read: int = 0
    start: tuple[int, ...] = ()
    source: tuple[int, ...] = ()
    ids: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.start or self.request.prompt_ids
        self.ids = list(self.start)

    @property
    def num_prompt_tokens(self) -> int:
        """Tokens that came with the request."""
        return len(self.request.prompt_ids)

    @property
    def num_tokens(self) -> int:
        """Tokens generated so far."""
        return len(self.ids) - len(self.start)

    @property
    def num_unread(self) -> int:
        """Tokens the decoder has yet to read; one while an answer is being written."""
        return len(self.ids) - self.num_read

    @property
    def num_to_encode(self) -> int:
        """Tokens that the encoder has yet to read."""
        return 0 if self.num_read else len(self.source)


@dataclass(frozen=True, slots=True)
class Work:
    """`count` tokens of a sequence to read in this step; `samples`: they are its last, so a new one is drawn."""

    sequence: Sequence
    count: int
    samples: bool

    @property
    def token_ids(self) -> list[int]:
        """The ids to read."""
        start = self.sequence.num_read
        return self.sequence.ids[start : start + self.count]


class Scheduler:
    """The line of waiting sequences and the set of running ones."""

    def __init__(self, tables: BlockTables, *, step_tokens: int, whole: bool = False) -> None:
        """whole: prompts are read in one piece."""
        self._tables, self._step_tokens, self._whole = tables, step_tokens, whole
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self.waiting and not self.running

    def add(self, sequence: Sequence) -> None:
        """Stand at the end of the line."""
        self.waiting.append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Leave, from the line or from the middle of the work; rows and blocks are free again."""
        if sequence.slot < 0:
            self.waiting.remove(sequence)
            return
        self.running.remove(sequence)
        self._tables.release(sequence.slot)
        sequence.slot = -1

    def schedule(self) -> list[Work]:
        """Admit who fits, then share out the step: a token to every answer, the rest to prompts in order."""
        self._admit()
        work = [Work(one, 1, True) for one in self.running if one.num_unread == 1 and not one.num_to_encode]
        budget = self._step_tokens - len(work)
        for sequence in self.running:
            unread, to_encode = sequence.num_unread, sequence.num_to_encode
            if (unread > 1 or to_encode) and budget > 0:
                count = unread if self._whole else min(unread, budget)
                work.append(Work(sequence, count, count == unread))
                budget -= count + to_encode
        return work

    def _admit(self) -> None:
        while self.waiting:
            slot = self._tables.allocate(self.waiting[0].limit)
            if slot is None:
                return
            sequence = self.waiting.popleft()
            sequence.slot = slot
            self.running.append(sequence)
