"""Main text of web pages against references: token F1, boilerplate, what is lost, and pages a second.

Sets: `web-html` of the test data, the references as they are (articles typed out, or the Markdown or reST the pages
were made from, whose marks cost all contenders alike). A token is a Han character or a run of letters and digits;
boilerplate is the share of extracted tokens that are not in the reference, lost the share of the reference that was not
extracted. The contenders read each page in turn, in one process.

    HANLIN_TEST_DATA=/path/to/data python -m benchmarks.html_text
"""

from __future__ import annotations

import io
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trafilatura
import zstandard
from resiliparse.extract.html2text import extract_plain_text

from hanlin.text.html import main_text

SETS = ("news-en", "linuxcmd-zh", "rustbook-zh", "rustbook-en", "peps")
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")


def resiliparse(page: str) -> str:
    """The first reading alone."""
    return extract_plain_text(page, main_content=True, alt_texts=False, links=False, preserve_formatting=True)


def by_trafilatura(page: str) -> str:
    """The second reading alone."""
    return trafilatura.extract(page, favor_precision=True, include_comments=False, include_tables=True) or ""


CONTENDERS: dict[str, Callable[[str], str]] = {
    "Hanlin": main_text, "resiliparse": resiliparse, "trafilatura": by_trafilatura
}  # fmt: skip


@dataclass(frozen=True)
class Score:
    """One page by one contender."""

    precision: float
    recall: float
    seconds: float

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.precision * self.recall / max(1e-9, self.precision + self.recall)


def score(found: str, wanted: str, seconds: float) -> Score:
    """Tokens in common, as multisets."""
    one, other = (Counter(_TOKEN.findall(text.lower())) for text in (found, wanted))
    both = (one & other).total()
    return Score(both / max(1, one.total()), both / max(1, other.total()), seconds)


def pages(name: str) -> Iterator[dict[str, Any]]:
    """The pages of a set that have a reference."""
    path = Path(os.environ["HANLIN_TEST_DATA"]) / "web-html" / f"{name}.jsonl.zst"
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        for line in io.TextIOWrapper(stream, encoding="utf-8"):
            if (row := json.loads(line)).get("reference"):
                yield row


def main() -> None:
    """Print one table."""
    main_text("<p>" + "Warm up. " * 50 + "</p>")  # trafilatura takes a second to load
    print("| pages | contender | F1 | boilerplate | lost | pages/s |\n|---|---|---|---|---|---|")
    for name in SETS:
        scores: dict[str, list[Score]] = {contender: [] for contender in CONTENDERS}
        for page in pages(name):
            for contender, read in CONTENDERS.items():
                begun = time.perf_counter()
                text = read(page["html"])
                scores[contender].append(score(text, page["reference"], time.perf_counter() - begun))
        for contender, of_pages in scores.items():
            print(f"| {name} ({len(of_pages)}) | {contender} | {_cells(of_pages)} |")


def _cells(scores: list[Score]) -> str:
    n = len(scores)
    f1, precision, recall = (sum(getattr(s, name) for s in scores) / n for name in ("f1", "precision", "recall"))
    rate = n / sum(s.seconds for s in scores)
    return f"{f1:.3f} | {1 - precision:.1%} | {1 - recall:.1%} | {rate:.0f}"


if __name__ == "__main__":
    main()
