"""The steps before cleaning where a rule has to learn from all documents first, as tasks.

    draft    a piece -> its documents, what was learned of them; spellings of what may be watermarks, by their key
    marks    a part of the keys, of all pieces -> stretches of many spellings
    met      a piece, where there are such -> how often their letters are met at all, in some of its documents
    learned  what all of these found -> `LEARNED`, which every task of cleaning reads

Memory: the spellings of one piece, or those of one part of the keys; all stretches of many spellings in `met`
and `learned`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hanlin.base.files import disk_errors, write_json
from hanlin.base.storage import Storage
from hanlin.base.tasks import counters_of
from hanlin.text.building.parts import gathered, write_by_key
from hanlin.text.config import CorpusConfig
from hanlin.text.folding import Hashes
from hanlin.text.reading import Draft, drafts_set_down, events_of, set_down
from hanlin.text.rules.rulebook import Rulebook
from hanlin.text.rules.stretches import StretchFinder
from hanlin.text.rules.watermarks import FOUND, RECORD, SAMPLED_OF, folded, many_spellings, stretches_of

LEARNED = "learned.json"

Job = Mapping[str, Any]


def draft(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: read a piece, set its documents down, and note what the rules learn from them."""
    config = CorpusConfig(**job["config"])
    rules = Rulebook(config.rules, config.quality)
    for one in set_down(events_of(job["piece"], config, storage), folder / "drafts"):
        rules.learn(one.document)
    write_by_key(folder / "spellings", rules.spellings(), job["parts"])
    return {"learned": rules.so_far()}


def marks(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: find the stretches that all pieces together spell in many ways."""
    least = CorpusConfig(**job["config"]).rules.least_spellings
    paths = [storage.folder(f"draft/{piece:06}") / "spellings" for piece in range(job["num_tasks"]["draft"])]
    with disk_errors(folder):
        found = many_spellings(gathered(paths, job["part"], RECORD, job["parts"]), least)
        np.save(folder / "found.npy", found)
    return {"found": int(found[:, -1].sum())}


def met(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: count in one of SAMPLED_OF documents of a piece how often the stretches of many spellings are met."""
    config = CorpusConfig(**job["config"])
    rules = Rulebook(config.rules, config.quality)
    numbers = {stretch: number for number, stretch in enumerate(stretches_of(_many_spellings(job, storage)))}
    finder, counts = StretchFinder(numbers), Counter[int]()
    drafts = storage.folder(f"draft/{job['number']:06}") / "drafts"
    for event in drafts_set_down(drafts, SAMPLED_OF):
        if isinstance(event, Draft) and rules.looks_for_watermarks(event.document):
            counts.update(numbers[one] for _, one in finder.found_in(folded(event.document.text)))
    with disk_errors(folder):
        np.save(folder / "met.npy", np.array(sorted(counts.items()), np.uint64).reshape(-1, 2))
    return {}


def learned(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: put together what was learned of all pieces, or take what an earlier build had learned."""
    known = job["known"]
    if not known:
        config = CorpusConfig(**job["config"])
        rules = Rulebook(config.rules, config.quality)
        for piece in range(job["num_tasks"]["draft"]):
            rules.learn_from(counters_of(storage, f"draft/{piece:06}")["learned"])
        stretches = _many_spellings(job, storage)
        all_met = np.zeros(len(stretches), np.uint64)
        for piece in range(job["num_tasks"].get("met", 0)):
            places, counts = np.load(storage.folder(f"met/{piece:06}") / "met.npy").T
            all_met[places] += counts
        rules.learned(stretches, all_met)
        known = rules.to_recall()
    write_json(folder / LEARNED, known)
    return {}


def _many_spellings(job: Job, storage: Storage) -> Hashes:
    """The stretches that all parts of the keys found, (n, FOUND)."""
    found = [np.load(storage.folder(f"marks/{part:06}") / "found.npy") for part in range(job["parts"])]
    return np.concatenate([np.empty((0, FOUND), np.uint64), *found])
