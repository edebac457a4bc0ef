"""One training step: ours against transformers, eager and under torch.compile, in turns.

Both sides hold the same weights (25.8M, LLaMA shape, float32 with bfloat16 products), read the same batch of 8 x 512
tokens, clip the gradient and move by fused AdamW; ours is the very step of `hanlin pretrain`. Each contender lives in a
process of its own, so that neither memory nor threads of one disturb another, and they take turns, so that whatever
else the machine does meets all alike. The peer is first tried at every setting that may help it and measured at its
best. Ratios are medians over the turns. Promise: 1.5 x eager, 1.3 x compiled, at most 2 GB.

    python benchmarks/train_step.py [--rounds 7] [--no-compile] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import transformers

from hanlin.base.device import describe_machine, keep_freed_memory, peak_memory_bytes
from hanlin.bundle.convert import export_weights
from hanlin.data.batches import IGNORE, TokenBatch
from hanlin.model.compiled import native_state
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import choose_family
from hanlin.model.transformer import build_model
from hanlin.train.config import OptimizerConfig
from hanlin.train.loop import accumulate, clip
from hanlin.train.objectives import CausalLM
from hanlin.train.optimizers import build_optimizer

SHAPE = ModelConfig(
    vocab_size=6400, hidden_size=512, num_layers=8, num_heads=8, num_kv_heads=2, ffn_size=1408, max_seq_len=512
)
ROWS, TOKENS, RATE, CLIP = 8, 512, 1e-4, 1.0
DOCUMENTS = (100, 80, 120, 120, 92)  # tokens of the documents of a packed row, shifted from row to row
PROMISED_EAGER, PROMISED_COMPILED, PROMISED_BYTES = 1.5, 1.3, 2e9
Step = Callable[[], float]


@dataclass(frozen=True)
class Contender:
    """One side at one setting. `kept`: freed memory stays with the process, as ours does in training."""

    side: str  # "ours" or "transformers"
    packed: bool = False
    native: bool = True
    compiled: bool = False
    attention: str = "sdpa"
    kept: bool = True

    @property
    def name(self) -> str:
        if self.side == "ours":
            return "ours, " + ("native kernels" if self.native else "torch only") + ", compiled" * self.compiled
        how = "compiled" if self.compiled else "eager"
        return f"transformers, {how} ({self.attention}{', freed memory kept' * self.kept})"


class Worker:
    """A contender in its own process: told to take steps, it answers with their seconds."""

    def __init__(self, contender: Contender, threads: int) -> None:
        self.contender = contender
        command = [sys.executable, __file__, "--worker", json.dumps(asdict(contender)), "--threads", str(threads)]
        environ = os.environ | {"HANLIN_NATIVE": str(int(contender.native)), "PYTHONWARNINGS": "ignore"}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)

    def take(self, steps: int) -> dict[str, Any]:
        """Seconds of each step, the last loss, the peak of memory."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.contender.name}: died with code {self._process.wait()}")
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> None:
    """Measure, print, and write what was measured."""
    options = parse()
    torch.set_num_threads(options.threads)
    if options.worker:
        return work(Contender(**json.loads(options.worker)))
    found: dict[str, Any] = {"machine": machine(options.threads), "shape": SHAPE.model_dump(mode="json"), "batches": {}}
    say(f"{found['machine']}\n")
    for packed in options.batches:
        label = "packed documents" if packed else "whole rows"
        found["batches"][label] = measure(packed, options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return None


# ---- the schedule ----


def measure(packed: bool, options: argparse.Namespace) -> dict[str, Any]:
    """All ratios on one kind of batch."""
    say(f"{'Rows of several documents, masked from each other' if packed else 'Rows of one document'}")
    peers = [
        best_of(peer_settings(packed, compiled), options)
        for compiled in ((False, True) if options.compile else (False,))
    ]
    ours = [Contender("ours", packed), Contender("ours", packed, native=False)]
    if options.compile_ours:
        ours.append(Contender("ours", packed, compiled=True))
    turns, peak = alternate([*ours, *peers], options)
    report(turns, peak, packed)
    return {
        "matmul_flops": peak,
        "contenders": {worker.name: {**asdict(worker), "turns": turns[worker]} for worker in turns},
        "ratios": {f"{peer.name} / {own.name}": ratios(turns, peer, own) for peer in peers for own in ours},
    }


def peer_settings(packed: bool, compiled: bool) -> Iterable[Contender]:
    """Every way in which transformers may train fastest."""
    plain = Contender("transformers", packed, compiled=compiled)
    return [replace(plain, attention=a, kept=k) for a in ("sdpa", "eager") for k in (True, False)]


def best_of(settings: Iterable[Contender], options: argparse.Namespace) -> Contender:
    """The fastest setting of a peer over a few steps."""
    pilots = {}
    for contender in settings:
        worker = Worker(contender, options.threads)
        worker.take(options.warmup)
        pilots[contender] = min(worker.take(3)["seconds"])
        worker.close()
        say(f"  tried: {contender.name}: {pilots[contender]:.3f} s")
    return min(pilots, key=pilots.__getitem__)


def alternate(
    contenders: list[Contender], options: argparse.Namespace
) -> tuple[dict[Contender, list[dict[str, Any]]], float]:
    """Every contender's turns, and the highest speed of a bfloat16 product measured between them."""
    workers = [Worker(contender, options.threads) for contender in contenders]
    for worker in workers:
        worker.take(options.warmup)
    turns: dict[Contender, list[dict[str, Any]]] = {contender: [] for contender in contenders}
    peak = 0.0
    for _ in range(options.rounds):
        for worker in workers:
            turns[worker.contender].append(worker.take(options.steps))
        peak = max(peak, matmul_flops())
    for worker in workers:
        worker.close()
    return turns, peak


def matmul_flops() -> float:
    """Operations per second of large bfloat16 products."""
    a, b = (torch.randn(2048, 2048, dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(6):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(times)


# ---- what came of it ----


def report(turns: dict[Contender, list[dict[str, Any]]], peak: float, packed: bool) -> None:
    work_flops = step_flops(packed)
    say(f"  bfloat16 products: {peak / 1e9:.0f} GFLOP/s at most; a step is {work_flops / 1e9:.0f} GFLOP of them")
    for contender, taken in turns.items():
        seconds = [statistics.median(turn["seconds"]) for turn in taken]
        share = work_flops / statistics.median(seconds) / peak
        say(
            f"  {contender.name:58} {statistics.median(seconds):6.3f} s ({min(seconds):.3f} to {max(seconds):.3f})"
            f"  {share:4.0%} of the products' peak  {max(turn['peak'] for turn in taken) / 1e9:.2f} GB"
            f"  loss {taken[0]['losses'][0]:.4f}"
        )
    peers = [contender for contender in turns if contender.side != "ours"]
    for own in (contender for contender in turns if contender.side == "ours"):
        for peer in peers:
            found, promised = ratios(turns, peer, own), PROMISED_COMPILED if peer.compiled else PROMISED_EAGER
            verdict = "held" if statistics.median(found) >= promised else "MISSED"
            say(
                f"  {own.name} against {peer.name}: {statistics.median(found):.2f} x"
                f" (from {min(found):.2f} to {max(found):.2f}); promised {promised} x: {verdict}"
            )
        most = max(turn["peak"] for turn in turns[own])
        verdict = "held" if most <= PROMISED_BYTES else "MISSED"
        say(f"  {own.name}: {most / 1e9:.2f} GB; promised {PROMISED_BYTES / 1e9:g}: {verdict}")
    say("")


def ratios(turns: dict[Contender, list[dict[str, Any]]], slower: Contender, faster: Contender) -> list[float]:
    """How many times faster, turn by turn."""
    pairs = zip(turns[slower], turns[faster], strict=True)
    return [statistics.median(a["seconds"]) / statistics.median(b["seconds"]) for a, b in pairs]


def step_flops(packed: bool) -> float:
    """6 N per token (forward 2, backward 4) and causal attention: half of 12 H E per query and key."""
    parameters = build_model(SHAPE, seed=0).num_parameters()
    squares = sum(length**2 for length in DOCUMENTS) if packed else TOKENS**2
    attention = 6 * SHAPE.num_layers * SHAPE.num_heads * SHAPE.head_dim * squares
    return ROWS * (6.0 * parameters * TOKENS + attention)


# ---- a contender's process ----


def work(contender: Contender) -> None:
    """Take as many steps as each line of stdin says."""
    if contender.kept:
        keep_freed_memory()
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print, too
    step = our_step(contender) if contender.side == "ours" else peer_step(contender)
    for line in sys.stdin:
        seconds, losses = [], []
        for _ in range(int(line)):
            start = time.perf_counter()
            losses.append(step())
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "losses": losses, "peak": peak_memory_bytes()}), file=out, flush=True)


def our_step(contender: Contender) -> Step:
    """A step as the loop takes it."""
    model = build_model(SHAPE, seed=0, compute_dtype=torch.bfloat16)
    optimizer = build_optimizer(model, OptimizerConfig(name="adamw"))
    batches, objective = [batch(contender.packed)], CausalLM()
    if contender.compiled:
        model.stack = torch.compile(model.stack)  # type: ignore[assignment]

    def step() -> float:
        loss, _ = accumulate(model, objective, batches)
        clip(optimizer.parameters(), CLIP)
        optimizer.step(RATE)
        optimizer.zero_grad()
        return loss

    return step


def peer_step(contender: Contender) -> Step:
    """The same step in transformers: autocast to bfloat16, fused AdamW."""
    family = choose_family(SHAPE)
    config = transformers.LlamaConfig(**family.to_hf_config(SHAPE), use_cache=False)
    model: Any = transformers.LlamaForCausalLM._from_config(config, attn_implementation=contender.attention)
    model.load_state_dict(export_weights(build_model(SHAPE, seed=0), SHAPE, family), strict=False)
    model.tie_weights()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), fused=True)
    run = torch.compile(model) if contender.compiled else model
    given = batch(contender.packed)
    inputs = {"input_ids": given.tokens, "labels": given.tokens, "shift_labels": given.targets}
    if contender.packed:  # without a mask, positions that start anew tell transformers where documents do
        inputs["position_ids"] = positions(given.segments)

    def step() -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = run(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    return step


def batch(packed: bool) -> TokenBatch:
    """The tokens of every step, the same on both sides."""
    tokens = torch.randint(0, SHAPE.vocab_size, (ROWS, TOKENS + 1), generator=torch.Generator().manual_seed(0))
    segments = torch.ones(ROWS, TOKENS, dtype=torch.long)
    for row in range(ROWS if packed else 0):
        lengths = DOCUMENTS[row % len(DOCUMENTS) :] + DOCUMENTS[: row % len(DOCUMENTS)]
        segments[row] = torch.arange(1, len(lengths) + 1).repeat_interleave(torch.tensor(lengths))
    targets = tokens[:, 1:].clone()
    targets[:, :-1][segments[:, 1:] != segments[:, :-1]] = IGNORE
    return TokenBatch(tokens[:, :-1].contiguous(), targets, segments)


def positions(segments: torch.Tensor) -> torch.Tensor:
    """How far each token stands from the start of its document."""
    return torch.cat(
        [torch.cat([torch.arange(int(n)) for n in row.unique(return_counts=True)[1]])[None] for row in segments]
    )


# ---- this and that ----


def machine(threads: int) -> dict[str, Any]:
    """What the numbers belong to."""
    load = [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else []
    mine = {
        "transformers": transformers.__version__,
        "threads": threads,
        "load": load,
        "native": native_state().outcome,
    }
    return {**describe_machine(), **mine}


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns, at least 5 for a claim")
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn; its time is their median")
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", choices=["whole", "packed"], help="one kind of batch")
    parser.add_argument(
        "--no-compile", dest="compile", action="store_false", help="leave torch.compile to the peer out"
    )
    parser.add_argument("--compile-ours", action="store_true", help="our native kernels under torch.compile as well")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.batches = {"whole": [False], "packed": [True], None: [False, True]}[options.only]
    return options


if __name__ == "__main__":
    main()
