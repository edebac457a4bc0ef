"""Text to token shards: the first three stages of a life, for recipes and for `hanlin pretrain FILE`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hanlin.base.config import Config, Resolved
from hanlin.base.files import sha256_bytes, sha256_file
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.data.config import ShardConfig
from hanlin.life.build_data import build_data
from hanlin.life.build_data import main_result as corpus_result
from hanlin.life.config import BuildDataConfig, TrainTokenizerConfig
from hanlin.life.tokenise import Shards, open_shards, tokenise
from hanlin.life.train_tokenizer import main_result as tokenizer_result
from hanlin.life.train_tokenizer import train_tokenizer
from hanlin.recipe.cache import input_files
from hanlin.recipe.config import RecipeConfig
from hanlin.recipe.graph import Estimate, Job, Outcome, Stage, run_recipe
from hanlin.recipe.recipe import Recipe
from hanlin.text.config import CorpusConfig, TokenizerConfig
from hanlin.text.tokenizer import Tokenizer
from hanlin.train.config import PretrainConfig
from hanlin.train.kinds import KINDS
from hanlin.train.plan import suggest_vocabulary

BYTES_PER_TOKEN = 3.5
CLEANING_BYTES_PER_SECOND = 4e6
LEAST_FOR_VALIDATION, MANY_FILES = 100_000, 20


def run_corpus(job: Job) -> Outcome:
    """Raw files to a cleaned corpus."""
    config = job.configs["corpus"].value
    made = BuildDataConfig(**fields_of(config), out=job.out, earlier=_newest_corpus(job.home))
    report = build_data(made, progress=job.progress)
    fingerprint = sha256_bytes((job.out / "corpus.json").read_bytes())
    figures = {name: report.report[name] for name in ("splits", "dropped")}
    return Outcome(job.out, fingerprint, corpus_result(figures), figures)


def _newest_corpus(home: Path) -> Path | None:
    """The recipe's last corpus: with other rules over the same sources, its texts need no reading."""
    built = [folder for folder in home.glob("corpus-*") if (folder / "corpus.json").is_file()]
    return max(built, key=lambda folder: (folder / "corpus.json").stat().st_mtime_ns, default=None)


def run_tokenizer(job: Job) -> Outcome:
    """A corpus to a vocabulary."""
    config = job.configs["tokenizer"].value
    made = TrainTokenizerConfig(**fields_of(config), data=(str(job.needs["corpus"].path),), out=job.out)
    report = train_tokenizer(made, progress=job.progress)
    return Outcome(job.out, str(report.report["fingerprint"]), report.lines[0], report.report)


def run_shards(job: Job) -> Outcome:
    """A corpus and a vocabulary to token shards."""
    shards = tokenise(
        job.needs["corpus"].path,
        job.needs["tokenizer"].path,
        job.out,
        config=job.configs["shards"].value,
        progress=job.progress,
    )
    figures = {"num_tokens": shards.num_tokens}
    return Outcome(job.out, shards.fingerprint, shards_result(figures), figures)


def shards_result(figures: Mapping[str, Any]) -> str:
    """Shards in one phrase, for the table of a recipe."""
    return say("life.shards_result", tokens=f"{figures['num_tokens']:,}")


def fields_of(config: Config) -> dict[str, Any]:
    """A config's values by name, nested configs as they are."""
    return {name: getattr(config, name) for name in type(config).model_fields}


def _source_paths(configs: Mapping[str, Resolved[Any]]) -> list[str]:
    config: CorpusConfig = configs["corpus"].value
    return [*(source.path for source in config.sources), *config.against.paths]


def text_bytes(files: Iterable[Path]) -> int:
    """Bytes of text in some files; packed ones count four times, which is what text gives."""
    return sum(path.stat().st_size * (4 if path.suffix in (".gz", ".zst") else 1) for path in files)


def tokens_of(job: Job) -> int:
    """About how many tokens the sources of a recipe hold."""
    return round(text_bytes(input_files(_source_paths(job.configs))) / BYTES_PER_TOKEN)


def estimate_corpus(job: Job) -> Estimate:
    """Cleaning is bound by the processor; the corpus is kept packed."""
    size = text_bytes(input_files(_source_paths(job.configs)))
    return Estimate(size / CLEANING_BYTES_PER_SECOND, 1 << 29, size // 3, f"{size / 1e6:.1f} MB")


def estimate_shards(job: Job) -> Estimate:
    """Two bytes a token."""
    tokens = tokens_of(job)
    return Estimate(tokens / 1e6, 1 << 29, 2 * tokens, say("life.about_tokens", tokens=f"{tokens:,}"))


TEXT_STAGES: tuple[Stage, ...] = (
    Stage(
        "corpus",
        {"corpus": CorpusConfig},
        run_corpus,
        reads=_source_paths,
        estimate=estimate_corpus,
        describe=corpus_result,
    ),
    Stage("tokenizer", {"tokenizer": TokenizerConfig}, run_tokenizer, needs=("corpus",), describe=tokenizer_result),
    Stage(
        "shards",
        {"shards": ShardConfig},
        run_shards,
        needs=("corpus", "tokenizer"),
        version=2,
        estimate=estimate_shards,
        describe=shards_result,
    ),
)
"""From raw files to token shards."""


# ---------------------------------------------------------------- plain text given to a command


@dataclass(frozen=True)
class Prepared:
    """Text that became shards."""

    tokenizer: Path
    shards: Shards


def is_shards(path: Path) -> bool:
    """Whether a folder holds token shards."""
    return (path / "manifest.json").is_file()


def is_corpus(path: Path) -> bool:
    """Whether a folder holds a built corpus."""
    return (path / "corpus.json").is_file()


def prepare_text(paths: list[str], job: PretrainConfig, progress: Progress) -> Prepared:
    """Shards of plain text or of a built corpus, with the tokenizer that was given, the parent's, or a new one.

    They lie under `runs/text-…`, one for each set of files and purpose of the vocabulary, so that the next run on them
    begins at once.
    Raises ConfigError, InputError.
    """
    files = list(input_files(paths))
    size = text_bytes(files)
    purpose = KINDS[job.objective].purpose
    suffix = "" if purpose == "text" else f"-{purpose}"  # another vocabulary, beside those of earlier runs
    home = job.runs / f"text-{sha256_bytes(repr(sorted(map(str, files))).encode())[:8]}{suffix}"
    given = job.tokenizer or job.from_bundle
    sections: dict[str, dict[str, Any]] = {
        "corpus": {"sources": [str(path) for path in paths], **cut_for(files, size)},
        "tokenizer": {"vocab_size": suggest_vocabulary(size), "purpose": purpose},
    }
    recipe = Recipe(Path(home.name), RecipeConfig(seed=job.seed), sections)
    stages = list(TEXT_STAGES)
    if len(paths) == 1 and is_corpus(Path(paths[0])):
        stages[0] = _given("corpus", Path(paths[0]), sha256_file(Path(paths[0]) / "corpus.json"))
    if given is not None:
        stages[1] = _given("tokenizer", given, Tokenizer.load(given).fingerprint)
    report = run_recipe(recipe, stages, home, progress=progress)
    return Prepared(report.outcomes["tokenizer"].path, open_shards(report.outcomes["shards"].path))


def cut_for(files: Sequence[Path], size: int) -> dict[str, Any]:
    """Corpus settings for text that came as a few long files: a file is a document, and the held-out part is made of
    whole documents, so it would get all of a file or nothing."""
    if size < LEAST_FOR_VALIDATION:
        return {"validation_fraction": 0.0}
    if len(files) >= MANY_FILES or any(path.suffix not in (".txt", ".md") for path in files):
        return {}
    return {"read": {"max_document_chars": max(2000, min(200_000, size // 100))}, "validation_fraction": 0.03}


def _given(name: str, path: Path, fingerprint: str) -> Stage:
    """A stage whose outcome is already there: found in no time, looked at anew each time."""
    stage = next(stage for stage in TEXT_STAGES if stage.name == name)
    return replace(
        stage,
        run=lambda job: Outcome(path, fingerprint, str(path)),
        describe=None,
        needs=(),
        reads=lambda configs: (str(path / "corpus.json" if name == "corpus" else path / "tokenizer.json"),),
    )
