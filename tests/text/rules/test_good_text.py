"""What each preset would delete of good, licensed text. Ours stays under 2 % of every file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import zstandard
from tests.contracts.source import ROOT

from hanlin.text.clean import normalise
from hanlin.text.config import RulesConfig
from hanlin.text.rules.measures import measure
from hanlin.text.rules.rulebook import Rulebook

MOST = 0.02
PRESETS = ("hanlin", "c4", "gopher", "fineweb", "fineweb2-zh")


def good_files(data: Path) -> Iterator[tuple[str, str, str, list[dict[str, float]]]]:
    """(name, language, kind, measures of each document) of the files a recipe names, the kind as it says."""
    for source in tomllib.loads((ROOT / "recipes" / "zh-en.toml").read_text("utf-8"))["corpus"]["sources"]:
        path = Path(source["path"].replace("${HANLIN_TEST_DATA}", str(data)))
        rows = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().split(b"\n")
        texts = (normalise(json.loads(row)["text"]).text for row in rows if row)
        name = f"{path.parent.name.removeprefix('pretrain-')}/{path.name.partition('.')[0]}"
        yield name, source["language"], source["kind"], [measure(text) for text in texts]


def deleted(preset: str, lang: str, kind: str, documents: Sequence[Mapping[str, float]]) -> float:
    """The share of documents that some threshold of a preset drops."""
    book = Rulebook(RulesConfig(preset=preset))
    return sum(not all(one.is_kept for one in book.bounds(lang, kind, found)) for found in documents) / len(documents)


@pytest.mark.peer
def test_our_preset_keeps_good_text_of_every_kind_and_the_others_do_not(test_data: Path) -> None:
    print("| file | kind | documents | " + " | ".join(PRESETS) + " |")
    worst = dict.fromkeys(PRESETS, 0.0)
    for name, lang, kind, documents in good_files(test_data):
        shares = {preset: deleted(preset, lang, kind, documents) for preset in PRESETS}
        print(
            f"| {name} | {kind} | {len(documents):,} | "
            + " | ".join(f"{share:.1%}" for share in shares.values())
            + " |"
        )
        assert shares["hanlin"] < MOST, name
        worst = {preset: max(worst[preset], share) for preset, share in shares.items()}
    assert all(worst[preset] > 0.9 for preset in PRESETS[1:]), "English rules for the web delete whole collections"
