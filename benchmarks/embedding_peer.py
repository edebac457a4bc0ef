"""sentence-transformers behind a pipe, for benchmarks/embedding.py; runs in an environment of its own.

Reads one line of JSON ({"folder", "threads", "texts", "vectors"}), answers {"versions"}; after that every line with a
batch size is answered by {"seconds"} for all texts, and vectors.npy holds what came out last.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer


def answer(**fields: Any) -> None:
    """One line of JSON."""
    print(json.dumps(fields), flush=True)


def main() -> None:
    """Embed as often as asked."""
    asked = json.loads(sys.stdin.readline())
    torch.set_num_threads(asked["threads"])
    model = SentenceTransformer(asked["folder"], device="cpu", local_files_only=True).float().eval()
    answer(versions={name: version(name) for name in ("sentence-transformers", "transformers", "torch")})
    for line in sys.stdin:
        began = time.perf_counter()
        vectors = model.encode(asked["texts"], batch_size=int(line), show_progress_bar=False)
        answer(seconds=time.perf_counter() - began)
        np.save(asked["vectors"], vectors)


if __name__ == "__main__":
    main()
