"""Finding spam, toxic messages and rubbish: our classifier, a single measure, and TF-IDF with logistic regression.

Rows: spam-toxic/ of the test data, a fifth held out by groups (near copies never stand on both sides). All three learn
from the same rows and answer for the same others. With good pages among the examples (half the files of pretrain-*)
the other half is asked what it would lose.

Quality: books, wikis and manuals against what surrounds the text of web pages (menus, notices, links) and spam. What is
asked comes from files and sites that nobody learned from, and of every text its first 4,000 characters.

    pip install 'hanlin[quality]'
    HANLIN_TEST_DATA=/path/to/data python benchmarks/quality.py [spam] [toxic] [quality]
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from hanlin.text.dedup import text_digest
from hanlin.text.document import Document
from hanlin.text.html import main_text, whole_text
from hanlin.text.language import language_of
from hanlin.text.quality.classifier import Classifier
from hanlin.text.quality.judged import Judged, average_precision, judge
from hanlin.text.quality.labelled import Example, labelled, split_examples
from hanlin.text.quality.train import train_classifier
from hanlin.text.readers import read_documents
from hanlin.text.rules.measures import measure

DATA = Path(os.environ["HANLIN_TEST_DATA"])
SETS: dict[str, tuple[Any, list[str], list[str]]] = {
    "spam": ("spam", ["sms-spam-en.jsonl"], ["spam"]),
    "toxic": ("toxic", ["davidson-en.jsonl", "cold-zh.jsonl.gz"], ["hate", "offensive", "1"]),
}
LEARNED = ("en/ebooks", "en/c4-demo", "en/peps", "en/vuedocs", "zh/novels-hans", "zh/oiwiki", "zh/pydocs", "zh/poetry")
ASKED = (
    "en/wikitext2", "en/wiki-demo", "en/rustbook", "en/reactdocs", "en/learnx", "en/tldr", "en/tinyshakespeare",
    "zh/novels-hant", "zh/modern-messy", "zh/classical", "zh/reactdocs", "zh/vuedocs", "zh/rustbook", "zh/linuxcmd",
    "zh/howtocook", "zh/d2l",
)  # fmt: skip
SITES = {"learned": ("rustbook-en", "linuxcmd-zh"), "asked": ("peps", "rustbook-zh")}
NEWS = ("news-en", "news-zh")  # every page of another publisher: half of them are learned
WHOLE = 4000
LEAST = 200
SIMPLE = (
    "chars",
    "digits",
    "symbols",
    "punctuation",
    "stop_words",
    "common_words",
    "mean_word_chars",
    "longest_run_chars",
)


def read(paths: Sequence[str]) -> Iterator[Document]:
    """The documents of some files of the test data."""
    return read_documents([DATA / path for path in paths], on_drop=print)


def pages(names: Sequence[str]) -> list[Example]:
    """Good pages as examples."""
    return [Example(page, False) for page in read([f"pretrain-{name}.jsonl.zst" for name in names])]


def single_measure(train: Sequence[Example], asked: Sequence[Example]) -> tuple[str, list[float]]:
    """The one measure of the rules, and its direction, that tells the learned rows apart best."""
    values, bad = [measure(row.text) for row in train], np.array([row.is_bad for row in train])
    ways = [(name, sign) for name in SIMPLE for sign in (1, -1)]
    name, sign = max(ways, key=lambda way: average_precision(bad, way[1] * np.array([one[way[0]] for one in values])))
    return f"{'most' if sign > 0 else 'least'} {name}", [sign * measure(row.text)[name] for row in asked]


def tf_idf(train: Sequence[Example], asked: Sequence[Example]) -> list[float]:
    """scikit-learn's own: characters one to four in a row, sublinear counts."""
    rows = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True)
    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(rows.fit_transform([row.text for row in train]), [row.is_bad for row in train])
    found: list[float] = model.predict_proba(rows.transform([row.text for row in asked]))[:, 1].tolist()
    return found


def told(name: str, found: Judged, note: str = "") -> None:
    """One row of the first table: shares at the threshold that loses at most one in a hundred good rows."""
    at = max((one for one in found.thresholds if one.lost <= 0.01), key=lambda one: one.recall, default=None)
    shares = "- | -"
    if at and at.precision is not None:
        precision, recall = (
            f"{share:.1%} ({low:.1%} to {high:.1%})"
            for share, (low, high) in ((at.precision, at.precision_interval), (at.recall, at.recall_interval))
        )
        shares = f"{precision} | {recall}"
    areas = f"{found.average_precision:.3f} | {found.chance:.3f} | {found.area:.3f}"
    print(f"| {name} | {areas} | {shares} | {found.calibration_error:.3f} | {note} |", flush=True)


def ranks(values: Sequence[float]) -> list[float]:
    """Any numbers as shares of the row: a measure is no probability."""
    return (np.searchsorted(np.sort(values), values, "left") / len(values)).tolist()


def compare(sort: str) -> None:
    """The table of one set, then what the classifier with pages among its examples would lose of other pages."""
    name, files, bad_labels = SETS[sort]
    rows = labelled(read([f"spam-toxic/{file}" for file in files]), bad_labels)
    parts = split_examples(rows, held_out=0.2, seed=1)
    start = time.perf_counter()
    plain = train_classifier(parts.train, name)
    seconds = time.perf_counter() - start
    mixed = train_classifier([*parts.train, *pages(LEARNED)], name)
    peer = dict(zip((row.text for row in parts.held_out), tf_idf(parts.train, parts.held_out), strict=True))
    for lang in sorted({row.lang for row in parts.held_out}):
        asked = [row for row in parts.held_out if row.lang == lang]
        bad = [row.is_bad for row in asked]
        if not plain.knows(lang) or not 0 < sum(bad) < len(bad):
            print(f"{sort} {lang}: {len(asked)} rows of one sort, not judged")
            continue
        steps = sorted({*np.linspace(0.01, 0.99, 99).round(2).tolist(), plain.figures["threshold"]})
        head = f"{sort} {lang} ({sum(bad)} bad, {len(bad) - sum(bad)} good)"
        said = {
            f"{head}: ours": ([plain.bad(row.text) for row in asked], f"{seconds:.0f} s to train"),
            f"{head}: ours, pages learned too": ([mixed.bad(row.text) for row in asked], ""),
            f"{head}: TF-IDF, scikit-learn": ([peer[row.text] for row in asked], ""),
        }
        for title, (probabilities, note) in said.items():
            told(title, judge(bad, probabilities, thresholds=steps), note)
        which, values = single_measure(parts.train, asked)
        told(f"{head}: {which} alone", judge(bad, ranks(values), thresholds=steps), "not calibrated")
    for named, classifier in (("rows alone", plain), ("pages learned too", mixed)):
        lost(sort, named, classifier)


# ---------------------------------------------------------------- quality


def compare_pages() -> None:
    """The table of good pages against rubbish, then what the classifier would lose of each file of good pages."""
    sms = labelled(read(["spam-toxic/sms-spam-en.jsonl"]), ["spam"])
    messages = split_examples(sms, held_out=0.5, seed=1)
    learned = [*pages(LEARNED), *rubbish("learned"), *(row for row in messages.train if row.is_bad)]
    asked = [*pages(ASKED), *rubbish("asked"), *(row for row in messages.held_out if row.is_bad)]
    learned, asked = ([short(row) for row in rows] for rows in (learned, asked))
    classifier = train_classifier(learned, "quality")
    peer = tf_idf(learned, asked)
    for lang in ("en", "zh"):
        chosen = [number for number, row in enumerate(asked) if row.lang == lang]
        rows = [asked[number] for number in chosen]
        bad = [row.is_bad for row in rows]
        steps = sorted({*np.linspace(0.01, 0.99, 99).round(2).tolist(), classifier.figures["threshold"]})
        head = f"quality {lang} ({sum(bad)} bad, {len(bad) - sum(bad)} good)"
        told(f"{head}: ours", judge(bad, [classifier.bad(row.text) for row in rows], thresholds=steps))
        told(f"{head}: TF-IDF, scikit-learn", judge(bad, [peer[number] for number in chosen], thresholds=steps))
        which, values = single_measure(learned, rows)
        told(f"{head}: {which} alone", judge(bad, ranks(values), thresholds=steps), "not calibrated")
    lost("quality", "pages and rubbish", classifier)


def rubbish(part: str) -> Iterator[Example]:
    """What surrounds the text of the pages of some sites: every line that is none of the main text."""
    for name in (*SITES[part], *NEWS):
        for number, row in enumerate(rows_of(name)):
            is_learned = text_digest(row["html"][:2000])[0] % 2 == 0
            if name in NEWS and is_learned != (part == "learned"):
                continue
            kept = {line.strip() for line in main_text(row["html"]).split("\n")}
            around = [line for line in whole_text(row["html"]).split("\n") if line.strip() and line.strip() not in kept]
            text = "\n".join(around)
            if len(text) >= LEAST:
                yield Example(Document(text, f"{name}:{number}", name, language_of(text)), True)


def rows_of(name: str) -> Iterator[dict[str, Any]]:
    """The rows of a set of web pages."""
    with (DATA / "web-html" / f"{name}.jsonl.zst").open("rb") as file:
        yield from map(json.loads, io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8"))


def short(row: Example) -> Example:
    """The first characters alone: TF-IDF of whole books would take all memory there is."""
    found = row.document
    return Example(Document(found.text[:WHOLE], found.id, found.source, found.lang, found.meta), row.is_bad)


# ---------------------------------------------------------------- what is lost


def lost(sort: str, named: str, classifier: Classifier) -> None:
    """What rules would delete of pages that no classifier has read."""
    proposed = classifier.figures["threshold"]
    for name in ASKED:
        known = [page for page in pages([name]) if classifier.knows(page.lang)]
        values = [classifier.bad(page.text) for page in known]
        shares = (
            " | ".join(f"{np.mean(np.array(values) > at):.1%}" for at in (proposed, 0.5, 0.9)) if values else "unscored"
        )
        print(f"| {sort}, {named} | {name} | {len(values)} | {proposed:g} | {shares} |", flush=True)


if __name__ == "__main__":
    print("| | average precision | chance | area | precision | recall | calibration error | |")
    print("|---|---|---|---|---|---|---|---|")
    asked_for = sys.argv[1:] or [*SETS, "quality"]
    for sort in asked_for:
        compare_pages() if sort == "quality" else compare(sort)
