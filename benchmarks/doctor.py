"""The doctor on a folder of mixed junk: seconds to the first finding and to the end, memory, and what was found.

The folder holds real shared text as plain files, JSON lines, tables, packed and web pages, in four encodings, and for
every 47 files a broken one: bytes of another encoding, a cut archive, a bad row, a picture, NULs, an endless line.
A second folder holds a hundred thousand empty files, a third one sparse file of 10 GB of rows. Promise: an answer in
less than 10 seconds, a first finding in less than 2.

    HANLIN_TEST_DATA=/path/to/data python benchmarks/doctor.py [--megabytes 1000] [--keep /tmp/junk]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import opencc

from hanlin.base.device import describe_machine
from hanlin.text.readers import read_documents

PROMISED_SECONDS, PROMISED_FIRST = 10.0, 2.0
TEXTS = ("pretrain-zh", "pretrain-en")
MOST_TEXTS = 3000
PER_FILE = 40
EMPTY_FILES = 100_000
BROKEN_EVERY = 47  # a prime, so that every fault meets files of every kind
BROKEN = ("mixed", "cut", "bad_row", "picture", "nuls", "endless")


def main() -> None:
    """Measure and print."""
    options = parse()
    print(json.dumps({**describe_machine(), "load": [round(load, 2) for load in os.getloadavg()]}))
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(options.keep or temporary)
        junk = root / "junk"
        if not junk.is_dir():
            make_junk(junk, options.megabytes)
        report("mixed junk", junk)
        if not options.quick:
            report("empty files", empty_files(root / "empty"))
            report("10 GB of rows", sparse_rows(root / "rows"))


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--keep", help="make the folder here, or use it again")
    parser.add_argument("--quick", action="store_true", help="only the folder of junk")
    return parser.parse_args()


def report(name: str, folder: Path) -> None:
    """Run the doctor as a user does, and print what it took."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "hanlin.cli.main", "data", "doctor", str(folder), "--out", "none", "--json"]
    command += ["--max-examples", "100"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr and process.stdout
    first = next((time.monotonic() - begun for line in process.stderr if re.search(r": [\d,]+ /", line)), float("nan"))
    figures = json.loads(process.communicate()[0])
    seconds = time.monotonic() - begun
    looked = figures["looked"]
    print(
        f"{name}: {looked['of_files']:,} files, {looked['of_bytes'] / 1e9:.2f} GB; first finding after {first:.2f} s, "
        f"answer after {seconds:.2f} s (promised {PROMISED_SECONDS:g}); looked into {looked['files']:,} files, "
        f"glanced at {looked['glanced']:,}, {looked['unseen']:,} unseen, "
        f"{looked['bytes'] / 1e6:.0f} MB, closely at {looked['texts']:,} texts; "
        f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB of memory"
    )
    print("  " + ", ".join(f"{one['kind']} {one['number']}" for one in figures["findings"]))
    faults = folder.with_suffix(".faults.json")
    if faults.exists():
        places = "\n".join(example["place"] for one in figures["findings"] for example in one["examples"])
        broken_files = json.loads(faults.read_text())
        counts = Counter(broken_files.values())
        named = Counter(kind for path, kind in broken_files.items() if path in places)
        print("  broken files named: " + ", ".join(f"{kind} {named[kind]} of {most}" for kind, most in counts.items()))
    if seconds > PROMISED_SECONDS or first > PROMISED_FIRST:
        print(f"  over the promise of {PROMISED_SECONDS:g} s, first finding {PROMISED_FIRST:g} s")


# ---------------------------------------------------------------- folders


def shared_texts() -> list[str]:
    """Real texts, Chinese and English in turn."""
    data = Path(os.environ["HANLIN_TEST_DATA"])
    sides = [read_documents(data / name, on_drop=lambda dropped: None) for name in TEXTS]
    pairs = zip(*sides, strict=False)
    return [document.text[:20_000] for document in itertools.islice(itertools.chain(*pairs), MOST_TEXTS)]


def make_junk(folder: Path, megabytes: float) -> None:
    """Files of every kind until they are so large together."""
    texts, size, faults = shared_texts(), 0, dict[str, str]()
    for number in itertools.count():
        place = folder / f"{number // 200:04}"
        place.mkdir(parents=True, exist_ok=True)
        start = number * 7 % len(texts)
        chosen = [f"{text}\n{number}" for text in (texts + texts)[start : start + PER_FILE]]
        name, data = next(file_of(number, chosen))
        if number % BROKEN_EVERY == 0:
            kind = BROKEN[number // BROKEN_EVERY % len(BROKEN)]
            data, faults[str(place / name)] = broken(kind, data), kind
        (place / name).write_bytes(data)
        size += len(data)
        if size > megabytes * 1e6:
            break
    folder.with_suffix(".faults.json").write_text(json.dumps(faults))


def file_of(number: int, texts: list[str]) -> Iterator[tuple[str, bytes]]:
    """A file of the next kind: its name and its bytes."""
    match number % 8:
        case 0 | 1 | 2:
            yield f"{number}.jsonl", rows(texts)
        case 3:
            yield f"{number}.txt", "\n\n".join(texts).encode()
        case 4:
            encoding = ("gb18030", "utf-16", "utf-8-sig", "big5")[number // 8 % 4]
            whole = "\n\n".join(texts)
            whole = opencc.OpenCC("s2tw").convert(whole) if encoding == "big5" else whole
            yield f"{number}.txt", whole.encode(encoding, "replace")
        case 5:
            table = io.StringIO()
            csv.writer(table).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts))])
            yield f"{number}.csv", table.getvalue().encode()
        case 6:
            yield f"{number}.jsonl.gz", gzip.compress(rows(texts), 1)
        case _:
            paragraphs = "".join(f"<p>{text}</p>" for text in texts[:5])
            page = f"<html><body><nav><a>Home</a></nav><main>{paragraphs}</main></body></html>"
            yield f"{number}.html", page.encode()


def rows(texts: list[str]) -> bytes:
    """JSON lines."""
    lines = (json.dumps({"id": number, "text": text}, ensure_ascii=False) for number, text in enumerate(texts))
    return "".join(f"{line}\n" for line in lines).encode()


def broken(kind: str, data: bytes) -> bytes:
    """A file with one of the usual faults."""
    half = len(data) // 2
    match kind:
        case "mixed":
            return data[:half] + "\n这一行是另一种编码，读的人要小心\n".encode("gb18030") + data[half:]
        case "cut":
            return data[:half]
        case "bad_row":
            return data + b'{"text": \n'
        case "picture":
            return b"\x89PNG\r\n\x1a\n" + os.urandom(half)
        case "nuls":
            return data[:half] + b"\0\0\0" + data[half:]
        case _:
            return data + b"x" * 500_000


def empty_files(folder: Path) -> Path:
    """A hundred thousand files without a byte, and one with text."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(EMPTY_FILES):
        (folder / f"{number}.txt").touch()
    (folder / "one.txt").write_text("The only text among them all is this one sentence.\n" * 5)
    return folder


def sparse_rows(folder: Path) -> Path:
    """A file of 10 GB that takes hardly any disk: rows at the begin and at the end, nothing between."""
    folder.mkdir(parents=True, exist_ok=True)
    data = rows(shared_texts()[:300])
    with (folder / "large.jsonl").open("wb") as file:
        file.write(data)
        file.seek(10 * 10**9)
        file.write(b"\n" + data)
    return folder


if __name__ == "__main__":
    main()
