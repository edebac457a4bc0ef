"""Writing tokens: one stream against transformers' generate, 16 streams against our own one.

Both sides hold the same weights (25.8M, LLaMA shape) and numbers of the same type, read the same prompt and write
greedily. The peer is tried at every setting it offers (attention, cache, compiled or not), the best of them is measured
against us in turns, and a ratio is the median over the turns; times include reading the prompt. Streams are compared
while writing, after all prompts are read. Promise: one stream at least 3 times the peer's, 16 streams at least 8 times
our one. What no program could pass on the machine is printed beside it: 16 tokens take the arithmetic of 16, one is
bound by memory, whose share is printed too. With a compiler at hand all is measured a second time as it is without one.

    python benchmarks/decode.py [--rounds 7] [--no-compile] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from hanlin.base.device import describe_machine
from hanlin.bundle.convert import export_weights
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.engine import Engine
from hanlin.infer.request import Request, Token
from hanlin.model.compiled import native_state
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import choose_family
from hanlin.model.pages import LargePages
from hanlin.model.transformer import Transformer, build_model

SHAPE = ModelConfig(
    vocab_size=6400, hidden_size=512, num_layers=8, num_heads=8, num_kv_heads=2, ffn_size=1408, max_seq_len=1024
)
PROMISED_ONE, PROMISED_MANY = 3.0, 8.0
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class NoText:
    """Stands in for a tokenizer: this measures tokens, not their text."""

    class Special:
        eos = im_end = -1

    vocab_size, special = SHAPE.vocab_size, Special()

    def piece_bytes(self, id: int, /) -> bytes:
        """No text."""
        return b""


@dataclass(frozen=True)
class Seconds:
    """One answer per stream: from the prompt on, and from the moment on that all prompts are read."""

    whole: float
    writing: float = float("nan")


Run = Callable[[], Seconds]


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
    say(json.dumps(found["machine"]))
    for name in options.dtypes:
        found["dtypes"][name] = measure(name, options)
    if native_state().outcome == "ready":
        found["without_compiler"] = without_compiler(options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def without_compiler(options: argparse.Namespace) -> Any:
    """The same in a process that has no compiled kernels."""
    say("\nWithout a compiler")
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "found.json")
        numbers = {"rounds": options.rounds, "warmup": options.warmup, "threads": options.threads}
        numbers |= {"prompt": options.prompt, "tokens": options.tokens, "streams": options.streams}
        given = [text for name, value in numbers.items() for text in (f"--{name}", str(value))]
        command = [sys.executable, __file__, *given, "--dtypes", *options.dtypes, "--no-compile", "--json", str(result)]
        subprocess.run(command, check=True, env={**os.environ, "HANLIN_NATIVE": "0"})
        return json.loads(result.read_text())["dtypes"]


def measure(dtype: str, options: argparse.Namespace) -> dict[str, Any]:
    """All ratios of one type of numbers, the same on both sides."""
    say(f"\n{dtype} on both sides")
    model = build_model(SHAPE, seed=0, compute_dtype=DTYPES[dtype]).eval()
    prompts = torch.randint(0, SHAPE.vocab_size, (options.streams, options.prompt)).tolist()
    peers = {name: warm(run, options) for name, run in peer_settings(model, dtype, prompts[0], options)}
    pilots = {name: min(run().whole for _ in range(2)) for name, run in peers.items()}
    for name, seconds in sorted(pilots.items(), key=lambda item: item[1]):
        say(f"  transformers, {name}: {options.tokens / seconds:.0f} tokens/s")
    best = min(pilots, key=pilots.__getitem__)
    turns = alternate(
        {
            "peer": peers[best],
            "one": warm(ours(model, prompts[:1], options), options),
            "many": warm(ours(model, prompts, options), options),
        },
        options.rounds,
    )
    return {"peer": best, "peer_pilots_seconds": pilots, **report(turns, best, dtype, options)}


def report(turns: dict[str, list[Seconds]], best: str, dtype: str, options: argparse.Namespace) -> dict[str, Any]:
    """Print rates and ratios; return them for the file."""
    peer, one, many = (turns[side] for side in ("peer", "one", "many"))
    tokens, streams = options.tokens, options.streams
    say(f"  transformers, {best}: {rate(peer, tokens):.0f} tokens/s")
    say(f"  ours: {rate(one, tokens):.0f} tokens/s, {writing_rate(one, tokens - 1):.0f} while writing")
    many_rates = rate(many, streams * tokens), writing_rate(many, streams * (tokens - 1))
    say(f"  ours, {streams} streams: {many_rates[0]:.0f} tokens/s, {many_rates[1]:.0f} while writing")
    ratios = {
        "one stream against transformers": Ratio([a.whole / b.whole for a, b in zip(peer, one, strict=True)]),
        f"{streams} streams against our one, writing": Ratio(
            [streams * a.writing / b.writing for a, b in zip(one, many, strict=True)]
        ),
        f"{streams} streams against our one, prompts included": Ratio(
            [streams * a.whole / b.whole for a, b in zip(one, many, strict=True)]
        ),
    }
    for name, value in ratios.items():
        say(f"  {name}: {value}")
    peak = products_per_second(DTYPES[dtype])
    bound = statistics.median(s.writing for s in one) / (tokens - 1) * peak / (2 * SHAPE.num_parameters())
    say(f"  products of this machine: {peak / 1e9:.0f} GFLOP/s, so {streams} streams cannot pass {bound:.1f} x")
    read = bytes_per_second()
    most = read / (SHAPE.num_parameters() * DTYPES[dtype].itemsize)
    share = writing_rate(one, tokens - 1) / most
    say(f"  memory of this machine: {read / 1e9:.0f} GB/s, so one stream cannot pass {most:.0f} tokens/s: {share:.0%}")
    say(f"  promised: {PROMISED_ONE:g} x and {PROMISED_MANY:g} x")
    return {
        "seconds": {side: [asdict(seconds) for seconds in found] for side, found in turns.items()},
        "ratios": {name: {"median": value.median, "turns": value.turns} for name, value in ratios.items()},
        "products_per_second": peak,
        "bound": bound,
        "memory_bytes_per_second": read,
        "share_of_memory": share,
    }


def ours(model: Transformer, prompts: list[list[int]], options: argparse.Namespace) -> Run:
    """One call of our engine."""
    engine = Engine(model, NoText(), config=EngineConfig(max_batch=max(16, len(prompts))))  # type: ignore[arg-type]
    params = SamplingParams(max_tokens=options.tokens, temperature=0, ignore_eos=True)

    def run() -> Seconds:
        start = read = time.perf_counter()
        names = {engine.submit(Request(tuple(prompt), params)) for prompt in prompts}
        unread, count = set(names), 0
        while engine.num_unfinished:
            events = engine.step()
            count += sum(isinstance(event, Token) for event in events)
            if unread:
                unread -= {event.request_id for event in events}
                read = time.perf_counter()
        end = time.perf_counter()
        assert count == len(prompts) * options.tokens
        return Seconds(end - start, end - read)

    return run


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
    auto: Any = transformers.AutoModelForCausalLM
    peer = auto.from_config(config, attn_implementation=attention)
    missing = peer.load_state_dict(export_weights(model, SHAPE, family), strict=False)
    assert not missing.unexpected_keys and set(missing.missing_keys) <= {"lm_head.weight"}, missing
    peer.tie_weights()
    return peer.to(DTYPES[dtype]).eval()


def peer_run(peer: Any, ids: torch.Tensor, options: argparse.Namespace, **settings: Any) -> Run:
    """One call of generate."""
    wanted = {"max_new_tokens": options.tokens, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}

    @torch.inference_mode()
    def run() -> Seconds:
        start = time.perf_counter()
        answer = peer.generate(ids, attention_mask=torch.ones_like(ids), **wanted, **settings)
        seconds = time.perf_counter() - start
        assert answer.shape[1] == ids.shape[1] + options.tokens
        return Seconds(seconds)

    return run


def warm(run: Run, options: argparse.Namespace) -> Run:
    """Warm up: compile, fill caches."""
    for _ in range(options.warmup):
        run()
    return run


def alternate(runs: dict[str, Run], rounds: int) -> dict[str, list[Seconds]]:
    """Seconds of every side, in turns, so that whatever else the machine does meets all alike."""
    seconds: dict[str, list[Seconds]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(run())
    return seconds


def rate(found: list[Seconds], tokens: int) -> float:
    """Tokens per second, prompts included."""
    return tokens / statistics.median(seconds.whole for seconds in found)


def writing_rate(found: list[Seconds], tokens: int) -> float:
    """Tokens per second once all prompts are read."""
    return tokens / statistics.median(seconds.writing for seconds in found)


def products_per_second(dtype: torch.dtype, size: int = 2048) -> float:
    """The best of torch's large products: operations per second."""
    a, b = torch.randn(2, size, size).to(dtype)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def bytes_per_second(size: int = 2**28) -> float:
    """The best of reading memory in large pages, as weights are read: one pass for the largest number."""
    numbers = LargePages(size).take(size // 4, dtype=torch.int32).fill_(1)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        numbers.max()
        best = min(best, time.perf_counter() - start)
    return size / best


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
