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

from hanlin.life.vectors import neighbours, score_vectors, train_vectors
from hanlin.text.readers import read_documents
from hanlin.text.vectors.table import WordVectors

WORDS = ("母亲", "函数", "明月", "water", "king", "python")


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


def learned(algorithm: str, data: Path, room: Path, megabytes: float) -> Path:
    """The folder of vectors; what an earlier run left in `room` is taken again."""
    out, corpus = room / algorithm, room / "sample.jsonl"
    if not out.is_dir():
        if not corpus.is_file():
            sample(data, corpus, megabytes)
        began = time.perf_counter()
        report = train_vectors(data=[str(corpus)], out=out, algorithm=algorithm)
        seconds = time.perf_counter() - began
        print(f"{algorithm}: {corpus.stat().st_size / 1e6:.1f} MB, {seconds:.0f} s, {json.dumps(dict(report.report))}")
    return out


def show_words(vectors: Path) -> None:
    """The nearest words of a few that are common enough."""
    known = WordVectors.load(vectors)
    for word in WORDS:
        if word in known:
            near = neighbours(word=word, vectors=vectors, number=5).tables[0].rows
            print(f"  {word}: " + ", ".join(row[0] for row in near))


def main() -> None:
    """Learn, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=12.0, help="text of each language")
    parser.add_argument("--algorithms", nargs="+", default=["skipgram", "cbow"])
    parser.add_argument("--labels", nargs="*", default=["asap.jsonl", "chnsenticorp_htl.jsonl.gz", "amazon3.jsonl.gz"])
    parser.add_argument("--model", default="", help="bundle to show beside the first algorithm")
    parser.add_argument("--keep", type=Path, default=None, help="folder for text and vectors, taken again when there")
    given = parser.parse_args()
    data = Path(os.environ["HANLIN_TEST_DATA"])
    sts = [str(data / "sts" / f"stsb-{lang}.jsonl") for lang in ("zh", "en")]
    labels = [str(data / "sentiment-zh" / name) for name in given.labels]
    with tempfile.TemporaryDirectory() as temporary:
        room = given.keep or Path(temporary)
        room.mkdir(parents=True, exist_ok=True)
        for algorithm in given.algorithms:
            vectors = learned(algorithm, data, room, given.megabytes)
            show_words(vectors)
            model = given.model if algorithm == given.algorithms[0] else ""
            for table in score_vectors(vectors=vectors, sts=sts, labels=labels, model=model).tables:
                print(f"\n{Path(table.title).name}\n| " + " | ".join(table.columns) + " |")
                print("\n".join("| " + " | ".join(row) + " |" for row in table.rows), flush=True)


if __name__ == "__main__":
    main()
