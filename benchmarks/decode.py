"""Writing tokens: one stream against transformers' generate, 16 streams against our own one.

Both sides hold the same weights (25.8M, LLaMA shape), read the same prompt and write greedily; times include reading
the prompt. The peer is tried at every setting it offers (attention, cache, compiled or not) in the same type as ours,
the best of them is measured against us in turns, and the ratio is the median over the turns. Promise: one stream at
least 3 times the peer's, 16 streams together at least 8 times our one.

    python benchmarks/decode.py [--rounds 7] [--no-compile] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from hanlin.base.device import describe_machine
from hanlin.bundle.convert import export_weights
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.engine import Engine
from hanlin.model.compiled import native_state
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import choose_family
from hanlin.model.transformer import Transformer, build_model

SHAPE = ModelConfig(
    vocab_size=6400, hidden_size=512, num_layers=8, num_heads=8, num_kv_heads=2, ffn_size=1408, max_seq_len=1024
)
PROMISED_ONE, PROMISED_MANY = 3.0, 8.0
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
Run = Callable[[], float]


class NoText:
    """Stands in for a tokenizer: this measures tokens, not their text."""

    class Special:
        eos = im_end = -1

    vocab_size, special = SHAPE.vocab_size, Special()

    def piece_bytes(self, id: int, /) -> bytes:
        """No text."""
        return b""


@dataclass(frozen=True)
class Ratio:
    """How many times faster, over the turns."""

    turns: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.turns)

    def __str__(self) -> str:
        return f"{self.median:.2f} x (from {min(self.turns):.2f} to {max(self.turns):.2f}, {len(self.turns)} turns)"


def main() -> None:
    """Measure, print, and write what was measured."""
    options = parse()
    torch.set_num_threads(options.threads)
    found: dict[str, Any] = {"machine": machine(), "dtypes": {}}
    say(f"{found['machine']}")
    for name in options.dtypes:
        found["dtypes"][name] = measure(name, options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def measure(dtype: str, options: argparse.Namespace) -> dict[str, Any]:
    """All ratios of one type of numbers, the same on both sides."""
    say(f"\n{dtype} on both sides")
    model = build_model(SHAPE, seed=0, compute_dtype=DTYPES[dtype]).eval()
    prompts = torch.randint(0, SHAPE.vocab_size, (options.streams, options.prompt)).tolist()
    one, many = ours(model, prompts[:1], options), ours(model, prompts, options)
    slow = ours(model, prompts[:1], options, native=False)
    peers = {name: settle(run, options) for name, run in peer_settings(model, dtype, prompts[0], options)}
    pilots = {name: min(run() for _ in range(2)) for name, run in peers.items()}
    for name, seconds in sorted(pilots.items(), key=lambda item: item[1]):
        say(f"  transformers, {name}: {rate(seconds, options):.0f} tokens/s")
    best = min(pilots, key=pilots.__getitem__)
    turns = alternate({"peer": peers[best], "one": one, "many": many, "torch": slow}, options.rounds)
    ratios = {
        "one stream against transformers": ratio(turns["peer"], turns["one"]),
        "one stream without a compiler against transformers": ratio(turns["peer"], turns["torch"]),
        f"{options.streams} streams against our one": ratio(turns["one"], turns["many"], options.streams),
    }
    for name in turns:
        streams = options.streams if name == "many" else 1
        label = {"peer": f"transformers, {best}", "one": "ours", "many": f"ours, {streams} streams"}.get(
            name, "ours, torch"
        )
        say(f"  {label}: {rate(statistics.median(turns[name]), options) * streams:.0f} tokens/s")
    for name, value in ratios.items():
        say(f"  {name}: {value}")
    say(f"  promised: {PROMISED_ONE:g} x and {PROMISED_MANY:g} x")
    return {
        "peer": best,
        "peer_pilots_seconds": pilots,
        "seconds": turns,
        "ratios": {name: {"median": value.median, "turns": value.turns} for name, value in ratios.items()},
    }


def ours(model: Transformer, prompts: list[list[int]], options: argparse.Namespace, *, native: bool = True) -> Run:
    """Seconds of one call of our engine."""
    engine = Engine(model, NoText(), config=EngineConfig(max_batch=max(16, len(prompts)), native=native))  # type: ignore[arg-type]
    params = SamplingParams(max_tokens=options.tokens, temperature=0, ignore_eos=True)

    def run() -> float:
        start = time.perf_counter()
        answers = engine.generate_many(prompts, params)
        seconds = time.perf_counter() - start
        assert all(len(answer.ids) == options.tokens for answer in answers)
        return seconds

    return settle(run, options)


def peer_settings(
    model: Transformer, dtype: str, prompt: list[int], options: argparse.Namespace
) -> Iterator[tuple[str, Run]]:
    """Every way in which transformers may write fastest, by name."""
    ids = torch.tensor([prompt])
    for attention in ("sdpa", "eager"):
        peer = peer_model(model, dtype, attention)
        yield f"{attention}, growing cache", peer_run(peer, ids, options)
        yield f"{attention}, static cache", peer_run(peer, ids, options, cache_implementation="static")
        if options.compile and attention == "sdpa":
            compiled: Any = transformers.CompileConfig(fullgraph=False, dynamic=False, mode="default")
            compiled._compile_all_devices = True  # off a GPU, generate compiles only when told so
            settings = {"cache_implementation": "static", "compile_config": compiled}
            yield "sdpa, static cache, torch.compile", peer_run(peer, ids, options, **settings)


def peer_model(model: Transformer, dtype: str, attention: str) -> Any:
    """The same weights in transformers' class."""
    family = choose_family(SHAPE)
    config = transformers.LlamaConfig(**family.to_hf_config(SHAPE))
    peer: Any = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    missing = peer.load_state_dict(export_weights(model, SHAPE, family), strict=False)
    assert not missing.unexpected_keys and set(missing.missing_keys) <= {"lm_head.weight"}, missing
    peer.tie_weights()
    return peer.to(DTYPES[dtype]).eval()


def peer_run(peer: Any, ids: torch.Tensor, options: argparse.Namespace, **settings: Any) -> Run:
    """Seconds of one call of generate."""
    wanted = {"max_new_tokens": options.tokens, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}

    @torch.inference_mode()
    def run() -> float:
        start = time.perf_counter()
        answer = peer.generate(ids, attention_mask=torch.ones_like(ids), **wanted, **settings)
        seconds = time.perf_counter() - start
        assert answer.shape[1] == ids.shape[1] + options.tokens
        return seconds

    return run


def settle(run: Run, options: argparse.Namespace) -> Run:
    """Warm up: compile, fill caches."""
    for _ in range(options.warmup):
        run()
    return run


def alternate(runs: dict[str, Run], rounds: int) -> dict[str, list[float]]:
    """Seconds of every side, in turns, so that whatever else the machine does meets all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(run())
    return seconds


def ratio(slower: list[float], faster: list[float], streams: int = 1) -> Ratio:
    return Ratio([streams * a / b for a, b in zip(slower, faster, strict=True)])


def rate(seconds: float, options: argparse.Namespace) -> float:
    return float(options.tokens / seconds)


def machine() -> dict[str, Any]:
    """What the numbers belong to."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    versions = {"transformers": transformers.__version__, "python": platform.python_version()}
    return {**describe_machine(), **versions, "load": [round(x, 2) for x in load], "native": native_state().outcome}


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns, at least 5 for a claim")
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--dtypes", nargs="+", choices=list(DTYPES), default=list(DTYPES))
    parser.add_argument(
        "--no-compile", dest="compile", action="store_false", help="leave torch.compile to the peer out"
    )
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
