"""Repair of wrongly decoded text: lines that are put right, good lines that are harmed, and MB a second.

Good text: every string of every JSON file of the test data but `web-html`. Broken text: paragraphs of `pretrain-zh` and
`pretrain-en`, wrongly decoded here in each of three ways, as documents of ten lines.

    HANLIN_TEST_DATA=/path/to/data python -m benchmarks.mojibake [--show]
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard
from tests.text.wrongly import WAYS

from hanlin.text.mojibake import repaired


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--show", action="store_true", help="list good lines that are changed")
    show = parser.parse_args().show
    data = Path(os.environ["HANLIN_TEST_DATA"])
    good_text(data, show)
    broken_text([*data.glob("pretrain-zh/*.zst"), *data.glob("pretrain-en/*.zst")])


def good_text(data: Path, show: bool) -> None:
    """Nothing in it may change."""
    num_chars = num_changed = 0
    begun = time.process_time()
    for path in sorted(data.glob("*/*.json*")):
        for text in strings(path) if path.parent.name != "web-html" else ():
            fixed, number = repaired(text)
            num_chars, num_changed = num_chars + len(text), num_changed + number
            if number and show:
                pairs = zip(text.split("\n"), fixed.split("\n"), strict=False)
                print(path.name, next(f"{one!r} -> {other!r}" for one, other in pairs if one != other)[:300])
    rate = num_chars / 1e6 / (time.process_time() - begun)
    print(f"good text: {num_chars / 1e6:.0f} million characters, {num_changed} lines changed, {rate:.0f} million/s")


def broken_text(paths: list[Path]) -> None:
    """Lines that come back as they were, of those that were altered by the wrong decoding."""
    print("\n| broken | collection | lines altered | as before | better, some characters lost |\n|---|---|---|---|---|")
    for way, wrong in WAYS.items():
        for part in ("pretrain-zh", "pretrain-en"):
            altered = same = 0
            lost = 0
            for lines in documents([path for path in sorted(paths) if path.parent.name == part]):
                if way.startswith("GBK"):
                    lines = [line.encode("gb2312", "ignore").decode("gb2312") for line in lines]
                broken = [wrong(line) for line in lines]
                fixed = repaired("\n".join(broken))[0].split("\n")
                for one, two, three in zip(lines, broken, fixed, strict=True):
                    altered += one != two
                    same += one != two and one == three
                    lost += one != two and one != three and two != three
            print(f"| {way} | {part} | {altered:,} | {same / altered:.1%} | {lost / altered:.1%} |")


def documents(paths: list[Path]) -> Iterator[list[str]]:
    """Ten lines at a time from the beginning of each file, a hundred times."""
    for path in paths:
        lines = [line for text in _first(strings(path), 200) for line in text.split("\n") if line.strip()][:1000]
        yield from (lines[at : at + 10] for at in range(0, len(lines), 10))


def _first(items: Iterator[str], number: int) -> Iterator[str]:
    yield from (item for _, item in zip(range(number), items, strict=False))


def strings(path: Path) -> Iterator[str]:
    """Every string in the rows of a file."""
    opened = path.open("rb")
    with opened if path.suffix in (".jsonl", ".json") else _unpacked(path, opened) as stream:
        for line in io.TextIOWrapper(stream, encoding="utf-8"):
            if line.strip():
                yield from _strings(json.loads(line))


def _unpacked(path: Path, file: Any) -> Any:
    return gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else zstandard.ZstdDecompressor().stream_reader(file)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


if __name__ == "__main__":
    main()
