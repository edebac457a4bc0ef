"""Settings of `hanlin models choose`."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from hanlin.base.config import Config
from hanlin.recipe.config import Task


def read_amount(value: Any) -> Any:
    """Bytes of "45MB", "8 GB", "1.5g", "2GiB"; anything else is left for the validation to name."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", value.strip().lower())
    if match is None or (match[3] and not match[2]):
        return value
    step = 1024 if match[3] else 1000
    return round(float(match[1]) * step ** " kmgt".index(match[2] or " "))


Amount = Annotated[int, BeforeValidator(read_amount)]


class ChooseModelConfig(Config):
    """`hanlin models choose`: the task, and what there is to do it with."""

    section: ClassVar[str] = "choose"

    task: Task = Field(
        description="What it is for: classify, pairs, label, answer, embed, chat, write, translate, summarise, infill."
    )
    data: tuple[str, ...] = Field(
        default=(), description="Text without labels to learn from: files and folders, or an amount as 45MB."
    )
    rows: int | None = Field(
        default=None, ge=0, le=10**12, description="Labelled examples of the task; none: not told."
    )
    memory: Amount | None = Field(
        default=None,
        ge=10**6,
        le=10**15,
        examples=["8GB"],
        description="Memory for training, as 8GB; none: what this machine has free.",
    )
