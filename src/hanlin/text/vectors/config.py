"""Settings of word vectors."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from hanlin.base.config import Config


class VectorsConfig(Config):
    """How vectors of words are learned: word2vec, as Mikolov et al. 2013 describe it."""

    section: ClassVar[str] = "vectors"

    algorithm: Literal["skipgram", "cbow"] = Field(
        default="skipgram", description="skipgram: a word tells its neighbours; cbow: the neighbours tell the word."
    )
    width: int = Field(default=100, ge=2, le=4096, description="Numbers of a vector.")
    window: int = Field(default=5, ge=1, le=100, description="Neighbours on either side, at most.")
    negative: int = Field(default=5, ge=1, le=100, description="Words drawn at random against each pair that was met.")
    min_count: int = Field(default=5, ge=1, le=10**6, description="Rarer words get no vector, and are counted.")
    max_words: int = Field(default=200_000, ge=1, le=10**8, description="At most so many words, the commonest.")
    subsample: float = Field(
        default=1e-3, ge=0, le=1, description="Words commoner than this share are skipped now and then; 0: never."
    )
    epochs: int = Field(default=5, ge=1, le=1000, description="Times the corpus is read.")
    learning_rate: float = Field(default=0.025, gt=0, le=1, description="Rate at the beginning; it falls to 0.0001.")
    workers: int = Field(
        default=1, ge=1, le=256, description="Threads; with more than one no two runs give the same vectors."
    )
    seed: int = Field(default=1, ge=0, le=2**32 - 1, description="Seed of first vectors and of what is drawn.")
