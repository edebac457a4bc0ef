"""What float32 costs T5 whose weights are all 0.2 wide: errors against float64, in transformers, here, and here without
our kernels.

`python -m tests.bundle.rounding 12` prints the draws and their medians, as shares of the largest logit.
"""

from __future__ import annotations

import copy
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from hanlin.model import kernels

from .parity import exact_norm, load, randomise

SIZES = {"vocab_size": 97, "d_model": 48, "d_ff": 80, "num_layers": 2, "feed_forward_proj": "gated-gelu"}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "t5 v1.1": ("T5", {**SIZES, "num_heads": 4, "d_kv": 8, "tie_word_embeddings": False}),
    "mt5": ("MT5", {**SIZES, "num_heads": 3, "d_kv": 16}),
}
NORMS = ("t5.modeling_t5.T5LayerNorm", "mt5.modeling_mt5.MT5LayerNorm")


@torch.no_grad()
def errors(kind: str, seed: int, folder: Path) -> tuple[float, float, float]:
    """Of one draw of weights: transformers', ours, ours without our kernels. Needs `exact_norm` in their classes."""
    import transformers

    name, settings = KINDS[kind]
    torch.manual_seed(seed)
    cls = getattr(transformers, f"{name}ForConditionalGeneration")
    theirs = randomise(cls(cls.config_class(**settings)).eval(), seed)
    theirs.lm_head.weight = torch.nn.Parameter(torch.randn(97, 48) * 0.2)
    theirs.save_pretrained(folder)
    generator = torch.Generator().manual_seed(3)
    ids, answer = (torch.randint(2, 97, (3, length), generator=generator) for length in (40, 34))
    truth = copy.deepcopy(theirs).double()(ids, decoder_input_ids=answer).logits
    ours = load(folder, torch.float32)
    found = [theirs(ids, decoder_input_ids=answer).logits, ours(answer, memory=ours.encode(ids))]
    with mock.patch.object(kernels, "usable", lambda *tensors: False):
        found.append(ours(answer, memory=ours.encode(ids)))
    their, own, plain = ((one - truth).abs().max().item() / truth.abs().max().item() for one in found)
    return their, own, plain


def main(number: int) -> None:
    """Print draws and medians."""
    for kind in KINDS:
        drawn = []
        for seed in range(number):
            with tempfile.TemporaryDirectory() as folder:
                drawn.append(errors(kind, seed, Path(folder)))
            print(kind, seed, *(f"{error:.1e}" for error in drawn[-1]), flush=True)
        wins = sum(own < plain for _, own, plain in drawn)
        medians = (statistics.median(column) for column in zip(*drawn, strict=True))
        print(kind, "median", *(f"{error:.1e}" for error in medians), f"compiled norm better in {wins}", flush=True)


if __name__ == "__main__":
    patches = [mock.patch(f"transformers.models.{name}.forward", exact_norm) for name in NORMS]
    with patches[0], patches[1]:
        main(int(sys.argv[1]))
