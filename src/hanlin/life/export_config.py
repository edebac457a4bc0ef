"""Settings of `hanlin export`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from hanlin.base.config import Config
from hanlin.life.choose_config import Amount


class ExportConfig(Config):
    """`hanlin export`: which model, where to, and in files of what size and numbers of what kind."""

    section: ClassVar[str] = "export"

    model: str = Field(max_length=4096, description="Bundle, run, recipe, folder or name of a hub.")
    out: Path = Field(description="Folder to write; only a bundle of ours that stands there is replaced.")
    max_shard_size: Amount = Field(
        default=5_000_000_000,
        ge=1,
        le=10**15,
        examples=["5GB"],
        description="Bytes of one weight file at most, as 5GB or 500MB; a larger tensor has a file of its own.",
    )
    dtype: Literal["keep", "float32", "bfloat16", "float16"] = Field(
        default="keep", description="Numbers of the weights; keep leaves each as it is."
    )
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")
