"""One step of masked language modelling: ours against transformers' BERT, eager under bfloat16 autocast, in turns.

Both sides hold the same weights (BERT's layout with the 21128 entries of bert-base-chinese, float32 with bfloat16
products), read the same 8 x 256 tokens of whole rows with the same 15 % hidden, clip the gradient and move by fused
AdamW. Each lives in a process of its own and they take turns; transformers runs with both of its attentions, and the
faster counts. Ratios are medians over the turns. Promise: 1.5 x.

    python benchmarks/masked_step.py [--rounds 5] [--threads 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from hanlin.base.device import describe_machine, keep_freed_memory
from hanlin.bundle.convert import export_weights
from hanlin.data.batches import IGNORE, TokenBatch
from hanlin.model.compiled import native_state
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES, choose_family
from hanlin.model.transformer import build_model
from hanlin.train.config import OptimizerConfig
from hanlin.train.loop import accumulate, clip
from hanlin.train.objectives import MaskedLM
from hanlin.train.optimizers import build_optimizer

PRESET = FAMILIES["bert"].preset
SHAPE = ModelConfig(
    **{
        **PRESET, "family": "bert", "vocab_size": 21128, "hidden_size": 384, "num_layers": 6, "num_heads": 6,
        "ffn_size": 1536, "max_seq_len": 256, "head": {**PRESET["head"], "pooler": False, "next_sentence": False},
    }
)  # fmt: skip
ROWS, TOKENS, RATE, CLIP, SHARE, PROMISED = 8, 256, 1e-4, 1.0, 0.15, 1.5
CONTENDERS = ("ours", "ours without kernels", "transformers sdpa", "transformers eager")
Step = Callable[[], float]


class Worker:
    """A contender in its own process: told to take steps, it answers with their seconds."""

    def __init__(self, name: str, threads: int) -> None:
        command = [sys.executable, __file__, "--worker", name, "--threads", str(threads)]
        environ = os.environ | {"HANLIN_NATIVE": str(int(name != CONTENDERS[1])), "PYTHONWARNINGS": "ignore"}
        self.name, self.seconds, self.loss = name, list[float](), 0.0
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)

    def take(self, steps: int) -> float:
        """Median seconds of some steps."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        self.loss = found["loss"]
        return statistics.median(found["seconds"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> None:
    """Measure, print, and write what was measured."""
    options = parse()
    torch.set_num_threads(options.threads)
    if options.worker:
        return work(options.worker)
    workers = [Worker(name, options.threads) for name in CONTENDERS]
    first = {worker.name: worker.take(1) and worker.loss for worker in workers}
    for _ in range(options.rounds):
        for worker in workers:
            worker.seconds.append(worker.take(options.steps))
    for worker in workers:
        worker.close()
    found = report(workers, first, options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return None


def report(workers: list[Worker], first: dict[str, float], options: argparse.Namespace) -> dict[str, Any]:
    """Every contender, and our ratios to the faster of the peer's two."""
    state = native_state().outcome
    facts = {**describe_machine(), "transformers": transformers.__version__, "threads": options.threads}
    sys.stdout.write(f"{facts}, kernels: {state}, {SHAPE.num_parameters() / 1e6:.1f}M parameters\n")
    for worker in workers:
        middle = statistics.median(worker.seconds)
        spread = f"{min(worker.seconds):.3f} to {max(worker.seconds):.3f}"
        sys.stdout.write(f"  {worker.name:22} {middle:6.3f} s ({spread})  first loss {first[worker.name]:.4f}\n")
    peer = min(workers[2:], key=lambda worker: statistics.median(worker.seconds))
    ratios = {}
    for own in workers[:2]:
        turns = [theirs / ours for theirs, ours in zip(peer.seconds, own.seconds, strict=True)]
        ratios[own.name] = turns
        held = "held" if statistics.median(turns) >= PROMISED else "MISSED"
        sys.stdout.write(
            f"  {own.name} against {peer.name}: {statistics.median(turns):.2f} x"
            f" ({min(turns):.2f} to {max(turns):.2f}); promised {PROMISED} x: {held}\n"
        )
    return {"machine": facts, "seconds": {worker.name: worker.seconds for worker in workers}, "ratios": ratios}


# ---- a contender's process ----


def work(name: str) -> None:
    """Take as many steps as each line of stdin says."""
    keep_freed_memory()
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print, too
    step = our_step() if name.startswith("ours") else peer_step(name.split()[1])
    for line in sys.stdin:
        seconds, loss = [], 0.0
        for _ in range(int(line)):
            start = time.perf_counter()
            loss = step()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "loss": loss}), file=out, flush=True)


def our_step() -> Step:
    """A step as the loop takes it."""
    model = build_model(SHAPE, seed=0, compute_dtype=torch.bfloat16)
    optimizer, batches = build_optimizer(model, OptimizerConfig(name="adamw")), [batch()]

    def step() -> float:
        loss, _ = accumulate(model, MaskedLM(), batches)
        clip(optimizer.parameters(), CLIP)
        optimizer.step(RATE)
        optimizer.zero_grad()
        return loss

    return step


def peer_step(attention: str) -> Step:
    """The same step in transformers: autocast to bfloat16, fused AdamW, no dropout on either side."""
    family = choose_family(SHAPE)
    config = transformers.BertConfig(**family.to_hf_config(SHAPE))
    model: Any = transformers.BertForMaskedLM._from_config(config, attn_implementation=attention)
    model.load_state_dict(export_weights(build_model(SHAPE, seed=0), SHAPE, family), strict=False)
    model.tie_weights()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), fused=True)
    given = batch()
    inputs = {"input_ids": given.tokens, "labels": given.targets}

    def step() -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    return step


def batch() -> TokenBatch:
    """The tokens of every step, the same on both sides."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(5, SHAPE.vocab_size, (ROWS, TOKENS), generator=generator)
    hidden = torch.rand(tokens.shape, generator=generator) < SHARE
    targets = torch.where(hidden, tokens, IGNORE)
    return TokenBatch(torch.where(hidden, 4, tokens), targets, torch.ones_like(tokens))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns")
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn; its time is their median")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
