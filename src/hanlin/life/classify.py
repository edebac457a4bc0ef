"""The Python face of fine-tuned models: labels of texts, labelled parts of them, answers found in passages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hanlin.base.errors import InputError
from hanlin.bundle.bundle import Bundle, start_token
from hanlin.bundle.sentence import read_sentence
from hanlin.data.framing import Overflow, Text
from hanlin.infer.embed import Embedder
from hanlin.infer.predict import Answer, Entity, Extractor, Floats, Prediction, Predictions, Predictor, Tagger
from hanlin.infer.rewrite import Rewriter
from hanlin.life.open import open_bundle
from hanlin.life.predict_file import Row, beside, check_suffix, read_texts, write_rows


class Face:
    """A bundle that says something of texts.

    `exact` computes in float32 even where something faster is there; `pickles` reads the tensors of pytorch_model.bin
    where a folder has nothing else.
    """

    def __init__(
        self, model: str | Path | Bundle = "", *, device: str = "auto", exact: bool = False, pickles: bool = False
    ) -> None:
        if not isinstance(model, Bundle):
            model = open_bundle(model, device=device, exact=exact, pickles=pickles)
        if model.tokenizer is None:
            raise InputError("life.no_tokenizer", path=model.path)
        self.bundle, self.tokenizer = model, model.tokenizer
        self._prepare()

    def _prepare(self) -> None:
        """Make what reads and judges; here the wrong kind of model is refused."""
        raise NotImplementedError

    @property
    def path(self) -> Path:
        """Where the bundle lies."""
        return self.bundle.path

    def said(self, texts: Sequence[Any], overflow: Overflow) -> Iterator[Row]:
        """What is said of each text, as rows of a file."""
        raise NotImplementedError

    def predict_file(
        self,
        path: str | Path | Sequence[str],
        out: str | Path | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        overflow: Overflow = "error",
    ) -> list[Row]:
        """The texts of a file (CSV, JSON lines, text) beside what is said of them; written to `out`, .csv or .jsonl.

        Rows without a text are left out. Raises InputError, RequestTooLong.
        """
        if out is not None:
            check_suffix(Path(out))
        asked, _ = read_texts([str(path)] if isinstance(path, str | Path) else list(path), columns=columns)
        rows = list(beside(asked, self.said([one.text for one in asked], overflow)))
        if out is not None:
            write_rows(Path(out), rows)
        return rows


class Classifier(Face):
    """Labels of texts, or numbers: `classifier("…").label`, `classifier.predict(["…", "…"]).probabilities`.

    Opens a bundle, a run or a name, as `hanlin.load` does. Raises InputError, BundleError; UsageError E615 for a model
    that was not fine-tuned to label texts.
    """

    def _prepare(self) -> None:
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

    def said(self, texts: Sequence[Text], overflow: Overflow) -> Iterator[Row]:
        """Label, its probability and that of every label; or the number."""
        if self.predictor.task.problem == "value":
            for row in self.values(texts, overflow=overflow).tolist():
                yield dict(zip(self.labels, row, strict=True))
            return
        for one in self.predict(texts, overflow=overflow):
            shares = {f"p({label})": round(share, 6) for label, share in one.probabilities.items()}
            yield {"label": one.label, "score": round(one.score, 6), "labels": list(one.labels), **shares}

    def values(self, texts: Sequence[Text], *, overflow: Overflow = "error") -> Floats:
        """Numbers (N, L) of a model that was trained on numbers; of any other what stands before its softmax."""
        return self.predictor.scores(texts, overflow=overflow).values


class TokenClassifier(Face):
    """Labelled parts of texts: `tagger("…")` gives entities with their places. Raises as Classifier."""

    def _prepare(self) -> None:
        self.tagger = Tagger(self.bundle.model, self.tokenizer)

    def __call__(self, text: str) -> list[Entity]:
        """Of one text."""
        return self.predict([text])[0]

    def predict(self, texts: Sequence[str], *, overflow: Overflow = "windows") -> list[list[Entity]]:
        """Of every text, in order."""
        return self.tagger.predict(texts, overflow=overflow)

    def said(self, texts: Sequence[str], overflow: Overflow) -> Iterator[Row]:
        """The entities of each text."""
        for entities in self.predict(texts, overflow=overflow):
            yield {"entities": [asdict(one) for one in entities]}


class QuestionAnswerer(Face):
    """Answers that stand in passages: `extractor(question, passage).text`. Raises as Classifier."""

    def _prepare(self) -> None:
        self.extractor = Extractor(self.bundle.model, self.tokenizer)

    def __call__(self, question: str, context: str) -> Answer:
        """Of one question."""
        return self.predict([question], [context])[0]

    def predict(
        self, questions: Sequence[str], contexts: Sequence[str], *, overflow: Overflow = "windows"
    ) -> list[Answer]:
        """Of every question about the passage of the same number."""
        return self.extractor.predict(questions, contexts, overflow=overflow)

    def said(self, texts: Sequence[tuple[str, str]], overflow: Overflow) -> Iterator[Row]:
        """The answer to each question about its passage."""
        questions, contexts = ([text[side] for text in texts] for side in (0, 1))
        for answer in self.predict(questions, contexts, overflow=overflow):
            yield {"answer": answer.text, "start": answer.start, "score": round(answer.score, 6)}


class SentenceEmbedder(Face):
    """Vectors of texts: `embedder("…")` (D,), `embedder.predict(["…", "…"])` (N, D), as the folder says."""

    def _prepare(self) -> None:
        said = read_sentence(self.path)
        self.embedder = Embedder(self.bundle.model, self.tokenizer, **({} if said is None else asdict(said)))

    def __call__(self, text: str) -> Floats:
        """Of one text."""
        vector: Floats = self.predict([text])[0]
        return vector

    def predict(self, texts: Sequence[str], *, overflow: Overflow = "error") -> Floats:
        """Of every text, in order. Raises RequestTooLong E610."""
        return self.embedder.embed(texts, overflow=overflow).values

    def said(self, texts: Sequence[Text], overflow: Overflow) -> Iterator[Row]:
        """The vector of each text; of a pair how alike the two are (cosine)."""
        pairs = [(text, text) if isinstance(text, str) else text for text in texts]
        left, right = (self.predict([pair[side] for pair in pairs], overflow=overflow) for side in (0, 1))
        for text, one, other in zip(texts, left, right, strict=True):
            cosine = float(one @ other / max(1e-12, float(np.linalg.norm(one) * np.linalg.norm(other))))
            yield {"vector": one.tolist()} if isinstance(text, str) else {"cosine": round(cosine, 6)}


class TextRewriter(Face):
    """Texts written anew by what was fine-tuned on pairs: `rewriter("…")`, `rewriter.predict(["…", "…"])`."""

    def _prepare(self) -> None:
        lengths = {name: self.bundle.info.resolved.get(name) for name in ("max_tokens", "max_target_tokens")}
        self.rewriter = Rewriter(self.bundle.model, self.tokenizer, **lengths, start=start_token(self.path))

    def __call__(self, text: str) -> str:
        """What is written of one text."""
        return self.predict([text])[0]

    def predict(self, texts: Sequence[str], *, overflow: Overflow = "error") -> list[str]:
        """Of every text, in order. Raises InputError E440, RequestTooLong E441."""
        return self.rewriter.predict(texts, overflow=overflow)

    def said(self, texts: Sequence[Text], overflow: Overflow) -> Iterator[Row]:
        """What is written of each text; of a pair the first is read."""
        read = [text if isinstance(text, str) else text[0] for text in texts]
        yield from ({"written": written} for written in self.predict(read, overflow=overflow))


def opened(bundle: Bundle) -> Face:
    """A bundle by what it was fine-tuned for; one without a head of a task gives vectors, or rewrites."""
    faces: Mapping[str, type[Face]] = {"sequence": Classifier, "tokens": TokenClassifier, "spans": QuestionAnswerer}
    other = TextRewriter if rewrites(bundle) else SentenceEmbedder
    return faces.get(bundle.config.head.task.kind, other)(bundle)


def rewrites(bundle: Bundle) -> bool:
    """Whether it was fine-tuned on pairs of what is read and what is written."""
    return bundle.info.resolved.get("task") == "seq2seq"
