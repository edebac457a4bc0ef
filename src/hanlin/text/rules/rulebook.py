"""The rules as a corpus applies them: which thresholds and edits concern a document, and what they say to it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hanlin.base.errors import ConfigError, Problem
from hanlin.base.messages import say
from hanlin.text.config import QualityConfig, RulesConfig
from hanlin.text.document import Document
from hanlin.text.folding import Hashes
from hanlin.text.rules.badwords import read_bad_words
from hanlin.text.rules.debris import remove_debris
from hanlin.text.rules.lines import remove_lines
from hanlin.text.rules.measures import PERCENTILE, PERPLEXITY, SCORED, measure
from hanlin.text.rules.presets import (
    EDITS,
    KINDS,
    LANGUAGES,
    NONE,
    OFF,
    Preset,
    Threshold,
    is_threshold,
    known_sections,
    load_preset,
    near,
    sections_for,
    set_threshold,
    threshold_names,
)
from hanlin.text.rules.scores import Scores
from hanlin.text.rules.watermarks import VERSION, WatermarkFinder, Watermarks, watermarks_of

SETTINGS = "settings"
_OF_THE_USER = frozenset(["bad_words", *SCORED, *(f"{name}_by" for name in SCORED)])


@dataclass(frozen=True)
class Edited:
    """A text after the edits: how much each took out, and the first things it took."""

    text: str
    changes: Mapping[str, int]
    examples: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Bound:
    """One threshold for a document, and where the document stands; silent if the document is too short for it."""

    threshold: Threshold
    value: float
    is_silent: bool = False

    @property
    def is_kept(self) -> bool:
        return self.is_silent or not self.threshold.is_broken(self.value)


class Rulebook:
    """The rules of one corpus. Raises ConfigError for settings that name nothing, InputError for a bad file.

    Without `quality` the thresholds on what models measure stand, and nothing is measured: for looking things up.
    """

    def __init__(self, config: RulesConfig, quality: QualityConfig | None = None) -> None:
        self.config = config
        self.scores = Scores(quality or QualityConfig())
        self._overrides = list(_overrides(config))
        self.bad_words = read_bad_words(config.bad_words)
        self.watermarks = Watermarks(frozenset())
        self._finder = WatermarkFinder(config.least_spellings)
        self._presets = _presets(config)
        # Caches of its own: one of the class would keep every rulebook of a process, with all that it learned.
        self.thresholds = functools.cache(self._thresholds)
        self.edits = functools.cache(self._edits)
        if quality is not None:
            _check_models(self._scored_thresholds(), self.scores)

    @property
    def is_idle(self) -> bool:
        """Whether no rule and no edit is asked for at all."""
        asked = any(getattr(self.config, edit) for edit in EDITS)
        return set(self._presets) == {NONE} and not self._overrides and not asked and not self.scores.measures

    def _preset_of(self, kind: str) -> Preset:
        names = {str(name): preset for name, preset in self.config.kinds.items()}
        return load_preset(names.get(kind, self.config.preset))

    def _thresholds(self, lang: str, kind: str) -> tuple[Threshold, ...]:
        """Return the bounds for documents of one language and kind."""
        found = self._preset_of(kind).thresholds(lang, kind)
        for wanted in sections_for(lang, kind):
            for section, name, limit in self._overrides:
                if section == wanted:
                    set_threshold(found, name, limit, SETTINGS)
        return tuple(found.values())

    def _edits(self, lang: str, kind: str) -> tuple[str, ...]:
        """Return the edits for documents of one language and kind, in the order they are made."""
        asked = self._preset_of(kind).edits_for(lang, kind)
        chosen = {edit: getattr(self.config, edit) for edit in EDITS}
        return tuple(edit for edit in EDITS if (edit in asked if chosen[edit] is None else chosen[edit]))

    def learn(self, document: Document) -> None:
        """Note the disguised lines of a document, where watermarks are looked for in its kind."""
        if self.looks_for_watermarks(document):
            self._finder.learn(document.text)
        if self._needs_percentiles:
            self.scores.learn(document)

    def looks_for_watermarks(self, document: Document) -> bool:
        """Whether watermarks are removed from documents of this language and kind."""
        return "watermarks" in self.edits(document.lang, kind_of(document))

    def spellings(self) -> Hashes:
        """Return how the stretches that may be watermarks were spelled, as records by key (`watermarks.py`)."""
        return self._finder.records()

    def so_far(self) -> dict[str, Any]:
        """Return what else was learned, as plain data for `learn_from`."""
        return {"perplexities": self.scores.percentiles.so_far()}

    def learn_from(self, learned: Mapping[str, Any]) -> None:
        """Add what the rules learned from other documents."""
        self.scores.percentiles.take(learned["perplexities"])

    def learned(self, stretches: Hashes, met: Hashes) -> None:
        """From now on remove the watermarks among stretches of many spellings (`watermarks.py`), and tell places."""
        self.watermarks = watermarks_of(stretches, met)
        self.scores.percentiles.settle()

    def recall(self, learned: Mapping[str, Any]) -> bool:
        """Take up what an earlier build learned from the same documents by the same settings, if it did."""
        if learned.get("by") != self._learning():
            return False
        self.watermarks = Watermarks(frozenset(learned["watermarks"]))
        self.scores.percentiles.spreads = dict(learned.get("perplexities", {}))
        return True

    def to_recall(self) -> dict[str, Any]:
        """What was learned, and by which settings, for `recall`."""
        return {
            "by": self._learning(),
            "watermarks": sorted(self.watermarks.stretches),
            "perplexities": self.scores.percentiles.spreads,
        }

    def _learning(self) -> list[str]:
        """From which documents watermarks are learned, and how many spellings make one."""
        pairs = ((lang, kind) for lang in LANGUAGES for kind in KINDS)
        told = (f"{lang}.{kind}" for lang, kind in pairs if "watermarks" in self.edits(lang, kind))
        model = [f"perplexity {self.scores.marks[PERPLEXITY]}"] if self._needs_percentiles else []
        return [f"{VERSION}: {self.config.least_spellings}", *told, *model]

    @property
    def has_to_learn(self) -> bool:
        """Whether some kind of document has its watermarks removed, or a bound on its place among all others, so that
        all have to be seen first."""
        return self._needs_percentiles or self._removes_watermarks

    @property
    def _needs_percentiles(self) -> bool:
        return PERCENTILE in self.scores.measures and PERCENTILE in self._scored_thresholds()

    def _scored_thresholds(self) -> dict[str, str]:
        """Measures of models that some bound is on, with the name of that bound."""
        off = {name for section, name, limit in self._overrides if (section, limit) == ("all", OFF)}
        sections = [section for preset in self._presets.values() for section in preset.sections.values()]
        of_presets = (pair for section in sections for pair in section.items() if pair[0] not in off)
        asked = [*((name, limit) for _, name, limit in self._overrides), *of_presets]
        return {
            name.partition("_")[2]: name for name, limit in asked if name.partition("_")[2] in SCORED and limit != OFF
        }

    @property
    def _removes_watermarks(self) -> bool:
        presets = self._presets.values()
        asked = any(
            "watermarks" in section.get("edits", ()) for preset in presets for section in preset.sections.values()
        )
        asked |= any("watermarks" in preset.edits for preset in presets)
        return asked if self.config.watermarks is None else self.config.watermarks

    def edit(self, document: Document) -> Edited:
        """Make the edits for a document's language and kind."""
        makers: dict[str, Callable[[str], tuple[str, list[str]]]] = {
            "html_debris": remove_debris,
            "watermarks": self.watermarks.remove,
            "c4_lines": remove_lines,
        }
        text, changes, examples = document.text, {}, {}
        for edit in self.edits(document.lang, kind_of(document)):
            text, removed = makers[edit](text)
            if removed:
                changes[edit], examples[edit] = len(removed), tuple(line[:120] for line in removed[:3])
        return Edited(text, changes, examples)

    def measures(self, document: Document, known: Mapping[str, float] | None) -> dict[str, float]:
        """Return the measures of a document as it was read, taken anew only where none are known."""
        found = dict(known or measure(document.text))
        stored = {name: found.pop(name) for name in [*found] if name in _OF_THE_USER}
        if self.bad_words is not None:  # other lists give other shares
            found["bad_words"] = self.bad_words.share(document.text)
        found.update(self.scores.of(document, stored))
        return found

    def bounds(self, lang: str, kind: str, measures: Mapping[str, float]) -> list[Bound]:
        """Return where a document of one language and kind stands, for every threshold that was measured."""
        return [
            Bound(threshold, measures[threshold.measure], measures.get("chars", 0) < threshold.least_chars)
            for threshold in self.thresholds(lang, kind)
            if threshold.measure in measures
        ]

    def broken(self, document: Document, measures: Mapping[str, float]) -> list[Bound]:
        """Return every threshold a document does not keep."""
        bounds = self.bounds(document.lang, kind_of(document), measures)
        return [bound for bound in bounds if not bound.is_kept]


def kind_of(document: Document) -> str:
    """The kind of a document's source."""
    return str(document.meta.get("kind", "text"))


def _overrides(config: RulesConfig) -> Iterable[tuple[str, str, float | str]]:
    """Single thresholds of the settings as (section, name, limit). Raises ConfigError with all that name nothing."""
    problems = []
    for dotted, limit in config.thresholds.items():
        section, _, name = dotted.rpartition(".")
        section = section or "all"
        if section not in known_sections():
            problems.append(_problem(dotted, limit, near(section, known_sections())))
        elif not is_threshold(name, limit):
            problems.append(_problem(dotted, limit, near(name, threshold_names())))
        else:
            yield section, name, limit
    if config.bad_words and not _allows_bad_words(config):
        remedy = say("text.bad_words_remedy")
        problems.append(Problem("rules.bad_words", config.bad_words, say("text.bad_words_rule"), remedy))
    if problems:
        raise ConfigError(problems=problems)


def _check_models(thresholds: Mapping[str, str], scores: Scores) -> None:
    """Raise ConfigError for bounds on what no model measures."""
    remedy = say("text.remedy_no_model")
    missing = {measure: name for measure, name in thresholds.items() if measure not in scores.measures}
    if missing:
        rule = say("text.rule_no_model")
        raise ConfigError(
            problems=[Problem(f"rules.thresholds.{name}", measure, rule, remedy) for measure, name in missing.items()]
        )


def _allows_bad_words(config: RulesConfig) -> bool:
    """Whether some threshold makes use of the lists."""
    named = any(name.endswith("max_bad_words") and limit != OFF for name, limit in config.thresholds.items())
    presets = _presets(config).values()
    return named or any("max_bad_words" in section for preset in presets for section in preset.sections.values())


def _presets(config: RulesConfig) -> dict[str, Preset]:
    """Every preset that the settings name. Raises ConfigError for one that does not exist."""
    return {name: load_preset(name) for name in (config.preset, *config.kinds.values())}


def _problem(name: str, value: object, closest: str) -> Problem:
    return Problem(
        f"rules.thresholds.{name}", value, say("text.threshold_rule"), say("text.threshold_remedy", near=closest)
    )
