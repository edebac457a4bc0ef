"""Settings of the commands: what a stage needs beyond its own settings, such as a place for its outcome.

`hanlin pretrain` and `hanlin finetune` use `PretrainConfig` and `FinetuneConfig` as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from hanlin.base.config import Config
from hanlin.base.engines import EngineName
from hanlin.base.errors import Problem
from hanlin.base.messages import say
from hanlin.evaluate.config import EvaluateConfig
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.serve.config import ServeConfig
from hanlin.text.augment.config import AugmentConfig
from hanlin.text.collect.config import CollectConfig
from hanlin.text.config import CorpusConfig, DiagnosisConfig, FormatName, TokenizerConfig
from hanlin.text.vectors.config import VectorsConfig
from hanlin.train.config import DURATIONS, Duration

RUNS = Path("runs")
_OF_ENGINES = {"workers": ("processes", "ray"), "ray_address": ("ray",), "rank": ("rank",), "world_size": ("rank",)}


class CollectJob(CollectConfig):
    """`hanlin data collect`: what is collected, and where it goes."""

    out: Path = Field(default=Path("collected"), description="Folder of the collection; one that stands is added to.")


class BuildDataConfig(CorpusConfig):
    """`hanlin data build`: the corpus settings, and where the corpus goes."""

    out: Path = Field(default=Path("corpus"), description="Folder of the cleaned corpus.")
    earlier: Path | None = Field(
        default=None, description="Corpus built earlier of the same sources, whose texts are taken instead of reading."
    )
    engine: EngineName = Field(
        default="processes", description="Who does the work: processes of this machine, a ray cluster, or ranks."
    )
    workers: int | None = Field(
        default=None, ge=1, le=4096, description="Worker processes, or processors of a local Ray; none: all cores."
    )
    work: str = Field(
        default="",
        max_length=4096,
        description="Folder or address (s3://...) that all workers see, for work in progress; if empty, beside out.",
    )
    ray_address: str = Field(
        default="",
        max_length=4096,
        description="Ray cluster to join (auto, ray://host:10001); if empty, a local one.",
    )
    rank: int | None = Field(default=None, ge=0, le=1_000_000, description="Which rank this is; none: RANK says it.")
    world_size: int | None = Field(
        default=None, ge=1, le=1_000_000, description="How many ranks there are; none: WORLD_SIZE says it."
    )
    price: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        description="Price of a core for an hour, in any currency, to tell the cost.",
    )

    def problems(self) -> Iterator[Problem]:
        """Settings of an engine that was not chosen would have no effect."""
        for name, engines in _OF_ENGINES.items():
            if self.engine not in engines and getattr(self, name) != type(self).model_fields[name].default:
                rule = say("life.rule_other_engine", engines=", ".join(engines))
                yield Problem(name, getattr(self, name), rule, say("life.remedy_other_engine", name=name))


class ConvertDataConfig(Config):
    """`hanlin data convert`: which training data, as what, and where it goes."""

    section: ClassVar[str] = "convert"

    data: tuple[str, ...] = Field(min_length=1, description="Files or folders of training data.")
    to: FormatName = Field(description="Format to write.")
    out: Path = Field(description="File to write: .jsonl or .json, also .gz and .zst.")
    format: FormatName | Literal["auto"] = Field(
        default="auto", description="Format to read it as; auto finds it in the rows."
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="Columns of other names, as prompt=q,response=a: our name = yours."
    )


class AugmentDataConfig(AugmentConfig):
    """`hanlin data augment`: what is made, of which rows, and where they go."""

    section: ClassVar[str] = "augment"

    data: tuple[str, ...] = Field(min_length=1, description="Files or folders of training data.")
    out: Path = Field(description="File to write: .jsonl or .json, also .gz and .zst.")
    format: FormatName | Literal["auto"] = Field(
        default="auto", description="Format to read it as; auto finds it in the rows."
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="Columns of other names, as prompt=q,response=a: our name = yours."
    )


class DataDoctorConfig(DiagnosisConfig):
    """`hanlin data doctor`: what to look at, and where the report goes."""

    out: Path | None = Field(
        default=Path("data-doctor"), description="Folder for report.html, report.json and recipe.toml; none: no files."
    )

    def problems(self) -> Iterator[Problem]:
        """The name of a file would become that of a folder."""
        yield from super().problems()
        if self.out and self.out.suffix.lower() in (".html", ".htm", ".json"):
            remedy = say("life.remedy_out_folder", name="report.html")
            yield Problem("out", str(self.out), say("life.rule_out_folder"), remedy)


class DataReportConfig(Config):
    """`hanlin data report`: of which corpus."""

    section: ClassVar[str] = "data_report"

    corpus: Path = Field(default=Path("corpus"), description="Folder of the built corpus.")


class WhyConfig(Config):
    """`hanlin data why`: which document, and of which corpus."""

    section: ClassVar[str] = "why"

    id: str = Field(
        min_length=1, max_length=4096, description="Id of a document, its file and line, or a part of either."
    )
    corpus: Path = Field(default=Path("corpus"), description="Folder of the built corpus.")


class TrainTokenizerConfig(TokenizerConfig):
    """`hanlin tokenizer train`: the tokenizer settings, what it learns from, and where it goes."""

    data: tuple[str, ...] = Field(min_length=1, description="A built corpus, or files and folders of text.")
    out: Path = Field(default=Path("tokenizer"), description="Folder of the tokenizer.")


class CompareTokenizersConfig(Config):
    """`hanlin tokenizer compare`: which vocabularies, on which text."""

    section: ClassVar[str] = "compare_tokenizers"

    tokenizers: tuple[str, ...] = Field(
        min_length=1, description="Tokenizer folders, bundles or files tokenizer.json, of any origin."
    )
    data: tuple[str, ...] = Field(min_length=1, description="Files and folders of text to compare on.")
    out: Path = Field(default=Path("tokenizer-compare"), description="Folder for the figures and pictures.")
    max_bytes: int = Field(
        default=1_000_000, ge=1000, le=10**10, description="Bytes of each language; of more, an even sample."
    )
    parallel: bool = Field(
        default=False,
        description="The files hold the same text in each language: tell tokens relative to reference.",
    )
    reference: str = Field(
        default="en", min_length=1, max_length=20, description="Language to hold the others against."
    )


class WordsConfig(Config):
    """`hanlin data words`: which text, and what counts as one word."""

    section: ClassVar[str] = "words"

    data: tuple[str, ...] = Field(min_length=1, description="A built corpus, or files and folders of text.")
    stem: bool = Field(default=False, description="Count stems instead of words, where the language has a stemmer.")
    top: int = Field(default=20, ge=0, le=10_000, description="Words of each language to show.")
    out: Path = Field(default=Path("words"), description="Folder for the lists, figures and picture.")


class TrainVectorsConfig(VectorsConfig):
    """`hanlin vectors train`: the settings of word2vec, what it learns from, and where the vectors go."""

    data: tuple[str, ...] = Field(min_length=1, description="A built corpus, or files and folders of text.")
    out: Path = Field(default=Path("vectors"), description="Folder of the vectors.")


class NeighboursConfig(Config):
    """`hanlin vectors neighbours`."""

    section: ClassVar[str] = "vectors"

    word: str = Field(min_length=1, max_length=1000, description="The word that is asked about.")
    vectors: Path = Field(default=Path("vectors"), description="Folder of the vectors.")
    number: int = Field(default=10, ge=1, le=10**6, description="Words to show.")


class AnalogyConfig(Config):
    """`hanlin vectors analogy`."""

    section: ClassVar[str] = "vectors"

    terms: tuple[str, ...] = Field(
        min_length=3, max_length=3, description="Three words: the first is to the second as the third is to what?"
    )
    vectors: Path = Field(default=Path("vectors"), description="Folder of the vectors.")
    number: int = Field(default=5, ge=1, le=10**6, description="Words to show.")


class ScoreVectorsConfig(Config):
    """`hanlin vectors score`."""

    section: ClassVar[str] = "vectors"

    vectors: Path = Field(default=Path("vectors"), description="Folder of the vectors.")
    sts: tuple[str, ...] = Field(default=(), description="JSON lines of sentence1, sentence2 and score.")
    labels: tuple[str, ...] = Field(default=(), description="JSON lines of text and label.")
    model: str = Field(
        default="", max_length=4096, description="Model to show beside, by its hidden states; empty: none."
    )
    device: str = Field(default="auto", min_length=1, max_length=40, description="auto, cpu, cuda, cuda:1 or mps.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")


class EvaluateJob(EvaluateConfig):
    """`hanlin eval`: the evaluation settings, the model, and what it is asked about."""

    model: str = Field(
        default="", max_length=4096, description="Bundle, run, recipe or name; if empty, the newest model."
    )
    data: tuple[str, ...] = Field(
        default=(), description="Held-out text: corpus, shards, files; none: the model's own."
    )
    corpus: Path | None = Field(default=None, description="Corpus the model was trained on, for the baselines.")
    known_baselines: Path | None = Field(default=None, description="Baselines worked out before (baselines.json).")
    parent: str = Field(
        default="", max_length=4096, description="Model before fine-tuning; if empty, as the bundle says."
    )
    out: Path | None = Field(default=None, description="Folder for the figures; none: eval/ beside the model.")
    device: str = Field(default="auto", min_length=1, max_length=40, description="auto, cpu, cuda, cuda:1 or mps.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")


class ChatConfig(SamplingParams):
    """`hanlin chat`: which model, and how it speaks."""

    section: ClassVar[str] = "chat"

    model: str = Field(
        default="", max_length=4096, description="Bundle, run, recipe or name; if empty, the newest model."
    )
    system: str = Field(default="", max_length=100_000, description="What the model is told before the conversation.")
    complete: bool = Field(default=False, description="Continue the text instead of answering it.")
    device: str = Field(default="auto", min_length=1, max_length=40, description="auto, cpu, cuda, cuda:1 or mps.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")
    temperature: float = Field(
        default=0.7, ge=0, le=100, description="0 always takes the likeliest token; higher is wilder."
    )
    top_p: float = Field(
        default=0.95, gt=0, le=1, description="Choose among the likeliest tokens of this share; 1: all."
    )
    top_k: int = Field(default=50, ge=0, le=10_000_000, description="Choose among so many tokens; 0: all.")
    repetition_penalty: float = Field(
        default=1.1, gt=0, le=100, description="Over 1 makes said tokens less likely; 1: off."
    )

    def sampling(self) -> SamplingParams:
        """The part of the settings that the engine reads."""
        return SamplingParams(**{name: getattr(self, name) for name in SamplingParams.model_fields})


class AskConfig(ChatConfig):
    """`hanlin ask`: one question."""

    section: ClassVar[str] = "ask"

    prompt: str = Field(min_length=1, max_length=10_000_000, description="The question, or the text to continue.")


class ChatbotConfig(ChatConfig):
    """`hanlin.Chatbot`: a conversation in Python as the page leads it, the likeliest answer unless told otherwise."""

    section: ClassVar[str] = "chatbot"

    history_turns: int = Field(default=3, ge=0, le=1000, description="Earlier turns the model is told; 0: none.")
    temperature: float = Field(
        default=0.0, ge=0, le=100, description="0 always takes the likeliest token; higher is wilder."
    )
    top_p: float = Field(
        default=1.0, gt=0, le=1, description="Choose among the likeliest tokens of this share; 1: all."
    )
    top_k: int = Field(default=0, ge=0, le=10_000_000, description="Choose among so many tokens; 0: all.")
    repetition_penalty: float = Field(
        default=1.0, gt=0, le=100, description="Over 1 makes said tokens less likely; 1: off."
    )


class ServeJob(ServeConfig):
    """`hanlin serve`: the server's settings, the model, and how much its engine takes on."""

    section: ClassVar[str] = "serve"

    model: str = Field(
        default="", max_length=4096, description="Bundle, run, recipe or name; if empty, the newest model."
    )
    device: str = Field(default="auto", min_length=1, max_length=40, description="auto, cpu, cuda, cuda:1 or mps.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")
    engine: EngineConfig = Field(default=EngineConfig(), description="How much the engine takes on at once.")


class RunConfig(Config):
    """`hanlin run`: which recipe, and how much of it."""

    section: ClassVar[str] = "run"

    recipe: Path = Field(description="The recipe, a TOML file.")
    from_stage: str = Field(default="", max_length=40, description="Make this stage and all after it anew.")
    runs: Path = Field(default=RUNS, description="Folder in which the recipe gets its own.")
    settings: dict[str, str] = Field(
        default_factory=dict, description="Settings of the recipe to change, as pretrain.epochs=2; --set is the same."
    )


class DemoConfig(Config):
    """`hanlin demo`: how long it may take, where it lives, and where it talks."""

    section: ClassVar[str] = "demo"

    budget: Duration = Field(
        default=600.0, ge=20, le=10**6, examples=DURATIONS, description="Time for all of it, in seconds or as 10min."
    )
    home: Path | None = Field(default=None, description="Folder of the demo; none: demo/ in HANLIN_HOME (~/.hanlin).")
    port: int = Field(default=8000, ge=0, le=65535, description="Port of the page; where taken, the next free; 0: any.")
    browser: bool = Field(default=True, description="Open the page in the browser of this machine.")
    terminal: bool = Field(default=False, description="Talk in the terminal instead of on the page.")
    fresh: bool = Field(default=False, description="Train anew although a finished model is there.")
    settings: dict[str, str] = Field(
        default_factory=dict, description="Settings of its recipe to change, as pretrain.size=2m; --set is the same."
    )


class DoctorConfig(Config):
    """`hanlin doctor`."""

    section: ClassVar[str] = "doctor"

    path: Path = Field(default=RUNS, description="Folder whose disk is looked at.")


class ListModelsConfig(Config):
    """`hanlin models ls`."""

    section: ClassVar[str] = "models"

    runs: Path = Field(default=RUNS, description="Folder of runs to look through, besides HANLIN_HOME.")


class ModelInfoConfig(Config):
    """`hanlin models info`."""

    section: ClassVar[str] = "models"

    model: str = Field(
        default="", max_length=4096, description="Bundle, run, recipe or name; if empty, the newest model."
    )
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")


class RemoveModelConfig(Config):
    """`hanlin models rm`."""

    section: ClassVar[str] = "models"

    model: str = Field(min_length=1, max_length=4096, description="Bundle, run, recipe or name.")
    yes: bool = Field(default=False, description="Really delete it.")
