"""Vocabularies side by side on the same text: how far tokens reach, what they cost, what is lost, how fast they are.

Bits per byte of a model without context: N tokens whose frequencies are p cost N * -sum p log2 p bits, over the bytes
of the text. A token that reaches further is rarer and so costs more; only this product says whether that pays. Its
share of what single bytes cost, counted the same way, is what the vocabulary leaves to the model: 1 for bytes
themselves, less where common words became one token. All that lies below it a model must learn from context.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import tokenizers

from hanlin.text.segment import UNSPACED, word_spans
from hanlin.text.tokenizer import load_core, state_of, without_control

BATCH = 256
"""Texts encoded together."""
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer of any origin, as it meets the text of a user: control tokens cannot be typed."""

    name: str
    path: Path
    core: tokenizers.Tokenizer
    plain: tokenizers.Tokenizer
    kind: str
    normaliser: str  # what it changes before it looks at a text; "" for nothing
    unknown: int | None

    @property
    def size(self) -> int:
        return int(self.core.get_vocab_size(with_added_tokens=True))

    def named(self, name: str) -> Vocabulary:
        """The same under another name."""
        return replace(self, name=name)


@dataclass
class Measured:
    """What one vocabulary makes of the texts of one language."""

    num_texts: int = 0
    num_chars: int = 0
    num_bytes: int = 0
    num_tokens: int = 0
    num_unknown: int = 0
    num_changed: int = 0  # texts that do not come back as they were
    num_words: int | None = 0  # None where words cannot be told apart
    example: str = ""  # the first that did not
    counts: Counts = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    byte_counts: Counts = field(default_factory=lambda: np.zeros(256, np.int64), repr=False)

    @property
    def tokens_per_text(self) -> float:
        """Tokens of a text, on average."""
        return self.num_tokens / max(1, self.num_texts)

    def figures(self) -> dict[str, float | int | str | None]:
        """Everything as plain numbers; None where there is nothing to divide by."""
        bits = entropy(self.counts) * self.num_tokens / max(1, self.num_bytes)
        alone = entropy(self.byte_counts)
        return {
            "texts": self.num_texts,
            "characters": self.num_chars,
            "bytes": self.num_bytes,
            "tokens": self.num_tokens,
            "characters_per_token": _ratio(self.num_chars, self.num_tokens),
            "bytes_per_token": _ratio(self.num_bytes, self.num_tokens),
            "tokens_per_word": _ratio(self.num_tokens, self.num_words),
            "bits_per_byte": bits,
            "share_of_bytes": bits / alone if alone else None,
            "unknown_rate": _ratio(self.num_unknown, self.num_tokens),
            "changed": self.num_changed,
            "example": self.example,
        }


def _ratio(first: int, second: int | None) -> float | None:
    return first / second if second else None


def entropy(counts: Counts) -> float:
    """Bits of one draw. The plug-in estimate with the correction of Miller and Madow (1955), (K - 1) / 2N nats: without
    it a large vocabulary on little text would seem cheaper than it is."""
    seen = counts[counts > 0].astype(np.float64)
    if not len(seen):
        return 0.0
    total = seen.sum()
    return float(np.log2(total) - (seen * np.log2(seen)).sum() / total + (len(seen) - 1) / (2 * total * np.log(2)))


def open_vocabulary(path: Path | str) -> Vocabulary:
    """Open a tokenizer folder, a bundle or a tokenizer.json of any origin. Raises InputError as `Tokenizer.load`."""
    path = Path(path)
    core = load_core(path)
    state = state_of(core.model)
    unknown = state.get("unk_token")
    return Vocabulary(
        name=path.parent.name if path.is_file() else path.name,
        path=path,
        core=core,
        plain=without_control(core),
        kind=_kind(core, state),
        normaliser="" if core.normalizer is None else _steps(state_of(core.normalizer)),
        unknown=state.get("unk_id") if unknown is None else core.token_to_id(unknown),
    )


def _kind(core: tokenizers.Tokenizer, model: Mapping[str, Any]) -> str:
    """The kind of model, and whether it works on bytes or falls back to them."""
    pre = "" if core.pre_tokenizer is None else _steps(state_of(core.pre_tokenizer))
    spelt = "ByteLevel" if "ByteLevel" in pre else "ByteFallback" if model.get("byte_fallback") else ""
    return " ".join(filter(None, (str(model["type"]), spelt)))


def _steps(part: Mapping[str, Any]) -> str:
    """The types of a sequence of steps."""
    inner = part.get("normalizers") or part.get("pretokenizers")
    return ", ".join(_steps(step) for step in inner) if inner else str(part["type"])


def measure(vocabularies: Sequence[Vocabulary], texts: Iterable[tuple[str, str]]) -> dict[str, dict[str, Measured]]:
    """Return what each vocabulary makes of (language, text) pairs, by its name and the language."""
    found: dict[str, dict[str, Measured]] = {one.name: {} for one in vocabularies}
    for batch in _batches(texts):
        facts = [_facts(lang, text) for lang, text in batch]
        for one in vocabularies:
            encoded = one.plain.encode_batch_fast([text for _, text in batch], add_special_tokens=False)
            for (lang, text), fact, encoding in zip(batch, facts, encoded, strict=True):
                fresh = Measured(counts=np.zeros(one.size, np.int64))
                _add(found[one.name].setdefault(lang, fresh), one, text, fact, encoding.ids)
    return found


def _facts(lang: str, text: str) -> tuple[int | None, Counts]:
    """What does not depend on the vocabulary: words and bytes of a text."""
    words = None if lang in UNSPACED else len(word_spans(text, lang))
    return words, np.bincount(np.frombuffer(text.encode(), np.uint8), minlength=256)


def _add(total: Measured, one: Vocabulary, text: str, fact: tuple[int | None, Counts], ids: Sequence[int]) -> None:
    words, byte_counts = fact
    numbers = np.array(ids, np.int64)
    total.num_texts += 1
    total.num_chars += len(text)
    total.num_bytes += int(byte_counts.sum())
    total.num_tokens += len(ids)
    total.num_words = None if words is None or total.num_words is None else total.num_words + words
    total.num_unknown += 0 if one.unknown is None else int((numbers == one.unknown).sum())
    total.byte_counts += byte_counts
    total.counts += np.bincount(numbers, minlength=one.size)
    back = one.core.decode(list(ids), skip_special_tokens=False)
    if back != text:
        total.num_changed += 1
        total.example = total.example or _difference(text, back)


def _difference(text: str, back: str) -> str:
    """Where two texts part, some characters of each."""
    place = next((n for n, (a, b) in enumerate(zip(text, back, strict=False)) if a != b), min(len(text), len(back)))
    begin = max(0, place - 10)
    return f"{text[begin : place + 20]!r} -> {back[begin : place + 20]!r}"


def megabytes_per_second(
    vocabularies: Sequence[Vocabulary],
    texts: Sequence[str],
    *,
    rounds: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return how fast each vocabulary encodes the same texts on all cores: in turns, the median of the rounds."""
    size = sum(len(text.encode()) for text in texts) / 1e6
    seconds: dict[str, list[float]] = {one.name: [] for one in vocabularies}
    for _ in range(rounds):
        for one in vocabularies:
            began = clock()
            one.plain.encode_batch_fast(texts, add_special_tokens=False)
            seconds[one.name].append(clock() - began)
    return {name: size / max(1e-9, median(times)) for name, times in seconds.items()}


def together(by_language: Mapping[str, Measured]) -> Measured:
    """All languages as one."""
    parts = list(by_language.values())
    spaced = [part.num_words for part in parts if part.num_words is not None]
    return Measured(
        num_texts=sum(part.num_texts for part in parts),
        num_chars=sum(part.num_chars for part in parts),
        num_bytes=sum(part.num_bytes for part in parts),
        num_tokens=sum(part.num_tokens for part in parts),
        num_unknown=sum(part.num_unknown for part in parts),
        num_changed=sum(part.num_changed for part in parts),
        num_words=sum(spaced) if len(spaced) == len(parts) else None,
        example=next((part.example for part in parts if part.example), ""),
        counts=np.sum([part.counts for part in parts], axis=0),
        byte_counts=np.sum([part.byte_counts for part in parts], axis=0),
    )


def premiums(by_language: Mapping[str, Measured], reference: str) -> dict[str, float]:
    """Tokens of a text in each language over those of the same text in `reference` (Petrov et al. 2023).

    By text, not in all: of two translations into one language both count.
    """
    base = by_language[reference].tokens_per_text
    return {lang: held.tokens_per_text / max(1.0, base) for lang, held in by_language.items()}


def _batches(texts: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    for pair in texts:
        batch.append(pair)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
