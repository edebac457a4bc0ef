"""`hanlin ngram train`: the n-grams of a text, counted and smoothed, in one file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanlin.base.device import available_memory_bytes
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.judge_config import TrainNgramConfig
from hanlin.life.places import expanded
from hanlin.life.report import Report
from hanlin.life.settings import Given, settled
from hanlin.life.texts import Texts
from hanlin.text.corpus import read_corpus
from hanlin.text.ngram_model import NgramModel, train_ngram_model
from hanlin.text.tokenizer import Tokenizer


def train_ngram(config: Given[TrainNgramConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Count n-grams and keep them in one file; of a corpus, say how well its held-out part is foretold.

    Raises InputError, DiskFull, MachineError (E257) where the text is larger than memory allows.
    """
    job, progress = settled(TrainNgramConfig, config, settings, first="data").value, progress or Progress("none")
    texts, out = Texts(job.data), expanded(job.out)
    progress.note(say("life.counting_ngrams", order=job.order))
    model = train_ngram_model(
        texts,
        order=job.order,
        tokenizer=Tokenizer.load(expanded(job.tokenizer)) if job.tokenizer else None,
        most_bytes=job.max_bytes,
        memory=job.max_memory or available_memory_bytes(),
    )
    model.save(out)
    figures = {
        "order": job.order,
        "units": model.units.name,
        "vocab_size": model.units.vocab_size,
        "ngrams": list(model.counts.num_ngrams),
        **vars(model.origin),
        "bytes": out.stat().st_size,
        "held_out": _held_out(model, texts),
    }
    steps = (f"hanlin ngram score {job.out} {' '.join(job.data)}",)
    return Report("ngram train", out, figures, (*_lines(figures), *texts.lines()), next_steps=steps)


def _held_out(model: NgramModel, texts: Texts) -> dict[str, float]:
    """Bits a byte of the validation parts of corpora, by language: the model has not read them."""
    bits: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for corpus in texts.corpora:
        documents = list(read_corpus(corpus, "validation"))
        for document, score in zip(documents, model.scores(one.text for one in documents), strict=True):
            bits[document.lang] = bits.get(document.lang, 0.0) + score.bits
            sizes[document.lang] = sizes.get(document.lang, 0) + score.bytes
    return {lang: bits[lang] / max(1, sizes[lang]) for lang in sorted(bits)}


def _lines(figures: Mapping[str, Any]) -> list[str]:
    shown = {
        "order": figures["order"],
        "units": say(f"life.units_{figures['units']}"),
        "vocab_size": f"{figures['vocab_size']:,}",
        "ngrams": f"{sum(figures['ngrams']):,}",
        "documents": f"{sum(figures['documents'].values()):,}",
        "languages": ", ".join(f"{lang} {number:,}" for lang, number in sorted(figures["documents"].items())),
        "megabytes": f"{figures['bytes'] / 1e6:.1f}",
    }
    lines = [say("life.ngram_trained", **shown)]
    if figures["share"] < 1:
        lines.append(say("life.ngram_share", share=f"{figures['share']:.1%}"))
    held_out = ", ".join(f"{lang} {value:.3f}" for lang, value in figures["held_out"].items())
    return [*lines, say("life.ngram_held_out", languages=held_out)] if held_out else lines
