"""Who gets how many tokens of a step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hanlin.infer.blocks import BLOCK, BlockTables
from hanlin.infer.config import SamplingParams
from hanlin.infer.request import Request
from hanlin.infer.scheduler import Scheduler, Sequence
from hanlin.infer.stream import TextStream


class NoText:
    def piece_bytes(self, id: int) -> bytes:
        return b""


def sequence(num_tokens: int, name: str = "", limit: int | None = None) -> Sequence:
    request = Request(tuple(range(num_tokens)), SamplingParams(), name)
    return Sequence(request, TextStream(NoText()), seed=0, limit=limit or num_tokens + 8)


def scheduler(*, num_blocks: int = 64, num_slots: int = 8, step_tokens: int = 32) -> Scheduler:
    tables = BlockTables(num_blocks=num_blocks, num_slots=num_slots, max_seq_len=num_blocks * BLOCK)
    return Scheduler(tables, step_tokens=step_tokens)


def step(line: Scheduler) -> list[tuple[str, int, bool]]:
    """Schedule, and pretend the model had read it and drawn token 7 for who samples."""
    work = line.schedule()
    told = [(item.sequence.request.id, item.count, item.samples) for item in work]
    for item in work:
        item.sequence.num_read += item.count
        if item.samples:
            item.sequence.ids.append(7)
    return told


def test_a_prompt_is_read_in_pieces_and_then_answered_token_by_token():
    line = scheduler(step_tokens=32)
    line.add(sequence(70, "a"))
    told = [step(line) for _ in range(5)]
    assert told == [[("a", 32, False)], [("a", 32, False)], [("a", 6, True)], [("a", 1, True)], [("a", 1, True)]]


def test_who_comes_late_starts_while_others_write():
    line = scheduler(step_tokens=32)
    line.add(sequence(5, "early"))
    step(line)
    line.add(sequence(40, "late"))
    assert step(line) == [("early", 1, True), ("late", 31, False)]
    assert step(line) == [("early", 1, True), ("late", 9, True)]
    assert step(line) == [("early", 1, True), ("late", 1, True)]


def test_prompts_share_a_step_in_the_order_they_came():
    line = scheduler(step_tokens=32)
    for name in "abc":
        line.add(sequence(20, name))
    assert step(line) == [("a", 20, True), ("b", 12, False)]
    assert step(line) == [("a", 1, True), ("b", 8, True), ("c", 20, True)]


def test_nobody_overtakes_a_request_that_waits_for_room():
    line = scheduler(num_blocks=4)
    line.add(sequence(20, "first", limit=3 * BLOCK))
    line.add(sequence(20, "wide", limit=2 * BLOCK))
    line.add(sequence(2, "narrow", limit=BLOCK))
    assert [name for name, _, _ in step(line)] == ["first"]
    line.remove(line.running[0])
    assert [name for name, _, _ in step(line)] == ["wide", "narrow"]


def test_who_leaves_the_line_or_the_work_gives_everything_back():
    tables = BlockTables(num_blocks=4, num_slots=2, max_seq_len=64)
    line = Scheduler(tables, step_tokens=32)
    running, waiting = sequence(40, limit=4 * BLOCK), sequence(3)
    line.add(running)
    line.add(waiting)
    line.schedule()
    assert tables.num_free == 0
    line.remove(waiting)
    line.remove(running)
    assert (tables.num_free, tables.num_free_slots, line.is_idle) == (4, 2, True)


@given(
    st.lists(st.tuples(st.integers(1, 90), st.integers(1, 30), st.integers(0, 20)), min_size=1, max_size=12),
    st.integers(3, 40),
)
def test_every_request_is_served_and_no_step_is_too_large(requests, step_tokens):
    """Requests (prompt, answer, arrival): each is read exactly once, in order, and all of them finish."""
    line, arrivals = (
        scheduler(num_blocks=16, num_slots=3, step_tokens=step_tokens),
        sorted(requests, key=lambda r: r[2]),
    )
    waiting = [(at, sequence(prompt, limit=prompt + answer)) for prompt, answer, at in arrivals]
    started: list[Sequence] = []
    for now in range(3000):
        for at, one in waiting:
            if at == now:
                line.add(one)
        work = line.schedule()
        assert sum(item.count for item in work) <= step_tokens
        answering = {id(s) for s in line.running if s.num_unread == 1}
        assert answering <= {id(item.sequence) for item in work}, "every answer gets its token"
        started += [one for one in line.running if one not in started]
        for item in work:
            assert item.token_ids == item.sequence.ids[item.sequence.num_read :][: item.count]
            item.sequence.num_read += item.count
            assert item.samples == (item.sequence.num_unread == 0)
            if item.samples:
                item.sequence.ids.append(7)
                if len(item.sequence.ids) >= item.sequence.limit:
                    line.remove(item.sequence)
        if now > 20 and line.is_idle:
            break
    assert line.is_idle
    assert started == [one for _, one in waiting], "first come, first served"
    assert all(len(one.ids) == one.limit for _, one in waiting)
