"""The five kinds of vocabulary on real text: reach, cost, losses, speed, by language, and for 20 languages that none
was trained on.

Each kind is trained on every other document of Chinese and English collections and measured on the rest; then on the
declaration of human rights, the same text in 20 languages. `hanlin tokenizer compare` does the measuring.

    HANLIN_TEST_DATA=/path/to/data python benchmarks/tokenizers_kinds.py OUT [--vocab-size 6400] [--megabytes 12]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hanlin.life.compare_tokenizers import compare_tokenizers
from hanlin.life.train_tokenizer import train_tokenizer
from hanlin.text.readers import read_documents

KINDS = ("bpe", "wordpiece", "unigram", "byte", "character")
FILES = (
    "pretrain-zh/novels-hans", "pretrain-zh/novels-hant", "pretrain-zh/oiwiki", "pretrain-zh/pydocs",
    "pretrain-zh/poetry", "pretrain-zh/howtocook", "pretrain-en/ebooks", "pretrain-en/peps", "pretrain-en/wikitext2",
    "pretrain-en/reactdocs", "pretrain-en/learnx", "pretrain-en/tldr",
)  # fmt: skip


def write_halves(data: Path, out: Path, megabytes: float) -> tuple[Path, Path]:
    """Every other document to learn from, the others to measure on: the same share of each collection."""
    halves = out / "learn.jsonl", out / "measure.jsonl"
    files = [path.open("w", encoding="utf-8") for path in halves]
    for name in FILES:
        size = 0
        for number, one in enumerate(read_documents([data / f"{name}.jsonl.zst"], on_drop=lambda dropped: None)):
            files[number % 2].write(json.dumps({"text": one.text}, ensure_ascii=False) + "\n")
            size += len(one.text.encode())
            if size > megabytes * 1e6 / len(FILES):
                break
    for file in files:
        file.close()
    return halves


def table(figures: dict[str, Any], columns: Sequence[tuple[str, str]], languages: Sequence[str]) -> None:
    """Markdown: a row for each vocabulary, the figures of each language."""
    heads = [f"{title} {lang}" for title, _ in columns for lang in languages]
    print(f"\n| | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    for name, row in figures["tokenizers"].items():
        values = [row["languages"][lang][figure] for _, figure in columns for lang in languages]
        print(f"| {name} | {' | '.join('–' if value is None else f'{value:.2f}' for value in values)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--vocab-size", type=int, default=6400)
    parser.add_argument("--megabytes", type=float, default=12)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    data = Path(os.environ["HANLIN_TEST_DATA"])
    learn, measure = write_halves(data, args.out, args.megabytes)
    folders = []
    for kind in KINDS:
        size = {} if kind == "byte" else {"vocab_size": args.vocab_size}
        start = time.perf_counter()
        report = train_tokenizer(data=[str(learn)], kind=kind, out=args.out / kind, **size)
        print(f"{kind}: {report.report['vocab_size']:,} entries in {time.perf_counter() - start:.1f} s", flush=True)
        folders.append(str(args.out / kind))
    found = compare_tokenizers(tokenizers=folders, data=[str(measure)], out=args.out / "measured")
    print(*found.lines, sep="\n")
    columns = (("bytes/token", "bytes_per_token"), ("characters/token", "characters_per_token"))
    languages = ("en", "zh-Hans", "zh-Hant")
    table(found.report, columns, languages)
    table(
        found.report,
        (("tokens/word", "tokens_per_word"), ("bits/byte", "bits_per_byte"), ("share", "share_of_bytes")),
        languages,
    )
    for name, row in found.report["tokenizers"].items():
        print(
            name,
            row["kind"],
            row["vocab_size"],
            f"{row['megabytes_per_second']} MB/s",
            row["all"]["changed"],
            row["all"]["texts"],
        )
    rights = compare_tokenizers(
        tokenizers=folders, data=[str(data / "langid" / "udhr.jsonl")], out=args.out / "rights", parallel=True
    )
    codes = list(next(iter(rights.report["tokenizers"].values()))["languages"])
    print(f"\n| | {' | '.join(codes)} |\n|{'---|' * (len(codes) + 1)}")
    for name, row in rights.report["tokenizers"].items():
        print(f"| {name} | {' | '.join(format(row['languages'][code]['premium'], '.2f') for code in codes)} |")


if __name__ == "__main__":
    main()
