"""Text to token shards, against the raw rate of the tokenizers library: what writing, counting and checksums cost.

The library encodes the documents in groups as large as ours and hands over lists of ids, nothing else. We encode the
same documents with the same vocabulary and write a folder of shards with all columns, counts and checksums, once from
documents in memory and once from a corpus on disk. The three take turns; the ratio is that of each round, by the clock
and by the processor's time of all threads, which other work on the machine disturbs less.

    HANLIN_TEST_DATA=/path/to/data python benchmarks/shards.py [--megabytes 8] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hanlin.data.config import ShardConfig
from hanlin.data.shards import write_shards
from hanlin.text.config import TokenizerConfig
from hanlin.text.document import Document
from hanlin.text.ledger import documents_of, packed, path_of, row
from hanlin.text.readers import read_documents
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer

PROMISE = 0.9
FILES = (
    "pretrain-zh/pydocs", "pretrain-en/peps", "pretrain-zh/novels-hans", "pretrain-en/ebooks", "pretrain-zh/oiwiki",
    "pretrain-en/rustbook", "pretrain-zh/linuxcmd", "pretrain-en/tldr", "pretrain-zh/poetry",
)  # fmt: skip


def documents(data: Path, megabytes: float) -> list[Document]:
    """The same share of each file, long documents and short ones."""
    chosen: list[Document] = []
    for name in FILES:
        size = 0
        for one in read_documents([data / f"{name}.jsonl.zst"], on_drop=lambda dropped: None):
            size += len(one.text.encode())
            chosen.append(one)
            if size > megabytes * 1e6 / len(FILES):
                break
    return chosen


def groups(texts: list[str], characters: int) -> Iterator[list[str]]:
    """Groups of texts as our writer makes them."""
    group: list[str] = []
    size = 0
    for text in texts:
        group.append(text)
        size += len(text)
        if size >= characters:
            yield group
            group, size = [], 0
    if group:
        yield group


def contenders(chosen: list[Document], tokenizer: Tokenizer, home: Path) -> dict[str, Callable[[], object]]:
    """What takes turns."""
    core, texts = tokenizer._plain, [one.text for one in chosen]
    corpus = home / "corpus"
    corpus.mkdir()
    with packed(path_of(corpus, "train")) as file:
        for one in chosen:
            file.write(row(one))

    def raw() -> None:
        for group in groups(texts, ShardConfig().batch_characters):
            _ = [encoding.ids for encoding in core.encode_batch_fast(group, add_special_tokens=False)]

    return {
        "tokenizers": raw,
        "Hanlin, from memory": lambda: write_shards(chosen, tokenizer, home / "a"),
        "Hanlin, from a corpus on disk": lambda: write_shards(
            documents_of(path_of(corpus, "train")), tokenizer, home / "b"
        ),
    }


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """One turn: by the clock, and of the processor."""
    start, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - processor


def against(times: list[dict[str, tuple[float, float]]], name: str, which: int) -> tuple[float, float, float]:
    """Median, least and greatest ratio of the rounds."""
    ratios = sorted(turn["tokenizers"][which] / turn[name][which] for turn in times)
    return statistics.median(ratios), ratios[0], ratios[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--vocab-size", type=int, default=6400)
    args = parser.parse_args()
    chosen = documents(Path(os.environ["HANLIN_TEST_DATA"]), args.megabytes)
    size = sum(len(one.text.encode()) for one in chosen) / 1e6
    tokenizer = train_tokenizer(
        (one.text for one in chosen), TokenizerConfig(vocab_size=args.vocab_size, sample_chars=10**6)
    )
    home = Path(tempfile.mkdtemp(dir="."))
    try:
        work = contenders(chosen, tokenizer, home)
        times = [{name: seconds(turn) for name, turn in work.items()} for _ in range(args.rounds + 1)][1:]
    finally:
        shutil.rmtree(home)
    print(
        f"{len(chosen):,} documents, {size:.1f} MB, {os.cpu_count()} cores, {args.rounds} rounds after one to warm up"
    )
    print(f"{'':30}   MB/s  ratio by the clock        ratio by processor time")
    report = {}
    for name in work:
        rate = statistics.median(size / turn[name][0] for turn in times)
        clock, processor = against(times, name, 0), against(times, name, 1)
        held = "" if name == "tokenizers" else "held" if clock[0] >= PROMISE else "MISSED"
        spread = "  ".join(f"{ratio:.3f} ({low:.3f} to {high:.3f})" for ratio, low, high in (clock, processor))
        print(f"{name:30} {rate:6.2f}  {spread}  {held}")
        report[name] = {"megabytes_per_second": rate, "ratio": clock[0], "processor_ratio": processor[0]}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
