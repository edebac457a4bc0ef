"""Settings of a recipe as a whole; every other section belongs to the stage of its name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hanlin.base.config import Config

Task = Literal["classify", "pairs", "label", "answer", "embed", "chat", "write", "translate", "summarise", "infill"]
"""What a model may be wanted for (choosing.py)."""


class RecipeConfig(Config):
    """The `[recipe]` section."""

    name: str = Field(
        default="",
        pattern=r"^[\w.-]*$",
        max_length=80,
        description="Name of the life and of its folder; if empty, the file's.",
    )
    title: str = Field(default="", max_length=200, description="One line about it, for lists and reports.")
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="Seed of every stage that sets none of its own.")
