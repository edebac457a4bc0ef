"""Vocabularies and shards of a few texts in both languages, one of each purpose."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

from hanlin.data.forms.blanks import BlankInfilling
from hanlin.data.forms.masked import Masked
from hanlin.data.forms.middle import Middle
from hanlin.data.forms.pairs import MaskedPairs
from hanlin.data.forms.parts import Part, Parts
from hanlin.data.forms.permuted import Permuted
from hanlin.data.forms.spans import SpanCorruption
from hanlin.data.loader import Loader
from hanlin.data.mixture import WeightedSource
from hanlin.data.shards import ShardSet, write_shards
from hanlin.data.sources import ShardSource
from hanlin.text.config import TokenizerConfig
from hanlin.text.document import Document
from hanlin.text.purposes import Purpose
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer

LINE = (
    "第{}行：床前明月光，疑是地上霜。The quick brown fox, number {}, jumps over unbelievable dogs. def f(x): return x\n"
)
TEXTS = [LINE.format(n, n * n) * (1 + n % 4) for n in range(24)]
PURPOSES: dict[str, Purpose] = {
    "masked": "masked", "pairs": "masked", "spans": "span_corruption", "blanks": "blank_infilling",
    "middle": "fill_in_the_middle", "permuted": "masked",
}  # fmt: skip
FORMS: dict[str, Any] = {
    "masked": Masked,
    "pairs": lambda tokenizer: MaskedPairs(Masked(tokenizer)),
    "spans": SpanCorruption,
    "blanks": BlankInfilling,
    "middle": Middle,
    "permuted": Permuted,
}


@functools.cache
def tokenizer_for(purpose: Purpose) -> Tokenizer:
    return train_tokenizer(TEXTS, TokenizerConfig(vocab_size=560, purpose=purpose), on_note=lambda note: None)


@functools.cache
def source_for(purpose: Purpose) -> ShardSource:
    folder = Path(tempfile.mkdtemp())
    documents = [Document(text, str(number), "poem", "zh") for number, text in enumerate(TEXTS)]
    write_shards(documents, tokenizer_for(purpose), folder / "shards")
    return ShardSource(ShardSet.open(folder / "shards"))


def form_for(name: str) -> Any:
    return FORMS[name](tokenizer_for(PURPOSES[name]))


def parts_for(name: str, seq_len: int) -> Parts:
    return Parts(source_for(PURPOSES[name]), form_for(name), seq_len=seq_len)


def every_part(name: str, seq_len: int, key: int = 0) -> list[Part]:
    parts = parts_for(name, seq_len)
    return [Part(parts.ids(n), bool(parts.ends[n]), (key, n), parts, n) for n in range(len(parts.lengths))]


def loader_for(name: str, *, seq_len: int = 64, seed: int = 1, rows: int = 3, window: int = 700) -> Loader:
    sources = [WeightedSource(source=parts_for(name, seq_len), max_epochs=2)]
    return Loader(sources, rows=rows, seq_len=seq_len, seed=seed, window=window, form=form_for(name))
