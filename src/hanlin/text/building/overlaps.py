"""Evaluation rows in training text, before anything is done about them: what many documents have proves nothing.

    overlaps    a piece -> its documents that some row stands in, and how many of them have each run of words
    common      all pieces -> the runs that more than `against.most_texts` documents have

Memory: what of the evaluation sets stands in the text at all, 16 bytes a run.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from hanlin.base.files import disk_errors
from hanlin.base.storage import Storage
from hanlin.text.building.against import evaluation_index, overlaps_of
from hanlin.text.building.decided import Decided
from hanlin.text.building.parts import added_up
from hanlin.text.building.shelf import Shelf
from hanlin.text.building.survivors import FATE, GONE, TRAIN
from hanlin.text.config import CorpusConfig
from hanlin.text.document import Document
from hanlin.text.folding import Hashes
from hanlin.text.overlap.index import runs_of

Job = dict[str, Any]


def overlaps(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: look for evaluation rows in the documents of a piece that stay so far."""
    index = evaluation_index(CorpusConfig(**job["config"]).against)[0]
    cleaned, decided = storage.folder(f"clean/{job['piece']:06}"), Decided(job, storage)
    fates = np.load(cleaned / "fates.npy")[:, FATE]
    numbers = np.cumsum(fates != GONE) - 1
    suspects, counts = [], Counter[int]()
    with Shelf(cleaned / "documents", 3) as shelf:
        for place, (_, now, _) in enumerate(shelf):
            if fates[place] != TRAIN or decided.is_gone(int(numbers[place])):
                continue
            if found := overlaps_of(index, Document(**json.loads(now))):
                suspects.append(int(numbers[place]))
                counts.update(runs_of(found))
    with disk_errors(folder):
        np.save(folder / "suspects.npy", np.array(suspects, np.int64))
        np.save(folder / "runs.npy", np.array(sorted(counts.items()), np.uint64).reshape(-1, 2))
    return {}


def common(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: add up how many documents of all pieces have each run."""
    paths = [storage.folder(f"overlaps/{piece:06}") / "runs.npy" for piece in range(len(job["bases"]) - 1)]
    runs = np.concatenate([np.empty((0, 2), np.uint64), *map(np.load, paths)])
    texts = added_up(runs)
    with disk_errors(folder):
        np.save(folder / "common.npy", texts[texts[:, 1] > CorpusConfig(**job["config"]).against.most_texts, 0])
    return {}


def suspects_of(piece: int, storage: Storage) -> frozenset[int]:
    """Return the documents of a piece, by number, that some evaluation row stands in."""
    return frozenset(np.load(storage.folder(f"overlaps/{piece:06}") / "suspects.npy").tolist())


def common_runs(storage: Storage) -> frozenset[int]:
    """Return the keys of the runs that many documents have."""
    found: Hashes = np.load(storage.folder(f"common/{0:06}") / "common.npy")
    return frozenset(found.tolist())
