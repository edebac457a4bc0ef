"""Measuring a bundle: text by language, tasks, samples. What evaluation needs of engine and template meets here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hanlin.bundle.bundle import Bundle
from hanlin.evaluate.config import EvaluateConfig
from hanlin.evaluate.forgetting import frozen_slice
from hanlin.evaluate.harness import Messages, TaskScore, read_tasks, run_tasks
from hanlin.evaluate.metrics import LmScore, log_likelihoods, score_documents
from hanlin.evaluate.report import Sample
from hanlin.infer.config import SamplingParams
from hanlin.infer.engine import Engine
from hanlin.life.places import expanded
from hanlin.life.talk import chat_ids, complete_ids
from hanlin.model.transformer import Transformer
from hanlin.text.document import Document
from hanlin.text.tokenizer import Tokenizer

CURVE_BYTES = 32_768
"""Held-out text of each language that is scored with every evaluation of a training, for the curve: 2 % of the time of
twenty minutes. So few documents have a level of their own; baselines are worked out for them too."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out text of one language: whole documents."""

    texts: tuple[str, ...]

    @property
    def num_bytes(self) -> list[int]:
        return [len(text.encode()) for text in self.texts]


def held_out(documents: Iterable[Document], max_bytes: int) -> dict[str, HeldOut]:
    """The frozen slice of every language."""
    by_language: dict[str, list[str]] = {}
    for document in documents:
        by_language.setdefault(document.lang, []).append(document.text)
    return {lang: HeldOut(tuple(frozen_slice(texts, max_bytes))) for lang, texts in sorted(by_language.items())}


def document_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Documents as the shards hold them: bos, ids, eos."""
    special = tokenizer.special
    return [[special.bos, *ids, special.eos] for ids in tokenizer.encode_batch(texts)]


def score_languages(
    model: Transformer, tokenizer: Tokenizer, text: Mapping[str, HeldOut], *, batch: int
) -> dict[str, LmScore]:
    """One score per language."""
    return {
        lang: score_documents(
            model,
            document_ids(tokenizer, part.texts),
            part.num_bytes,
            seq_len=model.config.max_seq_len,
            batch=batch,
        )
        for lang, part in text.items()
    }


def score_tasks(bundle: Bundle, engine: Engine, config: EvaluateConfig) -> list[TaskScore]:
    """Every case of every task, greedily and by the chat template."""
    tasks = [task for path in config.tasks for task in read_tasks(expanded(path), limit=config.max_cases)]
    params = SamplingParams(max_tokens=config.max_answer_tokens, temperature=0.0)
    longest = bundle.config.max_seq_len

    def generate(asked: Sequence[Messages]) -> list[str | None]:
        prompts = [chat_ids(bundle, messages) for messages in asked]
        fitting = [ids for ids in prompts if len(ids) < longest]
        answers = iter(engine.generate_many(fitting, params))
        return [next(answers).text if len(ids) < longest else None for ids in prompts]

    def choose(asked: Sequence[tuple[Messages, Sequence[str]]]) -> list[list[float] | None]:
        pairs = [_with_choices(bundle, messages, choices) for messages, choices in asked]
        fits = [all(len(context) + len(tail) <= longest for context, tail in rows) for rows in pairs]
        flat = [pair for rows, fit in zip(pairs, fits, strict=True) if fit for pair in rows]
        scores = iter(log_likelihoods(bundle.model, flat, seq_len=longest, batch=config.batch_tokens))
        return [[next(scores) for _ in rows] if fit else None for rows, fit in zip(pairs, fits, strict=True)]

    return run_tasks(tasks, generate=generate, choose=choose)


def _with_choices(bundle: Bundle, messages: Messages, choices: Sequence[str]) -> list[tuple[list[int], list[int]]]:
    """The context with every choice as the whole answer, its end included: "good" must not win by being a beginning."""
    assert bundle.tokenizer is not None
    context, end = chat_ids(bundle, messages), bundle.tokenizer.special.im_end
    return [(context, [*bundle.tokenizer.encode(choice), end]) for choice in choices]


def write_samples(
    bundle: Bundle, engine: Engine, prompts: Sequence[str], *, num_tokens: int, seed: int
) -> list[Sample]:
    """Continue every prompt once; nothing is chosen among several."""
    params = SamplingParams(max_tokens=num_tokens, temperature=0.8, top_p=0.95, seed=seed)
    texts = engine.generate_many([complete_ids(bundle, prompt) for prompt in prompts], params) if prompts else []
    return [Sample(prompt, generation.text) for prompt, generation in zip(prompts, texts, strict=True)]
