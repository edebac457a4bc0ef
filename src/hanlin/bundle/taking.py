"""Numbers of files taken up by a model: looked at, copied where they cannot serve as they lie, pages handed back.

Several pieces at a time, each by one thread of ours. The threads of torch's kernels wait for the slowest of them at the
end of every piece, and turn while they wait: on two cores with other work beside, 485 MB took 0.23 to 0.40 s of the
processor instead of 0.15 s.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import torch

from hanlin.bundle.stored import Stored, copy_bytes, num_rows, pieces
from hanlin.bundle.tensors import is_finite
from hanlin.model.families.rules import Place

_MOST_THREADS = 8
"""Memory is as fast as it gets with fewer."""


def take(
    found: Mapping[str, Stored], places: Mapping[str, Place], in_place: Collection[str], *, verify: bool
) -> list[str]:
    """Copy every tensor that does not stay in its file (`in_place`) to its place.

    With `verify` all are looked at, and the names of those with infinities or what is no number come back.
    """
    as_bytes = {name: place for name, place in places.items() if name not in in_place and _is_copy(found[name], place)}
    others = [name for name in found if name not in in_place and name not in as_bytes]

    def taken(piece: tuple[str, slice]) -> bool:
        name, rows = piece
        return _take(found[name], rows, as_bytes.get(name), verify)

    work = [(name, rows) for name in found if verify or name in as_bytes for rows in pieces(found[name])]
    with ThreadPoolExecutor(min(_MOST_THREADS, torch.get_num_threads())) as pool:
        try:
            outcomes = pool.map(taken, work)
            for name in others:
                _convert(found[name], places[name])
            bad = {name for (name, _), is_sound in zip(work, outcomes, strict=True) if not is_sound}
        finally:
            pool.shutdown(cancel_futures=True)
    for stored in found.values():  # what the system mapped around a piece after its neighbour had been handed back
        stored.release(slice(0, num_rows(stored)))
    return [name for name in found if name in bad]


def _is_copy(stored: Stored, place: Place) -> bool:
    """Whether the bytes of a file are those of the place."""
    return place.is_plain and place.rows.dtype == stored.dtype and place.rows.is_contiguous()


def _take(stored: Stored, rows: slice, place: Place | None, verify: bool) -> bool:
    """Look at a piece, if that is asked, and copy it, if it has a place; return whether it is sound."""
    piece = stored.look(rows)
    sound = not verify or is_finite(piece)
    if place is not None:
        copy_bytes(piece, place.rows[rows])
    stored.release(rows)
    return sound


def _convert(stored: Stored, place: Place) -> None:
    """Copy what is cast, turned or put in another order: by torch, which shares each piece among its own threads."""
    for rows in pieces(stored, whole=place.folded is not None):
        place.write(stored.look(rows), rows)
        stored.release(rows)
