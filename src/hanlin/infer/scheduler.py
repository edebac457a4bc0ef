"""Who gets how many tokens of the next step.

First come, first served: a request is admitted when a row and all blocks it may need are free; nobody overtakes. Every
running answer gets its token in every step, and what is left of the step goes to prompts, in pieces, so that a request
that comes late has its first token long before earlier ones are finished.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hanlin.infer.blocks import BlockTables
from hanlin.infer.request import Request
from hanlin.infer.stream import TextStream


@dataclass(eq=False)
class Sequence:
    """A request on its way. ids: prompt and answer; the first `num_read` of them are in the cache."""

    request: Request
    stream: TextStream
    seed: int
    limit: int  # most ids, prompt and answer together
    slot: int = -1
    num_read: int = 0
    ids: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.ids = list(self.request.prompt_ids)

    @property
    def num_prompt_tokens(self) -> int:
        """Tokens that came with the request."""
        return len(self.request.prompt_ids)

    @property
    def num_tokens(self) -> int:
        """Tokens generated so far."""
        return len(self.ids) - len(self.request.prompt_ids)

    @property
    def num_unread(self) -> int:
        """Tokens the model has yet to read; one while an answer is being written."""
        return len(self.ids) - self.num_read


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

    def __init__(self, tables: BlockTables, *, step_tokens: int) -> None:
        self._tables, self._step_tokens = tables, step_tokens
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
        work = [Work(sequence, 1, True) for sequence in self.running if sequence.num_unread == 1]
        budget = self._step_tokens - len(work)
        for sequence in self.running:
            unread = sequence.num_unread
            if unread > 1 and budget > 0:
                count = min(unread, budget)
                work.append(Work(sequence, count, count == unread))
                budget -= count
        return work

    def _admit(self) -> None:
        while self.waiting:
            slot = self._tables.allocate(self.waiting[0].limit)
            if slot is None:
                return
            sequence = self.waiting.popleft()
            sequence.slot = slot
            self.running.append(sequence)
