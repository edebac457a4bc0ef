"""Pre-training as a stage: shards in, bundle out, every value settled and said, every wrong setting named."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hanlin.base.config import resolve
from hanlin.base.errors import ConfigError, InputError
from hanlin.base.log import list_runs, read_metrics
from hanlin.bundle.bundle import load_bundle
from hanlin.data.shards import write_shards
from hanlin.text.config import TokenizerConfig
from hanlin.text.document import Document
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer
from hanlin.train.config import PretrainConfig
from hanlin.train.loop import Hooks
from hanlin.train.pretrain import pretrain

TEXTS = [f"第{n}行：床前明月光，疑是地上霜。The quick brown fox number {n} jumps over the lazy dog." for n in range(60)]
SHAPE: dict[str, Any] = {"hidden_size": 32, "num_layers": 1, "num_heads": 2, "max_seq_len": 64}


@dataclasses.dataclass(frozen=True)
class Prepared:
    home: Path
    tokenizer: Path
    shards: Path
    validation: Path

    def config(self, **changes: Any) -> PretrainConfig:
        values: dict[str, Any] = {
            "data": (self.shards,),
            "tokenizer": self.tokenizer,
            "model": SHAPE,
            "runs": self.home / "runs",
            "steps": 4,
            "tokens_per_step": 128,
            "seq_len": 32,
            "threads": 1,
            "compute_dtype": "float32",
        }
        return PretrainConfig(**{**values, **changes})


def documents(texts: list[str]) -> list[Document]:
    return [Document(text, str(number), "poem", "zh") for number, text in enumerate(texts)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    home = tmp_path_factory.mktemp("pretrain")
    tokenizer = train_tokenizer(TEXTS, TokenizerConfig(vocab_size=320))
    tokenizer.save(home / "tokenizer")
    write_shards(documents(TEXTS), tokenizer, home / "train")
    write_shards(documents(TEXTS[:5]), tokenizer, home / "validation")
    return Prepared(home, home / "tokenizer", home / "train", home / "validation")


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in read_metrics(folder) if "loss" in row]


def problems(error: ConfigError) -> list[str]:
    return [problem.name for problem in error.problems]


def test_shards_become_a_bundle_that_loads(prepared: Prepared) -> None:
    result = pretrain(prepared.config(validation=(prepared.validation,)))
    assert result.bundle == result.path / "bundle"
    bundle = load_bundle(result.bundle)
    assert bundle.config.hidden_size == 32
    assert bundle.tokenizer is not None
    assert bundle.config.vocab_size == bundle.tokenizer.vocab_size
    assert bundle.lineage is not None
    assert bundle.lineage.stage == "pretrain"
    assert list(bundle.lineage.data) == ["train: poem"]
    assert result.report["truncated_tokens"] == 0
    assert abs(losses(result.path)[0] - math.log(bundle.config.vocab_size)) < 0.2
    assert (result.path / "plots" / "loss.svg").is_file()


def test_the_validation_loss_is_that_of_the_bundle(prepared: Prepared) -> None:
    result = pretrain(prepared.config(validation=(prepared.validation,), steps=6, eval_steps=2))
    model = load_bundle(result.bundle or "").model
    rows = [row["validation_loss"] for row in read_metrics(result.path) if "validation_loss" in row]
    assert len(rows) == 3
    assert result.report["validation_loss"] == min(rows)
    assert sum(parameter.numel() for parameter in model.parameters()) > 0


def test_a_callers_evaluation_joins_ours(prepared: Prepared) -> None:
    hooks = Hooks(evaluate=lambda model: {"bits_per_byte": 2.5})
    result = pretrain(prepared.config(validation=(prepared.validation,)), hooks=hooks)
    row = read_metrics(result.path)[-1]
    assert row["bits_per_byte"] == 2.5
    assert "validation_loss" in row


def test_the_stored_config_is_whole_and_says_where_values_come_from(prepared: Prepared) -> None:
    result = pretrain(prepared.config(learning_rate=None))
    text = (result.path / "config.toml").read_text()
    stored = resolve(PretrainConfig, file=result.path / "config.toml").value
    assert stored.model["hidden_size"] == 32
    assert stored.learning_rate is not None
    assert "learning_rate" in text
    assert "width" in next(line for line in text.splitlines() if line.startswith("learning_rate"))


def test_a_run_folder_goes_on_where_it_stopped(prepared: Prepared) -> None:
    whole = pretrain(prepared.config(steps=6, save_steps=2))
    with pytest.raises(RuntimeError):
        pretrain(prepared.config(steps=6, save_steps=2, sample_steps=3, name="cut"), hooks=Hooks(sample=power_cut))
    cut = next(run.folder for run in list_runs(prepared.home / "runs") if run.name == "cut")
    resumed = pretrain(PretrainConfig(resume=cut))
    assert resumed.path == cut
    assert losses(cut) == losses(whole.path)
    for ours, theirs in zip(parameters(resumed.bundle), parameters(whole.bundle), strict=True):
        assert torch.equal(ours, theirs)


def power_cut(model: Any) -> list[tuple[str, str]]:
    raise RuntimeError("power cut")


def parameters(folder: Path | None) -> list[torch.Tensor]:
    assert folder is not None
    return list(load_bundle(folder).model.parameters())


def test_a_resumed_run_may_go_on_longer(prepared: Prepared) -> None:
    first = pretrain(prepared.config(steps=3))
    assert pretrain(PretrainConfig(resume=first.path, steps=5)).steps == 5


def test_a_run_that_ended_with_its_data_may_be_given_more_epochs(prepared: Prepared) -> None:
    first = pretrain(prepared.config(steps=None, epochs=1))
    assert pretrain(PretrainConfig(resume=first.path, epochs=2)).tokens == 2 * first.tokens


def test_a_resumed_run_keeps_its_settings(prepared: Prepared) -> None:
    first = pretrain(prepared.config(steps=2))
    with pytest.raises(ConfigError) as caught:
        pretrain(PretrainConfig(resume=first.path, learning_rate=0.5, seed=9))
    assert problems(caught.value) == ["learning_rate", "seed"]


def test_training_goes_on_from_a_bundle(prepared: Prepared) -> None:
    parent = pretrain(prepared.config(steps=30))
    config = prepared.config(from_bundle=parent.bundle, model={}, tokenizer=None, learning_rate=None)
    child = pretrain(config)
    assert losses(child.path)[0] < losses(parent.path)[0] - 0.5
    lineage = load_bundle(child.bundle or "").lineage
    assert lineage is not None
    assert [stage.stage for stage in lineage.earlier] == ["pretrain"]
    assert list(lineage.parents) == ["bundle"]


def test_shares_decide_what_is_seen(prepared: Prepared) -> None:
    data = {str(prepared.shards): 0.8, str(prepared.validation): 0.2}
    assert pretrain(prepared.config(data=data)).steps == 4


def test_one_epoch_where_no_end_is_given(prepared: Prepared) -> None:
    result = pretrain(prepared.config(steps=None))
    shards = result.report["tokens"]
    assert result.report["ended_by"] in ("data", "horizon")
    assert shards == sum(len(ids) + 1 for ids in Tokenizer.load(prepared.tokenizer).encode_batch(TEXTS))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"data": (), "tokenizer": None}, ["data"]),  # plain text needs no tokenizer: do not ask a beginner for one
        ({"tokenizer": None}, ["tokenizer"]),
        ({"seq_len": 65, "tokens_per_step": None}, ["seq_len"]),
        ({"model": {**SHAPE, "vocab_size": 7}}, ["model.vocab_size"]),
    ],
)
def test_wrong_settings_are_named(prepared: Prepared, changes: dict[str, Any], names: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        pretrain(prepared.config(**changes))
    assert problems(caught.value) == names


def test_a_sequence_over_the_models_names_both_numbers(prepared: Prepared) -> None:
    with pytest.raises(ConfigError) as caught:
        pretrain(prepared.config(seq_len=65, tokens_per_step=None))
    assert "65" in str(caught.value)
    assert "max_seq_len = 64" in str(caught.value)


def test_steps_are_whole_micro_batches(prepared: Prepared) -> None:
    with pytest.raises(ConfigError) as caught:
        prepared.config(batch_size=3)
    assert problems(caught.value) == ["tokens_per_step"]
    assert "96" in str(caught.value)


def test_less_text_than_one_step_is_said_with_both_numbers(prepared: Prepared) -> None:
    with pytest.raises(InputError) as caught:
        pretrain(prepared.config(tokens_per_step=32 * 1024))
    assert caught.value.code == "E503"
    assert "32768" in str(caught.value)


def test_little_text_trains_all_the_same_when_the_plan_may_choose(prepared: Prepared, tmp_path: Path) -> None:
    write_shards(documents(["一行。"]), Tokenizer.load(prepared.tokenizer), tmp_path / "tiny")
    config = prepared.config(data=(tmp_path / "tiny",), seq_len=None, tokens_per_step=None, steps=3)
    assert pretrain(config).steps == 3


def test_shards_of_another_tokenizer_are_refused(prepared: Prepared, tmp_path: Path) -> None:
    train_tokenizer(TEXTS, TokenizerConfig(vocab_size=280)).save(tmp_path / "other")
    with pytest.raises(InputError) as caught:
        pretrain(prepared.config(tokenizer=tmp_path / "other"))
    assert caught.value.code == "E406"


def test_a_bundle_keeps_its_shape(prepared: Prepared) -> None:
    parent = pretrain(prepared.config(steps=1))
    with pytest.raises(ConfigError) as caught:
        pretrain(prepared.config(from_bundle=parent.bundle))
    assert problems(caught.value) == ["model"]


def test_the_same_seed_is_the_same_model(prepared: Prepared) -> None:
    make: Callable[[int], list[torch.Tensor]] = lambda seed: parameters(pretrain(prepared.config(seed=seed)).bundle)  # noqa: E731
    first, again, other = make(1), make(1), make(2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
