"""Clean and deduplicate the same text with data-juicer: what either side drops, and at what rate, one process each.

Rows are real text of both languages, exact copies of some, near copies (one character in a hundred is another, Jaccard
similarity about 0.9), copies with every tenth character changed (0.4: these must stay), and the made junk of
tests/text/rules. Both sides mend Unicode and white space, mask e-mail and IP addresses, drop by repetition, symbols and
length of lines, drop exact copies, and drop near copies from a Jaccard similarity of 0.8 by 20 bands of 5 over 5-grams
of characters. data-juicer's thresholds are those its operators have by default or in its list of all operators, ours
the preset `hanlin` for the kind web. Language identification and perplexity are left out: its models are downloads.
The seconds of a run of ten rows are taken off on both sides, since its start alone takes many. Turns alternate.

    python -m venv /tmp/peer && /tmp/peer/bin/pip install py-data-juicer==1.6.1 aiohttp ftfy scipy    # 0.7 GB
    HANLIN_TEST_DATA=/path/to/data python -m benchmarks.data_juicer --peer /tmp/peer/bin/dj-process [--megabytes 10]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.grown import changed, real_texts
from tests.text.rules.junk import junk

from hanlin.base.device import describe_machine
from hanlin.text.ledger import read_ledger

NEAR, FAR = 0.01, 0.1
FEW = 10
TURNS = 3
_FEWER = {"exact copies": 10, "near copies": 10, "far copies": 4}  # one for so many texts
PROCESS = """
  - fix_unicode_mapper:
  - whitespace_normalization_mapper:
  - clean_email_mapper:
  - clean_ip_mapper:
  - alphanumeric_filter: {tokenization: false, min_ratio: 0.25}
  - average_line_length_filter: {min_len: 10, max_len: 10000}
  - maximum_line_length_filter: {min_len: 10, max_len: 100000}
  - character_repetition_filter: {rep_len: 10, min_ratio: 0.0, max_ratio: 0.5}
  - special_characters_filter: {min_ratio: 0.0, max_ratio: 0.25}
  - text_length_filter: {min_len: 10, max_len: 10000000}
  - document_deduplicator: {lowercase: false, ignore_non_character: false}
  - document_minhash_deduplicator: {tokenization: character, window_size: 5, lowercase: false, ignore_pattern: null,
      num_permutations: 100, jaccard_threshold: 0.8, num_bands: 20, num_rows_per_band: 5}
"""
RECIPE = """
[corpus]
sources = [{{ path = {path}, kind = "web" }}]
most_leaked = 1.0
rules.preset = "hanlin"
near_dup.action = "drop"
privacy = {{ action = "mask", kinds = ["email", "ip"] }}
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", type=Path, required=True, help="its dj-process")
    parser.add_argument("--megabytes", type=float, default=10.0)
    options = parser.parse_args()
    say(json.dumps({**describe_machine(), "load": [round(load, 2) for load in os.getloadavg()]}))
    with tempfile.TemporaryDirectory() as room:
        compare(Path(room), options.peer, options.megabytes)


def compare(room: Path, peer: Path, megabytes: float) -> None:
    """Both sides in turns over the same file."""
    texts = dict(rows(megabytes))
    size = sum(len(text.encode()) for text in texts.values()) / 1e6
    whole, few = room / "whole.jsonl", room / "few.jsonl"
    write(whole, texts)
    write(few, dict(itertools.islice(texts.items(), FEW)))
    sides = {"Hanlin": ours, "data-juicer": lambda file: by_data_juicer(peer, file)}
    rates: dict[str, list[float]] = {side: [] for side in sides}
    kept: dict[str, set[str]] = {}
    for _ in range(TURNS):
        for side, run in sides.items():
            start, _ = run(few)
            seconds, kept[side] = run(whole)
            rates[side].append(size / (seconds - start))
            say(f"  {side}: {seconds:.1f} s for {size:.1f} MB, of which start {start:.1f} s")
    tell(texts, kept)
    ratios = [one / other for one, other in zip(rates["Hanlin"], rates["data-juicer"], strict=True)]
    say(f"  MB/s: { ({side: round(statistics.median(found), 2) for side, found in rates.items()}) }")
    say(f"  against data-juicer: {statistics.median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})")


def rows(megabytes: float) -> Iterator[tuple[str, str]]:
    """Yield (sort and number, text): originals first, so that a copy is what goes."""
    chance = np.random.default_rng(11)
    base = real_texts()
    chosen = [base[place] for place in chance.permutation(len(base))]
    ends = np.cumsum([len(text.encode()) for text in chosen])
    good = chosen[: int(np.searchsorted(ends, megabytes * 1e6))]
    yield from ((f"good text/{number}", text) for number, text in enumerate(good))
    for sort, share in (("exact copies", 0.0), ("near copies", NEAR), ("far copies", FAR)):
        for number, text in enumerate(good[:: _FEWER[sort]]):
            yield f"{sort}/{number}", changed(text, share, chance) if share else text
    for lang, seed in itertools.product(("zh", "en"), range(1, 6)):
        yield from ((f"junk: {sort}/{lang}{seed}", text) for sort, text in junk(lang, seed).items())


def write(path: Path, texts: dict[str, str]) -> None:
    """One row for each text."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n" for name, text in texts.items()
        )


def ours(file: Path) -> tuple[float, set[str]]:
    """The seconds from typing to the end, and the ids that are kept."""
    out = (
        Path(tempfile.mkdtemp(dir=file.parent)) / "corpus"
    )  # a new one each time: over an earlier build nothing is read again
    file.with_suffix(".toml").write_text(RECIPE.format(path=json.dumps(str(file))), encoding="utf-8")
    code = "import sys; from hanlin.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "data", "build", "-c", str(file.with_suffix(".toml")), "--workers", "1"]
    seconds = timed([*command, "--out", str(out), "--progress", "none"])
    return seconds, {entry.own_id for entry in read_ledger(out) if entry.fate in ("train", "validation")}


def by_data_juicer(peer: Path, file: Path) -> tuple[float, set[str]]:
    """The same by its command and its own recipe."""
    out, recipe = file.parent / "peer" / file.name, file.with_suffix(".yaml")
    lines = [f"dataset_path: {file}", f"export_path: {out}", "np: 1", "use_cache: false", "open_tracer: false"]
    recipe.write_text("\n".join([*lines, "process:"]) + PROCESS, encoding="utf-8")
    seconds = timed([str(peer), "--config", str(recipe)])
    return seconds, {json.loads(line)["id"] for line in out.read_text("utf-8").split("\n") if line}


def timed(command: list[str]) -> float:
    """The seconds a command takes; what it says is shown only if it fails."""
    begun = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(done.stdout[-3000:])
    return time.perf_counter() - begun


def tell(texts: dict[str, str], kept: dict[str, set[str]]) -> None:
    """A table: of each sort of rows, how many either side drops."""
    totals = Counter(name.partition("/")[0] for name in texts)
    say(
        "| rows | number | "
        + " | ".join(f"dropped by {side}" for side in kept)
        + " |\n"
        + "|---" * (len(kept) + 2)
        + "|"
    )
    for sort, total in totals.items():
        left = [total - sum(name.partition("/")[0] == sort for name in names) for names in kept.values()]
        say(f"| {sort} | {total:,} | " + " | ".join(f"{number:,} ({number / total:.1%})" for number in left) + " |")


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
