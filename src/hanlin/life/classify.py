"""The Python face of fine-tuned models: labels of texts, labelled parts of them, answers found in passages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hanlin.bundle.bundle import Bundle
from hanlin.data.framing import Overflow, Text
from hanlin.infer.predict import Answer, Entity, Extractor, Floats, Prediction, Predictions, Predictor, Tagger
from hanlin.life.open import open_bundle


class _Opened:
    """A bundle of a task. `exact` computes in float32 even where the processor has something faster."""

    def __init__(self, model: str | Path | Bundle = "", *, device: str = "auto", exact: bool = False) -> None:
        self.bundle = model if isinstance(model, Bundle) else open_bundle(model, device=device, exact=exact)
        assert self.bundle.tokenizer is not None
        self.tokenizer = self.bundle.tokenizer

    @property
    def path(self) -> Path:
        """Where the bundle lies."""
        return self.bundle.path


class Classifier(_Opened):
    """Labels of texts, or numbers: `classifier("…").label`, `classifier.predict(["…", "…"]).probabilities`.

    Opens a bundle, a run or a name, as `hanlin.load` does. Raises InputError, BundleError; UsageError E615 for a model
    that was not fine-tuned to label texts.
    """

    def __init__(self, model: str | Path | Bundle = "", *, device: str = "auto", exact: bool = False) -> None:
        super().__init__(model, device=device, exact=exact)
        self.predictor = Predictor(self.bundle.model, self.tokenizer)

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the columns of the probabilities."""
        return self.predictor.labels

    def __call__(self, text: Text) -> Prediction:
        """Of one text, or of a pair of texts."""
        return self.predict([text])[0]

    def predict(self, texts: Sequence[Text], *, overflow: Overflow = "error") -> Predictions:
        """Probabilities (N, L), in the order of the texts; iterating gives a Prediction of each.

        Raises InputError E440 for a blank text, RequestTooLong E441 for one that is too long unless `overflow` is
        "windows" or "cut", UsageError E616 for a model that gives numbers.
        """
        return self.predictor.predict(texts, overflow=overflow)

    def values(self, texts: Sequence[Text], *, overflow: Overflow = "error") -> Floats:
        """Numbers (N, L) of a model that was trained on numbers; of any other what stands before its softmax."""
        return self.predictor.scores(texts, overflow=overflow).values


class TokenClassifier(_Opened):
    """Labelled parts of texts: `tagger("…")` gives entities with their places. Raises as Classifier."""

    def __init__(self, model: str | Path | Bundle = "", *, device: str = "auto", exact: bool = False) -> None:
        super().__init__(model, device=device, exact=exact)
        self.tagger = Tagger(self.bundle.model, self.tokenizer)

    def __call__(self, text: str) -> list[Entity]:
        """Of one text."""
        return self.predict([text])[0]

    def predict(self, texts: Sequence[str], *, overflow: Overflow = "windows") -> list[list[Entity]]:
        """Of every text, in order."""
        return self.tagger.predict(texts, overflow=overflow)


class QuestionAnswerer(_Opened):
    """Answers that stand in passages: `extractor(question, passage).text`. Raises as Classifier."""

    def __init__(self, model: str | Path | Bundle = "", *, device: str = "auto", exact: bool = False) -> None:
        super().__init__(model, device=device, exact=exact)
        self.extractor = Extractor(self.bundle.model, self.tokenizer)

    def __call__(self, question: str, context: str) -> Answer:
        """Of one question."""
        return self.predict([question], [context])[0]

    def predict(
        self, questions: Sequence[str], contexts: Sequence[str], *, overflow: Overflow = "windows"
    ) -> list[Answer]:
        """Of every question about the passage of the same number."""
        return self.extractor.predict(questions, contexts, overflow=overflow)
