"""Word vectors from text, learned by gensim's word2vec (an extra: `pip install "hanlin[vectors]"`).

Sentences end where lines do: word2vec looks at neighbours only, and a line is never so long that it would matter.
"""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hanlin.base.errors import InputError, MissingExtra
from hanlin.base.files import disk_errors
from hanlin.text.segment import UNSPACED
from hanlin.text.vectors.config import VectorsConfig
from hanlin.text.vectors.table import WordVectors, words_of

LONGEST = 10_000
"""Words of a sentence that gensim reads; of more it drops the rest without a word, so we cut before."""


@dataclass
class Read:
    """What was read: words in all, different ones, texts of languages whose words cannot be told apart."""

    num_words: int = 0
    num_kinds: int = 0
    num_rare: int = 0
    num_unspaced: int = 0


def require_gensim() -> None:
    """Raises MissingExtra E289 where gensim is not installed."""
    if importlib.util.find_spec("gensim") is None:
        raise MissingExtra("text.no_gensim", package="gensim", extra="vectors")


def train_vectors(
    texts: Iterable[tuple[str, str]],
    config: VectorsConfig,
    spool: Path,
    on_epoch: Callable[[int], None] = lambda epoch: None,
) -> tuple[WordVectors, Read]:
    """Learn a vector for every word of some (text, language) that is common enough.

    The words are written to `spool` first and read from there once an epoch, so memory holds the vocabulary alone.
    The same texts, settings and one worker give the same vectors. Raises MissingExtra, InputError without such a word.
    """
    require_gensim()
    read, counts = Read(), Counter[str]()
    with disk_errors(spool), spool.open("w", encoding="utf-8") as file:
        for sentence in _sentences(texts, read):
            counts.update(sentence)
            file.write(json.dumps(sentence, ensure_ascii=False) + "\n")
    common = [(word, number) for word, number in counts.most_common(config.max_words) if number >= config.min_count]
    read.num_words, read.num_kinds = counts.total(), len(counts)
    read.num_rare = len(counts) - len(common)
    if not common:
        raise InputError("text.no_common_words", number=f"{len(counts):,}", least=config.min_count)
    words = tuple(word for word, _ in common)
    vectors = _learned(_Spooled(spool), dict(common), config, on_epoch)
    return WordVectors(words, vectors, np.array([number for _, number in common], np.int64)), read


def _sentences(texts: Iterable[tuple[str, str]], read: Read) -> Iterator[list[str]]:
    for text, lang in texts:
        if lang in UNSPACED:
            read.num_unspaced += 1
            continue
        for line in text.split("\n"):
            words = words_of(line, lang)
            yield from (words[start : start + LONGEST] for start in range(0, len(words), LONGEST))


class _Spooled:
    """The sentences of a file, as often as asked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[list[str]]:
        with self.path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


def _learned(
    sentences: _Spooled, counts: dict[str, int], config: VectorsConfig, on_epoch: Callable[[int], None]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The vectors (V, D), rows in the order of `counts`."""
    from gensim.models import Word2Vec
    from gensim.models.callbacks import CallbackAny2Vec

    class Epochs(CallbackAny2Vec):  # type: ignore[misc]
        """Tells after every epoch."""

        def __init__(self) -> None:
            self.number = 0

        def on_epoch_end(self, model: Word2Vec) -> None:
            self.number += 1
            on_epoch(self.number)

    model = Word2Vec(
        vector_size=config.width, window=config.window, sg=int(config.algorithm == "skipgram"), hs=0,
        negative=config.negative, min_count=1, sample=config.subsample, epochs=config.epochs,
        alpha=config.learning_rate, workers=config.workers, seed=config.seed,
    )  # fmt: skip
    model.build_vocab_from_freq(counts, corpus_count=sum(1 for _ in sentences))
    model.train(sentences, total_examples=model.corpus_count, epochs=config.epochs, callbacks=[Epochs()])
    return np.stack([model.wv[word] for word in counts]).astype(np.float32)
