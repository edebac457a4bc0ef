"""Loading a checkpoint of 500 MB: hanlin.load against transformers' from_pretrained, and against reading the file.

A LLaMA shape of 250M parameters in bfloat16 (one file, and in shards), the same in float32 with half as many, and a
sealed bundle of ours, whose checksums are compared on the way. Every measurement is a fresh process; the sides take
turns, files lie in the page cache. transformers gets dtype="auto", with which it maps the file and looks at nothing; we
look at every number.

Three ways, since loading alone flatters whoever puts the work off: loading with everything imported before the clock
starts; the same up to the first logits; and what somebody at the keyboard waits for, from the start of a process that
imports one of the two only, up to the first logits. Memory is the peak (VmHWM) less what the process had before
loading, of whole processes all of it.

Promises: peak at most 1.15 x the weights, time at most 1.3 x reading the file into memory (Path.read_bytes), time and
memory at most those of transformers, up to the first logits and as a process.

    python benchmarks/loading.py [--rounds 5] [--cases CASE ...] [--folder FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHAPE = {"vocab_size": 32000, "hidden_size": 1024, "intermediate_size": 2816, "num_attention_heads": 16}
SHAPE |= {"num_key_value_heads": 8, "max_position_embeddings": 2048}
CASES = {
    "bfloat16, one file": {"dtype": "bfloat16", "layers": 15, "shard": "10GB"},
    "bfloat16, sharded": {"dtype": "bfloat16", "layers": 15, "shard": "120MB"},
    "float32, one file": {"dtype": "float32", "layers": 5, "shard": "10GB"},
}
SEALED = "bfloat16, sealed bundle"
SIDES = ("file", "hanlin", "transformers", "hanlin to logits", "transformers to logits")
WHOLE = ("hanlin, whole process", "transformers, whole process")


def main() -> None:
    """Make the checkpoints, measure, print and write what was measured."""
    options = parse()
    if options.side:
        measured = whole if options.side in WHOLE else measure
        print(json.dumps(measured(options.side, options.folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        home = options.folder or Path(temporary)
        found = {name: compared(make(home, name), options) for name in options.cases}
    for name, sides in found.items():
        report(name, sides)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def parse() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--cases", nargs="+", choices=(*CASES, SEALED), default=(*CASES, SEALED))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--side", choices=(*SIDES, *WHOLE), help="measure one side in this process")
    return parser.parse_args()


def make(home: Path, name: str) -> Path:
    """The folder of a case, with random weights of 0.02."""
    folder = home / name.replace(", ", "-").replace(" ", "-")
    if (folder / "config.json").is_file():
        return folder
    if name == SEALED:
        seal(make(home, "bfloat16, one file"), folder)
    else:
        make_theirs(folder, **CASES[name])
    return folder


def make_theirs(folder: Path, *, dtype: str, layers: int, shard: str) -> None:
    """As transformers saves it, with a tokenizer of bytes."""
    import torch
    import transformers

    from hanlin.text.config import TokenizerConfig
    from hanlin.text.tokenizer_train import train_tokenizer

    torch.manual_seed(0)
    config = transformers.LlamaConfig(**SHAPE, num_hidden_layers=layers)
    model = transformers.LlamaForCausalLM(config).to(getattr(torch, dtype))
    model.save_pretrained(folder, max_shard_size=shard)
    train_tokenizer(["one two three"] * 30, TokenizerConfig(vocab_size=270)).save(folder)


def seal(source: Path, folder: Path) -> None:
    """The same weights as a bundle of ours."""
    import torch

    from hanlin.bundle.bundle import load_bundle, save_bundle
    from hanlin.bundle.lineage import Lineage

    bundle = load_bundle(source, compute_dtype=torch.bfloat16, masters=False)
    assert bundle.tokenizer is not None
    save_bundle(folder, model=bundle.model, tokenizer=bundle.tokenizer, lineage=Lineage("pretrain", 1))


def compared(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Every side in turn, each in a process of its own; the first round only fills the page cache."""
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in (*SIDES, *WHOLE)}
    for turn in range(options.rounds + 1):
        for side in runs:
            command = [sys.executable, __file__, "--side", side, "--folder", str(folder)]
            start = time.perf_counter()
            made = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds = time.perf_counter() - start
            if turn:
                found = json.loads(made.stdout.splitlines()[-1])
                runs[side].append(found | ({"seconds": seconds} if side in WHOLE else {}))
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return {"bytes": size, **runs}


def whole(side: str, folder: Path) -> dict[str, float]:
    """First logits with as few imports as a user of one of the two needs; peak bytes of the process."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch

    ids = torch.arange(8)[None]
    with torch.inference_mode():
        if side.startswith("hanlin"):
            import hanlin

            hanlin.load(folder, device="cpu").logits(ids)
        else:
            from transformers import AutoModelForCausalLM

            AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()(ids).logits  # noqa: B018
    return {"bytes": peak()}


def measure(side: str, folder: Path) -> dict[str, float]:
    """Seconds and peak bytes of one side, in this process, after everything has been imported."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    import transformers

    import hanlin.life.load

    who, _, to_logits = side.partition(" to ")
    weights = sorted(folder.glob("*.safetensors"))
    ids = torch.arange(8)[None]
    transformers.LlamaForCausalLM, hanlin.life.load.load  # noqa: B018  # lazy names, loaded before the clock starts
    before, start = peak(), time.perf_counter()
    if who == "file":
        kept: Any = [path.read_bytes() for path in weights]
    elif who == "hanlin":
        kept = hanlin.life.load.load(folder, device="cpu")
    else:
        kept = transformers.LlamaForCausalLM.from_pretrained(folder, dtype="auto").eval()
    if to_logits:
        with torch.inference_mode():
            kept.logits(ids) if who == "hanlin" else kept(ids).logits
    return {"seconds": time.perf_counter() - start, "bytes": peak() - before}


def peak() -> int:
    """Most memory of this process so far, in bytes. Not ru_maxrss, which begins with what the parent held."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found, "needs Linux"
    return int(found[1]) * 1024


def report(name: str, sides: dict[str, Any]) -> None:
    """The table of a case, and its promises, as they are pasted into RESULTS.md."""
    size, middle = sides["bytes"], {}
    print(
        f"\n| {name}, {size / 1e6:.0f} MB | seconds (least to most) | peak MB | over the weights |\n|---|---|---|---|"
    )
    for side in (*SIDES, *WHOLE):
        seconds = sorted(run["seconds"] for run in sides[side])
        memory = statistics.median(run["bytes"] for run in sides[side])
        middle[side] = statistics.median(seconds), memory
        spread = f"{middle[side][0]:.3f} ({seconds[0]:.3f} to {seconds[-1]:.3f})"
        print(f"| {side} | {spread} | {memory / 1e6:.0f} | {memory / size:.2f} |")
    print("\n| promise | measured | promised | |\n|---|---|---|---|")
    promised("peak over the weights", middle["hanlin"][1] / size, 1.15)
    promised("time over reading the file", middle["hanlin"][0] / middle["file"][0], 1.3)
    for what, end in (("loading alone", ""), ("to the first logits", " to logits"), ("whole process", WHOLE[0][6:])):
        (seconds, memory), theirs = middle[f"hanlin{end}"], middle[f"transformers{end}"]
        promised(f"time over transformers, {what}", seconds / theirs[0], 1.0)
        promised(f"memory over transformers, {what}", memory / theirs[1], 1.0)


def promised(what: str, ratio: float, most: float) -> None:
    """One promise."""
    print(f"| {what} | {ratio:.2f} | {most:.2f} | {'held' if ratio <= most else 'missed'} |")


if __name__ == "__main__":
    main()
