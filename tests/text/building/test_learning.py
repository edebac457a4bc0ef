"""What rules learn from all documents of a build before any of them is cleaned."""

from __future__ import annotations

import json
from pathlib import Path

from hanlin.base.engines import Processes
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import build_corpus

PROSE = "The river runs from the hills through the garden, and it was there that he met her: number"
MARKS = "-/*~+|"


def built(folder: Path, num_plain: int) -> dict[str, int]:
    """The edits of a corpus in which a phrase stands disguised in twelve spellings, and plainly so often."""
    texts = [f"a b c from{one}end{other}to{one}end\n{PROSE} {one}{other}" for one in MARKS for other in "-/"]
    texts += [f"from end to end\n{PROSE} {number}" for number in range(num_plain)]
    (folder / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    config = CorpusConfig(sources=(str(folder / "in.jsonl"),), rules={"watermarks": True})
    figures = build_corpus(config, folder / "out", engine=Processes(1)).figures
    found: dict[str, int] = figures["edits"]
    return found


def test_letters_that_mostly_stand_plainly_are_no_watermark(tmp_path: Path) -> None:
    """1,000 plain places, of which 62 are counted: they stay, and so do the twelve."""
    assert built(tmp_path, 1000) == {}


def test_letters_that_are_mostly_disguised_are_one(tmp_path: Path) -> None:
    """20 plain places, of which one or two are counted, and which go too."""
    assert built(tmp_path, 20)["watermarks"] >= 32
