"""Settings of making rows from rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say

AugmentOperation = Literal[
    "typo", "swap-chars", "delete-chars", "repeat-chars", "punctuation", "spaces", "script", "homophone",
    "synonym", "insert", "swap-words", "delete-words", "paraphrase", "back-translation",
]  # fmt: skip
_BY_WORDS = ("synonym", "insert")
_BY_MODEL = ("paraphrase", "back-translation")


class AugmentConfig(Config):
    """How rows are made from rows."""

    operations: tuple[AugmentOperation, ...] = Field(
        default=("typo", "swap-chars", "delete-chars", "punctuation", "spaces"),
        min_length=1,
        description="What is done to each row, once each; see docs/training-data.md.",
    )
    copies: int = Field(default=1, ge=1, le=1000, description="Rows that each operation makes of a row.")
    rate: float = Field(default=0.1, gt=0, le=1, description="Share of the characters or words that are changed.")
    originals: bool = Field(default=True, description="Write the rows themselves too, marked as the family's first.")
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="Seed of everything drawn by lot.")
    word_list: Path | None = Field(
        default=None, description="List for synonym and insert: lines of word, tab, word that may stand for it."
    )
    url: str = Field(
        default="", max_length=4096, description="Address of an OpenAI-compatible server, as http://127.0.0.1:8000/v1."
    )
    model: str = Field(default="hanlin", min_length=1, max_length=4096, description="Model asked there.")
    key_variable: str = Field(
        default="OPENAI_API_KEY", max_length=200, description="Environment variable that holds the server's key."
    )
    prompts: dict[Literal["paraphrase", "translate"], str] = Field(
        default_factory=dict, description="Other words to ask with; {text} stands for the text, {language} for English."
    )
    temperature: float = Field(default=0.7, ge=0, le=100, description="0 always takes the likeliest token.")
    max_tokens: int = Field(default=1024, ge=1, le=10**7, description="Longest answer in tokens.")
    timeout: float = Field(default=120.0, gt=0, le=10**5, description="Seconds to wait for an answer.")
    attempts: int = Field(default=5, ge=1, le=1000, description="Attempts before a silent or busy server ends the run.")

    def problems(self) -> Iterator[Problem]:
        """Operations need their list or their server, prompts their text."""
        for needed, name in ((_BY_WORDS, "word_list"), (_BY_MODEL, "url")):
            asked = [one for one in self.operations if one in needed]
            value = getattr(self, name)
            if asked and not value:
                rule, remedy = say("text.rule_augment_needs", operation=asked[0]), say(f"text.remedy_augment_{name}")
                yield Problem(name, value, rule, remedy)
            if value and not asked:
                rule = say("text.rule_augment_idle", operations=", ".join(needed))
                yield Problem(name, value, rule, say("text.remedy_augment_idle", operation=needed[0]))
        for name, prompt in self.prompts.items():
            if "{text}" not in prompt:
                yield Problem(f"prompts.{name}", prompt, say("text.rule_prompt"), say("text.remedy_prompt"))
