"""Archives: members by name, packed in every way; bombs, links and names that lead out are told and harm nobody."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import zstandard
from tests.text.formats.made import CHINESE, ENGLISH, epub, excel, page, parquet, pdf, read, reasons, word, write

from hanlin.base.errors import DiskFull
from hanlin.text.config import ReadConfig
from hanlin.text.formats import content as content_module
from hanlin.text.formats.content import FREE_BYTES

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, ".gz": gzip.compress, ".zst": zstandard.compress, ".xz": lzma.compress, ".bz2": bz2.compress
}  # fmt: skip


def tar(members: Mapping[str, bytes], *more: tarfile.TarInfo) -> bytes:
    """A tar of files, and of members without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info)
    return out.getvalue()


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip of files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A link or a device."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


ALL = {
    "a.txt": CHINESE.encode("gb18030"),
    "b/c.jsonl": json.dumps({"text": ENGLISH, "id": "x"}).encode(),
    "b/d.json": json.dumps([{"text": ENGLISH}, {"no": 1}]).encode(),
    "b/e.csv": f'text\n"{ENGLISH}"\n'.encode(),
    "b/f.html": page(ENGLISH * 3).encode(),
    "b/g.pdf": pdf([ENGLISH]),
    "b/h.docx": word([ENGLISH]),
    "b/i.epub": epub({"one": f"<p>{ENGLISH}</p>"}),
    "b/j.xlsx": excel({"s": [["text"], [ENGLISH]]}),
    "b/k.parquet": parquet([{"text": ENGLISH}]),
    "b/l.txt.gz": gzip.compress(ENGLISH.encode()),
}


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2", ".zip.gz"])
def test_every_format_in_every_archive(tmp_path: Path, kind: str) -> None:
    packing = {".tgz": ".gz"}.get(kind, "." + kind.rpartition(".")[2])
    inner = zipped(ALL) if ".zip" in kind else tar(ALL)
    documents, dropped = read(write(tmp_path / f"all{kind}", PACKERS.get(packing, bytes)(inner)))
    assert documents[0].text == CHINESE and documents[0].meta["encoding"] == "gb18030"
    assert len(documents) == len(ALL)
    assert {"".join(d.text.split()) for d in documents[1:]} == {"".join((ENGLISH * n).split()) for n in (1, 3)}
    places = [d.id.partition(f"all{kind}!/")[2] for d in documents]
    assert places == [name + {"b/c.jsonl": ":1", "b/d.json": ":1", "b/e.csv": ":2", "b/j.xlsx": "!/s:2",
                              "b/k.parquet": ":1"}.get(name, "") for name in ALL]  # fmt: skip
    assert reasons(dropped) == [("missing_field", f"all{kind}!/b/d.json:2")]


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".xz", ".bz2"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.pdf", "a.docx", "a.parquet"])
def test_single_files_in_every_packing(tmp_path: Path, name: str, suffix: str) -> None:
    data = {
        "a.txt": ENGLISH.encode(), "a.jsonl": json.dumps({"text": ENGLISH}).encode(), "a.pdf": pdf([ENGLISH]),
        "a.docx": word([ENGLISH]), "a.parquet": parquet([{"text": ENGLISH}]),
    }[name]  # fmt: skip
    documents, dropped = read(write(tmp_path / f"{name}{suffix}", PACKERS[suffix](data)))
    assert ([d.text.strip() for d in documents], dropped) == ([ENGLISH], [])
    cut = PACKERS[suffix](data)[:-9]
    documents, dropped = read(write(tmp_path / f"cut-{name}{suffix}", cut))
    assert [one.reason for one in dropped] == ["unreadable"]
    if name == "a.txt" and documents:
        assert ENGLISH.startswith(documents[0].text)


def test_archives_in_archives_up_to_a_depth(tmp_path: Path) -> None:
    data = zipped({"in.txt": ENGLISH.encode()})
    for number in range(3):
        data = tar({f"{number}.txt": b"here", f"{number}.zip" if number == 0 else f"{number}.tar": data})
    path = write(tmp_path / "a.tar", data)
    documents, dropped = read(path, options=ReadConfig(max_archive_depth=4))
    assert [d.text for d in documents] == ["here", "here", "here", ENGLISH]
    assert documents[-1].meta["path"] == f"{path}!/2.tar!/1.tar!/0.zip!/in.txt"
    documents, dropped = read(path)
    assert [d.text for d in documents] == ["here"] * 3
    assert reasons(dropped) == [("nested", "a.tar!/2.tar!/1.tar!/0.zip")]


def test_names_that_lead_out_links_and_devices_are_passed_over(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.txt", "secret")
    names = {"../out.txt": b"x", "/abs.txt": b"x", "a/../../b.txt": b"x", "good.txt": ENGLISH.encode(), ".hidden": b"x",
             "__MACOSX/good.txt": b"x"}  # fmt: skip
    more = [special("link.txt", tarfile.SYMTYPE, str(secret)), special("hard.txt", tarfile.LNKTYPE, "good.txt"),
            special("pipe", tarfile.FIFOTYPE), special("null", tarfile.CHRTYPE)]  # fmt: skip
    write(tmp_path / "in" / "a.tar", tar(names, *more))
    documents, dropped = read(tmp_path / "in")
    assert [d.text for d in documents] == [ENGLISH]
    assert reasons(dropped) == [
        ("outside", "a.tar!/../out.txt"), ("outside", "a.tar!//abs.txt"), ("outside", "a.tar!/a/../../b.txt"),
        ("hidden", "a.tar!/.hidden"), ("hidden", "a.tar!/__MACOSX/good.txt"), ("link", "a.tar!/link.txt"),
        ("link", "a.tar!/hard.txt"), ("special", "a.tar!/pipe"), ("special", "a.tar!/null"),
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "secret.txt"]


def test_the_same_in_a_zip(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../out.txt", "x")
        archive.writestr("..\\out.txt", "x")
        archive.writestr("C:\\out.txt", "x")
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("folder/", "")
        archive.writestr("good.txt", ENGLISH)
    documents, dropped = read(write(tmp_path / "a.zip", out.getvalue()))
    assert [d.text for d in documents] == [ENGLISH]
    assert [one.reason for one in dropped] == ["outside", "outside", "outside", "link"]


def test_names_as_chinese_systems_write_them(tmp_path: Path) -> None:
    """Without the mark for UTF-8, whose place in the header is forged here, names are GBK."""
    data = zipped({"0123.txt": ENGLISH.encode()}).replace(b"0123.txt", "春天".encode("gbk") + b".txt")
    documents, _ = read(write(tmp_path / "a.zip", data))
    assert documents[0].meta["path"] == f"{tmp_path / 'a.zip'}!/春天.txt"


def test_members_with_a_password_or_damaged_cost_themselves(tmp_path: Path) -> None:
    data = zipped({"a.txt": CHINESE.encode(), "b.txt": ENGLISH.encode() * 9, "c.txt": CHINESE.encode()})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first, second, _ = archive.infolist()
    broken = bytearray(data)
    broken[second.header_offset + 30 + len("b.txt") + 12] ^= 0xFF
    for marks in (b"PK\x03\x04", b"PK\x01\x02"):  # the first member is marked as encrypted in both of its headers
        broken[broken.find(marks) + (6 if marks[2] == 3 else 8)] |= 1
    documents, dropped = read(write(tmp_path / "a.zip", bytes(broken)))
    assert [d.text for d in documents] == [CHINESE]
    assert reasons(dropped) == [("encrypted", f"a.zip!/{first.filename}"), ("unreadable", "a.zip!/b.txt")]


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tar.gz", ".tar.zst"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.85])
def test_a_cut_archive_gives_what_came_before(tmp_path: Path, kind: str, share: float) -> None:
    texts = {f"{number}.txt": f"{number} {CHINESE * number}".encode() for number in range(9)}
    data = zipped(texts) if kind == ".zip" else PACKERS["" if kind == ".tar" else kind[4:]](tar(texts))
    write(tmp_path / f"a{kind}", data[: int(share * len(data))])
    write(tmp_path / "z.txt", ENGLISH)
    documents, dropped = read(tmp_path)
    assert [d.text.encode() for d in documents[:-1]] == list(texts.values())[: len(documents) - 1]
    assert documents[-1].text == ENGLISH
    assert {one.reason for one in dropped} == {"unreadable"}


# ------------------------------------------------------------ bombs

ZEROS = b"0" * (FREE_BYTES + (4 << 20))


@pytest.mark.parametrize("kind", [".txt.gz", ".txt.zst", ".txt.xz", ".txt.bz2", ".zip", ".tar.gz", ".tar.zst"])
def test_a_bomb_is_put_out_and_the_run_goes_on(tmp_path: Path, kind: str) -> None:
    packing = "." + kind.rpartition(".")[2]
    inner = zipped({"in.txt": ZEROS}) if kind == ".zip" else ZEROS if "txt" in kind else tar({"in.txt": ZEROS})
    write(tmp_path / f"a{kind}", PACKERS.get(packing, bytes)(inner))
    write(tmp_path / "z.txt", ENGLISH)
    documents, dropped = read(tmp_path)
    assert documents[-1].text == ENGLISH
    assert [one.reason for one in dropped] == ["bomb"]
    assert dropped[0].location.startswith(str(tmp_path / f"a{kind}"))
    assert sum(len(d.text) for d in documents) <= FREE_BYTES + len(ENGLISH)


def test_a_bomb_in_many_bombs_is_counted_as_one(tmp_path: Path) -> None:
    """Each member unpacks to no more than a file may; together they do not."""
    members = zipped({f"{number}.txt": b"0" * (3 << 20) for number in range(9)})
    _, dropped = read(write(tmp_path / "b.zip", members))
    assert [one.reason for one in dropped] == ["bomb"]
    assert dropped[0].location == f"{tmp_path / 'b.zip'}!/5.txt"


def test_the_limits_are_the_owners(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt.gz", gzip.compress(ZEROS))
    documents, dropped = read(path, options=ReadConfig(max_unpacked_ratio=2000, max_document_chars=100_000_000))
    assert (sum(len(d.text) for d in documents), dropped) == (len(ZEROS), [])
    _, dropped = read(
        write(tmp_path / "b.txt.gz", gzip.compress(ENGLISH.encode() * 99)), options=ReadConfig(max_unpacked_bytes=1024)
    )
    assert [(one.reason, one.example) for one in dropped] == [("bomb", f"{99 * len(ENGLISH):,} bytes")]


def test_an_office_file_that_is_a_bomb(tmp_path: Path) -> None:
    _, dropped = read(write(tmp_path / "a.docx", zipped({"word/document.xml": ZEROS})))
    assert reasons(dropped) == [("bomb", "a.docx")]


def test_a_window_of_gigabytes_is_refused(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 29}]
    data = lzma.compress(ENGLISH.encode(), filters=filters)
    _, dropped = read(write(tmp_path / "a.txt.xz", data))
    assert reasons(dropped) == [("unreadable", "a.txt.xz")]
    assert "emory" in dropped[0].example


def test_a_large_member_needs_little_memory(tmp_path: Path) -> None:
    text = "\n".join(f"{number} {ENGLISH}" for number in range(150_000)).encode()
    path = write(tmp_path / "a.tar.gz", gzip.compress(tar({"a.txt": text}), 1))
    assert len(text) > 8 << 20
    tracemalloc.start()
    num_chars = sum(len(d.text) for d in _stream(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert num_chars == len(text)
    assert peak < 8 << 20


def _stream(path: Path) -> object:
    from hanlin.text.readers import read_documents

    return read_documents(path, on_drop=lambda dropped: pytest.fail(str(dropped)))


def test_a_full_disk_ends_the_run_with_its_own_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no fault of the archive: counted as one, half of the corpus would be lost without need."""

    def full(chunks: object, folder: Path, name: str) -> Path:
        with content_module.disk_errors(folder):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("hanlin.text.formats.archives.copied", full)
    with pytest.raises(DiskFull):
        read(write(tmp_path / "a.zip", zipped({"a.txt": b"x"})))


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    for name, data in (("a.tar", tar(ALL)), ("b.zip.gz", gzip.compress(zipped(ALL))), ("c.zip", zipped({"a": ZEROS}))):
        read(write(tmp_path / "in" / name, data))
    from hanlin.text.readers import read_documents

    documents = read_documents(tmp_path / "in", on_drop=lambda dropped: None)
    next(documents)
    assert list(folder.iterdir())
    documents.close()  # as when the reader of the documents fails
    assert list(folder.iterdir()) == []
