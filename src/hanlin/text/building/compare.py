"""The steps that look at all documents, as tasks: a part of the keys in, decisions by piece out.

    split      groups of all pieces -> how many each part got       by part of the keys
    exact      equal digests -> the later ones                      by part of the keys
    bands      equal bands, agreeing signatures -> candidates       by part of the keys
    groups     candidates -> whole groups in portions               one task
    clusters   true similarity -> which go, which stays             by portion
    lines      equal lines, paragraphs, windows -> what to cut      by part of the keys

Memory: a part of the records, a byte for each document, in `groups` 24 for each.
"""

from __future__ import annotations

import contextlib
import heapq
import json
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hanlin.base.files import disk_errors
from hanlin.base.storage import Storage
from hanlin.text.building.parts import all_records, gathered, write_parts
from hanlin.text.building.shelf import Shelf
from hanlin.text.building.survivors import FATE, GONE, Ints, Numbering, asked_of_lines, rows_of_numbers
from hanlin.text.config import CorpusConfig
from hanlin.text.document import Document
from hanlin.text.duplicates.candidates import grouped, promising, sharing, unique
from hanlin.text.duplicates.forest import ends_of, join
from hanlin.text.duplicates.near import Cluster, Similarity, clusters_among, shingling_of
from hanlin.text.duplicates.records import in_order
from hanlin.text.duplicates.repeated import PLACE_BITS, in_common, later, twin_windows
from hanlin.text.folding import Hashes
from hanlin.text.ledger import KEPT

Job = Mapping[str, Any]

SHOWN_CHARS = 120
PAIRS_PER_PORTION = 20_000
OPEN_SHELVES = 16


def split(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: count the groups that are kept together, each once."""
    folders = [storage.folder(f"clean/{piece:06}") / "split" for piece in range(len(job["bases"]) - 1)]
    records = np.unique(gathered(folders, job["part"], 3, job["parts"]), axis=0)
    return {part: int(np.count_nonzero(records[:, 2] == place)) for place, part in enumerate(KEPT)}


def exact(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: find the documents whose text stood before, and where it stood first."""
    numbering = Numbering(job["bases"])
    records = _of_all(job, storage, "exact", width=3, column=2)
    records = records[np.lexsort((records[:, 2], records[:, 1], records[:, 0]))]
    is_first = np.concatenate(([True], (records[1:, :2] != records[:-1, :2]).any(axis=1)))[: len(records)]
    firsts = records[is_first, 2][np.cumsum(is_first) - 1] if len(records) else records[:, 2]
    again = np.column_stack((records[:, 2], firsts))[~is_first]
    write_parts(folder / "again", again, numbering.pieces(again[:, 0]), numbering.num_pieces)
    return {"again": len(again)}


def bands(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: find the pairs of documents that deserve a look."""
    config, numbering = CorpusConfig(**job["config"]).near_dup, Numbering(job["bases"])
    records = _of_all(job, storage, "bands", width=3, column=1)
    records = records[~_gone(job, storage, ("exact", "again", 2))[records[:, 1].astype(np.int64)]]
    signed = [storage.folder(f"clean/{piece:06}") / "signed" for piece in range(numbering.num_pieces)]
    width = config.bands * config.rows + 1

    def signed_of(numbers: Ints) -> npt.NDArray[np.uint32]:
        return rows_of_numbers(signed, numbering, numbers, width)

    with disk_errors(folder):
        pairs = unique(promising(each, signed_of, config.threshold) for each in sharing(records))
        np.save(folder / "pairs.npy", pairs)
    return {"pairs": len(pairs)}


def groups(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: find which candidates of all parts belong together, and cut them into portions of whole groups."""
    paths = [storage.folder(f"bands/{part:06}") / "pairs.npy" for part in range(job["parts"])]
    roots, counts = np.arange(job["bases"][-1]), np.zeros(job["bases"][-1], np.int64)
    for path in paths:
        join(roots, np.load(path))
    for path in paths:
        np.add.at(counts, ends_of(roots, np.load(path)[:, 0]), 1)
    portions = (np.cumsum(counts) - counts) // PAIRS_PER_PORTION  # of a group: by the pairs that stand before it
    num_portions = int(portions[-1]) + 1 if len(portions) else 1
    for part, path in enumerate(paths):
        pairs = np.load(path)
        write_parts(folder / f"{part:06}", pairs, portions[ends_of(roots, pairs[:, 0])], num_portions)
    return {"portions": num_portions}


def clusters(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: compare the candidates of a portion by their true similarity, and settle who stays."""
    config, numbering = CorpusConfig(**job["config"]), Numbering(job["bases"])
    paths = [storage.folder("groups/000000") / f"{part:06}" for part in range(job["parts"])]
    candidates = gathered(paths, job["portion"], 2, job["portions"]).astype(np.int64)
    pairs, _ = grouped(unique([candidates]))  # those of one group one after the other: their texts stay at hand
    numbers = np.unique(pairs)
    ranks = dict(zip(numbers.tolist(), _ranks(storage, numbering, numbers).tolist(), strict=True))
    told = _ClusterFigures(config.max_examples)
    twins, sizes = [np.empty((0, 3), np.uint64)], [np.empty((0, 2), np.uint64)]
    with contextlib.closing(Texts(storage, numbering)) as texts:
        similarity = Similarity(shingling_of(config.near_dup), texts.text)
        for cluster in clusters_among(pairs, ranks, similarity, config.near_dup.threshold):
            told.add(cluster)
            twins.append(_twin_records(cluster))
            sizes.append(np.array(list(Counter(twin for twin, _ in cluster.twins.values()).items()), np.uint64))
        counters = told.counters(texts)
    for name, found in (("twins", np.concatenate(twins)), ("sizes", np.concatenate(sizes))):
        write_parts(folder / name, found, numbering.pieces(found[:, 0]), numbering.num_pieces)
    return counters


def _twin_records(cluster: Cluster) -> Hashes:
    """(twins, 3): number, number of the kept twin, the bits of their similarity."""
    similarities = np.array([similarity for _, similarity in cluster.twins.values()], np.float64).view(np.uint64)
    others = np.array([twin for twin, _ in cluster.twins.values()], np.uint64)
    return np.column_stack((np.array(list(cluster.twins), np.uint64), others, similarities))


def _ranks(storage: Storage, numbering: Numbering, numbers: Ints) -> Ints:
    found = np.empty(len(numbers), np.int64)
    for piece, where, places in numbering.by_piece(numbers):
        found[where] = np.fromfile(storage.folder(f"clean/{piece:06}") / "ranks", np.int64)[places]
    return found


def lines(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: find the lines, paragraphs and passages to cut; nothing is compared with what is gone already."""
    config, numbering = CorpusConfig(**job["config"]).lines, Numbering(job["bases"])
    gone = _gone(job, storage, ("exact", "again", 2), ("clusters", "twins", 3))
    for name in asked_of_lines(CorpusConfig(**job["config"])):
        records = _of_all(job, storage, name, width=2, column=1, bits=int(PLACE_BITS))
        records = in_order(records[~gone[(records[:, 1] >> PLACE_BITS).astype(np.int64)]])
        if name == "windows":
            marks = twin_windows(records)
        else:
            marks = (later(records) if name == "repeated" else in_common(records, config.boilerplate or 0))[:, None]
        write_parts(folder / name, marks, numbering.pieces(marks[:, 0] >> PLACE_BITS), numbering.num_pieces)
    return {}


# ---------------------------------------------------------------- what all tasks of a kind left


def _of_all(job: Job, storage: Storage, name: str, *, width: int, column: int, bits: int = 0) -> Hashes:
    """The records of all pieces for a part of the keys; numbers (in `column`, above `bits`) count all pieces."""
    found = [np.empty((0, width), np.uint64)]
    for piece, base in enumerate(job["bases"][:-1]):
        records = gathered([storage.folder(f"clean/{piece:06}") / name], job["part"], width, job["parts"])
        records[:, column] += np.uint64(base << bits)
        found.append(records)
    return np.concatenate(found)


def _gone(job: Job, storage: Storage, *decisions: tuple[str, str, int]) -> npt.NDArray[np.bool_]:
    """Which documents earlier steps let go: (survivors,)."""
    numbering = Numbering(job["bases"])
    gone = np.zeros(len(numbering), np.bool_)
    for step, name, width in decisions:
        for task in range(job["num_tasks"].get(step, 0)):
            records = all_records(storage.folder(f"{step}/{task:06}") / name, width, numbering.num_pieces)
            gone[records[:, 0].astype(np.int64)] = True
    return gone


class Texts:
    """Survivors by number, read from the shelves of their pieces, the last few of which stay open."""

    def __init__(self, storage: Storage, numbering: Numbering) -> None:
        self._storage, self._numbering = storage, numbering
        self._open: OrderedDict[int, tuple[Shelf, Ints]] = OrderedDict()

    def text(self, number: int) -> str:
        """Return the text of a document."""
        return self.document(number).text

    def document(self, number: int) -> Document:
        """Return a document as it stood before lines were cut."""
        piece = int(self._numbering.pieces(np.array([number]))[0])
        shelf, places = self._shelf(piece)
        return Document(**json.loads(shelf[int(places[number - self._numbering.bases[piece]])][1]))

    def _shelf(self, piece: int) -> tuple[Shelf, Ints]:
        if piece not in self._open:
            folder = self._storage.folder(f"clean/{piece:06}")
            places = np.flatnonzero(np.load(folder / "fates.npy")[:, FATE] != GONE)
            self._open[piece] = (Shelf(folder / "documents", 3), places)
            if len(self._open) > OPEN_SHELVES:
                self._open.popitem(last=False)[1][0].close()
        self._open.move_to_end(piece)
        return self._open[piece]

    def close(self) -> None:
        """Let the shelves go."""
        for shelf, _ in self._open.values():
            shelf.close()


# ---------------------------------------------------------------- what is told of clusters


class _ClusterFigures:
    """Clusters in figures, the largest as examples."""

    def __init__(self, most: int) -> None:
        self._most, self._largest = most, list[tuple[int, int, Cluster]]()
        self._sizes = Counter[int]()
        self._num_near = 0

    def add(self, cluster: Cluster) -> None:
        self._sizes[cluster.size] += 1
        self._num_near += len(cluster.twins)
        # The second place breaks ties, the earlier cluster being the better example.
        heapq.heappush(self._largest, (cluster.size, -cluster.kept[0], cluster))
        if len(self._largest) > self._most:
            heapq.heappop(self._largest)

    def counters(self, texts: Texts) -> dict[str, Any]:
        return {
            "near_duplicates": self._num_near,
            "sizes": sorted(self._sizes.items()),
            "examples": [[size, first, _told(cluster, texts)] for size, first, cluster in self._largest],
        }


def _told(cluster: Cluster, texts: Texts) -> dict[str, Any]:
    def id_of(number: int) -> str:
        return texts.document(number).id

    return {
        "size": cluster.size,
        "kept": [id_of(number) for number in cluster.kept[:SHOWN_CHARS]],
        "near": [
            {"id": id_of(number), "of": id_of(twin), "similarity": round(similarity, 4)}
            for number, (twin, similarity) in list(cluster.twins.items())[:5]
        ],
        "text": texts.text(cluster.kept[0])[:SHOWN_CHARS],
    }


def cluster_figures(
    counters: Iterable[Mapping[str, Any]], action: str, num_documents: int, most: int
) -> dict[str, Any]:
    """Return the figures of all portions as one."""
    sizes, num_near, examples = Counter[int](), 0, []
    for one in counters:
        num_near += one["near_duplicates"]
        sizes.update(dict(one["sizes"]))
        examples += one["examples"]
    largest = sorted(examples, key=lambda one: (one[0], one[1]), reverse=True)[:most]
    return {
        "action": action,
        "documents": num_documents,
        "clusters": sizes.total(),
        "near_duplicates": num_near,
        "sizes": {str(size): number for size, number in sorted(sizes.items())},
        "examples": [told for _, _, told in largest],
    }
