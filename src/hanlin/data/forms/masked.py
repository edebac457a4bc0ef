"""Masked language modelling: some words are hidden, and are to be guessed from both sides (Devlin et al. 2018).

Of the tokens chosen, 80 % become [MASK], 10 % another token and 10 % stay, so that a model cannot rely on a mask being
there. Words are hidden whole (BERT's second release; Cui et al. 2021 for Chinese). Control tokens are never chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from hanlin.data.batches import TokenBatch
from hanlin.data.forms.parts import Part, Piece, Sizes, lay_out
from hanlin.data.forms.words import Words, single
from hanlin.data.sources import IGNORE, Ids
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.whole_words import choose_words

MASKED, REPLACED = 0.8, 0.1
"""Shares of the chosen tokens that become the mask, and another token."""


class Corruption:
    """What hides tokens: the same ids and random numbers give the same corruption."""

    def __init__(self, tokenizer: Tokenizer, *, share: float, whole_words: bool) -> None:
        assert tokenizer.special.mask is not None, "the vocabulary is checked before"
        self.share, self.mask, self.is_whole = share, tokenizer.special.mask, whole_words
        pieces = (tokenizer.piece_bytes(id) for id in range(tokenizer.vocab_size))
        self.plain = np.array([id for id, piece in enumerate(pieces) if piece], np.int64)
        self._words = Words(tokenizer)

    def groups(self, ids: Ids) -> list[list[int]]:
        """What is hidden together."""
        return self._words.groups(ids) if self.is_whole else single(ids)

    def hide(self, ids: Ids, groups: Sequence[Sequence[int]], rng: np.random.Generator) -> tuple[Ids, Ids]:
        """(inputs, targets) of some ids: targets are -100 where nothing was chosen."""
        seed = int(rng.integers(1 << 62))
        chosen = np.array(choose_words(groups, share=self.share, seed=seed), np.int64)
        tokens, targets = ids.astype(np.int64), np.full(len(ids), IGNORE, np.int64)
        targets[chosen] = tokens[chosen]
        lot = rng.random(len(chosen))
        others = self.plain[rng.integers(len(self.plain), size=len(chosen))]
        tokens[chosen] = np.where(lot < MASKED, self.mask, np.where(lot < MASKED + REPLACED, others, tokens[chosen]))
        return tokens, targets


@dataclass(frozen=True)
class Masked:
    """[CLS] text [SEP], as the vocabulary frames a text."""

    tokenizer: Tokenizer
    share: float = 0.15
    whole_words: bool = True

    @property
    def name(self) -> str:
        return f"masked {self.share} {self.whole_words}"

    @cached_property
    def frame(self) -> tuple[list[int], list[int]]:
        """Control tokens before and after a text."""
        return self.tokenizer.around

    @cached_property
    def corruption(self) -> Corruption:
        """What hides tokens."""
        return Corruption(self.tokenizer, share=self.share, whole_words=self.whole_words)

    def positions(self, sizes: Sizes) -> Sizes:
        """See Form."""
        return sizes + self.tokenizer.num_frame

    def piece(self, part: Part) -> Piece:
        """One part, framed and with words hidden."""
        tokens, targets = self.corruption.hide(part.ids, self.corruption.groups(part.ids), part.draw())
        before, after = self.frame
        silent = np.full(len(before), IGNORE), np.full(len(after), IGNORE)
        return Piece(np.concatenate([before, tokens, after]), np.concatenate([silent[0], targets, silent[1]]), {})

    def batch(self, rows: Sequence[Sequence[Part]], *, seq_len: int) -> TokenBatch:
        """See Form."""
        pieces = [[self.piece(part) for part in row] for row in rows]
        fill = {"tokens": self.tokenizer.special.pad, "targets": IGNORE}
        return TokenBatch(**tensors(lay_out(pieces, width=seq_len, fill=fill)))


def tensors(columns: dict[str, npt.NDArray[np.int64]]) -> dict[str, torch.Tensor]:
    """Columns of a batch as torch holds them."""
    return {name: torch.from_numpy(values) for name, values in columns.items()}
