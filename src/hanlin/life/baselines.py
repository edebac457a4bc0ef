"""What a language model has to beat on a corpus, worked out once for all models of the corpus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hanlin.base.files import write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.evaluate.baselines import kneser_ney_bits_per_byte, xz_bits_per_byte
from hanlin.evaluate.config import EvaluateConfig
from hanlin.life.measure import CURVE_BYTES, HeldOut, document_ids, held_out
from hanlin.text.corpus import read_corpus
from hanlin.text.tokenizer import Tokenizer

Baselines = dict[str, dict[str, float]]


def compute_baselines(
    corpus: Path, tokenizer: Path, config: EvaluateConfig, *, out: Path | None, progress: Progress
) -> Baselines:
    """Bits per byte of xz and of a Kneser-Ney 5-gram, per language, learned from the training part of all languages;
    under "curve" that of the 5-gram on the documents that a training scores as it goes on.

    Both see at most `max_baseline_bytes` of training text. Writes `out/baselines.json` where a folder is given.
    """
    encoder = Tokenizer.load(tokenizer)
    texts = list(_training_texts(corpus, config.max_baseline_bytes))
    documents = list(read_corpus(corpus, "validation"))
    slices = held_out(documents, config.max_bytes)
    curve = {f"{lang} curve": part for lang, part in held_out(documents, CURVE_BYTES).items()}
    progress.note(say("life.computing_baselines", megabytes=f"{sum(len(t.encode()) for t in texts) / 1e6:.1f}"))
    counted = kneser_ney_bits_per_byte(
        document_ids(encoder, texts), _validation_ids(encoder, {**slices, **curve}), vocab_size=encoder.vocab_size
    )
    packed = xz_bits_per_byte(texts, {lang: part.texts for lang, part in slices.items()})
    figures = {
        lang: {"kneser_ney": counted[lang], "xz": packed[lang], "curve": counted[f"{lang} curve"]} for lang in slices
    }
    if out is not None:
        write_json(out / "baselines.json", figures)
    return figures


def _training_texts(corpus: Path, max_bytes: int) -> Iterator[str]:
    size = 0
    for document in read_corpus(corpus, "train"):
        size += len(document.text.encode())
        if size > max_bytes:
            return
        yield document.text


def _validation_ids(encoder: Tokenizer, slices: Mapping[str, HeldOut]) -> dict[str, tuple[list[list[int]], int]]:
    return {lang: (document_ids(encoder, part.texts), sum(part.num_bytes)) for lang, part in slices.items()}
