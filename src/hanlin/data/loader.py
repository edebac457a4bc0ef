"""From sources to batches: draw a window of documents, pack it, shuffle its rows, hand them out.

    Mixture --documents--> window --best fit--> rows --shuffled--> TokenBatch (rows, seq_len)

Only the documents of one window are planned at a time (their lengths, not their tokens), so memory does not grow with
the corpus. The position in the stream is the mixture's cursors at the start of the window plus a row number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hanlin.base.errors import InputError
from hanlin.base.seeds import Seeds
from hanlin.data.batches import RowPiece, TokenBatch, collate
from hanlin.data.forms.parts import Form, parts_of
from hanlin.data.mixture import Mixture, Phase, WeightedSource, shuffled
from hanlin.data.packing import best_fit
from hanlin.data.sources import digest

WINDOW = 1 << 22
"""Positions planned at a time: thousands of rows, so that best fit wastes next to nothing, in some MB of memory."""


@dataclass
class Packed:
    """Running totals of what was handed out."""

    positions: int = 0  # that hold a token
    capacity: int = 0
    by_source: list[int] = field(default_factory=list)  # positions of each source of the mixture

    @property
    def fill(self) -> float:
        return self.positions / self.capacity if self.capacity else 1.0


class Loader:
    """An exactly resumable stream of batches of `rows` x `seq_len` positions.

    Every position of every document drawn is in exactly one batch; `num_truncated` is what the sources had to cut
    beforehand. Rows left over when the stream ends go out in one last batch filled up with empty rows.

    Of `world` loaders, each with its `rank`, one takes its part of every group of `rows` x `world` rows: together they
    hand out what one alone would, and the state of each is that of all.
    """

    def __init__(
        self,
        sources: Sequence[WeightedSource],
        *,
        rows: int,
        seq_len: int,
        seed: int,
        window: int = WINDOW,
        pad: int = 0,
        phases: Sequence[Phase] = (),
        ends_with_limited: bool = True,
        form: Form | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """With a `form` the sources are Parts made for it, and it lays out the rows; without one they are causal."""
        assert 0 <= rank < world, (rank, world)
        self.form = form
        self.rows, self.seq_len, self.pad, self.rank, self.world = rows, seq_len, pad, rank, world
        self.mixture = Mixture(sources, seed=seed, phases=phases, ends_with_limited=ends_with_limited)
        self.packed = Packed(by_source=[0] * len(self.mixture.sources))
        self._seeds, self._window_size = Seeds(seed), window
        self._fingerprint = digest([*(s.fingerprint for s in self.mixture.sources), f"{seed} {seq_len} {window}"])
        self._window, self._next_row = -1, 0
        self._cursors = self.mixture.state()
        self._planned: list[list[RowPiece]] = []

    @property
    def num_truncated(self) -> int:
        """Tokens that were cut off before they came here; 0 unless an option asked for it."""
        return sum(source.num_truncated for source in self.mixture.sources)

    def next_batch(self) -> TokenBatch | None:
        """The next `rows` rows; None when the stream has ended."""
        taken: list[list[RowPiece]] = []
        keys: list[int] = []
        wanted = self.rows * self.world
        while len(taken) < wanted and self._has_row():
            until = min(self._next_row + wanted - len(taken), len(self._planned))
            taken += self._planned[self._next_row : until]
            keys += [self._key(row) for row in range(self._next_row, until)]
            self._next_row = until
        if not taken:
            return None
        self._count(taken)
        missing = wanted - len(taken)
        empty: list[list[RowPiece]] = [[] for _ in range(missing)]
        mine = slice(self.rank * self.rows, (self.rank + 1) * self.rows)
        return self._collate([*taken, *empty][mine], [*keys, *[0] * missing][mine])

    def _collate(self, rows: Sequence[Sequence[RowPiece]], keys: Sequence[int]) -> TokenBatch:
        if self.form is None:
            return collate(rows, self.mixture.sources, seq_len=self.seq_len, pad=self.pad)
        return self.form.batch(parts_of(rows, self.mixture.sources, keys), seq_len=self.seq_len)

    def _key(self, row: int) -> int:
        """Seed of what is drawn for a row of this window: the stream's place alone decides it."""
        return self._seeds.derive(f"row {row} of window {self._window}") if self.form is not None else 0

    def _count(self, taken: Sequence[Sequence[RowPiece]]) -> None:
        self.packed.capacity += len(taken) * self.seq_len
        for row in taken:
            for piece in row:
                self.packed.positions += piece.length
                self.packed.by_source[piece.source] += piece.length

    def state(self) -> dict[str, Any]:
        """Where the stream stands, as a small JSON object."""
        return {
            "fingerprint": self._fingerprint,
            "cursors": self._cursors,
            "window": self._window,
            "row": self._next_row,
            "packed": [self.packed.positions, self.packed.capacity],
            "by_source": list(self.packed.by_source),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state` was taken. Raises InputError when the data are not the same."""
        if state["fingerprint"] != self._fingerprint:
            raise InputError("data.other_data", sources=", ".join(source.name for source in self.mixture.sources))
        uncounted = [0] * len(self.mixture.sources)  # as in runs begun before sources were counted
        positions, capacity = state["packed"]
        self.packed = Packed(positions, capacity, list(state.get("by_source", uncounted)))
        self.mixture.load_state(state["cursors"])
        self._window, self._planned = state["window"] - 1, []
        if state["window"] >= 0:
            self._plan_window()
        self._window, self._next_row = state["window"], state["row"]

    def _has_row(self) -> bool:
        return self._next_row < len(self._planned) or self._plan_window()

    def _plan_window(self) -> bool:
        """Plan the next window's rows; False when the mixture has ended."""
        cursors, documents = self.mixture.state(), self.mixture.draw(self._window_size)
        if not documents:
            return False
        self._cursors, self._window, self._next_row = cursors, self._window + 1, 0
        lengths = [int(self.mixture.sources[source].lengths[document]) for source, document in documents]
        packed = best_fit(lengths, self.seq_len)
        order = shuffled(len(packed), key=self._seeds.derive(f"rows of window {self._window}"))
        self._planned = [[RowPiece(*documents[item], *rest) for item, *rest in packed[row]] for row in order]
        return True
