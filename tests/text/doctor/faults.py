"""A folder of what people really have: twenty-six faults, each in a file of its own, among good text."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.text.doctor.junk import chinese, english, rows, turns

TRADITIONAL = "寶玉聽了，不覺呆了一回，道：「這個話從那裡說起？我們去看看便知道了。」眾人都笑起來。\n"
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗い所で泣いていた。\n"
GOOD = turns(("user", "Where is the lamp?"), ("assistant", "On the table by the window."))
PAIR = {"prompt": "Where is it?", "chosen": "On the table.", "rejected": "No."}
VERDICT = {"prompt": "Where is it?", "completion": "On the table.", "label": "False"}

FOUND = {
    "bomb.zip": ("bomb", "!/zeros.txt"), "outside.zip": ("outside", "!/../../evil.txt"),
    "endless.txt": ("endless_line", ":2"), "nul.txt": ("nul_bytes", ":4"), "half-pair.jsonl": ("undecodable", ":2"),
    "pipe": ("special_file", ""), "loop": ("special_file", ""), "gone.txt": ("special_file", ""),
    "page.parquet": ("damaged", ":1-300"), "wide.txt": ("other_encoding", ""), "big5.txt": ("other_encoding", ""),
    "sjis.txt": ("other_encoding", ""), "half.txt.gz": ("truncated", ""), "empty.txt": ("empty_file", ""),
    "twin.txt": ("duplicate_files", ""), "joined.txt": ("mark", ":4"), "ends.txt": ("line_ends", ""),
    "people.txt": ("personal", ":1"), "mixed.jsonl": ("mixed_schemas", ":8"), "roles.jsonl": ("bad_conversation", ":3"),
    "same.jsonl": ("broken_row", ":2"), "kto.jsonl": ("verdict_text", ":1"), "labels.csv": ("label_spelling", ":32"),
    "tiny/0007.txt": ("tiny_text", ""), "nan.jsonl": ("json_nan", ":2"), "ragged.csv": ("ragged_table", ":3"),
    "garbled.txt": ("mojibake", ":2"),
}  # fmt: skip
"""File -> the kind of its fault and the place in it."""


def make_faults(folder: Path, num_tiny: int = 30) -> Path:
    """Write the folder."""
    (folder / "tiny").mkdir(parents=True)
    for number in range(num_tiny):
        (folder / "tiny" / f"{number:04}.txt").write_text(f"no {number}")
    for name, data in _files().items():
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "gone.txt").symlink_to("nowhere.txt")
    (folder / "twin.txt").write_bytes((folder / "good.txt").read_bytes())
    return folder


def _files() -> dict[str, str | bytes]:
    labels = [f"the film number {n} was {'good' if n % 2 else 'bad'} to see,{'good' if n % 2 else 'bad'}"
              for n in range(30)]  # fmt: skip
    texts = [{"text": english(2)} for _ in range(3)]
    return {
        "good.txt": english(12),
        "bomb.zip": _zipped({"zeros.txt": b"0" * (40 << 20)}),
        "outside.zip": _zipped({"../../evil.txt": english(3).encode(), "inside.txt": english(3).encode()}),
        "endless.txt": f"{english(1)}\n{'ab ' * 60_000}",
        "nul.txt": f"{english(3)}\n\0\0 goes on here\n{english(2)}",
        "half-pair.jsonl": f'{rows(texts[0])}{{"text": "half of \\ud83d a pair stands here"}}\n{rows(texts[1])}',
        "page.parquet": _damaged(),
        "wide.txt": chinese(20).encode("utf-16-le"),
        "big5.txt": (TRADITIONAL * 9).encode("big5"),
        "sjis.txt": (JAPANESE * 9).encode("shift_jis"),
        "half.txt.gz": gzip.compress(english(400).encode())[: 3000],
        "empty.txt": "",
        "joined.txt": f"{english(3)}\n\ufeff{english(3)}",
        "ends.txt": f"{english(1)}\r\n{english(1)}\n{english(1)}\r\n",
        "people.txt": "\n".join(
            f"联系人王芳，手机 1381234{n:04}，邮箱 w{n}@example.com，{chinese(1)}"
            for n in range(9)),
        "mixed.jsonl": rows(*[GOOD] * 7, {"speed": 3}, GOOD),
        "roles.jsonl": rows(GOOD, GOOD, turns(("narrator", "hi"), ("assistant", "ho")), GOOD),
        "same.jsonl": rows(PAIR, {**PAIR, "rejected": PAIR["chosen"]}, PAIR),
        "kto.jsonl": rows(VERDICT, VERDICT),
        "labels.csv": "\n".join(["text,label", *labels, "the last film was good to see as well,good "]) + "\n",
        "nan.jsonl": f'{rows(texts[0])}{{"text": {json.dumps(texts[1]["text"])}, "score": NaN}}\n{rows(texts[2])}',
        "ragged.csv": "id,text\n1,this is a text that is long enough\n2,one text, cut in two by its own comma\n",
        "garbled.txt": f"A line before.\n{chinese(3).encode().decode('latin-1')}",
    }  # fmt: skip


def _zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _damaged() -> bytes:
    """Two row groups, a page of the first one overwritten."""
    out = io.BytesIO()
    table = pa.Table.from_pylist([{"text": f"{english(1)} row {number}"} for number in range(600)])
    pq.write_table(table, out, row_group_size=300, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(out.getvalue())
    place = data.index(b"row 150")
    data[place : place + 3] = b"\0\0\0"
    return bytes(data)
