"""A folder in which everything is wrong once, and where."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path

ENGLISH = (
    "The committee met again on Tuesday and decided that the old bridge should be repaired before winter, because {} "
    "of the {} engineers had warned of floods."
)
CHINESE = "今天的会议决定，{}号桥必须在冬天以前修好，因为{}名工程师都提到了洪水的危险。大家一致同意了这个方案。"
_DICE = random.Random(7)


def english(lines: int) -> str:
    """Lines of prose, no two alike."""
    return "\n".join(ENGLISH.format(_DICE.randrange(10**6), _DICE.randrange(10**6)) for _ in range(lines))


def chinese(lines: int) -> str:
    """The same in Chinese."""
    return "\n".join(CHINESE.format(_DICE.randrange(10**6), _DICE.randrange(10**6)) for _ in range(lines))


def rows(*values: object) -> str:
    """JSON lines."""
    return "\n".join(json.dumps(value, ensure_ascii=False) for value in values) + "\n"


def turns(*said: tuple[str, str]) -> dict[str, object]:
    """A conversation in OpenAI's form."""
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def sum_of(number: int) -> dict[str, str]:
    """A row as GSM8K writes them."""
    question = f"Tom has {number} apples and eats two of them in the garden. How many apples are left for his sister?"
    return {"question": question, "answer": f"He has {number} - 2 apples.\n#### {number - 2}"}


FILES: dict[str, str | bytes] = {
    "gbk.txt": chinese(20).encode("gb18030"),
    "mixed.txt": f"{chinese(10)}\n".encode() + f"{chinese(5)}\n".encode("gb18030") + chinese(10).encode(),
    "bad.txt": f"{english(5)}\n".encode() + b"broken \xff\xfe here\n" + chinese(50).encode(),
    "moji.txt": english(3) + "\n" + chinese(10).encode().decode("latin-1"),
    "nul.txt": f"{english(5)}\n\0\0\0 goes on\n{english(5)}",
    "bom.txt": b"\xef\xbb\xbf" + english(5).encode(),
    "rows.jsonl": rows(*({"text": english(3), "label": "positive" if n % 2 else "negative"} for n in range(60)))
    + '{"text": "cut\n' + rows({"text": english(2), "label": "postive"}, [1, 2]),
    "cut.jsonl": rows({"text": english(3)}) + '{"text": "this breaks of',
    "ragged.csv": "id,text\n1,hello there my friend this is text\n2,one,two\n3,this is fine and long enough a text\n",
    "one.csv": "text,label\n" + "\n".join(f"{english(1)},good".replace(", because", " because") for _ in range(30)),
    "chat.jsonl": rows(
        turns(("user", "hi"), ("assistant", "hello")),
        turns(("assistant", "hi"), ("user", "hello")),
        turns(("user", "hi"), ("assistant", "")),
        turns(("narrator", "hi")),
    ),
    "sums-test.jsonl": rows(*map(sum_of, range(3, 23))),
    "train.jsonl": rows(*map(sum_of, range(3, 8))),
    "people.txt": "\n".join(f"联系人：王芳，手机 1381234{n:04}，邮箱 w{n}@example.com{chinese(1)}" for n in range(20)),
    "empty.txt": "",
    "tiny.txt": "hi",
    "line.txt": "x" * 300_000,
    "photo.jpg": b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20,
    "notes.txt": b"%PDF-1.4\n" + bytes(range(256)) * 20,
    "cut.txt.gz": gzip.compress(english(500).encode())[:-40],
    "noise.txt.gz": b"this is no gzip at all",
    "debris.txt": f"<p>Hello there</p>&nbsp;<div class=x>this is a text</div><br>\n{english(3)}",
    "again.txt": "buy now and save\n" * 500,
    "ends.txt": b"one line of text\r\nanother line of it\nand a third one here\r\n",
    "lines.txt": rows(*({"content": chinese(2)} for _ in range(10))),
    "bell.txt": f"{english(2)}\nring \x07 it",
}  # fmt: skip
MARKS = (
    "www.xiaＯＳhuＯtxＴ.Ｎｅtt，xt,小,说,天,堂", 'w w w.x iaoshu otx t.nett@xt`小$说$天"堂',
    "ｗｗｗ.xia-oshu-otxt.nett/xt小/说/天/堂", "wwW.x.i.a.o.s.h.uotxt.ＮＥＴt xt小~说~天~堂",
    "www·xiaosｈｕotｘt·nett^xt小#说#天#堂", "w.w.w.xiaosh.uotxt.n.e.t.t-xt小_说_天_堂",
    "www.xia@oshu@otxt.nett@xt 小@说@天@堂",
)  # fmt: skip
EXPECTED = {
    "unreadable": "noise.txt.gz", "truncated": "cut.txt.gz", "mixed_encodings": "mixed.txt:11",
    "undecodable": "bad.txt:6", "mojibake": "moji.txt:4", "nul_bytes": "nul.txt:6",
    "bad_json": "rows.jsonl:61", "not_object": "rows.jsonl:63",
    "ragged_table": "ragged.csv:3", "bad_conversation": "chat.jsonl:4", "turn_order": "chat.jsonl:2",
    "empty_answer": "chat.jsonl:3", "evaluation_rows": "sums-test.jsonl:1", "one_class": "one.csv",
    "label_spelling": "rows.jsonl:62", "personal": "people.txt:1", "duplicate_files": "page1.txt",
    "repetition": "again.txt", "html_debris": "debris.txt:1", "poor_text": "line.txt", "other_format": "lines.txt",
    "binary": "photo.jpg", "endless_line": "line.txt:1", "empty_file": "empty.txt", "tiny_text": "tiny.txt",
    "special_file": "pipe", "mark": "bom.txt", "line_ends": "ends.txt", "control_characters": "bell.txt:3",
    "hidden": ".hidden", "near_duplicates": "page2.txt", "boilerplate": "page7.txt", "watermark": "mark0.txt",
}  # fmt: skip


def make_junk(folder: Path) -> Path:
    """Write the folder."""
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    for number, mark in enumerate(MARKS):
        (folder / f"mark{number}.txt").write_text(f"{chinese(5)}\n{mark}\n{chinese(3)}", encoding="utf-8")
    for number in range(8):
        page = f"Subscribe to our newsletter today!\n{english(6)}\nCopyright 2020 Example Company, all rights kept\n"
        (folder / f"page{number}.txt").write_text(page)
    (folder / "copy.txt").write_bytes((folder / "page1.txt").read_bytes())
    (folder / "near.txt").write_text((folder / "page2.txt").read_text().replace("bridge", "tower", 1))
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to("..")
    (folder / ".hidden").write_text("x")
    return folder
