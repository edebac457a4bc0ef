"""The mixture of a run: settled before the first step, printed with the plan, and held against what was realised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hanlin.base.errors import ConfigError, Problem
from hanlin.base.messages import say
from hanlin.base.progress import value_text
from hanlin.data.config import SharesConfig
from hanlin.data.forms.parts import Form
from hanlin.data.loader import Loader
from hanlin.data.mixing import MEASURES, Named, divided, forecast, temperature_shares
from hanlin.data.mixture import Phase, WeightedSource
from hanlin.data.shards import ShardSet
from hanlin.train.config import PretrainConfig
from hanlin.train.plan import Plan

MANY_EPOCHS = 4
"""Passes over a source up to which repeating it is nearly as good as new text (Muennighoff et al. 2023)."""


@dataclass(frozen=True)
class Chosen:
    """The sources that a run draws from, and the shares of each in every phase."""

    named: tuple[Named, ...]
    shares: tuple[tuple[float, ...], ...]

    @property
    def sizes(self) -> list[int]:
        return [one.positions for one in self.named]

    def formed(self, form: Form | None, seq_len: int) -> Chosen:
        """The same in the parts that a form makes of the documents."""
        return self if form is None else Chosen(tuple(one.formed(form, seq_len) for one in self.named), self.shares)


@dataclass(frozen=True)
class Mix:
    """What the loader mixes by, and the share of the tokens that each source is to have in the end."""

    sources: tuple[WeightedSource, ...]
    phases: tuple[Phase, ...] = ()
    ends_with_limited: bool = True
    planned: Mapping[str, float] | None = None


def choose(config: PretrainConfig, shards: Sequence[ShardSet]) -> Chosen:
    """Divide the data as `mix` says and leave out what has no share.

    Raises ConfigError for a name that no source has, InputError for shards that do not tell their sources.
    """
    by = config.mix.by if config.mix.is_on else "folder"
    named = divided(shards, by, measure=MEASURES.get(config.mix.order))
    if not config.mix.is_on:
        return Chosen(tuple(named), ())
    names = [one.source.name for one in named]
    if problems := [*_unknown(config, names)]:
        raise ConfigError(problems=problems)
    parts: Sequence[SharesConfig] = config.mix.phases or (config.mix,)
    shares = [_shares(part, named) for part in parts]
    kept = [number for number in range(len(named)) if any(row[number] > 0 for row in shares)]
    return Chosen(tuple(named[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in shares))


def mixed(config: PretrainConfig, chosen: Chosen, plan: Plan) -> Mix:
    """Settle the mixture of a run and note in the plan what it comes to. `config` has its end settled.

    Raises ConfigError where phases have no end to be measured by, or the sources are used up before the end.
    """
    if not config.mix.is_on:
        return Mix(tuple(_by_folder(config, chosen.named)))
    total = run_positions(config, sum(chosen.sizes))
    if len(chosen.shares) > 1 and total is None:
        raise ConfigError(problems=[_no_end(config)])
    phases = _phases(config, chosen, total)
    limits = [config.mix.epochs.get(one.source.name, config.mix.max_epochs) for one in chosen.named]
    sources = [
        WeightedSource(source=one.source, weight=1.0, max_epochs=limit, levels=one.levels(config.mix.levels))
        for one, limit in zip(chosen.named, limits, strict=True)
    ]
    expected = forecast(chosen.sizes, phases, limits, total or sum(chosen.sizes))
    if total is not None and expected.total < total - len(limits):
        raise ConfigError(problems=[_used_up(config, expected.total, total)])
    _note(plan, chosen, expected.positions, expected.total, has_end=total is not None)
    names = [one.source.name for one in chosen.named]
    planned = {name: got / expected.total for name, got in zip(names, expected.positions, strict=True)}
    return Mix(tuple(sources), phases, ends_with_limited=False, planned=planned)


def run_positions(config: PretrainConfig, available: int) -> int | None:
    """Positions that a run goes over, as far as anything but the clock ends it."""
    ends = [float(config.tokens)] if config.tokens else []
    if config.epochs:
        ends.append(config.epochs * available)
    if config.steps and config.tokens_per_step:
        ends.append(float(config.steps * config.tokens_per_step))
    return round(min(ends)) if ends else None


def realised(loader: Loader, planned: Mapping[str, float] | None) -> dict[str, dict[str, float]]:
    """What each source of a run came to: tokens, share, passes, and the share it was to have; nothing for one source.

    Without a plan of its own the share is that of the weights.
    """
    mixture, counts = loader.mixture, loader.packed.by_source
    if len(mixture.sources) == 1:
        return {}
    wanted = planned or {
        source.name: weight / sum(mixture.weights)
        for source, weight in zip(mixture.sources, mixture.weights, strict=True)
    }
    return {
        source.name: {
            "tokens": count,
            "share": count / max(1, sum(counts)),
            "planned": wanted[source.name],
            "epochs": count / max(1, int(source.lengths.sum())),
        }
        for source, count in zip(mixture.sources, counts, strict=True)
    }


def realised_lines(shares: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The same in sentences."""
    return [
        say("train.realised", name=name, **{**row, "tokens": value_text(row["tokens"])}) for name, row in shares.items()
    ]


# ---------------------------------------------------------------- the parts


def _by_folder(config: PretrainConfig, named: Sequence[Named]) -> list[WeightedSource]:
    """The folders with their shares. With shares, `epochs` counts passes over as many tokens as all folders hold."""
    weights = list(config.data.values()) if isinstance(config.data, dict) else [None] * len(named)
    epochs = config.epochs if not isinstance(config.data, dict) else None
    return [
        WeightedSource(source=one.source, weight=weight, max_epochs=epochs, levels=one.levels(config.mix.levels))
        for one, weight in zip(named, weights, strict=True)
    ]


def _shares(part: SharesConfig, named: Sequence[Named]) -> list[float]:
    """By weight, by temperature, or by size."""
    if part.weights:
        return [part.weights.get(one.source.name, 0.0) for one in named]
    return temperature_shares([one.positions for one in named], part.temperature or 1.0)


def _phases(config: PretrainConfig, chosen: Chosen, total: int | None) -> tuple[Phase, ...]:
    """The phases in positions. The run's own end is a border too: the rows of a window are shuffled, and of a window
    that the end cuts apart, chance would decide which source it had more of."""
    if total is None:
        return (Phase(chosen.shares[0]),)
    ends = [round(phase.until * total) for phase in config.mix.phases] or [total]
    phases = (Phase(shares, end) for shares, end in zip(chosen.shares, ends, strict=True))
    return (*phases, Phase(chosen.shares[-1]))


def _unknown(config: PretrainConfig, names: Sequence[str]) -> list[Problem]:
    tables = {"mix.weights": config.mix.weights, "mix.epochs": config.mix.epochs}
    tables |= {f"mix.phases[{n}].weights": phase.weights for n, phase in enumerate(config.mix.phases)}
    remedy = say("train.remedy_mix_names", known=", ".join(names))
    return [
        Problem(where, name, say("train.rule_mix_names", by=config.mix.by), remedy)
        for where, table in tables.items()
        for name in table
        if name not in names
    ]


def _no_end(config: PretrainConfig) -> Problem:
    rule, remedy = say("train.rule_phases_end"), say("train.remedy_phases_end")
    return Problem("mix.phases", len(config.mix.phases), rule, remedy)


def _used_up(config: PretrainConfig, reached: float, total: int) -> Problem:
    rule = say("train.rule_used_up", reached=f"{reached:,.0f}", total=f"{total:,}")
    return Problem("mix.max_epochs", config.mix.max_epochs, rule, say("train.remedy_used_up"))


def _note(plan: Plan, chosen: Chosen, positions: Sequence[float], total: float, *, has_end: bool) -> None:
    """Tokens, share and passes of each source; a warning where a source is seen too often."""
    for one, count in zip(chosen.named, positions, strict=True):
        epochs = count / max(1, one.positions)
        key = "train.why_mix" if has_end else "train.why_mix_by_clock"
        why = say(key, tokens=value_text(round(count)), epochs=epochs, size=value_text(one.positions))
        plan.note(f"mix {one.source.name}", f"{count / total:.1%}", why)
        if has_end and epochs > MANY_EPOCHS:
            plan.warn(say("train.many_epochs", name=one.source.name, epochs=epochs, most=MANY_EPOCHS))
