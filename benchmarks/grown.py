"""Real text grown to any size: licensed text in both languages, then copies of it in which every tenth character is
another of the same text (Jaccard similarity of 5-character shingles about 0.4, so that many share a band and none is
near), the same on every machine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hanlin.text.readers import read_documents

COPY_CHANGED = 0.1
LONGEST = 8000


def real_texts() -> list[str]:
    """Licensed text, both languages, the first 8,000 characters of each document."""
    home = Path(os.environ["HANLIN_TEST_DATA"])
    sources = [home / "pretrain-zh" / "*.zst", home / "pretrain-en" / "*.zst"]
    documents = read_documents(sources, on_drop=lambda dropped: None)
    return [one.text[:LONGEST] for one in documents if len(one.text) > 500]


def copies(base: list[str], chance: np.random.Generator) -> Iterator[str]:
    """Yield the texts, then changed copies of them, for ever."""
    yield from base
    while True:
        for text in base:
            yield changed(text, COPY_CHANGED, chance)


def changed(text: str, share: float, chance: np.random.Generator) -> str:
    """Return a copy in which a share of the characters is another of the same text."""
    letters = np.frombuffer(text.encode("utf-32-le"), np.uint32).copy()
    places = np.flatnonzero(chance.random(len(letters)) < share)
    letters[places] = letters[chance.integers(0, len(letters), len(places))]
    return letters.tobytes().decode("utf-32-le")


def write_grown(folder: Path, megabytes: float, file_megabytes: float = 12.0) -> float:
    """Write rows of text into files of about the same size; return the megabytes of text.

    Texts are drawn in an order of their own, so that every file has its share of both languages.
    """
    chance = np.random.default_rng(7)
    base = real_texts()
    texts = copies([base[place] for place in chance.permutation(len(base))], chance)
    folder.mkdir(parents=True, exist_ok=True)
    size, number = 0, 0
    while size < megabytes * 1e6:
        with (folder / f"part-{number:04}.jsonl").open("w", encoding="utf-8") as file:
            held = 0
            while held < file_megabytes * 1e6 and size < megabytes * 1e6:
                text = next(texts)
                num_bytes = len(text.encode())
                held, size = held + num_bytes, size + num_bytes
                file.write(json.dumps({"id": f"{number}-{held}", "text": text}, ensure_ascii=False) + "\n")
        number += 1
    return size / 1e6
