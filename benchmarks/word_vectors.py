"""What word vectors are worth on the test data, beside counted characters and a model's hidden states.

Vectors are learned from collections of `pretrain-zh` and `pretrain-en` (one table for both languages), with every
algorithm asked for, and measured on `sts/` (Spearman) and `sentiment-zh/` (macro F1 of logistic regression). The table
goes into docs/results.md. With --model a bundle is shown beside, on the same rows.

    HANLIN_TEST_DATA=/path/to/data python benchmarks/word_vectors.py [--megabytes 12] [--model BUNDLE]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import hanlin
from hanlin.life.vectors import analogy, neighbours, score_vectors, train_vectors
from hanlin.text.readers import read_documents

WORDS = ("北京", "快乐", "boat", "king")
ANALOGIES = (("父亲", "母亲", "儿子"), ("man", "woman", "king"))


def sample(data: Path, target: Path, megabytes: float) -> None:
    """Write about so much text of each language, an even part of every collection."""
    with target.open("w", encoding="utf-8") as file:
        for lang in ("zh", "en"):
            folders = sorted(path for path in (data / f"pretrain-{lang}").iterdir() if path.name != "LICENCE.md")
            for folder in folders:
                for row in taken(folder, megabytes * 1e6 / len(folders)):
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def taken(place: Path, most: float) -> Iterator[dict[str, str]]:
    """The first documents of a collection up to so many bytes."""
    size = 0.0
    for document in read_documents([place], on_drop=lambda one: None):
        size += len(document.text.encode())
        if size > most:
            return
        yield {"text": document.text}


def main() -> None:
    """Learn, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=12.0, help="text of each language")
    parser.add_argument("--algorithms", nargs="+", default=["skipgram", "cbow"])
    parser.add_argument("--model", default="", help="bundle to show beside")
    given = parser.parse_args()
    data = Path(os.environ["HANLIN_TEST_DATA"])
    sts = [str(data / "sts" / f"stsb-{lang}.jsonl") for lang in ("zh", "en")]
    labels = [
        str(data / "sentiment-zh" / name) for name in ("asap.jsonl", "chnsenticorp_htl.jsonl.gz", "amazon3.jsonl.gz")
    ]
    with tempfile.TemporaryDirectory() as room:
        corpus = Path(room) / "sample.jsonl"
        sample(data, corpus, given.megabytes)
        print(f"hanlin {hanlin.__file__}; {corpus.stat().st_size / 1e6:.1f} MB of text")
        for algorithm in given.algorithms:
            out, began = Path(room) / algorithm, time.perf_counter()
            report = train_vectors(data=[str(corpus)], out=out, algorithm=algorithm)
            print(f"\n{algorithm}: {time.perf_counter() - began:.0f} s, {json.dumps(dict(report.report))}")
            for word in WORDS:
                print(
                    f"  {word}: "
                    + ", ".join(row[0] for row in neighbours(word=word, vectors=out, number=5).tables[0].rows)
                )
            for words in ANALOGIES:
                found = analogy(terms=words, vectors=out, number=3).tables[0].rows
                print(f"  {' : '.join(words)} : " + ", ".join(row[0] for row in found))
            model = given.model if algorithm == given.algorithms[0] else ""
            for table in score_vectors(vectors=out, sts=sts, labels=labels, model=model).tables:
                print(f"\n{Path(table.title).name}\n| " + " | ".join(table.columns) + " |")
                for row in table.rows:
                    print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
