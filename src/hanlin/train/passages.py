"""What a row of each objective takes through a model: which positions, who sees whom, where scores are worked out.

Of a full row, whose documents are as long as it: short ones see less, and every one more is framed again. Where a form
draws its numbers these are their means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hanlin.data.forms.blanks import BlankInfilling
from hanlin.data.forms.masked import Masked
from hanlin.data.forms.pairs import MaskedPairs
from hanlin.data.forms.parts import Form, room
from hanlin.data.forms.permuted import Permuted
from hanlin.data.forms.spans import WIDTHS, SpanCorruption, hidden_sizes
from hanlin.model.config import ModelConfig
from hanlin.model.counts import Passage, backwards, whole_row


def passage(shape: ModelConfig, form: Form | None, seq_len: int) -> Passage:
    """A row of `seq_len` positions in a form; None: text as it stands, every position scored."""
    return _PASSAGES.get(type(form), _plain)(shape, form, seq_len)


def task_passage(shape: ModelConfig, seq_len: int) -> Passage:
    """A row that a head of a task judges: the labels are too few to count."""
    whole = whole_row(shape, seq_len)
    return Passage(whole.written, whole.seen, 0, whole.read, whole.read_seen)


def written_passage(read: int, written: int, *, scored: int | None = None) -> Passage:
    """A text that is read and one that is written about it, every token of it scored unless told otherwise."""
    scored = written if scored is None else scored
    return Passage(written, backwards(written), scored, read=read, read_seen=read**2)


def _plain(shape: ModelConfig, form: Any, seq_len: int) -> Passage:
    return whole_row(shape, seq_len)


def _masked(shape: ModelConfig, form: Masked, seq_len: int) -> Passage:
    return Passage(seq_len, seq_len**2, form.share * room(form, seq_len))


def _pairs(shape: ModelConfig, form: MaskedPairs, seq_len: int) -> Passage:
    return Passage(seq_len, seq_len**2, form.masked.share * room(form, seq_len), pooled=1)


def _permuted(shape: ModelConfig, form: Permuted, seq_len: int) -> Passage:
    """The second stream's queries see what is read and what was guessed before them: counted as the first's."""
    guessed = room(form, seq_len) / form.one_in
    return Passage(seq_len, (seq_len + guessed) * seq_len, guessed, guessed=guessed)


def _spans(shape: ModelConfig, form: SpanCorruption, seq_len: int) -> Passage:
    """The decoder's rows are as wide as what is written, up to a whole number of WIDTHS."""
    (hidden,), (spans,) = hidden_sizes(np.array([room(form, seq_len)]), share=form.share, mean_span=form.mean_span)
    written = int(hidden + spans) + 1
    width = -(-written // WIDTHS) * WIDTHS
    return written_passage(seq_len, width, scored=written)


def _blanks(shape: ModelConfig, form: BlankInfilling, seq_len: int) -> Passage:
    """Every kind of blank by its share; what is written behind a prefix sees it and what was written before."""
    kinds = form.expected(room(form, seq_len))
    seen = sum(share * (prefix * (prefix + own) + backwards(own)) for share, prefix, own in kinds)
    return Passage(seq_len, seen, sum(share * own for share, _, own in kinds))


_PASSAGES: Mapping[type, Callable[[ModelConfig, Any, int], Passage]] = {
    Masked: _masked,
    MaskedPairs: _pairs,
    Permuted: _permuted,
    SpanCorruption: _spans,
    BlankInfilling: _blanks,
}
