"""How many held-out texts go as leaked, the more text there is to train on: with and without lines that many have.

python benchmarks/leaked_lines.py site-packages --pattern "**/*.py"
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from pathlib import Path

from hanlin.text.leaks import MOST_TEXTS, leaked_share, long_line_keys

HELD_OUT, MOST_LEAKED = 150, 0.5
SIZES = (70, 350, 1300, 4300)


def main() -> None:
    """Print a row for each number of training texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pattern", default="**/*.py")
    asked = parser.parse_args()
    texts = texts_in(asked.folder, asked.pattern)
    held_out, training = texts[:HELD_OUT], texts[HELD_OUT:]
    counts = Counter[int]()
    done = 0
    for number in (size for size in SIZES if size <= len(training)):
        for text in training[done:number]:
            counts.update(long_line_keys(text))
        done = number
        size = sum(len(text.encode()) for text in training[:number]) / 1e6
        common = {key for key, met in counts.items() if met > MOST_TEXTS}
        every = share_gone(held_out, counts, frozenset())
        print(f"{number} texts, {size:.1f} MB: {every:.1%} leaked, {share_gone(held_out, counts, common):.1%} without")


def texts_in(folder: Path, pattern: str) -> list[str]:
    """Texts of 300 to 40,000 bytes in an order by chance, copies of packages inside of packages aside."""
    paths = [path for path in sorted(folder.glob(pattern)) if "_vendor" not in path.parts and path.is_file()]
    chosen = [path for path in paths if 300 < path.stat().st_size < 40_000]
    random.Random(1).shuffle(chosen)
    return [path.read_text(encoding="utf-8", errors="replace") for path in chosen[: HELD_OUT + SIZES[-1]]]


def share_gone(held_out: list[str], counts: Counter[int], common: set[int] | frozenset[int]) -> float:
    """The share of held-out texts of which more than half has leaked."""
    return sum(leaked_share(text, counts, common) > MOST_LEAKED for text in held_out) / len(held_out)


if __name__ == "__main__":
    main()
