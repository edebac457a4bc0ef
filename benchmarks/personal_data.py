"""Finding personal data: precision and recall by kind, false alarms per MB of clean text, and MB a second.

Sets: the Chinese set of tests/text/privacy (generated, with look-alikes; sentences written by hand), presidio-en.jsonl
of the test data, and up to 3 million characters of each collection of pretrain-zh and pretrain-en, whose findings are
listed with --show. No peer finds Chinese personal data, so the speed stands beside that of normalising the same text,
which every corpus goes through.

    HANLIN_TEST_DATA=/path/to/data python -m benchmarks.personal_data [--show]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import zstandard
from tests.text.privacy.cases import Case, mixed_cases, negative_cases, positive_cases
from tests.text.privacy.measure import scores
from tests.text.privacy.sentences import written_cases
from tests.text.privacy.unseen import unseen_cases

from hanlin.text.clean import normalise
from hanlin.text.config import CERTAIN_KINDS, PERSONAL_KINDS
from hanlin.text.privacy.find import find_personal

MEANT = {
    "CREDIT_CARD": ("bank_card",), "PHONE_NUMBER": ("phone", "mobile", "landline"), "EMAIL_ADDRESS": ("email",),
    "US_SSN": ("ssn",), "IBAN_CODE": ("iban",), "IP_ADDRESS": ("ip",), "STREET_ADDRESS": ("address",),
    "PERSON": ("name",),
}  # fmt: skip
MOST_CHARACTERS = 3_000_000


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--show", action="store_true", help="list what is found in clean text")
    show = parser.parse_args().show
    generated = [*positive_cases(21), *negative_cases(22), *mixed_cases(23)]
    own_set("generated", generated)
    own_set("by hand", list(written_cases()))
    own_set("written afterwards", list(unseen_cases()))
    data = Path(os.environ["HANLIN_TEST_DATA"])
    presidio([json.loads(line) for line in (data / "pii" / "presidio-en.jsonl").read_text("utf-8").split("\n") if line])
    clean_text(sorted(data.glob("pretrain-*/*.jsonl.zst")), show)


def own_set(name: str, cases: Iterable[Case]) -> None:
    """Both ends of a place must be right."""
    print(f"\n| {name} | places | found rightly | wrongly | precision | recall |\n|---|---|---|---|---|---|")
    for kind, score in scores(cases).items():
        places = score.right + len(score.missed)
        row = (kind, places, score.right, len(score.wrong), f"{score.precision:.3f}", f"{score.recall:.3f}")
        print("|", " | ".join(map(str, row)), "|")


def presidio(rows: list[dict[str, Any]]) -> None:
    """What overlaps is right: the set's borders differ from ours by prefixes and brackets."""
    print("\n| presidio-en | places | met | found elsewhere |\n|---|---|---|---|")
    for entity, kinds in MEANT.items():
        places = met = elsewhere = 0
        for row in rows:
            wanted = [(s["start_position"], s["end_position"]) for s in row["spans"] if s["entity_type"] == entity]
            found = [(s.start, s.end) for s in find_personal(row["text"], PERSONAL_KINDS) if s.kind in kinds]
            places += len(wanted)
            met += sum(any(a < end and start < b for a, b in found) for start, end in wanted)
            elsewhere += sum(not any(a < end and start < b for start, end in wanted) for a, b in found)
        print(f"| {entity} ({', '.join(kinds)}) | {places} | {met} | {elsewhere} |")


def clean_text(paths: list[Path], show: bool) -> None:
    """Findings per MB and MB a second, by collection."""
    print("\n| collection | MB | findings by kind | a MB | MB/s | normalising, MB/s |\n|---|---|---|---|---|---|")
    for path in paths:
        texts = list(texts_of(path))
        megabytes = sum(len(text.encode()) for text in texts) / 1e6
        start = time.perf_counter()
        found = [span for text in texts for span in find_personal(text, CERTAIN_KINDS)]
        middle = time.perf_counter()
        for text in texts:
            normalise(text)
        end = time.perf_counter()
        kinds = ", ".join(f"{kind} {number}" for kind, number in Counter(span.kind for span in found).most_common())
        rates = f"{megabytes / (middle - start):.0f} | {megabytes / (end - middle):.0f}"
        name = f"{path.parent.name}/{path.name.partition('.')[0]}"
        print(f"| {name} | {megabytes:.1f} | {kinds or '-'} | {len(found) / megabytes:.2f} | {rates} |")
        if show:
            print("\n".join(f"    {kind} {text}" for kind, text in sorted({(s.kind, s.text) for s in found})))


def texts_of(path: Path) -> Iterator[str]:
    """Documents of a collection, from its beginning."""
    read = 0
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        for line in io.TextIOWrapper(stream, "utf-8"):
            text = json.loads(line)["text"]
            read += len(text)
            yield text
            if read > MOST_CHARACTERS:
                return


if __name__ == "__main__":
    main()
