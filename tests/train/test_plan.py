"""The dial: a size and a budget become a whole plan, and no given value is touched."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import BundleError, ConfigError, InputError, UsageError
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES, choose_family
from hanlin.train.config import FinetuneConfig, PretrainConfig, read_duration
from hanlin.train.kinds import check_shape, model_fields, plan_shape
from hanlin.train.plan import (
    MOST_EMBEDDING,
    TOKENS_PER_PARAMETER,
    affordable,
    plan_loop,
    scaled_rate,
    suggest_vocabulary,
)
from hanlin.train.probe import measure_speed


def fast() -> float:
    return 2e11


def never() -> float:
    raise AssertionError("nothing here depends on the machine")


def shape(*, vocab_size: int = 4096, num_positions: int = 10_000_000, speed: Any = fast, **fields: Any) -> ModelConfig:
    config = PretrainConfig(**fields)
    return plan_shape(config, vocab_size=vocab_size, num_positions=num_positions, flops_per_second=speed)


def loop(
    num_positions: int = 10_000_000, max_seq_len: int = 512, hidden_size: int = 64, **fields: Any
) -> dict[str, Any]:
    config = PretrainConfig(**fields)
    model = ModelConfig(hidden_size=hidden_size, num_layers=1, num_heads=2, max_seq_len=max_seq_len)
    plan = plan_loop(config, num_positions=num_positions, shape=model)
    return plan.settled(config).model_dump()


# Shape ---------------------------------------------------------------------------------------------------------------


def test_a_size_is_met_within_ten_percent() -> None:
    for size, wanted in [("2m", 2e6), ("10m", 1e7), ("25M", 2.5e7)]:
        assert shape(size=size, speed=never).num_parameters() == pytest.approx(wanted, rel=0.1)


def test_more_time_affords_more_parameters_until_the_data_end() -> None:
    sizes = [shape(budget=budget, epochs=1).num_parameters() for budget in (60, 600, 6000, 60000)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == pytest.approx(10_000_000 / TOKENS_PER_PARAMETER, rel=0.1)


def test_the_budget_is_spent_on_the_wanted_tokens_per_parameter() -> None:
    parameters = affordable(PretrainConfig(budget=1200), 10**9, fast)
    tokens = 2e11 * 1200 / (6 * parameters)
    assert tokens / parameters == pytest.approx(TOKENS_PER_PARAMETER, rel=1e-3)


def test_without_a_budget_the_machine_is_not_asked() -> None:
    assert shape(speed=never).num_parameters() == pytest.approx(10_000_000 / TOKENS_PER_PARAMETER, rel=0.1)


def test_a_vocabulary_never_swallows_the_model() -> None:
    small = shape(num_positions=1000, vocab_size=6400)
    assert 6400 * small.hidden_size / small.num_parameters() <= MOST_EMBEDDING + 0.15


def test_a_shape_by_hand_stays_as_it_is() -> None:
    by_hand = shape(model={"hidden_size": 96, "num_layers": 3, "num_heads": 3}, speed=never)
    assert (by_hand.hidden_size, by_hand.num_layers, by_hand.vocab_size) == (96, 3, 4096)


def test_one_field_by_hand_leaves_the_others_to_the_plan() -> None:
    mixed = shape(size="4m", model={"norm": {"kind": "layer"}, "max_seq_len": 1024})
    assert (mixed.norm.kind, mixed.max_seq_len) == ("layer", 1024)
    assert mixed.num_parameters() == pytest.approx(4e6, rel=0.1)


def test_the_tokenizer_decides_the_vocabulary() -> None:
    with pytest.raises(ConfigError) as caught:
        shape(model={"vocab_size": 5000})
    assert [problem.name for problem in caught.value.problems] == ["model.vocab_size"]


def test_an_unknown_field_of_the_shape_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        shape(model={"hidden_sice": 64, "num_layers": 2, "hidden_size": 64})
    assert "hidden_sice" in str(caught.value)


@given(st.integers(1, 10**12))
def test_the_suggested_vocabulary_stays_small(num_bytes: int) -> None:
    entries = suggest_vocabulary(num_bytes)
    assert 1024 <= entries <= 6400
    assert entries % 256 == 0


# Loop ----------------------------------------------------------------------------------------------------------------


def test_the_usual_plan() -> None:
    plan = loop(hidden_size=256)
    assert (plan["seq_len"], plan["batch_size"], plan["tokens_per_step"]) == (512, 8, 4096)
    assert (plan["epochs"], plan["learning_rate"]) == (1.0, 6e-3)


def test_wide_models_pay_muon_with_larger_steps() -> None:
    steps = [loop(hidden_size=width)["tokens_per_step"] for width in (128, 256, 512, 1024)]
    assert steps == [4096, 4096, 8192, 16384]
    assert loop(hidden_size=1024, optimizer={"name": "adamw"})["tokens_per_step"] == 4096


@pytest.mark.parametrize(
    ("tokens", "step"), [(100_000, 4096), (4_000_000, 4096), (16_000_000, 4096), (64_000_000, 8192), (10**9, 32768)]
)
def test_longer_runs_take_larger_steps(tokens: int, step: int) -> None:
    assert loop(tokens)["tokens_per_step"] == step
    assert loop(10**9, tokens=tokens)["tokens_per_step"] == step


@given(st.integers(2, 10**8), st.sampled_from([64, 100, 512, 2048]))
def test_every_plan_fits_its_data(num_positions: int, max_seq_len: int) -> None:
    plan = loop(num_positions, max_seq_len)
    assert plan["tokens_per_step"] % (plan["batch_size"] * plan["seq_len"]) == 0
    assert plan["tokens_per_step"] <= num_positions
    assert plan["seq_len"] <= max_seq_len


GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "seq_len": st.sampled_from([32, 64, 128]),
        "batch_size": st.sampled_from([1, 2, 4]),
        "tokens_per_step": st.sampled_from([1024, 4096]),
        "learning_rate": st.floats(1e-5, 1),
        "epochs": st.floats(0.5, 3),
        "steps": st.integers(1, 100),
    },
)


@given(GIVEN)
def test_given_values_are_never_touched(values: dict[str, Any]) -> None:
    plan = loop(**values)
    assert {name: plan[name] for name in values} == values


def test_every_line_of_a_plan_gives_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")
    config = PretrainConfig(batch_size=4)
    plan = plan_loop(config, num_positions=10**6, shape=ModelConfig())
    lines = plan.lines()
    assert any(line.startswith("batch_size") and "given" in line for line in lines)
    assert any(line.startswith("tokens_per_step") and "updates" in line for line in lines)
    assert plan.origins()["batch_size"] == "given"


def test_a_row_over_the_models_length_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        loop(seq_len=1024)
    assert "1024" in str(caught.value)
    assert "512" in str(caught.value)


def test_data_under_one_step_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        loop(num_positions=1000, tokens_per_step=4096)
    assert caught.value.code == "E503"


def test_wider_models_learn_more_slowly() -> None:
    assert scaled_rate(256) == 6e-3
    assert scaled_rate(1024) == 3e-3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("10min", 600.0), ("2h", 7200.0), ("1h30m", 5400.0), ("1.5h", 5400.0), (45, 45)],
)
def test_budgets_as_people_write_them(text: object, seconds: float) -> None:
    assert read_duration(text) == seconds


def test_a_budget_that_is_no_time_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        FinetuneConfig(budget="soon")
    assert [problem.name for problem in caught.value.problems] == ["budget"]


# Probe ---------------------------------------------------------------------------------------------------------------


def test_the_fastest_step_counts_and_the_first_does_not() -> None:
    config = ModelConfig(vocab_size=16, hidden_size=32, num_layers=1, num_heads=2, ffn_size=64, max_seq_len=64)
    looks = iter([0.0, 5.0, 5.0, 7.0, 7.0, 8.0, 8.0, 18.0])
    speed = measure_speed(
        config, batch_size=2, seq_len=32, compute_dtype=torch.float32, seconds=18.0, clock=lambda: next(looks)
    )
    assert speed.tokens_per_second == 64.0
    assert speed.flops_per_second == 64.0 * config.flops_per_token(32)


def test_probing_leaves_no_trace() -> None:
    config = ModelConfig(vocab_size=16, hidden_size=32, num_layers=1, num_heads=2, ffn_size=64, max_seq_len=64)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    measure_speed(config, batch_size=1, seq_len=16, compute_dtype=torch.float32, seconds=0.0)
    assert torch.equal(torch.get_rng_state(), before)


def planned_as(config: PretrainConfig) -> ModelConfig:
    fields = model_fields(config)
    return plan_shape(config, vocab_size=4096, num_positions=10**7, flops_per_second=never, fields=fields)


ORDER = {"encoder": "masked", "encoder_decoder": "span_corruption", "prefix": "blank_infilling", "decoder": "causal"}


@pytest.mark.parametrize("size", ["2m", "20m", "90m"])
@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_family_is_planned_as_can_be_saved_as_it(name: str, size: str) -> None:
    """Baichuan, CodeGen, GPT-Neo and Gemma 2 were planned with heads or scales that their files have no place for, and
    refused when all was trained."""
    config = PretrainConfig(model={"family": name}, size=size)
    fields = model_fields(config)
    objective = "permutation" if name == "xlnet" else ORDER[fields.get("arch", "decoder")]
    config = config.replaced(objective=objective)
    planned = planned_as(config)
    assert choose_family(planned).name == name
    check_shape(config, planned)


def test_what_nobody_can_save_is_not_trained() -> None:
    config = PretrainConfig(model={"family": "baichuan", "num_heads": 4, "num_kv_heads": 2}, size="5m")
    with pytest.raises(BundleError) as caught:
        check_shape(config, planned_as(config))
    assert caught.value.code == "E320"


def test_published_sizes_go_by_their_names() -> None:
    base = planned_as(PretrainConfig(model={"family": "transformer"}, objective="span_corruption", size="65m"))
    assert (base.hidden_size, base.num_layers, base.num_heads, base.ffn_size) == (512, 6, 8, 2048)
    small = planned_as(PretrainConfig(model={"family": "gpt3"}, size="125m"))
    assert (small.hidden_size, small.num_layers) == (768, 12)
    by_hand = planned_as(PretrainConfig(model={"family": "gpt3", "num_layers": 3}, size="125m"))
    assert (by_hand.hidden_size, by_hand.num_layers) == (768, 3)


def test_what_has_no_room_is_named_the_vocabulary_or_a_layer() -> None:
    for name, code in (("qwen3_moe", "E312"), ("llama", "E311")):
        config = PretrainConfig(model={"family": name}, size="500k" if name == "qwen3_moe" else "100k")
        with pytest.raises(UsageError) as caught:
            plan_shape(
                config, vocab_size=1024 if name == "qwen3_moe" else 4096, num_positions=10**7,
                flops_per_second=never, fields=model_fields(config),
            )  # fmt: skip
        assert caught.value.code == code
