"""What a language model is trained to predict, and what its mistakes cost.

Legend: B batch, T tokens, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hanlin.base.errors import InputError

IGNORED = -100
"""The target of a token that nothing has to be predicted for."""


class LanguageModelingLoss(nn.Module):
    """-mean of ln p(target), over all targets but -100: of masked tokens for BERT, of next tokens for GPT.

    It shifts nothing: `mask_tokens` and `next_tokens` say what is to be predicted where.
    """

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.vocab_size, self.ignore_index = vocab_size, IGNORED

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits (B, T, V) and ids or -100 (B, T) -> nats per token, a scalar; 0 where nothing is to be predicted.

        Raises InputError for other shapes (E836) and for a target outside the vocabulary (E837).
        """
        if tuple(logits.shape) != (*targets.shape, self.vocab_size):
            raise InputError(
                "course.logits", logits=tuple(logits.shape), targets=tuple(targets.shape), vocab_size=self.vocab_size
            )
        scored = targets[targets != self.ignore_index]
        if len(scored) and not 0 <= int(scored.min()) <= int(scored.max()) < self.vocab_size:
            outside = int(scored.min()) if int(scored.min()) < 0 else int(scored.max())
            raise InputError("course.target", target=outside, vocab_size=self.vocab_size)
        nats = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORED, reduction="sum")
        return nats / max(1, len(scored))  # torch's own mean over nothing is NaN, which would end a training


def next_tokens(input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """Targets of the causal objective: at each place the id of the place behind it. (B, T) -> (B, T).

    -100 at the end of a row and where the next place is padding.
    """
    targets = torch.full_like(input_ids, IGNORED)
    targets[:, :-1] = input_ids[:, 1:]
    if attention_mask is not None:
        targets[:, :-1][attention_mask[:, 1:] == 0] = IGNORED
    return targets


def mask_tokens(
    input_ids: Tensor,
    *,
    mask_id: int,
    vocab_size: int,
    special_ids: tuple[int, ...] = (),
    share: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Inputs and targets of the masked objective (Devlin 2019, 3.1). (B, T) -> (B, T), (B, T).

    Of `share` of the tokens, those of `special_ids` never among them, 80 % become `mask_id`, 10 % any token, 10 % stay;
    the targets hold what they were, and -100 elsewhere.
    """
    draws = torch.rand(input_ids.shape, generator=generator)
    draws[torch.isin(input_ids, torch.tensor(special_ids, dtype=input_ids.dtype))] = 1.0
    chosen = draws < share
    inputs, targets = input_ids.clone(), input_ids.masked_fill(~chosen, IGNORED)
    inputs[draws < share * 0.8] = mask_id
    strange = chosen & (draws >= share * 0.9)
    inputs[strange] = torch.randint(vocab_size, (int(strange.sum()),), generator=generator)
    return inputs, targets
