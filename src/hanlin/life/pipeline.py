"""`hanlin.pipeline(task)`: one callable for each task, its results in the form the field is used to.

Results follow those of transformers' pipelines: lists of dicts, a list for a list of texts, so that programs move over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from hanlin.base.errors import InputError, UsageError
from hanlin.data.framing import Overflow
from hanlin.infer.embed import Guess
from hanlin.infer.predict import Prediction
from hanlin.life.classify import Classifier, QuestionAnswerer, TokenClassifier
from hanlin.life.load import Model, load

Row = dict[str, Any]
Texts = str | Sequence[str]


def pipeline(task: str, model: str | Path = "", *, device: str = "auto", pickles: bool = False) -> Callable[..., Any]:
    """What does `task` with a model: `pipeline("sentiment-analysis", "runs/…")("很好看")` -> [{"label", "score"}].

    Raises UsageError E896 for an unknown task, InputError E887 without a model, which says how to make one, UsageError
    E615 for a model that was fine-tuned for something else, BundleError.
    """
    name = SAME.get(task, task)
    if name not in TASKS:
        raise UsageError("life.no_such_task", task=task, tasks=", ".join(sorted({*TASKS, *SAME})))
    if not str(model):
        raise InputError("life.pipeline_without_model", task=task, command=COMMANDS[name])
    return TASKS[name](load(model, device=device, pickles=pickles))


class TextClassification:
    """Labels of texts."""

    def __init__(self, model: Model) -> None:
        self.classifier = Classifier(model.bundle)

    def __call__(self, texts: Texts, *, top_k: int | None = 1, overflow: Overflow = "windows") -> Any:
        """[{label, score}] for each text; with another `top_k` a list of so many for each, None: all.

        A single text gives the list that a list of one would, without its outer one where top_k asks for several.
        """
        found = self.classifier.predict(_listed(texts), overflow=overflow)
        if top_k == 1:
            return [{"label": one.label, "score": one.score} for one in found]
        rows = [_likeliest(one, top_k) for one in found]
        return rows[0] if isinstance(texts, str) else rows


def _likeliest(one: Prediction, top_k: int | None) -> list[Row]:
    shares = sorted(one.probabilities.items(), key=lambda item: -item[1])
    return [{"label": label, "score": score} for label, score in shares[:top_k]]


class TokenClassification:
    """Labelled parts of texts."""

    def __init__(self, model: Model) -> None:
        self.tagger = TokenClassifier(model.bundle)

    def __call__(self, texts: Texts) -> Any:
        """[{entity_group, score, word, start, end}] of a text; a list of these for a list."""
        rows = [
            [
                {"entity_group": e.label, "score": e.score, "word": e.text, "start": e.start, "end": e.end}
                for e in entities
            ]
            for entities in self.tagger.predict(_listed(texts))
        ]
        return _as_given(texts, rows)


class QuestionAnswering:
    """Answers that stand in a passage."""

    def __init__(self, model: Model) -> None:
        self.answerer = QuestionAnswerer(model.bundle)

    def __call__(self, *, question: Texts, context: Texts) -> Any:
        """{score, start, end, answer}, a list for a list of questions; score: how likely the answer is against none."""
        questions = _listed(question)
        contexts = [context] * len(questions) if isinstance(context, str) else context
        rows = [
            {
                "score": 1 / (1 + math.exp(-one.score)),
                "start": one.start,
                "end": one.start + len(one.text),
                "answer": one.text,
            }
            for one in self.answerer.predict(questions, contexts)
        ]
        return _as_given(question, rows)


class _Opened:
    def __init__(self, model: Model) -> None:
        self.model = model


class FillMask(_Opened):
    """Words for masks."""

    def __call__(self, texts: Texts, *, top_k: int = 5) -> Any:
        """[{score, token, token_str, sequence}]; a list of these for each of several masks, and for a list of texts."""
        return _as_given(texts, [self._filled(text, top_k) for text in _listed(texts)])

    def _filled(self, text: str, top_k: int) -> Any:
        rows = [[self._row(text, place, one) for one in row] for place, row in enumerate(self._guesses(text, top_k))]
        return rows[0] if len(rows) == 1 else rows

    def _guesses(self, text: str, top_k: int) -> list[list[Guess]]:
        return self.model.fill_mask(text, top=top_k)

    def _row(self, text: str, place: int, guess: Guess) -> Row:
        """The text with this one mask replaced."""
        mask = self.model.tokenizer.special.mask
        assert mask is not None, "fill_mask has found one"
        pieces = text.split(self.model.tokenizer.decode([mask], skip_special=False))
        before, after = pieces[: place + 1], pieces[place + 1 :]
        name = self.model.tokenizer.decode([mask], skip_special=False)
        sequence = name.join(before) + guess.token + name.join(after)
        return {"score": guess.probability, "token": guess.token_id, "token_str": guess.token, "sequence": sequence}


class FeatureExtraction(_Opened):
    """States of all tokens, control tokens included."""

    @torch.inference_mode()
    def __call__(self, texts: Texts) -> Any:
        """Numbers (1, T, D) of a text; a list of these for a list."""
        rows = []
        for text in _listed(texts):
            ids = torch.tensor([self.model.tokenizer.frame(self.model.tokenizer.encode(text))])
            rows.append(self.model.states(ids).tolist())
        return _as_given(texts, rows)


class TextGeneration(_Opened):
    """Texts gone on with."""

    def __call__(
        self, texts: Texts, *, max_new_tokens: int = 256, return_full_text: bool = True, **sampling: Any
    ) -> Any:
        """[{generated_text}] of a text; a list of these for a list. `sampling`: fields of SamplingParams."""
        answers = self.model.generations(_listed(texts), max_tokens=max_new_tokens, **sampling)
        rows = [
            [{"generated_text": text + one.text if return_full_text else one.text}]
            for text, one in zip(_listed(texts), answers, strict=True)
        ]
        return _as_given(texts, rows)


class Rewriting(_Opened):
    """Texts read, then written anew: summaries, translations. key: what a result is called."""

    key = "summary_text"

    def __call__(
        self, texts: Texts, *, max_new_tokens: int = 256, num_beams: int = 1, temperature: float = 0.0
    ) -> list[Row]:
        """[{summary_text}], one per text; the likeliest tokens are taken, or the best of `num_beams` beams."""
        listed = _listed(texts)
        if num_beams > 1:
            best = (self.model.beams(text, num_beams=num_beams, max_tokens=max_new_tokens)[0] for text in listed)
            return [{self.key: one.text.strip()} for one in best]
        answers = self.model.generations(listed, max_tokens=max_new_tokens, temperature=temperature)
        return [{self.key: one.text.strip()} for one in answers]


class Translation(Rewriting):
    """As Rewriting, [{translation_text}]."""

    key = "translation_text"


TASKS: Mapping[str, Callable[[Model], Callable[..., Any]]] = {
    "text-classification": TextClassification,
    "token-classification": TokenClassification,
    "question-answering": QuestionAnswering,
    "fill-mask": FillMask,
    "feature-extraction": FeatureExtraction,
    "text-generation": TextGeneration,
    "summarization": Rewriting,
    "translation": Translation,
}
SAME: Mapping[str, str] = {"sentiment-analysis": "text-classification", "ner": "token-classification"}
"""Other names of tasks."""

_TASK, _PRETRAIN = "hanlin task train BUNDLE rows.jsonl", "hanlin pretrain texts/"
COMMANDS: Mapping[str, str] = {
    **dict.fromkeys(("text-classification", "token-classification", "question-answering"), _TASK),
    **dict.fromkeys(("fill-mask", "feature-extraction", "text-generation"), _PRETRAIN),
    **dict.fromkeys(("summarization", "translation"), "hanlin task train BUNDLE pairs.jsonl --task seq2seq"),
}
"""What makes a model for a task."""


def _listed(texts: Texts) -> Sequence[str]:
    return [texts] if isinstance(texts, str) else texts


def _as_given(texts: Texts, rows: Sequence[Any]) -> Any:
    return rows[0] if isinstance(texts, str) else list(rows)
