"""What a family of published models is to us: a config layout, a table of weight names, and its limits."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hanlin.base.config import leaves
from hanlin.base.errors import BundleError, ConfigError
from hanlin.model.config import ModelConfig
from hanlin.model.families.rules import Rule, both
from hanlin.model.families.tasks import task_fields, task_settings

HfConfig = Mapping[str, Any]

# Settings of config.json that change nothing in what a decoder computes.
_HARMLESS = frozenset(
    {
        "architectures",
        "model_type",
        "dtype",
        "torch_dtype",
        "transformers_version",
        "use_cache",
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "initializer_range",
        "_name_or_path",
        "output_hidden_states",
        "output_attentions",
        "return_dict",
        "chunk_size_feed_forward",
        "is_encoder_decoder",
        "id2label",
        "label2id",
        "problem_type",
        "task_specific_params",
        "auto_map",
        "pretraining_tp",
        "_attn_implementation",
        "rope_scaling",  # read wherever positions rotate
        "partial_rotary_factor",
    }
)


_KINDS = {bool: "switch", int: "number", float: "number", str: "text", list: "list", dict: "table"}


def _kind(value: object) -> str:
    """What a value of config.json is; "" for null."""
    return _KINDS.get(type(value), "")


@dataclass(frozen=True)
class Told:
    """A field of ModelConfig that a weight file decides: `present` where it holds the tensor, else `absent`."""

    field: str
    tensor: str
    present: Any = True
    absent: Any = False


@dataclass(frozen=True)
class TaskClass:
    """The class of a family that holds the head of a task.

    rules: the table of the head's weight names.  prefix: what stands before the names of all else, where it is not what
    stands before them in the family's other files.  pooler: whether the head reads through BERT's pooler.
    encoder: the table of all other names, where the class has nothing but the family's encoder.
    """

    architecture: str
    rules: tuple[Rule, ...]
    prefix: str | None = None
    pooler: bool = False
    encoder: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Family:
    """One family, all data.

    name: `model_type` in config.json unless that is given.  architecture: the transformers class.
    prefix: what stands before every weight name but the head's; files saved from the bare model lack it.
    rules: the table of weight names.
    preset: fields of ModelConfig that make a model of this family.
    to_hf, from_hf: settings of config.json from ModelConfig, fields of ModelConfig from config.json.
    fixed: settings with the only value that our parts can honour.
    harmless: its own settings that change nothing.
    skipped: patterns of tensors in files that are formulas, not weights, or copies.
    refused: values of settings that our parts cannot honour.
    outside: beginnings of weight names that have no prefix although they stand beside it.
    renamed: patterns in the names of older files, and what they are today.
    copies: tensors that a class holds once more, by the name of the copy. Where a file has both, the copy counts.
    told: what the weight files say of the shape, where config.json does not.
    sized: fields of the preset that follow from the sizes of a model.
    published: sizes that were published, by their names ("125m").
    marks: settings by which config.json tells it from other families of the same `model_type`.
    tasks: its classes with heads of tasks, by TaskHeadConfig.kind.
    """

    name: str
    architecture: str
    prefix: str
    rules: tuple[Rule, ...]
    preset: Mapping[str, Any]
    to_hf: Callable[[ModelConfig], dict[str, Any]]
    from_hf: Callable[[HfConfig], dict[str, Any]]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()
    skipped: tuple[str, ...] = ()
    refused: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    outside: tuple[str, ...] = ("lm_head.",)
    renamed: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    told: tuple[Told, ...] = ()
    model_type: str = ""
    marks: tuple[str, ...] = ()
    published: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sized: Callable[[Mapping[str, int]], dict[str, Any]] = lambda sizes: {}
    tasks: Mapping[str, TaskClass] = field(default_factory=dict)

    def recognises(self, hf: HfConfig) -> bool:
        """Whether a config.json is one of this family."""
        return hf.get("model_type") == (self.model_type or self.name) and all(mark in hf for mark in self.marks)

    def to_hf_config(self, config: ModelConfig) -> dict[str, Any]:
        """Content of config.json. Raises BundleError E320 where the family's class has no place for a setting."""
        if lost := self.objections(config):
            raise BundleError("model.not_expressible", family=self.name, settings=", ".join(lost))
        return self._written(config)

    def from_hf_config(self, hf: HfConfig) -> ModelConfig:
        """ModelConfig of a config.json. Raises ConfigError for impossible values, BundleError
        E321 for settings we have no part for and E323 for those it lacks."""
        strange = [f"{key} = {hf[key]!r}" for key in self.fixed if hf.get(key, self.fixed[key]) != self.fixed[key]]
        strange += [f"{key} = {hf[key]!r}" for key, values in self.refused.items() if hf.get(key) in values]
        if strange:
            raise BundleError("model.setting_unbuilt", family=self.name, settings=", ".join(strange))
        try:
            return ModelConfig(family=self.name, **self._fields(hf))
        except (ConfigError, BundleError):
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            empty = ", ".join(name for name, value in hf.items() if value is None)
            missing = error if isinstance(error, LookupError) or not empty else empty
            raise BundleError("model.setting_missing", family=self.name, setting=missing) from None

    def mistyped(self, hf: HfConfig) -> dict[str, str]:
        """Settings of a config.json whose values are of another kind than this family writes, and the kind it writes:
        a number in quotes would be true where a switch is meant."""
        written = self._written(ModelConfig(family=self.name, **self.preset))
        kinds = {name: _kind(value) for name, value in written.items()}
        given = {name: _kind(value) for name, value in hf.items() if value is not None}
        return {name: kind for name, kind in kinds.items() if kind and given.get(name, kind) != kind}

    def as_found(self, config: ModelConfig, names: Collection[str]) -> ModelConfig:
        """`config` with the fields that the weight files decide, whose tensors have these `names`."""
        fields = config.model_dump()
        for told in self.told:
            *sections, last = told.field.split(".")
            functools.reduce(operator.getitem, sections, fields)[last] = (
                told.present if told.tensor in names else told.absent
            )
        return ModelConfig(**fields)

    def full_name(self, name: str, *, bare: bool) -> str:
        """A tensor's name as the full class writes it today; `bare` files were saved without the prefix."""
        for pattern, today in self.renamed.items():
            name = re.sub(pattern, today, name)
        return name if not bare or name.startswith(self.outside) else self.prefix + name

    def objections(self, config: ModelConfig) -> list[str]:
        """Settings that would not survive the way to config.json and back, as "name = value"."""
        try:
            returned = dict(leaves(ModelConfig(family=self.name, **self._fields(self._written(config)))))
        except ConfigError as error:  # what comes back is no model at all
            return [f"{problem.name} = {problem.value}" for problem in error.problems]
        except BundleError as error:  # nor one that this class could be
            return [str(error.values.get("settings"))]
        elsewhere = {"family", *(told.field for told in self.told)}
        own = ((name, value) for name, value in leaves(config) if name not in elsewhere)
        return [f"{name} = {value}" for name, value in own if returned[name] != value]

    def unread(self, hf: HfConfig) -> list[str]:
        """Settings of a config.json that nothing here reads, for a note to the user."""
        known = {*self._written(self.from_hf_config(hf)), *self.harmless, *_HARMLESS}
        return sorted(key for key in hf if key not in known)

    def for_task(self, kind: str) -> Family:
        """The family as its class for a kind of task writes its files; itself where there is no such class."""
        if kind not in self.tasks:
            return self
        task, before = self.tasks[kind], self.prefix
        prefix = before if task.prefix is None else task.prefix
        rules = (rule.moved(before, prefix) for rule in task.encoder or self.rules)
        skipped = (re.sub(f"^{re.escape(re.escape(before))}", lambda _: re.escape(prefix), one) for one in self.skipped)
        outside = (*self.outside, *(name for rule in task.rules for name in rule.theirs))
        return replace(self, prefix=prefix, rules=(*task.rules, *rules), skipped=tuple(skipped), outside=outside)

    def _fields(self, hf: HfConfig) -> dict[str, Any]:
        """Fields of ModelConfig from config.json, the head of a task among them."""
        fields, named = self.from_hf(hf), hf.get("architectures") or [""]
        kind = next((kind for kind, task in self.tasks.items() if task.architecture == named[0]), None)
        if kind is None:
            return fields
        said = {"kind": "none", "task": task_fields(kind, hf), "pooler": self.tasks[kind].pooler}
        if self.tasks[kind].encoder:
            fields |= {"arch": "encoder", "num_layers": fields["num_encoder_layers"], "num_encoder_layers": 0}
        return {**fields, "head": {**fields.get("head", {}), **said, "next_sentence": False}}

    def _written(self, config: ModelConfig) -> dict[str, Any]:
        task = self.tasks.get(config.head.task.kind)
        return {
            "architectures": [self.architecture],
            "model_type": self.model_type or self.name,
            **self.to_hf(config),
            **self.fixed,
            **({} if task is None else {"architectures": [task.architecture], **task_settings(config)}),
        }


def decoder_tasks(name: str, *kinds: str, spans_prefix: str | None = None) -> dict[str, TaskClass]:
    """The classes that most decoders of transformers 5 share, of a family whose classes begin with `name`."""
    made = {
        "sequence": TaskClass(f"{name}ForSequenceClassification", (Rule("task.score.weight", ("score.weight",)),)),
        "tokens": TaskClass(f"{name}ForTokenClassification", both("task.score", "score")),
        "spans": TaskClass(f"{name}ForQuestionAnswering", both("task.score", "qa_outputs"), prefix=spans_prefix),
    }
    return {kind: made[kind] for kind in kinds or made}
