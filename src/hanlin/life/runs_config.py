"""Settings of `hanlin runs …`: which runs to show, and where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from hanlin.base.config import Config
from hanlin.life.config import RUNS


class ListRunsConfig(Config):
    """`hanlin runs ls`."""

    section: ClassVar[str] = "runs"

    runs: Path = Field(default=RUNS, description="Folder of runs.")


class ShowRunConfig(Config):
    """`hanlin runs show`."""

    section: ClassVar[str] = "runs"

    run: str = Field(
        default="", max_length=4096, description="Run folder or the beginning of its name; if empty, the newest."
    )
    runs: Path = Field(default=RUNS, description="Folder of runs.")


class TailRunConfig(ShowRunConfig):
    """`hanlin runs tail`."""

    lines: int = Field(default=10, ge=0, le=10**6, description="Lines of the past to begin with.")
    follow: bool = Field(default=True, description="Go on until the run ends.")
