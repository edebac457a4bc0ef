"""What a training shows while it runs: texts by the engine, bits per byte by language.

`train` knows neither the engine nor evaluation, so it gets both as callables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.engine import Engine
from hanlin.life.measure import HeldOut, score_languages
from hanlin.model.transformer import Transformer
from hanlin.text.chat import Conversation, Message, Template
from hanlin.text.tokenizer import Tokenizer
from hanlin.train.loop import Hooks

SAMPLE_TOKENS = 40
BATCH = 4096  # positions of a forward pass
TEXTS = ("从前", "Once there was", "def ")
QUESTIONS = ("你好", "Who are you?", "3加5等于几？")


def writing_hooks(
    tokenizer: Tokenizer, text: Mapping[str, HeldOut] | None = None, prompts: Sequence[str] = TEXTS
) -> Hooks:
    """Continue a few beginnings of texts with every evaluation, and score held-out `text` language by language."""

    def sample(model: Transformer) -> Iterable[tuple[str, str]]:
        prompt_ids = [[tokenizer.special.bos, *tokenizer.encode(prompt)] for prompt in prompts]
        return zip(prompts, _continued(model, tokenizer, prompt_ids), strict=True)

    def evaluate(model: Transformer) -> dict[str, float]:
        scores = score_languages(model, tokenizer, text or {}, batch=BATCH)
        return {f"bits_per_byte_{lang}": score.bits_per_byte for lang, score in scores.items()}

    return Hooks(evaluate=evaluate if text else None, sample=sample)


def answering_hooks(tokenizer: Tokenizer, template: Template, questions: Sequence[str] = QUESTIONS) -> Hooks:
    """Answer a few questions with every evaluation."""

    def sample(model: Transformer) -> Iterable[tuple[str, str]]:
        asked = [Conversation((Message("user", question),)) for question in questions]
        prompt_ids = [list(template.render(a, tokenizer=tokenizer, add_generation_prompt=True).ids) for a in asked]
        return zip(questions, _continued(model, tokenizer, prompt_ids), strict=True)

    return Hooks(sample=sample)


def _continued(model: Transformer, tokenizer: Tokenizer, prompts: Sequence[Sequence[int]]) -> list[str]:
    """Seeded, so that two looks at one model agree; nothing where the model is too short for the question."""
    engine = Engine(model, tokenizer, config=EngineConfig(max_batch=max(1, len(prompts))))
    params = SamplingParams(max_tokens=SAMPLE_TOKENS, temperature=0.7, top_k=50, seed=1)
    fits = [len(ids) < model.config.max_seq_len for ids in prompts]
    texts = iter(engine.generate_many([ids for ids, fit in zip(prompts, fits, strict=True) if fit], params))
    return [next(texts).text if fit else "" for fit in fits]
