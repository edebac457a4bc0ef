"""Pre-training: token shards in, a bundle out. From fresh weights, from a bundle, or from where a run stopped."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from hanlin.base.errors import ConfigError, Problem
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.base.seeds import Seeds
from hanlin.bundle.bundle import Bundle, load_bundle
from hanlin.data.forms.parts import Form, Parts
from hanlin.data.shards import ShardSet
from hanlin.data.sources import ShardSource, Source
from hanlin.model.config import ModelConfig, shape_for
from hanlin.model.copying import copying_problems
from hanlin.model.counts import training_operations
from hanlin.model.transformer import Transformer, build_model
from hanlin.text.chat import Template
from hanlin.text.tokenizer import Tokenizer
from hanlin.train.config import PretrainConfig
from hanlin.train.kinds import (
    KINDS,
    check_shape,
    check_tellers,
    check_tokenizer,
    form_of,
    model_fields,
    plan_shape,
    row_length,
)
from hanlin.train.loop import Hooks, RunResult
from hanlin.train.mixing import choose, mixed
from hanlin.train.passages import passage
from hanlin.train.plan import ROWS, SEQ_LEN, Plan, plan_loop
from hanlin.train.probe import measure_speed
from hanlin.train.session import Material, ancestry, keep_bundle, machine, open_run, run_training, stored_config

PROBED_PARAMETERS = 4_000_000
"""Size of the stand-in whose speed says what this machine can afford."""

SIZES = frozenset(
    {"hidden_size", "num_layers", "num_encoder_layers", "num_heads", "num_kv_heads", "head_dim", "ffn_size"}
)
"""Fields of a shape that follow from its size."""

CONTINUED_RATE = 0.3
"""Learning rate of a run that goes on from a bundle, as a share of a fresh one's: high rates undo what is known."""


def pretrain(config: PretrainConfig, *, hooks: Hooks | None = None, progress: Progress | None = None) -> RunResult:
    """Train a language model on token shards and save it as `<run>/bundle`.

    Raises ConfigError, InputError (no data, another tokenizer's shards, less text than one step), and what `train`
    raises; whatever stops a run, its folder can be resumed.
    """
    config, progress = stored_config(config), progress or Progress("none")
    _check(config)
    plan, settled, material = prepare(config)
    with open_run("pretrain", settled, plan, material, progress) as run:
        result = run_training(settled, material, run=run, hooks=hooks or Hooks(), progress=progress)
        bundle = keep_bundle("pretrain", settled, material, result)
    return dataclasses.replace(result, bundle=bundle)


def prepare(config: PretrainConfig) -> tuple[Plan, PretrainConfig, Material]:
    """Open the data, settle every value, build or load the model: all that can fail before the first step."""
    device, dtype = machine(config)
    parent = None
    if config.from_bundle is not None:
        parent = load_bundle(config.from_bundle, device=device, compute_dtype=dtype, pickles=config.pickles)
    tokenizer = _tokenizer(config, parent)
    check_tokenizer(config, tokenizer)
    shards = [_open(Path(path), tokenizer) for path in config.data]
    chosen = choose(config, shards)
    num_positions = sum(chosen.sizes)
    if parent is None:
        shape = fresh_shape(
            config, tokenizer, num_positions, vocab_size=tokenizer.vocab_size, device=device, dtype=dtype
        )
        model = _fresh_model(config, shape, device=device, dtype=dtype)
    else:
        shape, model = parent.config, parent.model
        check_shape(config, shape)
    check_tellers(shape, tokenizer)
    plan = settle_plan(config, shape, num_positions, continued=parent is not None)
    settled = plan.settled(config)
    form, kind = form_of(settled, tokenizer, shape), KINDS[config.objective]
    mix = mixed(settled, chosen.formed(form, row_length(settled)), plan)
    if parent is None:
        settled = settled.replaced(model=shape.model_dump(mode="json"), size="auto")
    material = Material(
        model=model,
        tokenizer=tokenizer,
        template=(parent.template if parent else None) or Template.default(tokenizer.special),
        objective=kind.loss,
        form=form,
        accuracy=kind.accuracy,
        mix=mix,
        validation=_validation(settled, tokenizer, form),
        data={one.title: one.fingerprint for one in shards},
        **ancestry(parent),
    )
    return plan, settled, material


def _validation(config: PretrainConfig, tokenizer: Tokenizer, form: Form | None) -> list[Source]:
    """What is measured on, in the form of what is trained on."""
    sources: list[Source] = [ShardSource(_open(path, tokenizer)) for path in config.validation]
    return sources if form is None else [Parts(one, form, seq_len=row_length(config)) for one in sources]


def fresh_shape(
    config: PretrainConfig,
    tokenizer: Tokenizer,
    num_positions: int,
    *,
    vocab_size: int,
    device: torch.device,
    dtype: torch.dtype,
) -> ModelConfig:
    """The shape of a new model; where the time decides, what this machine can do is measured on a stand-in."""

    def flops_per_second() -> float:
        return machine_speed(vocab_size, device=device, dtype=dtype)

    fields = model_fields(config, tokenizer)
    shape = plan_shape(
        config,
        vocab_size=vocab_size,
        num_positions=num_positions,
        flops_per_second=flops_per_second,
        fields=fields,
        cost=relative_cost(config, tokenizer, fields) if config.size == "auto" and config.budget is not None else 1.0,
    )
    check_shape(config, shape)
    return shape


def machine_speed(vocab_size: int, *, device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of training a small decoder with such a vocabulary."""
    sizes: dict[str, Any] = shape_for(PROBED_PARAMETERS, vocab_size)
    stand_in = ModelConfig(vocab_size=vocab_size, **sizes)
    speed = measure_speed(stand_in, batch_size=ROWS, seq_len=SEQ_LEN, compute_dtype=dtype, device=device)
    return speed.flops_per_second


def relative_cost(config: PretrainConfig, tokenizer: Tokenizer, fields: Mapping[str, Any]) -> float:
    """Operations of a position of this objective as a share of those of plain text in a decoder, both of the stand-in's
    size: an encoder scores few of its places, what an encoder reads goes through half of an encoder-decoder."""
    config = config.replaced(seq_len=config.seq_len or SEQ_LEN)
    seq_len, vocabulary = row_length(config), {"vocab_size": tokenizer.vocab_size}
    parts = {name: value for name, value in fields.items() if name not in SIZES}
    table = {**parts, "max_seq_len": seq_len, **vocabulary}
    own, decoder = (
        ModelConfig(**{**shape_for(PROBED_PARAMETERS, tokenizer.vocab_size, like=like), **like})
        for like in (table, {"max_seq_len": seq_len, **vocabulary})
    )
    row = passage(own, form_of(config, tokenizer, own), seq_len)
    costs = [training_operations(own, row), training_operations(decoder, passage(decoder, None, seq_len))]
    each = [cost.total / shape.num_parameters() for cost, shape in zip(costs, (own, decoder), strict=True)]
    return each[0] / each[1]


def _fresh_model(
    config: PretrainConfig, shape: ModelConfig, *, device: torch.device, dtype: torch.dtype
) -> Transformer:
    copying = config.init == "copying"
    if copying and (problems := list(copying_problems(shape))):
        raise ConfigError(problems=problems)
    seed = Seeds(config.seed).derive("init")
    return build_model(shape, seed=seed, device=device, compute_dtype=dtype, copying=copying)


def settle_plan(config: PretrainConfig, shape: ModelConfig, num_positions: int, *, continued: bool) -> Plan:
    """Every value of a run over so many positions; `continued` where its weights are a parent's."""
    rate = CONTINUED_RATE if continued else 1.0
    plan = plan_loop(config, num_positions=num_positions, shape=shape, rate=rate)
    plan.note("parameters", shape.num_parameters(), shape_text(shape))
    plan.note("positions", num_positions, say("train.why_data"))
    return plan


def _check(config: PretrainConfig) -> None:
    problems = []
    if not config.data:
        problems.append(Problem("data", (), say("train.rule_data"), say("train.remedy_data")))
    if config.data and config.tokenizer is None and config.from_bundle is None:
        problems.append(Problem("tokenizer", None, say("train.rule_tokenizer"), say("train.remedy_tokenizer")))
    if config.from_bundle is not None and config.model:
        problems.append(Problem("model", config.model, say("train.rule_shape_fixed"), say("train.remedy_shape_fixed")))
    if problems:
        raise ConfigError(problems=problems)


def _tokenizer(config: PretrainConfig, parent: Bundle | None) -> Tokenizer:
    if config.tokenizer is not None:
        return Tokenizer.load(config.tokenizer)
    if parent is None or parent.tokenizer is None:
        problem = Problem("tokenizer", None, say("train.rule_tokenizer"), say("train.remedy_tokenizer"))
        raise ConfigError(problems=[problem])
    return parent.tokenizer


def _open(path: Path, tokenizer: Tokenizer) -> ShardSet:
    shards = ShardSet.open(path)
    shards.require_tokenizer(tokenizer.fingerprint)
    return shards


def shape_text(shape: ModelConfig) -> str:
    """The sizes that matter on one line."""
    return (
        f"{shape.num_layers} x {shape.hidden_size}, {shape.num_heads}/{shape.num_kv_heads} heads, "
        f"ffn {shape.ffn_size}, vocab {shape.vocab_size}"
    )
