"""What a vocabulary is for beside continuing text, and the control tokens that each purpose needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Purpose = Literal["text", "masked", "span_corruption", "blank_infilling", "fill_in_the_middle"]

MASK, SENTENCE_MASK, DOCUMENT_MASK, CLS, SEP = "[MASK]", "[sMASK]", "[gMASK]", "[CLS]", "[SEP]"
FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX = "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"
NUM_SENTINELS = 100
SENTINELS = tuple(f"<extra_id_{number}>" for number in range(NUM_SENTINELS))
"""Stand for the spans taken out of a text, the first for the first (Raffel et al. 2020)."""


@dataclass(frozen=True)
class Wanted:
    """tokens: control tokens beside those of every vocabulary. single, pair: the rows that a text, or two texts, become
    (as tokenizers' TemplateProcessing writes them); empty: bos, text, eos."""

    tokens: tuple[str, ...] = ()
    single: str = ""
    pair: str = ""


PURPOSES: Mapping[Purpose, Wanted] = {
    "text": Wanted(),
    "masked": Wanted((CLS, SEP, MASK), f"{CLS} $A {SEP}", f"{CLS} $A {SEP} $B:1 {SEP}:1"),
    "span_corruption": Wanted(SENTINELS, "$A <|eos|>", "$A <|eos|> $B <|eos|>"),
    "blank_infilling": Wanted(
        (MASK, DOCUMENT_MASK, SENTENCE_MASK), f"$A {DOCUMENT_MASK} <|bos|>", f"$A $B {DOCUMENT_MASK} <|bos|>"
    ),
    "fill_in_the_middle": Wanted((FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX)),
}
"""Control tokens by purpose. bos and eos begin and end what fills a blank (GLM's START and END)."""
