"""What a training shows while it runs: texts by the engine, bits per byte by language.

`train` knows neither the engine nor evaluation, so it gets both as callables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.embed import fill_mask
from hanlin.infer.engine import Engine
from hanlin.life.measure import HeldOut, score_languages
from hanlin.model.transformer import Transformer
from hanlin.text.chat import Conversation, Message, Template
from hanlin.text.tokenizer import Tokenizer
from hanlin.train.config import Objective
from hanlin.train.loop import Hooks

SAMPLE_TOKENS = 40
BATCH = 4096  # positions of a forward pass
TEXTS = ("从前", "Once there was", "def ")
GAPS_TO_FILL = ("从前有一[MASK]人。", "The man went to the [MASK].", "春天来[MASK]，花都开了。")
GAPS_TO_WRITE = ("从前有一<extra_id_0>人，他<extra_id_1>。", "The man went <extra_id_0> the house and <extra_id_1>.")
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


def filling_hooks(tokenizer: Tokenizer, objective: Objective) -> Hooks:
    """Let a model that is no decoder do what it learns: fill masks, restore spans, go on with a text it has read.

    No bits per byte: such a model gives no probability of a whole text. The masked share told right stands for them.
    """

    def sample(model: Transformer) -> Iterable[tuple[str, str]]:
        if model.config.arch == "encoder":
            return [(text, _guessed(model, tokenizer, text)) for text in _gaps(tokenizer)]
        texts = GAPS_TO_WRITE if objective == "span_corruption" else TEXTS
        prompts = [tokenizer.frame(tokenizer.encode_template(text)) for text in texts]
        params = SamplingParams(max_tokens=SAMPLE_TOKENS, temperature=0.0)
        said = Engine(model, tokenizer).generate_many(prompts, params)
        return [(text, tokenizer.decode(one.ids, skip_special=False)) for text, one in zip(texts, said, strict=True)]

    return Hooks(sample=sample)


def _gaps(tokenizer: Tokenizer) -> list[str]:
    mask = tokenizer.special.mask
    assert mask is not None, "the vocabulary is checked before the first step"
    return [text.replace("[MASK]", tokenizer.decode([mask], skip_special=False)) for text in GAPS_TO_FILL]


def _guessed(model: Transformer, tokenizer: Tokenizer, text: str) -> str:
    """The likeliest tokens of every mask with their probabilities."""
    masks = fill_mask(model, tokenizer, text, top=3)
    return "; ".join(", ".join(f"{guess.token} {guess.probability:.0%}" for guess in guesses) for guesses in masks)


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
