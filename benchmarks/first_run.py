"""The first run's promises: how large the page is, how much memory the server takes, how soon it opens and answers.

The peer is the promise itself: a ratio of at most 1 keeps it. The page's bytes are those a browser gets over HTTP from
a fresh `hanlin serve`, gzipped. Its memory is what the system says of that process (VmRSS, and VmHWM at its highest)
after every suggestion of the page was answered. The first token is timed from the request to the first piece of text,
on a server that has answered before, over the page's suggestions in both languages. The second start is timed from the
start of the process (`start.py` where it is installed here, else `hanlin demo`) until the page and its data arrive.

    python benchmarks/first_run.py DEMO [--rounds 5]      DEMO: the home of a finished demo, as ~/.hanlin/demo
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HANLIN = (sys.executable, "-m", "hanlin.cli.main")
FIRST_BYTES, ALL_BYTES = 220_000, 340_000
RESIDENT_MB, FIRST_TOKEN_SECONDS, SECOND_START_SECONDS = 700.0, 0.5, 8.0


@dataclass(frozen=True)
class Row:
    """One promise: its name, unit, what was promised and every value that was measured."""

    name: str
    unit: str
    promised: float
    measured: Sequence[float]

    @property
    def ratio(self) -> float:
        """The middle value as a share of the promise."""
        return statistics.median(self.measured) / self.promised

    def told(self) -> str:
        """A row of the table."""
        middle, low, high = statistics.median(self.measured), min(self.measured), max(self.measured)
        spread = f" ({low:,.3g} to {high:,.3g})" if len(self.measured) > 1 else ""
        verdict = "held" if self.ratio <= 1 else "missed"
        value, promised = (f"{number:,.0f}" if number >= 100 else f"{number:.3g}" for number in (middle, self.promised))
        return f"| {self.name} | {value} {self.unit}{spread} | {promised} {self.unit} | {self.ratio:.2f}: {verdict} |"


def main() -> None:
    """Measure, then print the table."""
    words = parse()
    bundle = json.loads((words.demo / "recipe.json").read_text(encoding="utf-8"))["bundle"]
    with serving(*HANLIN, "serve", bundle, "--port", "0") as (address, process):
        first, whole = page_bytes(address)
        waits = [wait for _ in range(words.rounds) for wait in first_tokens(address)][1:]  # the first one warms
        resident, peak = memory_of(process.pid)
    starts = [second_start(words.demo) for _ in range(words.rounds)]
    rows = [
        Row("page before the first question", "bytes", FIRST_BYTES, [first]),
        Row("page, all of it", "bytes", ALL_BYTES, [whole]),
        Row("server, resident", "MB", RESIDENT_MB, [resident]),
        Row("server, resident at its highest", "MB", RESIDENT_MB, [peak]),
        Row("first token, warm", "s", FIRST_TOKEN_SECONDS, waits),
        Row("second start to the page", "s", SECOND_START_SECONDS, starts),
    ]
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {len(waits)} answers")
    say("| | measured | promised | ratio |\n|---|---|---|---|")
    say("\n".join(row.told() for row in rows))


# ---------------------------------------------------------------- servers


@contextlib.contextmanager
def serving(*command: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server as a process of its own, from the moment it is ready; its address and the process."""
    with subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            row = next(line for line in process.stdout if '"ready"' in line)
            yield json.loads(row)["address"], process
        finally:
            process.terminate()


def second_start(demo: Path) -> float:
    """Seconds from the start of the process to the page and its data."""
    installed = (ROOT / ".venv" / "hanlin-install.json").exists()
    start = (sys.executable, str(ROOT / "start.py")) if installed else (*HANLIN, "demo")
    begun = time.perf_counter()
    with serving(*start, "--home", str(demo), "--no-browser", "--port", "0") as (address, _):
        assert b"<html" in fetched(address, "/")[0] and fetched(address, "/v1/page")[0]
        return time.perf_counter() - begun


def memory_of(pid: int) -> tuple[float, float]:
    """Resident memory of a process in MB: now, and at its highest."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    return int(found["VmRSS"]) * 1024 / 1e6, int(found["VmHWM"]) * 1024 / 1e6


# ---------------------------------------------------------------- the page


def fetched(address: str, path: str) -> tuple[bytes, int]:
    """A file as text, and how many bytes of it went over the wire."""
    asked = urllib.request.Request(address + path, headers={"accept-encoding": "gzip"})
    with urllib.request.urlopen(asked) as answer:
        data = answer.read()
        packed = answer.headers.get("content-encoding") == "gzip"
    return gzip.decompress(data) if packed else data, len(data)


def page_bytes(address: str) -> tuple[int, int]:
    """Bytes until the first question can be asked, and of everything that the page may ever fetch."""
    html, size = fetched(address, "/")
    first = {"/" + name.decode() for name in re.findall(rb'(?:src|href)="\./([^"]+)"', html)}
    data = fetched(address, "/v1/page")[1]
    every = {"/" + name for name in json.loads(fetched(address, "/manifest.json")[0])["files"]} - {"/index.html"}
    sizes = {name: fetched(address, name)[1] for name in sorted(first | every)}
    return size + data + sum(sizes[name] for name in first), size + data + sum(sizes.values())


# ---------------------------------------------------------------- answers


def first_tokens(address: str) -> Iterator[float]:
    """Seconds to the first piece of text, for each suggestion in both languages; every answer is read to its end."""
    page: dict[str, Any] = json.loads(fetched(address, "/v1/page")[0])
    questions = [row[lang] for row in page["suggestions"] for lang in ("zh", "en")] or ["你好", "Hello"]
    for question in questions:
        yield first_token(address, page["model"], question)


def first_token(address: str, model: str, question: str) -> float:
    """Seconds from the request to the first piece of text of a streamed answer."""
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": question}]})
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    begun, seconds = time.perf_counter(), 0.0
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    for line in connection.getresponse():
        if not seconds and re.search(rb'"content":"[^"]', line):
            seconds = time.perf_counter() - begun
    connection.close()
    assert seconds, f"no word in answer to {question}"
    return seconds


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="home of a finished demo")
    parser.add_argument("--rounds", type=int, default=5, help="second starts, and turns over the suggestions")
    return parser.parse_args()


if __name__ == "__main__":
    main()
