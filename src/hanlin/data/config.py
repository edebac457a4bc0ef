"""Settings of the data room."""

from __future__ import annotations

from pydantic import Field

from hanlin.base.config import Config


class ShardConfig(Config):
    """How documents become token shards."""

    shard_tokens: int = Field(
        default=1 << 28, ge=2, le=1 << 40, description="Tokens per shard file, unless one document alone holds more."
    )
    batch_characters: int = Field(
        default=1 << 22, ge=1, le=1 << 30, description="Characters of text handed to the tokenizer at a time."
    )
