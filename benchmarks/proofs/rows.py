"""The shared sets as rows, each split once and for all: a fifth for the test, by the hash of what must not be parted.

Reviews go by their text, questions by the page they ask about, sentences with places by their template, meetings by
the meeting, translations by the English sentence (those whose Chinese stands on the training side too are left out).
Half a tenth of the training side, again by hash, is kept for choosing settings; the test is asked once.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import zstandard

T = TypeVar("T")
LABELS = ("negative", "neutral", "positive")
REVIEWS = ("asap", "amazon3", "waimai_10k", "chnsenticorp_htl", "online_shopping_10_cats", "xed")
TEST_SHARE, CHOICE_SHARE = 0.2, 0.05


@dataclass(frozen=True)
class Split(Generic[T]):
    """Rows to learn from, to choose settings by, and to be judged by."""

    train: list[T]
    choice: list[T]
    test: list[T]


@dataclass(frozen=True)
class Review:
    """A text, what its writer thought, and the set it comes from."""

    text: str
    label: str
    source: str


@dataclass(frozen=True)
class Translation:
    """One sentence in both languages."""

    en: str
    zh: str


@dataclass(frozen=True)
class Places:
    """A text and its marked places: (start, end, kind), in characters; the frame that it was made from."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    frame: str = ""


@dataclass(frozen=True)
class Question:
    """A question, the text that holds its answer, and all answers that count as right, the first with its place."""

    question: str
    context: str
    answers: tuple[str, ...]
    start: int


@dataclass(frozen=True)
class Summary:
    """A document and what people made of it."""

    document: str
    summaries: tuple[str, ...]


def data() -> Path:
    """The folder of the shared sets."""
    return Path(os.environ["HANLIN_TEST_DATA"])


def read(name: str) -> Iterator[dict[str, Any]]:
    """The rows of one file, named without its suffixes (`sentiment-zh/asap`). Lines end at \\n only."""
    folder, _, stem = name.rpartition("/")
    (path,) = (path for path in (data() / folder).iterdir() if path.name.split(".")[0] == stem)
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = gzip.decompress(raw)
    elif path.suffix == ".zst":
        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    yield from (json.loads(line) for line in raw.decode().split("\n") if line)


def part_of(key: str) -> str:
    """train, choice or test."""
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
    return "test" if place < TEST_SHARE else "choice" if place < TEST_SHARE + CHOICE_SHARE else "train"


def split(rows: Iterator[tuple[str, T]], seed: str = "order") -> Split[T]:
    """Rows by the part of their key, each part shuffled by hash, so that its first n are an even sample."""
    parts: dict[str, list[tuple[str, T]]] = {"train": [], "choice": [], "test": []}
    for number, (key, row) in enumerate(rows):
        place = hashlib.sha256(f"{seed}\n{number}\n{key}".encode()).hexdigest()
        parts[part_of(key)].append((place, row))
    ordered = {name: [row for _, row in sorted(found, key=lambda one: one[0])] for name, found in parts.items()}
    return Split(**ordered)


def reviews(sources: tuple[str, ...] = REVIEWS) -> Split[Review]:
    """Chinese reviews and remarks; three labels where a set has them, equal texts once."""
    seen: set[str] = set()

    def rows() -> Iterator[tuple[str, Review]]:
        for source in sources:
            for row in read(f"sentiment-zh/{source}"):
                if row["label"] is not None and row["text"] not in seen:
                    seen.add(row["text"])
                    yield row["text"], Review(row["text"], row["label"], source)

    return split(rows())


def translations() -> Split[Translation]:
    """Sentences of Tatoeba."""
    found = split((row["en"].lower(), Translation(row["en"], row["zh"])) for row in read("translation-zh-en/tatoeba"))
    known = {row.zh for row in found.train}
    choice, test = ([row for row in rows if row.zh not in known] for rows in (found.choice, found.test))
    return Split(found.train, choice, test)


def places() -> Split[Places]:
    """English sentences with names, addresses, numbers."""
    return split(
        (row["masked"], Places(row["text"], tuple(sorted(
            (span["start_position"], span["end_position"], span["entity_type"]) for span in row["spans"]
        )), row["masked"]))
        for row in read("pii/presidio-en")
    )  # fmt: skip


def questions(sets: tuple[str, ...] = ("cmrc2018", "drcd")) -> Split[Question]:
    """Chinese questions whose answer stands in a passage. Rows whose place is wrong in the set are put right, or left
    out where the answer does not occur at all."""

    def rows() -> Iterator[tuple[str, Question]]:
        for name in sets:
            for row in read(f"qa-zh/{name}"):
                first, context = row["answers"][0], row["context"]
                start = first["answer_start"]
                if not context.startswith(first["text"], max(0, start)):
                    start = context.find(first["text"])
                if start >= 0:
                    known = tuple(dict.fromkeys(one["text"] for one in row["answers"]))
                    yield f"{name} {row['title']}", Question(row["question"], context, known, start)

    return split(rows())


def summaries(name: str) -> Split[Summary]:
    """Meetings in Chinese (`zh`) or abstracts of papers in English (`en`)."""
    if name == "zh":
        found = read("summarisation-zh/vcsum")
        return split((row["id"].rsplit("_", 1)[0], Summary(row["document"], (row["summary"],))) for row in found)
    return split(
        (row["id"], Summary(row["document"], tuple(row["summaries"]))) for row in read("summarisation-en/scitldr")
    )


def pairs() -> Split[tuple[str, str, float]]:
    """Chinese sentence pairs and how alike people find them, 0 to 5."""
    return split(
        (row["sentence1"], (row["sentence1"], row["sentence2"], float(row["score"]))) for row in read("sts/stsb-zh")
    )
