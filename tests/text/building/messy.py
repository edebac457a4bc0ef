"""A small corpus with something for every step, in many small pieces; also a program that builds it."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hanlin.base.engines import Processes
from hanlin.base.progress import Progress
from hanlin.base.tasks import Engine
from hanlin.text import reading
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import CorpusReport, build_corpus

PIECE_BYTES, LARGE_BYTES = 16_000, 30_000
WORDS = tuple(
    "river stone cloud apple winter letter garden window morning silver the of and to in it was that he she".split()  # noqa: SIM905
)
FOOTER = "Copyright of this page, all rights reserved, do not copy."
QUESTION = "Which of the seven rivers of this country runs through more than one of its large towns before it ends?"
SETTINGS: dict[str, Any] = {
    "rules": {"html_debris": True, "watermarks": True, "thresholds": {"max_dup_lines": 0.5}},
    "near_dup": {"action": "drop"},
    "lines": {"repeated": "lines", "boilerplate": 8, "passages": 200},
    "privacy": {"action": "mask"},
    "validation_fraction": 0.2,
    "min_chars": 30,
    "split_by": "book",
}


def write_messy(folder: Path, num: int = 90) -> None:
    """Files of rows, of which three are larger than a piece can be: one that is cut where its lines begin, one cut
    where its row groups do, one that has to be read as a whole; plain text, a hidden file, one that is none."""
    draw = random.Random(5)
    pages = [document(draw, number) for number in range(num)]
    for number in range(0, num, 5):
        pages.append(pages[number] + (" More of it." if number % 2 else ""))
    pages += [f"Quoted {number}:\n{pages[number + 1]}" for number in range(4)]
    rows = [json.dumps({"text": page, "book": f"book {draw.randrange(9)}"}, ensure_ascii=False) for page in pages]
    folder.mkdir(parents=True)
    third = num // 3
    (folder / "large.jsonl").write_text("\n".join(rows[:third]), "utf-8")
    (folder / "marked.jsonl").write_text("\n".join(rows[third : 2 * third]), "utf-8-sig")
    table = pa.table({"text": pages[2 * third : num], "book": ["book 9"] * (num - 2 * third)})
    pq.write_table(table, folder / "large.parquet", row_group_size=4, compression="none")
    for start in range(num, len(rows), 6):
        (folder / f"rows-{start:03}.jsonl").write_text("\n".join([*rows[start : start + 6], "{bad"]), "utf-8")
    (folder / "a.txt").write_bytes(
        "今天天气很好，我们一起去公园里走走，看看花，再回家吃饭，晚上一起看书，第二天再出发。".encode("gb18030")
    )
    (folder / "b.bin").write_bytes(bytes(range(256)))
    (folder / ".hidden").write_text("x")
    (folder.parent / "exam.jsonl").write_text(json.dumps({"question": QUESTION}))


def document(draw: random.Random, number: int) -> str:
    lines = [" ".join(draw.choice(WORDS) for _ in range(14)).capitalize() + "." for _ in range(8)]
    extra = {
        1: f"<p>{lines[0]}&nbsp;</p>", 2: FOOTER, 3: f"联系电话：154{number:08}", 4: f"{lines[0]} {QUESTION}",
        5: "\n".join(lines[:1] * 9),
        6: "w*w*w.ｂook" + draw.choice("*.-~") + "ＨeaVen" + draw.choice("*.-~/") + "c-o-m",
    }  # fmt: skip
    return "\n".join([*lines, extra.get(number % 10, "")])


def build(folder: Path, out: Path, engine: Engine, **settings: Any) -> CorpusReport:
    """A build with every step on."""
    config = CorpusConfig(
        sources=(str(folder),), against={"paths": (str(folder.parent / "exam.jsonl"),)}, **{**SETTINGS, **settings}
    )
    return build_corpus(config, out, engine=engine, progress=Progress("plain"))


def digest_of(out: Path) -> str:
    """One digest of all files."""
    digest = hashlib.sha256()
    for path in sorted(out.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    reading.PIECE_BYTES, reading.LARGE_BYTES = PIECE_BYTES, LARGE_BYTES
    build(Path(sys.argv[1]), Path(sys.argv[2]), Processes(int(sys.argv[3])))
