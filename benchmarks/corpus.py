"""Clean and near-deduplicate the same text, against datatrove; and two processes against one.

Both sides read the same rows (real text grown by copies, `grown.py`), take the measures of Gopher, C4 and FineWeb with
thresholds so wide that no document falls, so that all of the work is done on all of the text, mask e-mail and IP
addresses, sign with 14 bands of 8 of 5-grams, drop near duplicates and write packed rows. Ours does more on the way
(Unicode, ledger, exact duplicates, split, leaks) and compares true similarities; datatrove tokenises all of it as
English, by far its faster tokeniser: jieba, which it prescribes for Chinese, would cost it several times as much.
datatrove reads a slice (`--peer-megabytes`), being linear in its text; rates are compared. Turns alternate.
Promise: 5 times datatrove's rate with one process on both sides, 1.8 times our own with two.

    python -m venv /tmp/peer && /tmp/peer/bin/pip install "datatrove[processing]==0.10.1" spacy   # needs old packages
    HANLIN_TEST_DATA=/path/to/data python benchmarks/corpus.py --peer /tmp/peer/bin/python [--megabytes 500]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TURNS = 3
PROMISED = {"datatrove": 5.0, "two": 1.8}
WIDE = 1e9


def main() -> None:
    """Measure and print."""
    options = parse()
    if options.side:
        seconds = {"ours": ours, "datatrove": by_datatrove}[options.side](Path(options.folder), options.workers)
        say(json.dumps({"seconds": seconds}))
        return
    compare(options)


def compare(options: argparse.Namespace) -> None:
    """All sides in turns, each in a process of its own."""
    from grown import write_grown

    from hanlin.base.device import describe_machine

    say(json.dumps({**describe_machine(), "load": [round(load, 2) for load in os.getloadavg()]}))
    rates: dict[str, list[float]] = {"ours": [], "two": [], "datatrove": []}
    with tempfile.TemporaryDirectory(dir=options.room) as room:
        whole, slice_ = Path(room, "whole"), Path(room, "slice")
        sizes = {"ours": write_grown(whole, options.megabytes)}
        sizes["datatrove"] = write_grown(slice_, options.peer_megabytes)
        for _ in range(options.turns):
            rates["ours"].append(sizes["ours"] / run(sys.executable, "ours", whole, 1))
            rates["two"].append(sizes["ours"] / run(sys.executable, "ours", whole, 2))
            if options.peer:
                rates["datatrove"].append(sizes["datatrove"] / run(options.peer, "datatrove", slice_, 1))
    told = ", ".join(f"{side} {statistics.median(found):.2f} MB/s" for side, found in rates.items() if found)
    say(f"  {sizes['ours']:.0f} MB of text, {told}")
    tell("two", [two / one for two, one in zip(rates["two"], rates["ours"], strict=True)])
    if options.peer:
        tell("datatrove", [one / peer for one, peer in zip(rates["ours"], rates["datatrove"], strict=True)])


def run(python: str, side: str, folder: Path, workers: int) -> float:
    """The seconds of one side in a process of its own, its start and imports left out."""
    command = [python, __file__, "--side", side, "--folder", str(folder), "--workers", str(workers)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def tell(side: str, ratios: list[float]) -> None:
    """One ratio with its spread."""
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    named = {"two": "two processes against one", "datatrove": "one process against datatrove"}[side]
    say(f"  {named}: {statistics.median(ratios):.2f} x ({spread}), promised {PROMISED[side]:g}")


# ---------------------------------------------------------------- sides


def ours(folder: Path, workers: int) -> float:
    """A corpus build."""
    from hanlin.base.engines import Processes
    from hanlin.text.config import CorpusConfig
    from hanlin.text.corpus import build_corpus
    from hanlin.text.rules.presets import load_preset

    preset = load_preset("fineweb")
    named = {name for section in preset.sections.values() for name in section if name.startswith(("min_", "max_"))}
    config = CorpusConfig(
        sources=(str(folder),),
        rules={"preset": "fineweb", "thresholds": {name: -WIDE if name[:3] == "min" else WIDE for name in named}},
        privacy={"action": "mask", "kinds": ("email", "ip")},
        near_dup={"action": "drop", "bands": 14, "rows": 8},
    )
    with tempfile.TemporaryDirectory(dir=folder.parent) as room:
        begun = time.perf_counter()
        report = build_corpus(config, Path(room, "out"), engine=Processes(workers))
        seconds = time.perf_counter() - begun
    assert set(report.figures["dropped"]) <= {"near_duplicate", "duplicate", "leaked"}, report.figures["dropped"]
    return seconds


def by_datatrove(folder: Path, workers: int) -> float:
    """datatrove's local executor, all its steps one after the other in this process."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )
    from datatrove.pipeline.formatters import PIIFormatter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    minhash = MinhashConfig(num_buckets=14, hashes_per_bucket=8, n_grams=5)
    grams = tuple((n, WIDE) for n in range(2, 5)), tuple((n, WIDE) for n in range(5, 11))
    filters = [
        GopherRepetitionFilter(
            dup_line_frac=WIDE, dup_para_frac=WIDE, dup_line_char_frac=WIDE, dup_para_char_frac=WIDE,
            top_n_grams=grams[0], dup_n_grams=grams[1],
        ),
        C4QualityFilter(
            filter_no_terminal_punct=False, min_num_sentences=-1, min_words_per_line=-1, filter_lorem_ipsum=False,
            filter_javascript=False, filter_curly_bracket=False, filter_policy=False,
        ),
        GopherQualityFilter(
            min_doc_words=1, max_doc_words=int(WIDE), min_avg_word_length=0, max_avg_word_length=int(WIDE),
            max_symbol_word_ratio=WIDE, max_bullet_lines_ratio=WIDE, max_ellipsis_lines_ratio=WIDE,
            max_non_alpha_words_ratio=-1.0, min_stop_words=0,
        ),
        FineWebQualityFilter(
            line_punct_thr=-1.0, short_line_thr=WIDE, char_duplicates_ratio=WIDE, new_line_ratio=WIDE
        ),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(dir=folder.parent) as room:
        place = {name: f"{room}/{name}" for name in ("clean", "signed", "buckets", "cluster", "out")}
        steps = [
            [
                JsonlReader(str(folder)), *filters, JsonlWriter(place["clean"], compression="zstd"),
                MinhashDedupSignature(output_folder=place["signed"], config=minhash),
            ],
            [MinhashDedupBuckets(place["signed"], place["buckets"], config=minhash)],
            [MinhashDedupCluster(place["buckets"], place["cluster"], config=minhash)],
            [
                JsonlReader(place["clean"], compression="zstd"), MinhashDedupFilter(place["cluster"]),
                PIIFormatter(), JsonlWriter(place["out"], compression="zstd"),
            ],
        ]  # fmt: skip
        begun = time.perf_counter()
        for number, step in enumerate(steps):
            tasks = minhash.num_buckets if number == 1 else 1
            LocalPipelineExecutor(step, tasks=tasks, workers=1, logging_dir=f"{room}/logs-{number}").run()
        seconds = time.perf_counter() - begun
        kept = sum(path.stat().st_size for path in Path(place["out"]).glob("*"))
    assert kept > 0, "nothing came out"
    return seconds


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=500, help="size of the text for our side")
    parser.add_argument("--peer-megabytes", type=float, default=12, help="size of the slice for datatrove")
    parser.add_argument("--peer", help="Python of the environment that has datatrove")
    parser.add_argument("--turns", type=int, default=TURNS, help="turns, at least 3 for a claim")
    parser.add_argument("--room", help="folder for the text and the work; needs 4 times the size")
    for hidden in ("--side", "--folder"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
