"""Requests in, tokens out: through the engine's public doors."""

from __future__ import annotations

import json
import threading
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.infer.conftest import ByteTokenizer, Special, make_model, shape

from hanlin.base.errors import CheckFailed, ConfigError, HanlinError, InputError, MachineError, RequestTooLong
from hanlin.bundle.convert import export_weights
from hanlin.bundle.tensors import write_tensors
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.engine import Engine
from hanlin.infer.request import Finish, Request, Token
from hanlin.model.families.registry import choose_family
from hanlin.model.transformer import Transformer

PROMPTS = [list(text.encode()) for text in ("The moon", "月亮", "a", "once upon a time there was a hanlin", "Hi!")]

PEERS: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen3": {"attention": {"qk_norm": True}},
    "gpt2": {
        "num_kv_heads": 4, "ffn_size": 128, "norm": {"kind": "layer"}, "positions": {"kind": "learned"},
        "attention": {"qkv_bias": True, "out_bias": True},
        "mlp": {"activation": "gelu_tanh", "gated": False, "bias": True},
    },
}  # fmt: skip


def greedy(max_tokens: int, **settings: Any) -> SamplingParams:
    return SamplingParams(temperature=0, max_tokens=max_tokens, ignore_eos=True, **settings)


def by_request(events: list[Token | Finish]) -> dict[str, list[Token | Finish]]:
    found: dict[str, list[Token | Finish]] = {}
    for event in events:
        found.setdefault(event.request_id, []).append(event)
    return found


def drive(engine: Engine) -> list[Token | Finish]:
    """Step until nothing is left."""
    events: list[Token | Finish] = []
    while engine.num_unfinished:
        events += engine.step()
    return events


class ScriptedRunner:
    """Stands in for the model: every row's logits say what comes after its last id."""

    def __init__(self, follow: dict[int, int], *, vocab_size: int = 261) -> None:
        self.follow, self.vocab_size = follow, vocab_size

    def run(self, work):
        ends = [w.sequence.ids[w.sequence.num_read + w.count - 1] for w in work if w.samples]
        logits = torch.zeros(len(ends), self.vocab_size)
        for n, last in enumerate(ends):
            logits[n, self.follow.get(last, 0)] = 10
        return logits

    def refresh(self):
        pass


def scripted(monkeypatch: pytest.MonkeyPatch, answer: bytes | list[int], **settings: Any) -> Engine:
    """An engine that says `answer` after the prompt [255], whatever it is asked."""
    follow = dict(zip([255, *answer], [*answer, 0], strict=True))
    assert len(follow) == len(answer) + 1, "an answer without repetitions"
    runner = ScriptedRunner(follow)
    monkeypatch.setattr("hanlin.infer.engine.make_runner", lambda *args, **kwargs: runner)
    return Engine(make_model(), ByteTokenizer(), config=EngineConfig(**settings))


# Exactness -----------------------------------------------------------------------------------------------------------


@torch.no_grad()
def uncached_greedy(model: Transformer, prompt: list[int], count: int) -> tuple[list[int], list[float]]:
    """The definition: read everything anew for every token. Ids, and how far the top two lay apart."""
    ids, gaps = list(prompt), []
    for _ in range(count):
        logits = model(torch.tensor([ids]))[0, -1].float()
        best = logits.topk(2).values
        gaps.append((best[0] - best[1]).item())
        ids.append(int(logits.argmax()))
    return ids[len(prompt) :], gaps


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_equals_the_uncached_model(make_engine, prompt):
    model = make_model()
    wanted, gaps = uncached_greedy(model, prompt, 40)
    assert min(gaps) > 1e-4, "no near tie that rounding may break"
    assert list(make_engine(model).generate(prompt, greedy(40)).ids) == wanted


def test_answers_are_the_same_alone_and_in_a_batch(make_engine, record_property):
    """Equal tokens unless the top two lie within 1e-4 (counted, as the promise says), log-probabilities within 1e-5."""
    model = make_model()
    params = greedy(30, logprobs=2)
    together = make_engine(model, step_tokens=16).generate_many(PROMPTS, params)
    near_ties = 0
    for prompt, batched in zip(PROMPTS, together, strict=True):
        alone = make_engine(model).generate(prompt, params)
        for mine, theirs in zip(batched.tokens, alone.tokens, strict=True):
            near_ties += mine.top[0][1] - mine.top[1][1] < 1e-4
            assert mine.token_id == theirs.token_id
            assert mine.logprob == pytest.approx(theirs.logprob, rel=1e-5, abs=1e-5)
    record_property("near_ties", near_ties)
    assert near_ties == 0


@pytest.mark.parametrize("step_tokens", [4, 7, 512])
def test_prompts_read_in_pieces_give_the_same_answer(make_engine, step_tokens):
    model = make_model()
    whole = make_engine(model).generate(PROMPTS[3], greedy(20))
    assert make_engine(model, step_tokens=step_tokens, max_batch=4).generate(PROMPTS[3], greedy(20)).ids == whole.ids


def test_a_seed_gives_the_same_tokens_alone_and_batched(make_engine):
    model = make_model()
    params = SamplingParams(max_tokens=30, temperature=1.5, top_p=0.95, seed=11, ignore_eos=True)
    alone = [make_engine(model).generate(prompt, params).ids for prompt in PROMPTS]
    engine = make_engine(model, max_batch=3)
    assert [g.ids for g in engine.generate_many(PROMPTS, params)] == alone
    assert engine.generate(PROMPTS[0], params).ids == alone[0]
    assert engine.generate(PROMPTS[0], params.replaced(seed=12)).ids != alone[0]


def test_without_a_seed_every_answer_differs_and_every_engine_repeats(make_engine):
    model, params = make_model(), SamplingParams(max_tokens=20, temperature=2.0, ignore_eos=True)
    first = [g.ids for g in make_engine(model).generate_many([PROMPTS[0]] * 4, params)]
    assert len(set(first)) == 4
    assert [g.ids for g in make_engine(model).generate_many([PROMPTS[0]] * 4, params)] == first
    assert [g.ids for g in make_engine(model, seed=1).generate_many([PROMPTS[0]] * 4, params)] != first


@pytest.mark.peer
@pytest.mark.parametrize("fields", PEERS.values(), ids=PEERS)
def test_transformers_generates_the_same(make_engine, tmp_path, fields):
    transformers = pytest.importorskip("transformers")
    model = make_model(shape(**fields))
    family = choose_family(model.config)
    (tmp_path / "config.json").write_text(json.dumps(family.to_hf_config(model.config)))
    write_tensors(tmp_path / "model.safetensors", export_weights(model, model.config, family))
    peer = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    assert type(peer).__name__ == family.architecture
    for prompt in PROMPTS:
        ids, options = torch.tensor([prompt]), {"do_sample": False, "eos_token_id": None, "pad_token_id": 0}
        theirs = peer.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=50, **options)
        assert list(make_engine(model).generate(prompt, greedy(50)).ids) == theirs[0, len(prompt) :].tolist()


# Ends ----------------------------------------------------------------------------------------------------------------


def test_an_answer_ends_after_max_tokens(make_engine):
    generation = make_engine().generate(PROMPTS[0], greedy(7))
    assert generation.finish == Finish(generation.tokens[0].request_id, "length", len(PROMPTS[0]), 7)
    assert len(generation.ids) == 7


def test_an_answer_ends_where_the_models_sequence_ends(make_engine):
    """max_tokens may ask for more than there is room for; the end is then "length", at max_seq_len exactly."""
    generation = make_engine().generate(PROMPTS[0], greedy(10_000))
    assert generation.finish_reason == "length"
    assert len(PROMPTS[0]) + len(generation.ids) == 96


@pytest.mark.parametrize("end", [Special.eos, Special.im_end])
def test_an_end_token_stops_and_has_no_text(monkeypatch, end):
    generation = scripted(monkeypatch, [*b"ok", end]).generate([255], SamplingParams(temperature=0))
    assert (generation.text, generation.ids, generation.finish_reason) == ("ok", (*b"ok", end), "stop")


def test_ignoring_end_tokens_goes_on_after_them(monkeypatch):
    engine = scripted(monkeypatch, [*b"ok", Special.eos, *b"!?"])
    generation = engine.generate([255], SamplingParams(temperature=0, ignore_eos=True, max_tokens=5))
    assert (generation.text, generation.finish_reason) == ("ok!?", "length")


def test_a_stop_string_across_tokens_ends_the_answer_before_it(monkeypatch):
    engine = scripted(monkeypatch, b"some\nUSER: x")
    generation = engine.generate([255], SamplingParams(temperature=0, stop=("\nUSER:",)))
    assert (generation.text, generation.finish_reason) == ("some", "stop")
    assert bytes(generation.ids) == b"some\nUSER:", "the ids are told as they were drawn"


def test_what_was_held_back_comes_with_the_last_token(monkeypatch):
    engine = scripted(monkeypatch, b"ab\xe4\xbd")
    events = list(engine.stream([255], greedy(4)))
    assert [event.text for event in events[:-1]] == ["a", "b", "", "�"]
    assert events[-1].reason == "length"


def test_a_chinese_answer_is_never_split(monkeypatch):
    engine = scripted(monkeypatch, "翰林！".encode())
    events = list(engine.stream([255], greedy(9)))
    assert [event.text for event in events[:-1] if event.text] == ["翰", "林", "！"]


def test_padding_of_the_embedding_is_never_drawn(make_engine):
    """A foreign model may have more rows than its vocabulary; one of them is made the favourite here."""
    model = make_model(shape(vocab_size=320, embeddings={"tied": False}))
    with torch.no_grad():
        model.head.weight[261:] *= 50
    ids = make_engine(model).generate(PROMPTS[0], SamplingParams(max_tokens=60, ignore_eos=True)).ids
    assert max(ids) < 261


# Many at once --------------------------------------------------------------------------------------------------------


def test_a_late_request_has_its_first_token_before_earlier_ones_finish(make_engine):
    engine = make_engine(step_tokens=24)
    early = [engine.submit(Request(tuple(prompt), greedy(40))) for prompt in PROMPTS[:2]]
    events = [event for _ in range(5) for event in engine.step()]
    late = engine.submit(Request(tuple(PROMPTS[3]), greedy(5)))
    events += drive(engine)
    order = [(event.request_id, type(event)) for event in events]
    assert order.index((late, Token)) < min(order.index((name, Finish)) for name in early)
    assert order.index((late, Finish)) < min(order.index((name, Finish)) for name in early)


def test_more_requests_than_places_all_finish_in_order(make_engine):
    engine = make_engine(max_batch=2)
    names = [engine.submit(Request(tuple(prompt), greedy(6))) for prompt in PROMPTS]
    events = drive(engine)
    assert [event.request_id for event in events if isinstance(event, Finish)] == names
    assert all(len(found) == 7 for found in by_request(events).values())


def test_streams_interleave_with_each_other_and_with_submitted_requests(make_engine):
    engine = make_engine()
    submitted = engine.submit(Request(tuple(PROMPTS[2]), greedy(12)))
    first, second = engine.stream(PROMPTS[0], greedy(8)), engine.stream(PROMPTS[1], greedy(8))
    pairs = list(zip(first, second, strict=True))
    assert [type(a) for a, _ in pairs] == [Token] * 8 + [Finish]
    assert [a.token_id for a, _ in pairs[:-1]] == list(make_engine().generate(PROMPTS[0], greedy(8)).ids)
    rest = drive(engine)
    assert [event.request_id for event in rest] == [submitted] * 13, "nothing of a submitted request is lost"


def test_many_threads_submit_and_cancel_while_one_drives(make_engine):
    engine = make_engine(max_batch=4)
    done, cancelled = threading.Event(), []

    def client(number: int) -> None:
        for turn in range(5):
            name = engine.submit(Request(tuple(PROMPTS[number % 5]), greedy(6), f"{number}-{turn}"))
            if turn % 2:
                cancelled.append((name, engine.cancel(name)))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    events: list[Token | Finish] = []

    def driver() -> None:
        while not (done.is_set() and engine.num_unfinished == 0):
            events.extend(engine.step())

    driving = threading.Thread(target=driver)
    driving.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    driving.join(timeout=60)
    assert not driving.is_alive()
    finished = [event.request_id for event in events if isinstance(event, Finish)]
    assert sorted(finished) == sorted(f"{n}-{t}" for n in range(6) for t in range(5))
    reasons = {event.request_id: event.reason for event in events if isinstance(event, Finish)}
    assert all(reasons[name] in ("cancelled", "length") for name, _ in cancelled)


def test_threads_that_generate_share_one_engine(make_engine):
    engine, found = make_engine(), {}

    def client(number: int) -> None:
        found[number] = engine.generate(PROMPTS[number], greedy(15)).ids

    threads = [threading.Thread(target=client, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert found == {n: make_engine().generate(prompt, greedy(15)).ids for n, prompt in enumerate(PROMPTS)}


# Cancelling ----------------------------------------------------------------------------------------------------------


def test_a_cancelled_request_ends_at_the_next_step_and_frees_its_blocks(make_engine):
    engine = make_engine()
    free = engine.num_free_blocks
    name = engine.submit(Request(tuple(PROMPTS[0]), greedy(50)))
    engine.step()
    assert engine.num_free_blocks < free
    assert engine.cancel(name)
    assert engine.step() == [Finish(name, "cancelled", len(PROMPTS[0]), 1)]
    assert (engine.num_free_blocks, engine.num_unfinished) == (free, 0)
    assert not engine.cancel(name), "it is gone"


def test_a_request_can_be_cancelled_before_any_step_and_while_waiting(make_engine):
    engine = make_engine(max_batch=1)
    names = [engine.submit(Request(tuple(PROMPTS[0]), greedy(3))) for _ in range(3)]
    engine.cancel(names[0])
    assert engine.step()[0] == Finish(names[0], "cancelled", len(PROMPTS[0]), 0)
    engine.cancel(names[2])
    reasons = {e.request_id: e.reason for e in drive(engine) if isinstance(e, Finish)}
    assert reasons == {names[1]: "length", names[2]: "cancelled"}


def test_a_stream_left_early_is_cancelled(make_engine):
    engine = make_engine()
    free, stream = engine.num_free_blocks, engine.stream(PROMPTS[0], greedy(50))
    next(stream)
    stream.close()
    assert (engine.num_free_blocks, engine.num_unfinished, engine.step()) == (free, 0, [])


def test_ctrl_c_in_the_middle_of_an_answer_leaves_the_engine_usable(make_engine, monkeypatch):
    engine = make_engine()
    free, run, calls = engine.num_free_blocks, engine._runner.run, []

    def interrupted(work):
        calls.append(work)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(work)

    monkeypatch.setattr(engine._runner, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.generate(PROMPTS[0], greedy(20))
    assert (engine.num_free_blocks, engine.num_unfinished) == (free, 0)
    assert engine.generate(PROMPTS[0], greedy(5)).ids == make_engine().generate(PROMPTS[0], greedy(5)).ids


# Bad input and faults ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "error", "code", "values"),
    [
        ([], InputError, "E601", {}),
        ([1, 261, 2], InputError, "E602", {"token_id": 261, "place": 1, "vocab_size": 261}),
        ([-1], InputError, "E602", {"token_id": -1, "place": 0, "vocab_size": 261}),
        ([1] * 96, RequestTooLong, "E603", {"num_tokens": 96, "max_seq_len": 96}),
        ([1] * 500, RequestTooLong, "E603", {"num_tokens": 500, "max_seq_len": 96}),
    ],
)
def test_a_bad_prompt_is_refused_at_the_door_with_its_numbers(make_engine, lang, prompt, error, code, values):
    engine = make_engine()
    for attempt in (
        engine.generate,
        engine.stream,
        lambda p: engine.submit(Request(tuple(p))),
        lambda p: engine.generate_many([[1], p]),
    ):
        with pytest.raises(error) as caught:
            attempt(prompt)
        assert (caught.value.code, caught.value.values) == (code, values)
        assert all(str(number) in str(caught.value) for number in values.values())
    assert engine.num_unfinished == 0


def test_the_longest_prompt_leaves_room_for_one_token(make_engine):
    generation = make_engine().generate([1] * 95, greedy(50))
    assert (len(generation.ids), generation.finish_reason) == (1, "length")


def test_a_cache_that_can_never_hold_the_answer_is_told(make_engine):
    engine = make_engine(cache_tokens=32)
    with pytest.raises(RequestTooLong) as error:
        engine.generate(PROMPTS[0], greedy(60))
    assert (error.value.code, error.value.values) == ("E604", {"num_tokens": 68, "max_seq_len": 32})
    assert len(engine.generate(PROMPTS[0], greedy(24)).ids) == 24


def test_an_id_in_use_is_refused_until_it_is_free(make_engine):
    engine = make_engine()
    engine.submit(Request((1,), greedy(2), "mine"))
    with pytest.raises(InputError) as error:
        engine.submit(Request((1,), greedy(2), "mine"))
    assert error.value.code == "E605"
    drive(engine)
    assert engine.submit(Request((1,), greedy(2), "mine")) == "mine"


def test_parameters_out_of_range_never_reach_the_engine():
    with pytest.raises(ConfigError):
        SamplingParams(temperature=-1)


def test_numbers_that_are_not_finite_end_only_the_request_that_met_them(make_engine):
    """One embedding is damaged: who reads it fails, who does not goes on."""
    model = make_model(shape(embeddings={"tied": False}))
    with torch.no_grad():
        model.embeddings.tokens.weight[7] = float("nan")
    engine = make_engine(model)
    free = engine.num_free_blocks
    bad, good = engine.submit(Request((5, 7), greedy(5))), engine.submit(Request((5, 6), greedy(5)))
    found = by_request(drive(engine))
    assert [type(event) for event in found[good]][-2:] == [Token, Finish]
    (finish,) = found[bad]
    assert finish.reason == "error"
    assert isinstance(finish.error, CheckFailed)
    assert (finish.error.code, finish.error.values) == ("E606", {"num_tokens": 2})
    assert engine.num_free_blocks == free
    with pytest.raises(CheckFailed):
        engine.generate([7])


def test_a_step_that_fails_ends_its_requests_and_the_engine_goes_on(make_engine, monkeypatch):
    engine = make_engine()
    free = engine.num_free_blocks

    def broken(work):
        raise RuntimeError("out of luck")

    with monkeypatch.context() as patch:
        patch.setattr(engine._runner, "run", broken)
        with pytest.raises(MachineError) as error:
            engine.generate(PROMPTS[0])
    assert error.value.code == "E607"
    assert "out of luck" in str(error.value)
    assert isinstance(error.value.__cause__, RuntimeError)
    assert (engine.num_free_blocks, engine.num_unfinished) == (free, 0)
    assert len(engine.generate(PROMPTS[0], greedy(3)).ids) == 3


# A model that lives --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_engine_follows_a_model_in_training(make_engine, dtype):
    model = make_model(dtype=dtype)
    engine = make_engine(model)
    before = engine.generate(PROMPTS[0], greedy(20)).ids
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    model(torch.tensor([PROMPTS[3]])).float().logsumexp(-1).sum().backward()
    optimizer.step()
    after = engine.generate(PROMPTS[0], greedy(20)).ids
    assert after == make_engine(model).generate(PROMPTS[0], greedy(20)).ids
    assert after != before


def test_writes_no_one_can_notice_need_a_refresh(make_engine):
    model = make_model(dtype=torch.bfloat16)
    engine = make_engine(model)
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn_like(parameter) / 4)
    engine.refresh()
    assert engine.generate(PROMPTS[0], greedy(20)).ids == make_engine(model).generate(PROMPTS[0], greedy(20)).ids


# No leaks ------------------------------------------------------------------------------------------------------------


class RandomRunner(ScriptedRunner):
    """Random logits, now and then a failure or a row that is not finite; checks what it is asked to do.

    All of it follows from the seed: what hypothesis plays again must come out the same."""

    def __init__(self, seed: int) -> None:
        self.random, self.vocab_size = Random(seed), 261
        self.logits = torch.Generator().manual_seed(seed)

    def run(self, work):
        assert len({id(item.sequence) for item in work}) == len(work)
        if self.random.random() < 0.05:
            raise RuntimeError("a cosmic ray")
        logits = torch.rand(sum(item.samples for item in work), 261, generator=self.logits)
        if len(logits) and self.random.random() < 0.1:
            logits[0, 3] = float("nan")
        return logits


class Life(RuleBasedStateMachine):
    """Any sequence of submissions, cancellations and steps ends with an empty engine, each request finished once."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(
            MODEL, ByteTokenizer(), config=EngineConfig(max_batch=3, step_tokens=16, cache_tokens=128, native=False)
        )
        self.capacity = self.engine.num_free_blocks
        self.submitted: list[str] = []
        self.finished: list[str] = []
        self.counts: dict[str, int] = {}

    @rule(seed=st.integers(0, 2**32))
    def begin(self, seed):
        self.engine._runner = RandomRunner(seed)

    @rule(prompt=st.lists(st.integers(0, 255), min_size=1, max_size=90), tokens=st.integers(1, 40), end=st.booleans())
    def submit(self, prompt, tokens, end):
        params = SamplingParams(max_tokens=tokens, ignore_eos=end, stop=("a",) if end else (), temperature=1.0)
        self.submitted.append(self.engine.submit(Request(tuple(prompt), params)))

    @precondition(lambda self: self.submitted)
    @rule(data=st.data())
    def cancel(self, data):
        name = data.draw(st.sampled_from(self.submitted))
        assert self.engine.cancel(name) == (name not in self.finished + self.unclaimed())

    @rule()
    def leave_a_stream(self):
        stream = self.engine.stream([1, 2, 3], SamplingParams(max_tokens=5))
        try:
            next(stream)
        except HanlinError:
            pass
        stream.close()

    @rule(steps=st.integers(1, 8))
    def step(self, steps):
        for _ in range(steps):
            self.note(self.engine.step())

    def note(self, events):
        for event in events:
            assert event.request_id not in self.finished, "nothing follows a Finish"
            if isinstance(event, Finish):
                assert event.num_tokens == self.counts.get(event.request_id, 0)
                self.finished.append(event.request_id)
            else:
                self.counts[event.request_id] = self.counts.get(event.request_id, 0) + 1

    def unclaimed(self):
        """Requests that steps of a stream have finished; the next step of ours will tell."""
        return [event.request_id for event in self.engine._unclaimed if isinstance(event, Finish)]

    @invariant()
    def who_is_unfinished_is_known(self):
        assert self.engine.num_unfinished == len(self.submitted) - len(self.finished) - len(self.unclaimed())

    def teardown(self):
        for _ in range(2000):
            if not self.engine.num_unfinished:
                break
            self.note(self.engine.step())
        self.note(self.engine.step())
        assert sorted(self.finished) == sorted(self.submitted)
        assert self.engine.num_free_blocks == self.capacity
        assert not self.engine._mailboxes
        assert not self.engine._cancelled


MODEL = make_model(shape(num_layers=1, hidden_size=16, ffn_size=32, num_heads=1, num_kv_heads=1))
Life.TestCase.settings = settings(max_examples=15, stateful_step_count=25)
TestNoSequenceOfEventsLeaks = Life.TestCase


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 4))
@settings(max_examples=15)
def test_blocks_are_all_free_after_any_batch(lengths, max_batch):
    engine = Engine(MODEL, ByteTokenizer(), config=EngineConfig(max_batch=max_batch, step_tokens=32, cache_tokens=192))
    free = engine.num_free_blocks
    found = engine.generate_many([[5] * length for length in lengths], greedy(9))
    assert [len(generation.ids) for generation in found] == [9] * len(lengths)
    assert engine.num_free_blocks == free
