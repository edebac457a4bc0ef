"""Conversations as rows: rendered once, whole, with the loss on what the assistant says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from hanlin.base.errors import InputError
from hanlin.data.sources import IGNORE, Ids, digest

TooLong = Literal["drop", "truncate", "refuse"]


class RenderedConversation(Protocol):
    """What is needed of `text.chat.Rendered`: ids, and for each whether it is to be learned."""

    @property
    def ids(self) -> list[int]: ...
    @property
    def loss_mask(self) -> list[bool]: ...


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What became of the conversations that were given."""

    num_given: int
    num_kept: int
    num_dropped: int  # longer than a row
    num_truncated: int  # cut to a row
    num_truncated_tokens: int
    num_silent: int  # nothing in them (that fits) is to be learned
    num_loss_tokens: int


class ConversationSource:
    """Conversations held in memory; positions whose target is not to be learned carry no loss."""

    def __init__(self, conversations: list[tuple[Ids, npt.NDArray[np.bool_]]], fitted: Fitted, *, name: str) -> None:
        self.name = name
        self.fitted = fitted
        self._conversations = conversations
        self.lengths = np.array([len(ids) - 1 for ids, _ in conversations], np.int64)
        self.num_truncated = fitted.num_truncated_tokens
        self.fingerprint = digest(ids.tobytes() + mask.tobytes() for ids, mask in conversations)

    def slice(self, document: int, start: int, length: int) -> tuple[Ids, Ids]:
        ids, mask = self._conversations[document]
        learned = slice(start + 1, start + length + 1)
        return ids[start : start + length], np.where(mask[learned], ids[learned], IGNORE)


def fit_conversations(
    rendered: Iterable[RenderedConversation], *, seq_len: int, too_long: TooLong = "drop", name: str = "conversations"
) -> ConversationSource:
    """Keep the conversations that fit a row of `seq_len` positions; count what happens to the others.

    A conversation is never cut into pieces: its end would be learned without the question. Raises InputError for one
    that is too long when `too_long` is "refuse", and when nothing is left.
    """
    kept: list[tuple[Ids, npt.NDArray[np.bool_]]] = []
    dropped = truncated = cut = silent = given = 0
    for one in rendered:
        given += 1
        over = len(one.ids) - (seq_len + 1)
        if over > 0 and too_long == "refuse":
            raise InputError("data.conversation_too_long", number=given, num_tokens=len(one.ids), seq_len=seq_len)
        if over > 0 and too_long == "drop":
            dropped += 1
            continue
        if not any(one.loss_mask[1 : seq_len + 1]):
            silent += 1
            continue
        truncated, cut = truncated + (over > 0), cut + max(over, 0)
        kept.append((np.array(one.ids[: seq_len + 1], np.int32), np.array(one.loss_mask[: seq_len + 1], np.bool_)))
    if not kept:
        raise InputError(
            "data.no_conversation_left", num_given=given, num_dropped=dropped, num_silent=silent, seq_len=seq_len
        )
    fitted = Fitted(
        num_given=given,
        num_kept=len(kept),
        num_dropped=dropped,
        num_truncated=truncated,
        num_truncated_tokens=cut,
        num_silent=silent,
        num_loss_tokens=sum(int(mask[1:].sum()) for _, mask in kept),
    )
    return ConversationSource(kept, fitted, name=name)
