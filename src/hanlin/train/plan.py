"""From a size and a budget to every other setting, each with the reason it has its value.

The rules are for the scale of one machine, where (measured on 46 MB of Chinese and English text, two cores) many small
updates, a small vocabulary, rows without padding, a fast step and Muon decide. A value the user gave is never touched.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hanlin.base.errors import ConfigError, InputError, Problem
from hanlin.base.messages import say
from hanlin.model.config import ModelConfig
from hanlin.train.config import LoopConfig, TrainingConfig

TOKENS_PER_PARAMETER = 4.0
"""Tokens of training per parameter of a model that is to be as good as it can be in its time. Hoffmann et al. (2022)
found 20; at a few million parameters overhead weighs more than products, and wider wins."""

STEP_TOKENS = 4096
STEP_TOKENS_FOR = 1 << 24
LEAST_STEP_TOKENS = 4096
"""Positions of an update: 4096 for a run over 16M tokens, growing with the root of the run. Measured on 0.8M tokens,
2.4M parameters, bits per byte of zh and en: 2048 2.790 2.509; 4096 2.774 2.510, at a sixth less time; 8192 2.825
2.576."""

MUON_TOKENS = 14
"""Least positions of an update per unit of width: Muon's products grow with the width and do not shrink with the batch.
At 14 they take a sixth of the time (measured: width 128, 2048 tokens 18 %; width 256, 8192 tokens 9 %)."""

SEQ_LEN = 512
ROWS = 8
"""Rows of a forward pass on a CPU: 4096 positions keep every core busy and the activations near the caches."""

LEARNING_RATE = 6e-3
"""Peak at 256 wide; 0.02 for a square matrix on Muon's own scale. At 128 wide 6e-3 and 12e-3 were equally good (3.045),
which puts the best between them, where the root of the width does."""

MOST_EMBEDDING = 0.4
"""Share of a model's parameters that its vocabulary may take at a width of 192, about."""


@dataclass(frozen=True)
class Row:
    """One setting of a plan: its value and where it comes from."""

    name: str
    value: object
    origin: str


T = TypeVar("T", bound=LoopConfig)


class Plan:
    """Settings, one after the other, each given by the user or derived for a stated reason."""

    def __init__(self, config: LoopConfig) -> None:
        self.config = config
        self.rows: list[Row] = []
        self.warnings: list[str] = []
        self._derived: dict[str, Any] = {}

    def settle(self, name: str, derived: Any, reason: str) -> Any:
        """The user's value where there is one, else `derived`."""
        given = getattr(self.config, name)
        value, origin = (derived, reason) if given is None else (given, say("train.origin_given"))
        if given is None:
            self._derived[name] = derived
        self.rows.append(Row(name, value, origin))
        return value

    def note(self, name: str, value: object, origin: str) -> None:
        """A consequence that is no setting."""
        self.rows.append(Row(name, value, origin))

    def warn(self, sentence: str) -> None:
        """Something the user should know before the first step."""
        self.warnings.append(sentence)

    def settled(self, config: T) -> T:
        """`config` with every derived value in its place. Raises ConfigError where they do not go together."""
        return config.replaced(**self._derived) if self._derived else config

    def lines(self) -> list[str]:
        """The plan as text, one setting per line."""
        width = max(len(row.name) for row in self.rows)
        shown = [(row.name, _text(row.value), row.origin) for row in self.rows]
        return [*(f"{name:<{width}} = {value}  ({origin})" for name, value, origin in shown), *self.warnings]

    def origins(self) -> dict[str, str]:
        """Where each setting comes from, for the stored config."""
        return {row.name: row.origin for row in self.rows}


def affordable(
    config: TrainingConfig, num_positions: int, flops_per_second: Callable[[], float], cost: float = 1.0
) -> int:
    """Parameters that the run can train on TOKENS_PER_PARAMETER tokens each, from its data and from its time."""
    seen = _tokens_seen(config, num_positions)
    limits = [] if seen is None else [seen / TOKENS_PER_PARAMETER]
    if config.budget is not None:
        limits.append(math.sqrt(flops_per_second() * config.budget / (6 * cost * TOKENS_PER_PARAMETER)))
    return round(min(limits))


def smallest_for(vocab_size: int) -> int:
    """Parameters below which a vocabulary takes more than its share, at a width of 192."""
    return math.ceil(vocab_size * 192 / MOST_EMBEDDING)


def suggest_vocabulary(num_bytes: int) -> int:
    """Entries for a corpus of so many bytes: as many as it fills (about 8 kB of text each), 1024 to 6400, in 256s.

    A larger one shortens sequences but has more rarely seen entries and a dearer head.
    """
    return max(1024, min(6400, round(num_bytes / 8192 / 256) * 256))


def plan_loop(
    config: TrainingConfig,
    *,
    num_positions: int,
    shape: ModelConfig,
    rate: float = 1.0,
    seq_len: int | None = None,
    default_epochs: float = 1.0,
) -> Plan:
    """Rows, steps, rate and end of a run over `num_positions` positions of data.

    `seq_len` where it is settled already, `rate` the learning rate as a share of a fresh model's.

    Raises ConfigError where seq_len is more than the model reads, InputError where the data are less than one step.
    """
    plan, max_seq_len = Plan(config), shape.max_seq_len
    fitting = seq_len or _row_length(config, min(SEQ_LEN, max_seq_len, max(2, num_positions)))
    seq_len = plan.settle("seq_len", fitting, say("train.why_seq_len"))
    if seq_len > max_seq_len:
        raise ConfigError(problems=[_too_long(seq_len, max_seq_len)])
    wanted = config.tokens_per_step or min(
        _step_tokens(config, num_positions, shape), max(seq_len, num_positions // 16)
    )
    batch_size = plan.settle("batch_size", _rows(wanted, seq_len), say("train.why_batch_size"))
    unit = batch_size * seq_len
    tokens_per_step = plan.settle("tokens_per_step", max(1, wanted // unit) * unit, say("train.why_tokens_per_step"))
    if config.tokens_per_step is not None and tokens_per_step > num_positions:
        raise InputError("train.less_than_a_step", num_positions=num_positions, tokens_per_step=tokens_per_step)
    plan.settle("learning_rate", scaled_rate(shape.hidden_size, rate), say("train.why_learning_rate"))
    if not (config.epochs or config.steps or config.tokens or config.budget):
        plan.settle("epochs", default_epochs, say("train.why_epochs"))
    else:
        for name in ("epochs", "steps", "tokens", "budget"):
            if getattr(config, name) is not None:
                plan.settle(name, None, "")
    return plan


def _row_length(config: TrainingConfig, longest: int) -> int:
    """The longest row that given batch_size and tokens_per_step allow."""
    if config.tokens_per_step is None:
        return longest
    per_row = config.tokens_per_step // (config.batch_size or 1)
    return next((n for n in range(min(longest, per_row), 1, -1) if per_row % n == 0), longest)


def _step_tokens(config: TrainingConfig, num_positions: int, shape: ModelConfig) -> int:
    """Positions of an update, a power of two; where only the clock ends the run, as if it made one pass."""
    seen = _tokens_seen(config, num_positions) or num_positions
    by_muon = MUON_TOKENS * shape.hidden_size if config.optimizer.name == "muon" else 1
    wanted = max(STEP_TOKENS * math.sqrt(seen / STEP_TOKENS_FOR), by_muon, LEAST_STEP_TOKENS)
    return 2 ** round(math.log2(wanted))


def _rows(wanted: int, seq_len: int) -> int:
    """Rows of a forward pass: at most ROWS, and a divisor of what the step wants where there is one."""
    most = max(1, min(ROWS, wanted // seq_len))
    return next((rows for rows in range(most, 0, -1) if wanted % (rows * seq_len) == 0), most)


def scaled_rate(hidden_size: int, share: float = 1.0) -> float:
    """Peak learning rate for a width: a share of 6e-3 at 256, falling with its root."""
    return float(f"{share * LEARNING_RATE * math.sqrt(256 / hidden_size):.2g}")


def _tokens_seen(config: TrainingConfig, num_positions: int) -> float | None:
    """Tokens the run will train on as far as its settings say; None where only the clock ends it."""
    ends = [float(config.tokens)] if config.tokens else []
    if config.epochs:
        ends.append(config.epochs * num_positions)
    if config.steps:
        ends.append(config.steps * float(config.tokens_per_step or STEP_TOKENS))
    if not ends and config.budget is None:
        ends.append(float(num_positions))
    return min(ends, default=None)


def _too_long(seq_len: int, max_seq_len: int) -> Problem:
    rule, remedy = (
        say("train.rule_seq_len", max_seq_len=max_seq_len),
        say("train.remedy_seq_len", max_seq_len=max_seq_len),
    )
    return Problem("seq_len", seq_len, rule, remedy)


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
