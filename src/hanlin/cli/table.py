"""The commands: which words, which settings, which function. Nothing is imported before a command is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hanlin.base.config import Config


@dataclass(frozen=True)
class Command:
    """One command of the command line.

    `words` are what the user types; `positional` are the settings that may stand without their option, the last of
    them taking several words where `many`; `talks` marks a command that goes on in the terminal after its function.
    """

    words: tuple[str, ...]
    config: str
    function: str
    positional: tuple[str, ...] = ()
    many: bool = False
    talks: bool = False
    dry_run: bool = False

    @property
    def name(self) -> str:
        return " ".join(self.words)

    @property
    def key(self) -> str:
        """The command in catalogue keys: `cli.help_data_build`."""
        return "_".join(self.words)

    def config_class(self) -> type[Config]:
        """Import the settings, which never load torch."""
        found: type[Config] = _attribute(self.config)
        return found

    def callable(self) -> Callable[..., Any]:
        """Import the function, which may load torch."""
        found: Callable[..., Any] = _attribute(self.function)
        return found


def _attribute(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


_LIFE = "hanlin.life"

COMMANDS: tuple[Command, ...] = (
    Command(("demo",), f"{_LIFE}.config:DemoConfig", f"{_LIFE}.demo:demo", talks=True, dry_run=True),
    Command(("run",), f"{_LIFE}.config:RunConfig", f"{_LIFE}.run:run", ("recipe",), dry_run=True),
    Command(("data", "collect"), f"{_LIFE}.config:CollectJob", f"{_LIFE}.collect:collect_data", ("sources",), True),
    Command(("data", "build"), f"{_LIFE}.config:BuildDataConfig", f"{_LIFE}.build_data:build_data", ("sources",), True),
    Command(
        ("data", "convert"), f"{_LIFE}.config:ConvertDataConfig", f"{_LIFE}.convert_data:convert_data", ("data",), True
    ),
    Command(
        ("data", "augment"), f"{_LIFE}.config:AugmentDataConfig", f"{_LIFE}.augment_data:augment_data", ("data",), True
    ),
    Command(
        ("data", "doctor"), f"{_LIFE}.config:DataDoctorConfig", f"{_LIFE}.data_doctor:data_doctor", ("paths",), True
    ),
    Command(("data", "report"), f"{_LIFE}.config:DataReportConfig", f"{_LIFE}.data_report:data_report", ("corpus",)),
    Command(("data", "why"), f"{_LIFE}.config:WhyConfig", f"{_LIFE}.why:why", ("id",)),
    Command(
        ("data", "words"), f"{_LIFE}.config:WordsConfig", f"{_LIFE}.word_statistics:word_statistics", ("data",), True
    ),
    Command(
        ("tokenizer", "train"),
        f"{_LIFE}.config:TrainTokenizerConfig",
        f"{_LIFE}.train_tokenizer:train_tokenizer",
        ("data",),
        many=True,
    ),
    Command(
        ("tokenizer", "compare"),
        f"{_LIFE}.config:CompareTokenizersConfig",
        f"{_LIFE}.compare_tokenizers:compare_tokenizers",
        ("tokenizers",),
        many=True,
    ),
    Command(
        ("ngram", "train"),
        f"{_LIFE}.judge_config:TrainNgramConfig",
        f"{_LIFE}.train_ngram:train_ngram",
        ("data",),
        True,
    ),
    Command(
        ("ngram", "score"),
        f"{_LIFE}.judge_config:ScoreNgramConfig",
        f"{_LIFE}.score_ngram:score_ngram",
        ("model", "data"),
        True,
    ),
    Command(("quality", "train"), f"{_LIFE}.judge_config:TrainQualityConfig", f"{_LIFE}.train_quality:train_quality"),
    Command(
        ("quality", "score"),
        f"{_LIFE}.judge_config:ScoreQualityConfig",
        f"{_LIFE}.score_quality:score_quality",
        ("model", "data"),
        many=True,
    ),
    Command(
        ("vectors", "train"), f"{_LIFE}.config:TrainVectorsConfig", f"{_LIFE}.vectors:train_vectors", ("data",), True
    ),
    Command(("vectors", "neighbours"), f"{_LIFE}.config:NeighboursConfig", f"{_LIFE}.vectors:neighbours", ("word",)),
    Command(("vectors", "analogy"), f"{_LIFE}.config:AnalogyConfig", f"{_LIFE}.vectors:analogy", ("terms",), True),
    Command(("vectors", "score"), f"{_LIFE}.config:ScoreVectorsConfig", f"{_LIFE}.vectors:score_vectors", ("vectors",)),
    Command(
        ("pretrain",), "hanlin.train.config:PretrainConfig", f"{_LIFE}.pretrain:pretrain", ("data",), True, dry_run=True
    ),
    Command(
        ("finetune",),
        "hanlin.train.config:FinetuneConfig",
        f"{_LIFE}.finetune:finetune",
        ("from_bundle", "data"),
        True,
        dry_run=True,
    ),
    Command(
        ("task", "train"),
        "hanlin.train.task.config:TaskConfig",
        f"{_LIFE}.task:train_task",
        ("from_bundle", "data"),
        True,
        dry_run=True,
    ),
    Command(
        ("task", "eval"),
        f"{_LIFE}.task_config:EvaluateTaskConfig",
        f"{_LIFE}.task:evaluate_task",
        ("model", "data"),
        True,
    ),
    Command(
        ("task", "predict"),
        f"{_LIFE}.task_config:PredictTaskConfig",
        f"{_LIFE}.task:predict_task",
        ("model", "data"),
        True,
    ),
    Command(("eval",), f"{_LIFE}.config:EvaluateJob", f"{_LIFE}.evaluate:evaluate", ("model",)),
    Command(("inspect",), f"{_LIFE}.inspect_config:InspectConfig", f"{_LIFE}.inspect:inspect", ("model", "text")),
    Command(("chat",), f"{_LIFE}.config:ChatConfig", f"{_LIFE}.chat:chat", ("model",), talks=True),
    Command(("ask",), f"{_LIFE}.config:AskConfig", f"{_LIFE}.ask:ask", ("model", "prompt")),
    Command(("embed",), f"{_LIFE}.reading_config:EmbedConfig", f"{_LIFE}.asked_texts:embed", ("model", "texts"), True),
    Command(("score",), f"{_LIFE}.reading_config:ScoreConfig", f"{_LIFE}.asked_texts:score", ("model", "texts"), True),
    Command(("infill",), f"{_LIFE}.reading_config:InfillConfig", f"{_LIFE}.fill:infill", ("model", "text", "suffix")),
    Command(("fill-mask",), f"{_LIFE}.reading_config:FillMaskConfig", f"{_LIFE}.fill:fill_mask", ("model", "text")),
    Command(("serve",), f"{_LIFE}.config:ServeJob", f"{_LIFE}.serve:serve", ("model",)),
    Command(("export",), f"{_LIFE}.export_config:ExportConfig", f"{_LIFE}.export:export", ("model", "out")),
    Command(("models", "ls"), f"{_LIFE}.config:ListModelsConfig", f"{_LIFE}.models:list_models"),
    Command(("models", "info"), f"{_LIFE}.config:ModelInfoConfig", f"{_LIFE}.models:model_info", ("model",)),
    Command(
        ("models", "choose"), f"{_LIFE}.choose_config:ChooseModelConfig", f"{_LIFE}.choose:choose_model", ("task",)
    ),
    Command(("models", "rm"), f"{_LIFE}.config:RemoveModelConfig", f"{_LIFE}.models:remove_model", ("model",)),
    Command(("runs", "ls"), f"{_LIFE}.runs_config:ListRunsConfig", f"{_LIFE}.runs:show_runs"),
    Command(("runs", "show"), f"{_LIFE}.runs_config:ShowRunConfig", f"{_LIFE}.runs:show_run", ("run",)),
    Command(("runs", "tail"), f"{_LIFE}.runs_config:TailRunConfig", f"{_LIFE}.runs:tail_run", ("run",)),
    Command(("doctor",), f"{_LIFE}.config:DoctorConfig", f"{_LIFE}.doctor:doctor"),
)
