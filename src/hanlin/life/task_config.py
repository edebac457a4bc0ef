"""Settings of `hanlin task eval` and `hanlin task predict`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from hanlin.base.config import Config
from hanlin.text.config import FormatName


class EvaluateTaskConfig(Config):
    """`hanlin task eval`: which model, on which rows."""

    section: ClassVar[str] = "task_eval"

    model: str = Field(
        default="", max_length=4096, description="Bundle, run, recipe or name; if empty, the newest model."
    )
    data: tuple[str, ...] = Field(min_length=1, description="Files of labelled texts, of the kind it was trained on.")
    format: FormatName | Literal["auto"] = Field(
        default="auto", description="Format to read them as; auto finds it in the rows."
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="Columns of other names, as text=review,label=stars: our name = yours."
    )
    overflow: Literal["error", "windows", "cut"] = Field(
        default="error", description="What becomes of a text longer than the model: refused, read in parts, or cut."
    )
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="Seed of the intervals.")
    device: str = Field(default="auto", min_length=1, max_length=40, description="auto, cpu, cuda, cuda:1 or mps.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")


class PredictTaskConfig(Config):
    """`hanlin task predict`: which model, on which texts, and where the answers go."""

    section: ClassVar[str] = "task_predict"

    model: str = Field(
        default="", max_length=4096, description="Bundle, run, recipe or name; if empty, the newest model."
    )
    data: tuple[str, ...] = Field(
        min_length=1, description="Files of texts, pairs or questions: CSV, JSON lines, text."
    )
    out: Path = Field(default=Path("predictions.csv"), description="File to write: .csv or .jsonl.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Columns of other names, as text=review: our name = yours."
    )
    overflow: Literal["error", "windows", "cut"] = Field(
        default="error", description="What becomes of a text longer than the model: refused, read in parts, or cut."
    )
    device: str = Field(default="auto", min_length=1, max_length=40, description="auto, cpu, cuda, cuda:1 or mps.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")
