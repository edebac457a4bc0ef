"""What has to be beaten: methods without a neural model, one for each task.

linear      TF-IDF of characters 1 to 3 and logistic regression; its penalty is chosen within the training rows
lookup      the translation of the most similar known sentence
dictionary  places by the rules of hanlin.text.privacy and by the names that the training rows mark
sentence    the part of a passage that shares most with the question
lead        the first sentences of a document, as many as make up the usual length
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from benchmarks.proofs.rows import Places, Question, Summary
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hanlin.evaluate.overlap import rouge_units
from hanlin.text.privacy.find import find_personal

_SENTENCE = re.compile(r"[^。！？!?\n]+(?:[。！？!?]|(?=\n)|$)|[^.\n]+\.(?:\s|$)")
_PART = re.compile(r"[^，。！？；：,.!?;:\n]+")
KINDS = {
    "bank_card": "CREDIT_CARD", "phone": "PHONE_NUMBER", "mobile": "PHONE_NUMBER", "landline": "PHONE_NUMBER",
    "email": "EMAIL_ADDRESS", "ssn": "US_SSN", "iban": "IBAN_CODE", "ip": "IP_ADDRESS", "address": "STREET_ADDRESS",
    "name": "PERSON",
}  # fmt: skip


# ---------------------------------------------------------------- classes


def linear(texts: Sequence[str], labels: Sequence[str], asked: Sequence[str], *, seed: int = 1) -> Any:
    """The labels that TF-IDF and logistic regression give (N,)."""
    counted = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=1 if len(texts) < 500 else 2
    )
    model = make_pipeline(counted, LogisticRegression(max_iter=2000, random_state=seed))
    folds = min(3, min(Counter(labels).values()))
    if folds < 2:
        return model.fit(texts, labels).predict(asked)
    search = GridSearchCV(model, {"logisticregression__C": [1.0, 3.0, 10.0, 30.0]}, cv=folds, scoring="f1_macro")
    return search.fit(list(texts), list(labels)).predict(list(asked))


def linear_with_others(
    texts: Sequence[str],
    labels: Sequence[str],
    other_texts: Sequence[str],
    other_labels: Sequence[str],
    asked: Sequence[str],
    *,
    seed: int = 1,
) -> Any:
    """The same with one feature more: what a linear model of the other rows, which have two labels, says of a text."""
    counted = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    judge = LogisticRegression(C=10, max_iter=1000, random_state=seed)
    judge.fit(counted.fit_transform(other_texts), other_labels)

    def read(rows: Sequence[str]) -> Any:
        judged = judge.decision_function(counted.transform(rows))[:, None]
        return hstack([words.transform(rows), csr_matrix(judged)]).tocsr()

    words = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2).fit(texts)
    strengths = {"C": [0.3, 1.0, 3.0, 10.0]}
    search = GridSearchCV(LogisticRegression(max_iter=1000, random_state=seed), strengths, cv=3, scoring="f1_macro")
    return search.fit(read(texts), list(labels)).predict(read(asked))


def probe(known: Any, labels: Sequence[str], asked: Any, *, seed: int = 1) -> Any:
    """The labels that logistic regression gives on vectors (N, D) of a model that was not tuned."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=seed))
    search = GridSearchCV(model, {"logisticregression__C": [0.003, 0.03, 0.3]}, cv=3, scoring="f1_macro")
    return search.fit(known, list(labels)).predict(asked)


# ---------------------------------------------------------------- translation


def lookup(known: Sequence[str], answers: Sequence[str], asked: Sequence[str]) -> list[str]:
    """The answer of the known text that shares most with each asked one (cosine of TF-IDF of characters 1 to 4)."""
    counted = TfidfVectorizer(
        analyzer="char_wb" if asked[0].isascii() else "char", ngram_range=(1, 4), sublinear_tf=True
    )
    rows, wanted = counted.fit_transform(known), counted.transform(asked)
    found = []
    for start in range(0, len(asked), 500):
        nearest = np.asarray((wanted[start : start + 500] @ rows.T).argmax(axis=1)).ravel()
        found += [answers[place] for place in nearest]
    return found


# ---------------------------------------------------------------- places


def dictionary(train: Sequence[Places]) -> dict[str, str]:
    """The marked words of the training rows and their commonest kind."""
    counts: dict[str, Counter[str]] = {}
    for row in train:
        for start, end, kind in row.spans:
            counts.setdefault(row.text[start:end], Counter())[kind] += 1
    return {word: kinds.most_common(1)[0][0] for word, kinds in counts.items() if len(word) > 1}


def marked(text: str, words: dict[str, str]) -> list[tuple[int, int, str]]:
    """Places by the rules, then the longest known words where no rule found anything."""
    found = [(span.start, span.end, KINDS[span.kind]) for span in find_personal(text, list(KINDS))]
    taken = {place for start, end, _ in found for place in range(start, end)}
    for word in sorted((word for word in words if word in text), key=len, reverse=True):
        for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text):
            if taken.isdisjoint(range(*match.span())):
                found.append((*match.span(), words[word]))
                taken.update(range(*match.span()))
    return sorted(found)


# ---------------------------------------------------------------- answers


def nearest_part(row: Question, *, is_whole_sentence: bool = False) -> str:
    """Of the passage's sentences the one that shares most with the question; of that, unless the whole is wanted, the
    part between two marks that shares least with it: what was asked is not what answers."""
    asked = Counter(grams(row.question))
    sentences = sentences_of(row.context)
    best = max(sentences, key=lambda one: shared(asked, one))
    parts = [part.strip() for part in _PART.findall(best) if part.strip()]
    return best if is_whole_sentence or not parts else min(parts, key=lambda one: shared(asked, one))


def shared(asked: Counter[str], text: str) -> float:
    """Share of the text's runs of one to three units that the question has."""
    found = Counter(grams(text))
    return (found & asked).total() / max(1, found.total()) ** 0.5


def grams(text: str) -> list[str]:
    """Runs of one to three units."""
    units = rouge_units(text)
    return [" ".join(units[at : at + n]) for n in (1, 2, 3) for at in range(len(units) - n + 1)]


# ---------------------------------------------------------------- summaries


def sentences_of(text: str) -> list[str]:
    """Sentences by their closing marks, or the whole."""
    found = [one.strip() for one in _SENTENCE.findall(text) if one.strip()]
    return found or [text]


def lead_length(train: Sequence[Summary]) -> int:
    """The middle length of a summary, in units."""
    return int(np.median([len(rouge_units(row.summaries[0])) for row in train]))


def lead(document: str, length: int) -> str:
    """The first sentences, as many as come nearest to a length in units; one at least."""
    taken: list[str] = []
    size = 0
    for sentence in sentences_of(document):
        more = len(rouge_units(sentence))
        if taken and abs(size + more - length) > abs(size - length):
            break
        taken.append(sentence)
        size += more
    return " ".join(taken)
