"""The life as a graph of cached stages: check every section, then run what is not there yet.

The table of stages comes from outside: this room knows no trainer and no tokenizer, only what a stage needs, what it
reads and where it leaves its outcome.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hanlin.base.config import Config, Resolved, leaves, resolve
from hanlin.base.errors import ConfigError, Problem, UsageError
from hanlin.base.files import FolderLock, write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.recipe.cache import Cache, Record, changed_settings, stage_key
from hanlin.recipe.recipe import Recipe

State = Literal["done", "run", "resume"]


@dataclass(frozen=True)
class Estimate:
    """What a stage is expected to cost; None where nobody can say."""

    seconds: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a stage made: where it lies, what its content is, and its main result in one phrase."""

    path: Path
    fingerprint: str
    result: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One stage about to run.

    `configs` are its sections; `needs` the outcomes of earlier stages by name; `out` the folder proposed for its own;
    `previous` the folder of an attempt at this very job that was cut. A stage that makes its own folder says so with
    `claim` before it starts to work.
    """

    recipe: Recipe
    home: Path
    configs: Mapping[str, Resolved[Any]]
    needs: Mapping[str, Outcome]
    out: Path
    previous: Path | None
    progress: Progress
    claim: Callable[[Path], None]


@dataclass(frozen=True)
class Stage:
    """One stage of a life.

    `sections` are the recipe's sections it reads, by name; `reads` names the user's own files among its settings;
    `version` is raised by hand when its behaviour changes. An `optional` stage runs only where the recipe has a
    section for it. `describe` says the figures of an outcome in one phrase, so that an outcome that was made under
    another language is told in the reader's own; without it the phrase of the time is repeated.
    """

    name: str
    sections: Mapping[str, type[Config]]
    run: Callable[[Job], Outcome]
    needs: tuple[str, ...] = ()
    version: int = 1
    optional: bool = False
    reads: Callable[[Mapping[str, Resolved[Any]]], Sequence[str]] = lambda configs: ()
    estimate: Callable[[Job], Estimate] = lambda job: Estimate()
    describe: Callable[[Mapping[str, Any]], str] | None = None

    def result(self, record: Record) -> str:
        """The main result of an earlier outcome."""
        return self.describe(record.figures) if self.describe else record.result


@dataclass(frozen=True)
class Row:
    """One line of the table at the end: `state` is what happened, or in a dry run what would."""

    stage: str
    state: str
    seconds: float
    result: str
    path: str = ""
    why: str = ""
    estimate: Estimate = Estimate()


@dataclass(frozen=True)
class RecipeReport:
    """What a run of a recipe did, stage by stage; `path` is the recipe's home."""

    path: Path
    rows: tuple[Row, ...]
    outcomes: Mapping[str, Outcome]
    origins: Mapping[str, str]
    settings: Mapping[str, Any]
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        figures = {name: dict(outcome.figures) for name, outcome in self.outcomes.items()}
        return {
            "path": str(self.path),
            "dry_run": self.dry_run,
            "stages": [asdict(row) for row in self.rows],
            "figures": figures,
        }


def run_recipe(
    recipe: Recipe,
    stages: Sequence[Stage],
    home: Path,
    *,
    from_stage: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> RecipeReport:
    """Run the stages whose inputs have changed, skip the rest, resume what was cut.

    `from_stage` makes that stage and all that depend on it anew. Two runs at once of one home: the second raises
    MachineError E107. Raises ConfigError with the problems of all sections together before any stage starts.
    """
    chosen = [stage for stage in stages if not stage.optional or set(stage.sections) & set(recipe.sections)]
    configs = read_sections(recipe, stages, chosen, environ=environ or {}, overrides=overrides or {})
    life = _Life(recipe, chosen, configs, home, progress or Progress("none"))
    if from_stage is not None:
        _check_stage(from_stage, chosen)
    if dry_run:
        return life.plan(from_stage)
    with FolderLock(home):
        return life.run(from_stage)


# ---------------------------------------------------------------- checking


def read_sections(
    recipe: Recipe,
    stages: Sequence[Stage],
    chosen: Sequence[Stage],
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
) -> dict[str, Resolved[Any]]:
    """Every section of the chosen stages, resolved; all problems of all sections in one ConfigError."""
    classes = {name: cls for stage in stages for name, cls in stage.sections.items()}
    typed = {name.split(".")[0]: value for name, value in overrides.items()}
    problems = [*_unknown(recipe.sections, classes, str(recipe.path)), *_unknown(typed, classes, "")]
    found = {}
    for name in (name for stage in chosen for name in stage.sections):
        own = {key.removeprefix(f"{name}."): v for key, v in overrides.items() if key.startswith(f"{name}.")}
        try:
            found[name] = resolve(
                classes[name],
                preset={"seed": recipe.settings.seed} if "seed" in classes[name].model_fields else {},
                preset_name="[recipe]",
                file=recipe.sections.get(name, {}),
                file_name=str(recipe.path),
                environ=environ,
                overrides=own,
            )
        except ConfigError as error:
            problems += [replace(problem, name=f"{name}.{problem.name}") for problem in error.problems]
    if problems:
        raise ConfigError(problems=problems)
    return found


def _unknown(names: Mapping[str, object], known: Mapping[str, object], origin: str) -> Iterator[Problem]:
    rule = say("recipe.rule_unknown_section")
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = say("recipe.did_you_mean", name=near[0]) if near else say("recipe.known", names=", ".join(known))
            yield Problem(f"[{name}]", say("recipe.a_section"), rule, remedy, origin)


def _check_stage(name: str, stages: Sequence[Stage]) -> None:
    names = [stage.name for stage in stages]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
        raise UsageError("recipe.no_such_stage", name=name, names=", ".join(names), near=near[0])


# ---------------------------------------------------------------- running


class _Life:
    """One pass over the chosen stages of a recipe."""

    def __init__(
        self,
        recipe: Recipe,
        stages: Sequence[Stage],
        configs: Mapping[str, Resolved[Any]],
        home: Path,
        progress: Progress,
    ) -> None:
        self.recipe, self.stages, self.configs, self.home, self.progress = recipe, stages, configs, home, progress
        self.cache = Cache(home)
        self.outcomes: dict[str, Outcome] = {}

    def run(self, from_stage: str | None) -> RecipeReport:
        """Every stage in order; what was finished stays finished whatever happens to a later one."""
        self._renew(from_stage)
        rows = []
        for number, stage in enumerate(self.stages, 1):
            title = say("recipe.stage_begins", number=number, total=len(self.stages), stage=stage.name)
            rows.append(self._settle(stage, title))
        report = self._report(rows)
        write_json(self.home / "recipe.json", {"recipe": str(self.recipe.path), **report.as_dict()})
        return report

    def plan(self, from_stage: str | None) -> RecipeReport:
        """What `run` would do, without doing any of it."""
        again = self._dependents(from_stage) if from_stage else set()
        rows = [self._forecast(stage, stage.name in again) for stage in self.stages]
        return replace(self._report(rows), dry_run=True)

    def _settle(self, stage: Stage, title: str) -> Row:
        record = self._record(stage)
        known = self.cache.find(stage.name, record.key)
        if known and known.state == "done":
            self.outcomes[stage.name] = _outcome(known)
            self.progress.note(f"{title}: {say('recipe.state_done')} · {stage.result(known)}")
            return Row(stage.name, "done", known.seconds, stage.result(known), known.path)
        attempt = replace(record, path=known.path if known else "", seconds=known.seconds if known else 0.0)
        self.cache.save(attempt)
        self.progress.note(f"{title}: {self._why(record, known)}")
        return self._work(stage, attempt, resumed=known is not None)

    def _work(self, stage: Stage, attempt: Record, *, resumed: bool) -> Row:
        claimed = {"path": attempt.path}

        def claim(path: Path) -> None:
            claimed["path"] = str(path)
            self.cache.save(replace(attempt, path=str(path)))

        started = time.monotonic()
        try:
            outcome = stage.run(self._job(stage, attempt, claim))
        except BaseException:
            spent = attempt.seconds + time.monotonic() - started
            self.cache.save(replace(attempt, path=claimed["path"], seconds=spent))
            raise
        seconds = attempt.seconds + time.monotonic() - started
        self.cache.save(_finished(attempt, outcome, seconds))
        self.outcomes[stage.name] = outcome
        return Row(stage.name, "resumed" if resumed else "ran", seconds, outcome.result, str(outcome.path))

    def _forecast(self, stage: Stage, again: bool) -> Row:
        waiting = [name for name in self._needs(stage) if name not in self.outcomes]
        if waiting or again:
            why = say("recipe.why_after", stages=", ".join(waiting)) if waiting else say("recipe.why_asked")
            return Row(stage.name, "run", 0.0, "", why=why, estimate=stage.estimate(self._job(stage, None, _no_claim)))
        record = self._record(stage)
        known = self.cache.find(stage.name, record.key)
        if known and known.state == "done":
            self.outcomes[stage.name] = _outcome(known)
            return Row(stage.name, "done", known.seconds, stage.result(known), known.path)
        estimate = stage.estimate(self._job(stage, known, _no_claim))
        return Row(stage.name, "resume" if known else "run", 0.0, "", why=self._why(record, known), estimate=estimate)

    def _record(self, stage: Stage) -> Record:
        settings = self._settings(stage)
        inputs = {name: self.outcomes[name].fingerprint for name in self._needs(stage)}
        if paths := stage.reads(self.configs):
            inputs["files"] = self.cache.fingerprint_files(paths)
        key = stage_key(stage.version, self.cache.generation(stage.name), settings, inputs)
        return Record(stage.name, key, "running", settings, inputs)

    def _settings(self, stage: Stage) -> dict[str, Any]:
        pairs = ((f"{name}.{key}", v) for name in stage.sections for key, v in leaves(self.configs[name].value))
        return {name: json.loads(json.dumps(value, default=_plain)) for name, value in pairs}

    def _job(self, stage: Stage, attempt: Record | None, claim: Callable[[Path], None]) -> Job:
        previous = Path(attempt.path) if attempt and attempt.path and Path(attempt.path).exists() else None
        name = f"{stage.name}-{attempt.key[:8]}" if attempt else stage.name
        return Job(
            recipe=self.recipe,
            home=self.home,
            configs={section: self.configs[section] for section in self.configs},
            needs={name: self.outcomes[name] for name in self._needs(stage) if name in self.outcomes},
            out=self.home / name,
            previous=previous,
            progress=self.progress,
            claim=claim,
        )

    def _needs(self, stage: Stage) -> list[str]:
        present = {other.name for other in self.stages}
        return [name for name in stage.needs if name in present]

    def _dependents(self, name: str) -> set[str]:
        """A stage and all that build on it."""
        found = {name}
        for stage in self.stages:
            if found & set(stage.needs):
                found.add(stage.name)
        return found

    def _renew(self, from_stage: str | None) -> None:
        """Count old outcomes as old, but never an attempt that was cut: asking again must not lose its progress."""
        if from_stage is None:
            return
        newest = self.cache.latest(from_stage)
        if newest is None or newest.state == "done":
            self.cache.renew(sorted(self._dependents(from_stage)))

    def _why(self, record: Record, known: Record | None) -> str:
        """Why a stage is not done yet, in the user's language."""
        if known is not None:
            return say("recipe.why_cut")
        before = self.cache.latest(record.stage, state="done")
        if before is None:
            return say("recipe.why_new")
        settings = changed_settings(before.settings, record.settings)
        if settings:
            return say("recipe.why_settings", names=", ".join(settings[:4]))
        inputs = changed_settings(before.inputs, record.inputs)
        return say("recipe.why_inputs", names=", ".join(inputs)) if inputs else say("recipe.why_asked")

    def _report(self, rows: Sequence[Row]) -> RecipeReport:
        every = self.configs.items()
        origins = {f"{section}.{name}": v for section, config in every for name, v in config.origins.items()}
        settings = {f"{section}.{name}": v for section, config in every for name, v in leaves(config.value)}
        return RecipeReport(self.home, tuple(rows), dict(self.outcomes), origins, settings)


def _finished(attempt: Record, outcome: Outcome, seconds: float) -> Record:
    return replace(
        attempt,
        state="done",
        path=str(outcome.path),
        fingerprint=outcome.fingerprint,
        seconds=seconds,
        result=outcome.result,
        figures=outcome.figures,
    )


def _outcome(record: Record) -> Outcome:
    return Outcome(Path(record.path), record.fingerprint, record.result, record.figures)


def _no_claim(path: Path) -> None:
    raise AssertionError(f"a dry run must not claim {path}")


def _plain(value: object) -> object:
    return {n: getattr(value, n) for n in type(value).model_fields} if isinstance(value, Config) else str(value)
