"""A mixture from its settings to what a run realised: planned before, counted after, refused where it cannot be."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.source import ROOT

from hanlin.base.config import resolve
from hanlin.base.errors import ConfigError
from hanlin.data.shards import write_shards
from hanlin.text.config import TokenizerConfig
from hanlin.text.document import Document
from hanlin.text.tokenizer_train import train_tokenizer
from hanlin.train.config import PretrainConfig
from hanlin.train.pretrain import prepare, pretrain

from .conftest import Listening

LINES = [f"第{n}行：床前明月光，疑是地上霜。The quick brown fox number {n} jumps over the lazy dog." for n in range(60)]
SHAPE: dict[str, Any] = {"hidden_size": 32, "num_layers": 1, "num_heads": 2, "max_seq_len": 64}
SOURCES = {"novels": 45, "wiki": 12, "poems": 3}


@dataclasses.dataclass(frozen=True)
class Prepared:
    home: Path

    def config(self, **changes: Any) -> PretrainConfig:
        values: dict[str, Any] = {
            "data": (self.home / "train",),
            "tokenizer": self.home / "tokenizer",
            "model": SHAPE,
            "runs": self.home / "runs",
            "tokens_per_step": 128,
            "seq_len": 32,
            "threads": 1,
            "compute_dtype": "float32",
            "eval_steps": 10**6,
        }
        return PretrainConfig(**{**values, **changes})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    home = tmp_path_factory.mktemp("mixing")
    tokenizer = train_tokenizer(LINES, TokenizerConfig(vocab_size=320))
    tokenizer.save(home / "tokenizer")
    names = [name for name, number in SOURCES.items() for _ in range(number)]
    langs = ["zh" if number % 3 else "en" for number in range(60)]
    documents = [Document(t, str(n), names[n], langs[n]) for n, t in enumerate(LINES)]
    write_shards(documents, tokenizer, home / "train")
    return Prepared(home)


def problems(caught: pytest.ExceptionInfo[ConfigError]) -> list[str]:
    return [problem.name for problem in caught.value.problems]


def test_the_realised_shares_are_those_that_were_planned(prepared: Prepared) -> None:
    told = Listening()
    config = prepared.config(mix={"weights": {"novels": 2, "wiki": 1, "poems": 1}}, tokens=12_000)
    report = pretrain(config, progress=told).report["mixture"]
    assert list(report) == ["novels", "wiki", "poems"]
    for (_, row), share in zip(report.items(), (0.5, 0.25, 0.25), strict=True):
        assert row["planned"] == pytest.approx(share)
        assert row["share"] == pytest.approx(share, abs=0.03)
    _, _, material = prepare(config)
    for source in material.mix.sources:
        row = report[source.source.name]
        assert row["epochs"] == pytest.approx(row["tokens"] / int(source.source.lengths.sum()))
    assert any("novels" in note and "50.0%" in note for note in told.notes)
    assert any("poems" in note and "25.00%" in note for note in told.notes)


def test_a_source_seen_too_often_is_a_warning_before_the_first_step(prepared: Prepared, lang: str) -> None:
    mix = {"weights": {"novels": 2, "wiki": 1, "poems": 1}}
    plan, _, _ = prepare(prepared.config(mix=mix, tokens=5000))
    (warning,) = plan.warnings
    assert "poems" in warning and "mix.max_epochs" in warning
    assert warning in plan.lines()
    assert not prepare(prepared.config(mix=mix, tokens=1000))[0].warnings


def test_a_cap_is_kept_and_the_others_take_over(prepared: Prepared) -> None:
    mix = {"weights": {"novels": 2, "wiki": 1, "poems": 1}, "epochs": {"poems": 2}}
    report = pretrain(prepared.config(mix=mix, tokens=6000)).report["mixture"]
    assert report["poems"]["epochs"] == pytest.approx(2)
    assert report["novels"]["share"] == pytest.approx(2 * report["wiki"]["share"], rel=0.08)
    assert sum(row["planned"] for row in report.values()) == pytest.approx(1)


def test_by_temperature_and_language(prepared: Prepared) -> None:
    plan, _, material = prepare(prepared.config(mix={"temperature": 2, "by": "language"}, epochs=1))
    sizes = [int(part.source.lengths.sum()) for part in material.mix.sources]
    roots = [size**0.5 for size in sizes]
    assert material.mix.phases[0].weights == pytest.approx([root / sum(roots) for root in roots])
    assert {row.name for row in plan.rows if row.name.startswith("mix ")} == {"mix zh", "mix en"}


def test_a_source_without_a_share_is_left_out_and_not_counted(prepared: Prepared) -> None:
    plan, _, material = prepare(prepared.config(mix={"weights": {"wiki": 1, "poems": 1}}, epochs=1))
    assert [part.source.name for part in material.mix.sources] == ["wiki", "poems"]
    positions = sum(int(part.source.lengths.sum()) for part in material.mix.sources)
    assert next(row.value for row in plan.rows if row.name == "positions") == positions


def test_phases_by_share_of_the_run(prepared: Prepared) -> None:
    phases = [{"until": 0.25, "weights": {"novels": 1}}, {"until": 1, "weights": {"novels": 1, "wiki": 3}}]
    config = prepared.config(mix={"phases": phases}, tokens=8000)
    report = pretrain(config).report["mixture"]
    assert report["novels"]["planned"] == pytest.approx(0.25 + 0.75 / 4)
    assert report["novels"]["share"] == pytest.approx(0.25 + 0.75 / 4, abs=0.03)
    _, _, material = prepare(config)
    assert [phase.until for phase in material.mix.phases] == [2000, 8000, None]


def test_the_order_by_difficulty_is_that_of_levels(prepared: Prepared) -> None:
    _, _, material = prepare(prepared.config(mix={"order": "difficulty", "levels": 3}, epochs=1))
    (only,) = material.mix.sources
    assert only.levels is not None
    assert set(only.levels.tolist()) == {0, 1, 2}
    assert material.mix.phases == ()
    assert pretrain(prepared.config(mix={"order": "length", "levels": 3}, epochs=1)).tokens > 0


def test_without_a_mixture_nothing_is_reported(prepared: Prepared) -> None:
    assert "mixture" not in pretrain(prepared.config(steps=2)).report


def test_shares_of_folders_are_reported_too(prepared: Prepared) -> None:
    data = {str(prepared.home / "train"): 1.0}
    assert "mixture" not in pretrain(prepared.config(data=data, steps=2)).report


@pytest.mark.parametrize(
    ("mix", "more", "named"),
    [
        ({"weights": {"novel": 1}}, {"epochs": 1}, "mix.weights"),
        ({"epochs": {"novel": 1}}, {"epochs": 1}, "mix.epochs"),
        ({"phases": [{"until": 1, "weights": {"novel": 1}}]}, {"epochs": 1}, "mix.phases[0].weights"),
        ({"max_epochs": 1}, {"epochs": 2}, "mix.max_epochs"),
        ({"phases": [{"until": 0.5, "temperature": 2}, {"until": 1}]}, {"budget": 60}, "mix.phases"),
    ],
)
def test_what_cannot_be_is_refused_before_training(
    prepared: Prepared, mix: dict[str, Any], more: dict[str, Any], named: str, lang: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare(prepared.config(mix=mix, **more))
    assert problems(caught) == [named]
    if "novel" in str(mix):
        assert "novels, wiki, poems" in str(caught.value)


def test_shares_are_stated_once(prepared: Prepared, lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        prepared.config(data={"a": 1.0, "b": 2.0}, mix={"temperature": 2})
    assert problems(caught) == ["data"]


@pytest.mark.parametrize("page", ["mixing.md", "mixing.zh-CN.md"])
def test_what_the_page_shows_can_be_set(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    blocks = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    first, second = (resolve(PretrainConfig, file=block["pretrain"]).value.mix for block in blocks)
    assert (first.weights["novels"], first.max_epochs, first.epochs) == (2, 4, {"poems": 8})
    assert [phase.until for phase in second.phases] == [0.8, 1]


def test_the_stored_mixture_is_the_one_that_was_set(prepared: Prepared) -> None:
    """A resumed run reads its settings from config.toml: phases are tables in a list there."""
    phases = [{"until": 0.5, "temperature": 3}, {"until": 1, "weights": {"wiki": 1, "novels": 0.5}}]
    config = prepared.config(mix={"phases": phases, "max_epochs": 9}, tokens=1000)
    result = pretrain(config)
    assert resolve(PretrainConfig, file=result.path / "config.toml").value.mix == config.mix
    again = pretrain(PretrainConfig(resume=result.path))
    assert again.report["mixture"] == result.report["mixture"]
