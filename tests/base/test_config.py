"""Strict configs: every layer, every origin, every problem at once."""

from __future__ import annotations

import math
import string
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from hanlin.base import messages
from hanlin.base.config import Config, field_doc, field_owner, leaves, origin_text, read_toml, resolve, to_toml
from hanlin.base.errors import ConfigError, InputError, Problem


class OptimizerConfig(Config):
    """A nested config."""

    name: Literal["adamw", "muon"] = Field("adamw", description="Which optimizer.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Step size.")
    betas: tuple[float, ...] = Field((0.9, 0.95), min_length=2, max_length=2, description="Decay rates.")


class SourceConfig(Config):
    """An item of a list."""

    path: Path = Field(description="Where it lies.")
    weight: float = Field(1.0, gt=0, description="Share of the mixture.")


class TrainingConfig(Config):
    """A config with every kind of field."""

    steps: int = Field(100, ge=1, le=10_000, description="Number of steps.")
    seq_len: int | Literal["auto"] = Field("auto", description="Row length.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout.")
    resume: bool = Field(False, description="Go on from the last checkpoint.")
    folder: Path | None = Field(Path("runs"), description="Where runs go.")
    tags: tuple[str, ...] = Field((), description="Free words.")
    mixture: dict[str, float] = Field(default_factory=dict, description="Weights by name.")
    name: str = Field("demo", min_length=1, max_length=40, pattern=r"^[^/]*$", description="Name of the run.")
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig, description="The optimizer.")
    sources: tuple[SourceConfig, ...] = Field((), description="What to read.")

    def problems(self) -> Iterable[Problem]:
        """A rule between two fields."""
        if self.resume and self.steps == 1:
            yield Problem("steps", self.steps, "nothing is left to resume", "Raise steps.")


class OddNameConfig(Config):
    """Names its own section."""

    section: ClassVar[str] = "odd"
    power: int = Field(2, multiple_of=2, description="An even number.")

    @field_validator("power")
    @classmethod
    def _not_ten(cls, value: int) -> int:
        if value == 10:
            raise ValueError("ten is too round")
        return value


def problems_with(**layers: object) -> dict[str, Problem]:
    with pytest.raises(ConfigError) as caught:
        resolve(TrainingConfig, **layers)  # type: ignore[arg-type]
    assert caught.value.code == "E101"
    return {problem.name: problem for problem in caught.value.problems}


# ---- layers and origins


def test_defaults_alone() -> None:
    resolved = resolve(TrainingConfig)
    assert resolved.value == TrainingConfig()
    assert set(resolved.origins.values()) == {"default"}
    assert set(resolved.origins) == {name for name, _ in leaves(resolved.value)}
    assert "optimizer.learning_rate" in resolved.origins


def test_each_layer_wins_over_the_one_below(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('steps = 3\nname = "file"\ndropout = 0\n[optimizer]\nlearning_rate = 0.3\n', encoding="utf-8")
    resolved = resolve(
        TrainingConfig,
        preset={"steps": 2, "seq_len": 64, "optimizer": {"name": "muon", "learning_rate": 0.2}},
        preset_name="10m",
        file=file,
        environ={"HANLIN_TRAINING__STEPS": "4", "HANLIN_TRAINING__NAME": "environment", "HANLIN_OTHER__STEPS": "9"},
        overrides={"steps": "5", "optimizer.betas": "0.8,0.9"},
    )
    value = resolved.value
    assert (value.steps, value.name, value.dropout, value.seq_len) == (5, "environment", 0.0, 64)
    assert value.optimizer == OptimizerConfig(name="muon", learning_rate=0.3, betas=(0.8, 0.9))
    assert resolved.origins["steps"] == "command line"
    assert resolved.origins["name"] == "environment"
    assert resolved.origins["dropout"] == f"file {file}"
    assert resolved.origins["seq_len"] == "preset 10m"
    assert resolved.origins["optimizer.name"] == "preset 10m"
    assert resolved.origins["optimizer.learning_rate"] == f"file {file}"
    assert resolved.origins["resume"] == "default"


def test_environment_and_command_line_reach_nested_settings() -> None:
    by_environment = resolve(TrainingConfig, environ={"HANLIN_TRAINING__OPTIMIZER__LEARNING_RATE": "0.5"})
    by_command = resolve(TrainingConfig, overrides={"optimizer.learning_rate": "0.5"})
    as_table = resolve(TrainingConfig, overrides={"optimizer": {"learning_rate": 0.5}})
    assert by_environment.value == by_command.value == as_table.value
    assert by_environment.origins["optimizer.learning_rate"] == "environment"
    assert as_table.origins["optimizer.learning_rate"] == "command line"


def test_command_line_values_may_already_be_values() -> None:
    value = resolve(TrainingConfig, overrides={"steps": 7, "folder": None, "tags": ["a"], "resume": True}).value
    assert (value.steps, value.folder, value.tags, value.resume) == (7, None, ("a",), True)


def test_a_table_in_text_and_a_setting_inside_it_are_both_kept() -> None:
    for order in (1, -1):
        given = {"optimizer": '{ name = "muon", learning_rate = 0.5 }', "optimizer.betas": "0.1,0.2"}
        resolved = resolve(TrainingConfig, overrides=dict(list(given.items())[::order]))
        assert resolved.value.optimizer == OptimizerConfig(name="muon", learning_rate=0.5, betas=(0.1, 0.2))
        assert resolved.origins["optimizer.name"] == "command line"


def test_a_key_of_a_table_is_set_and_the_others_stay() -> None:
    """Only the last key of a table stayed: `--set mixture.zh=1 --set mixture.en=2` left no zh, and said nothing."""
    file = {"mixture": {"books": 3}}
    for order in (1, -1):
        given = dict([("mixture.zh", "1"), ("mixture.b/c.txt", 2.0)][::order])
        resolved = resolve(TrainingConfig, file=file, overrides=given)
        assert resolved.value.mixture == {"books": 3.0, "zh": 1.0, "b/c.txt": 2.0}
        assert resolved.origins["mixture"] == "command line"
    assert resolve(TrainingConfig, file=file, overrides={"mixture": "zh=1"}).value.mixture == {"zh": 1.0}
    both = {"mixture.zh": "5", "mixture": "zh=1,en=2"}
    assert resolve(TrainingConfig, file=file, overrides=both).value.mixture == {"zh": 5.0, "en": 2.0}


def test_zero_is_a_value_and_not_a_gap() -> None:
    assert resolve(TrainingConfig, preset={"dropout": 0.5}, overrides={"dropout": "0"}).value.dropout == 0.0


def test_none_stands_in_for_the_null_that_toml_lacks() -> None:
    assert resolve(TrainingConfig, file={"folder": "none"}).value.folder is None
    assert resolve(TrainingConfig, file={"name": "none"}).value.name == "none"


def test_the_section_names_the_environment_variables() -> None:
    assert TrainingConfig.section_name() == "training"
    assert OddNameConfig.section_name() == "odd"
    assert resolve(OddNameConfig, environ={"HANLIN_ODD__POWER": "8"}).value.power == 8


@pytest.mark.parametrize("origin", ["command line", "environment", "file recipe.toml", "preset 10m", "default"])
def test_origins_are_said_in_both_languages(origin: str, lang: str) -> None:
    text = origin_text(origin)
    assert text
    assert text.isascii() == (lang == "en")
    assert origin.partition(" ")[2].removeprefix("line") in text


# ---- strictness


def test_a_whole_number_may_stand_for_a_float_and_a_list_for_a_tuple() -> None:
    value = resolve(TrainingConfig, file={"optimizer": {"learning_rate": 1}, "tags": ["a"], "folder": "x"}).value
    assert (value.optimizer.learning_rate, value.tags, value.folder) == (1.0, ("a",), Path("x"))
    assert isinstance(value.optimizer.learning_rate, float)


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("steps", "5", "must be a whole number"),
        ("steps", 5.5, "must be a whole number"),
        ("steps", True, "must be a whole number"),
        ("steps", None, "must be a whole number"),
        ("steps", 0, "must be at least 1"),
        ("steps", 10_001, "must be at most 10000"),
        ("dropout", 1, "must be less than 1"),
        ("dropout", "0.1", "must be a number"),
        ("dropout", math.nan, "must be a finite number"),
        ("resume", 1, "must be true or false"),
        ("resume", "yes", "must be true or false"),
        ("name", 3, "must be text"),
        ("name", "", "must have at least 1 character(s)"),
        ("name", "x" * 41, "must have at most 40 character(s)"),
        ("name", "a/b", "must match the pattern"),
        ("folder", 3, "must be text"),
        ("tags", "a", "must be a list"),
        ("mixture", [1], "must be a table"),
        ("seq_len", "long", "must be a whole number, or must be one of: 'auto'"),
        ("optimizer", 3, "must be a table"),
    ],
)
def test_a_wrong_value_is_named_with_its_rule(setting: str, value: object, rule: str) -> None:
    problem = problems_with(file={setting: value}, file_name="r.toml")[setting]
    assert rule in problem.rule
    assert str(value)[:20].lower() in str(problem.value)
    assert problem.origin == "file r.toml"


@pytest.mark.parametrize(
    ("overrides", "name", "rule"),
    [
        ({"optimizer.learning_rate": "0"}, "optimizer.learning_rate", "must be greater than 0"),
        ({"optimizer.betas": "0.9"}, "optimizer.betas", "must have at least 2 item(s), has 1"),
        ({"optimizer.betas": "1,2,3"}, "optimizer.betas", "must have at most 2 item(s), has 3"),
        ({"optimizer.name": "sgd"}, "optimizer.name", "must be one of: 'adamw' or 'muon'"),
        ({"sources": [{"weight": 1}]}, "sources.0.path", "a value is required"),
        ({"mixture": "zh=a"}, "mixture.zh", "must be a number"),
        ({"resume": "perhaps"}, "resume", "yes or no"),
        ({"steps": "many"}, "steps", "must be a whole number"),
    ],
)
def test_nested_and_typed_text_is_named_with_its_rule(overrides: Mapping[str, object], name: str, rule: str) -> None:
    assert rule in problems_with(overrides=overrides)[name].rule


def test_multiples_and_validators_of_a_class_speak_too() -> None:
    with pytest.raises(ConfigError, match="must be a multiple of 2"):
        OddNameConfig(power=3)
    with pytest.raises(ConfigError, match="is refused: ten is too round"):
        OddNameConfig(power=10)


def test_all_problems_of_all_layers_come_at_once(lang: str) -> None:
    found = problems_with(
        preset={"steps": 0},
        file={"drpout": 0.2, "optimizer": {"learning_rate": -1, "nam": "muon"}, "sources": [{"path": 1}, {"p": "x"}]},
        environ={"HANLIN_TRAINING__RESUME": "perhaps"},
        overrides={"tags.x": "3"},
    )
    assert set(found) == {
        "steps",
        "drpout",
        "optimizer.learning_rate",
        "optimizer.nam",
        "sources.0.path",
        "sources.1.path",
        "sources.1.p",
        "resume",
        "tags",
    }


def test_unknown_settings_get_a_suggestion(lang: str) -> None:
    found = problems_with(overrides={"drop_out": "0", "optimizer.learningrate": "1", "zzz": "1"})
    assert "dropout" in found["drop_out"].remedy
    assert "learning_rate" in found["optimizer.learningrate"].remedy
    assert "steps" in found["zzz"].remedy  # nothing is close: all names are listed
    assert "seq_len" in found["zzz"].remedy


def test_the_remedy_tells_the_default() -> None:
    assert problems_with(file={"steps": 0})["steps"].remedy == "Leave it out for the default, 100."


def test_bad_items_do_not_also_make_their_list_too_short() -> None:
    """pydantic drops bad items before it counts, and then calls a list of two bad items too short."""
    found = problems_with(file={"optimizer": {"betas": ["a", "b"]}})
    assert set(found) == {"optimizer.betas.0", "optimizer.betas.1"}
    assert found["optimizer.betas.1"].origin == "file"


def test_the_whole_report_reads_well_in_both_languages(lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(TrainingConfig, overrides={"steps": "0", "drpout": "1"})
    expected = {
        "en": "These settings cannot be used (2 in all); nothing was started:\n"
        "  - steps = 0 (from the command line): must be at least 1. Leave it out for the default, 100.\n"
        '  - drpout = "1" (from the command line): there is no such setting. Did you mean dropout?',
        "zh": "以下设置无法使用（共 2 处），尚未开始任何工作：\n"
        "  - steps = 0（来自命令行）：不得小于 1。省略此项即用默认值 100。\n"
        '  - drpout = "1"（来自命令行）：没有这个设置项。是否想写 dropout？',
    }
    assert str(caught.value) == expected[lang]


def test_rules_between_fields_are_problems_like_any_other() -> None:
    found = problems_with(overrides={"resume": "yes", "steps": "1"})
    assert found["steps"].rule == "nothing is left to resume"
    assert found["steps"].origin == "the command line"


def test_direct_construction_is_as_strict_and_as_clear() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(steps="5", optimizer={"learning_rate": 9})  # type: ignore[arg-type]
    assert {problem.name for problem in caught.value.problems} == {"steps", "optimizer.learning_rate"}
    value = TrainingConfig(optimizer=OptimizerConfig(learning_rate=0.5), sources=[SourceConfig(path="a")])  # type: ignore[arg-type]
    assert value.optimizer.learning_rate == 0.5
    assert value.sources == (SourceConfig(path=Path("a")),)


def test_a_config_cannot_be_changed_but_replaced() -> None:
    config = TrainingConfig(steps=5, sources=(SourceConfig(path=Path("a")),))
    with pytest.raises(ValidationError, match="frozen"):
        config.steps = 6  # type: ignore[misc]
    changed = config.replaced(steps=6)
    assert (config.steps, changed.steps, changed.sources) == (5, 6, config.sources)
    with pytest.raises(ConfigError, match="steps"):
        config.replaced(steps=-1)


# ---- TOML

words = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
keys = st.text(string.ascii_letters + "é中 .\"'", min_size=1, max_size=6)
configs = st.builds(
    TrainingConfig,
    steps=st.integers(1, 10_000),
    seq_len=st.one_of(st.just("auto"), st.integers(-(10**12), 10**12)),
    dropout=st.floats(0, 1, exclude_max=True),
    resume=st.just(False),
    folder=st.one_of(st.none(), words.filter(lambda t: t not in ("none", "")).map(Path)),
    tags=st.lists(words, max_size=3).map(tuple),
    mixture=st.dictionaries(keys, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    name=st.text("ab中\n\t\"'\\\x7f=#[", min_size=1, max_size=10),
    optimizer=st.builds(OptimizerConfig, learning_rate=st.floats(1e-12, 1)),
    sources=st.lists(st.builds(SourceConfig, path=st.just(Path("a b"))), max_size=2).map(tuple),
)


@given(config=configs)
def test_a_written_config_is_read_back_equal(config: TrainingConfig) -> None:
    assert resolve(TrainingConfig, file=tomllib.loads(to_toml(config))).value == config


def test_the_written_config_tells_origins(tmp_path: Path) -> None:
    resolved = resolve(TrainingConfig, overrides={"steps": "5", "optimizer.name": "muon"})
    text = to_toml(resolved.value, origins=resolved.origins)
    assert "steps = 5  # command line" in text.splitlines()
    assert 'name = "muon"  # command line' in text.splitlines()
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    assert resolve(TrainingConfig, file=file).value == resolved.value


def test_a_damaged_or_missing_file_is_named(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError) as missing:
        read_toml(tmp_path / "no.toml")
    assert missing.value.code == "E102"
    broken = tmp_path / "broken.toml"
    broken.write_text("steps = = 3\n", encoding="utf-8")
    with pytest.raises(InputError) as damaged:
        read_toml(broken)
    assert damaged.value.code == "E106"
    assert "broken.toml" in str(damaged.value)
    assert "line 1" in str(damaged.value)


def test_a_byte_order_mark_is_no_damage(tmp_path: Path) -> None:
    file = tmp_path / "windows.toml"
    file.write_bytes(b"\xef\xbb\xbfsteps = 3\r\n")
    assert read_toml(file) == {"steps": 3}


# ---- doc lines, start-up


def test_doc_lines_come_from_field_and_catalogue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lang: str) -> None:
    (tmp_path / "train.toml").write_text('["config.TrainingConfig.steps"]\nzh = "步数。"\n', encoding="utf-8")
    monkeypatch.setattr(messages, "CATALOGUE", tmp_path)
    monkeypatch.setattr(TrainingConfig, "__module__", "hanlin.train.config")
    messages.room_entries.cache_clear()
    try:
        assert field_doc(TrainingConfig, "steps") == ("Number of steps." if lang == "en" else "步数。")
    finally:
        messages.room_entries.cache_clear()


class ChildConfig(TrainingConfig):
    """Adds a setting, changes a default, and changes a meaning."""

    extra: int = Field(1, ge=0, description="Something more.")
    steps: int = Field(5, ge=1, description="Number of steps.")
    name: str = Field("child", description="Another meaning.")


def test_a_doc_line_belongs_to_the_class_that_wrote_it() -> None:
    assert field_owner(ChildConfig, "dropout") is TrainingConfig
    assert field_owner(ChildConfig, "steps") is TrainingConfig
    assert field_owner(ChildConfig, "name") is ChildConfig
    assert field_owner(ChildConfig, "extra") is ChildConfig


def test_configs_load_neither_torch_nor_rich_nor_numpy() -> None:
    code = "import sys, hanlin.base.config; print(sorted({'torch', 'rich', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
