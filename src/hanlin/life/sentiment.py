"""Negative, neutral or positive: `hanlin.SentimentAnalyzer(model).analyze_sentiment(text)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError
from hanlin.bundle.bundle import Bundle
from hanlin.data.framing import Overflow
from hanlin.life.classify import Classifier

NAMES: Mapping[str, tuple[str, ...]] = {
    "negative": ("negative", "neg", "bad", "消极", "负面", "负向", "差评"),
    "neutral": ("neutral", "neu", "中性", "中立"),
    "positive": ("positive", "pos", "good", "积极", "正面", "正向", "好评"),
}
"""Labels of a model that mean a sentiment, in lower case."""

_UNSURE = 0.6


class SentimentAnalyzer:
    """Sentiment by a model that labels texts so.

    A model of three labels decides itself. One of two has never seen a neutral text: it says neutral only where neither
    label reaches `neutral_below`, and gives it no probability of its own; 0.5 and less switches that off.
    labels: which sentiment each label means, where its name does not say so ({"1": "positive", "0": "negative"}).
    Raises UsageError E615 for a model of another task, InputError E897 for labels that name no sentiment.
    """

    def __init__(
        self,
        model: str | Path | Bundle = "",
        *,
        labels: Mapping[str, str] | None = None,
        neutral_below: float = _UNSURE,
        overflow: Overflow = "windows",
        device: str = "auto",
        pickles: bool = False,
    ) -> None:
        self.classifier, self._overflow = Classifier(model, device=device, pickles=pickles), overflow
        self._columns = _columns(self.classifier.labels, labels or {})
        self.has_neutral = "neutral" in self._columns.values()
        self.neutral_below = 0.0 if self.has_neutral else neutral_below

    def analyze_sentiment(self, text: str) -> dict[str, Any]:
        """{text, sentiment, confidence, probabilities} of one text. Raises InputError E440 for a blank one."""
        return self.analyze_sentiments([text])[0]

    def analyze_sentiments(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """As `analyze_sentiment` for many; confidence is the probability of the likeliest label."""
        return [
            self._said(text, one.probabilities)
            for text, one in zip(texts, self.classifier.predict(texts, overflow=self._overflow), strict=True)
        ]

    def _said(self, text: str, shares: Mapping[str, float]) -> dict[str, Any]:
        probabilities = dict.fromkeys(NAMES, 0.0)
        for label, share in shares.items():
            probabilities[self._columns[label]] += share
        best = max(probabilities, key=probabilities.__getitem__)
        confidence = probabilities[best]
        sentiment = "neutral" if confidence < self.neutral_below else best
        return {"text": text, "sentiment": sentiment, "confidence": confidence, "probabilities": probabilities}


def _columns(labels: Sequence[str], said: Mapping[str, str]) -> dict[str, str]:
    """Which sentiment each label means. Raises InputError E897 unless all say one, negative and positive among them."""
    known = {name: sentiment for sentiment, names in NAMES.items() for name in names}
    found = {label: said.get(label, known.get(label.lower(), "")) for label in labels}
    meant = set(found.values())
    if not meant <= set(NAMES) or not {"negative", "positive"} <= meant:
        raise InputError("life.no_sentiment", labels=", ".join(labels))
    return found
