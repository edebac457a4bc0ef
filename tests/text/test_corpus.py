"""Raw files to a corpus: every loss counted, the same bytes every time, whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from tests.conftest import TEST_DATA

from hanlin.base.errors import ConfigError, DiskFull, InputError
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.text import corpus as corpus_module
from hanlin.text.building import clean as clean_module
from hanlin.text.config import CorpusConfig, ReadConfig, SourceConfig, TokenizerConfig
from hanlin.text.corpus import build_corpus, read_corpus
from hanlin.text.document import Document
from hanlin.text.ngram import KneserNey
from hanlin.text.tokenizer_train import characters_per_token, train_tokenizer

CHINESE = "今天天气很好，我们一起去公园里走走。他说这是他第一次来北京，什么都想看一看。"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder with 200 different texts, a duplicate, a bad row, a binary file and text in three encodings."""
    folder = tmp_path / "texts"
    folder.mkdir()
    rows = [json.dumps({"text": f"Text number {number}.\r\n"}) for number in range(200)]
    (folder / "rows.jsonl").write_text("\n".join([*rows, rows[0], "{bad"]))
    (folder / "a.txt").write_bytes(CHINESE.encode("gb18030"))
    (folder / "b.txt").write_bytes((CHINESE + "完").encode("utf-16"))
    (folder / "c.txt").write_bytes(bytes(range(256)))
    (folder / ".hidden").write_text("x")
    return folder


def build(texts: Path, out: Path, **settings: object) -> corpus_module.CorpusReport:
    return build_corpus(CorpusConfig(sources=[str(texts)], **settings), out)


def all_texts(out: Path) -> dict[str, list[str]]:
    return {split: [document.text for document in read_corpus(out, split)] for split in ("train", "validation")}


def test_everything_read_is_kept_or_counted(texts: Path, tmp_path: Path) -> None:
    report = build(texts, tmp_path / "out", validation_fraction=0.1)
    figures = report.figures
    kept = all_texts(tmp_path / "out")
    assert figures["read"] == 203
    assert sorted(kept["train"] + kept["validation"]) == sorted(
        [CHINESE, CHINESE + "完", *(f"Text number {number}.\n" for number in range(200))]
    )
    assert figures["dropped"] == {"hidden": 1, "binary": 1, "not_json": 1, "duplicate": 1}
    assert figures["changes"] == {"line_ends": 201}
    assert figures["encodings"] == {"gb18030": 1, "utf-16": 1, "utf-8": 1}
    assert figures["sources"] == {"texts": {
        "documents": 202,
        "characters": sum(len(text) for split in kept.values() for text in split),
        "bytes": sum(len(text.encode()) for split in kept.values() for text in split),
    }}  # fmt: skip
    for split, found in kept.items():
        by_language = figures["languages"][split].values()
        assert figures["splits"][split]["documents"] == len(found) == sum(part["documents"] for part in by_language)
    assert 5 < len(kept["validation"]) < 50


def test_examples_name_place_and_twin(texts: Path, tmp_path: Path) -> None:
    examples = build(texts, tmp_path / "out").figures["examples"]
    assert examples["duplicate"][0]["location"].endswith("rows.jsonl:201")
    assert examples["duplicate"][0]["example"].endswith("rows.jsonl:1")
    assert examples["not_json"][0]["location"].endswith("rows.jsonl:202")
    assert build(texts, tmp_path / "none", max_examples=0).figures["examples"]["duplicate"] == []


def test_the_report_says_it_all_in_the_users_language(texts: Path, tmp_path: Path, lang: str) -> None:
    report = build(texts, tmp_path / "out")
    written = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert written == "\n".join(report.lines) + "\n"
    assert all(word in written for word in ("gb18030", "rows.jsonl:202", "202", "c.txt"))
    assert ("Dropped" in written, "丢弃" in written) == ((True, False) if lang == "en" else (False, True))


def test_the_same_sources_give_the_same_bytes(texts: Path, tmp_path: Path) -> None:
    def digests(out: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())}

    build(texts, tmp_path / "one")
    build(texts, tmp_path / "two")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    build(texts, tmp_path / "one")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    manifest = json.loads((tmp_path / "one" / "corpus.json").read_text("utf-8"))
    assert manifest["sha256"]["train"] == digests(tmp_path / "one")["train.jsonl.zst"]


def test_more_documents_move_none_between_the_parts(texts: Path, tmp_path: Path) -> None:
    build(texts, tmp_path / "before", validation_fraction=0.2)
    (texts / "0.jsonl").write_text("\n".join(json.dumps({"text": f"Later text {number}"}) for number in range(100)))
    build(texts, tmp_path / "after", validation_fraction=0.2)
    before, after = all_texts(tmp_path / "before"), all_texts(tmp_path / "after")
    for split in before:
        assert [text for text in after[split] if not text.startswith("Later")] == before[split]
    build(texts, tmp_path / "other", validation_fraction=0.2, seed=2)
    assert all_texts(tmp_path / "other") != after


def test_settings_decide_what_is_kept(texts: Path, tmp_path: Path) -> None:
    assert build(texts, tmp_path / "a", dedup=False).figures["dropped"].get("duplicate") is None
    assert build(texts, tmp_path / "b", min_chars=30).figures["dropped"]["too_short"] == 201
    assert build(texts, tmp_path / "c", validation_fraction=0.0).figures["splits"]["validation"]["documents"] == 0
    left = build(texts, tmp_path / "d", normalise={"line_ends": False, "control_characters": False})
    assert left.figures["changes"] == {}
    long = tmp_path / "long.txt"
    long.write_text(CHINESE * 100)
    cut = build_corpus(CorpusConfig(sources=[str(long)], read=ReadConfig(max_document_chars=100)), tmp_path / "e")
    assert cut.figures["pieces"] == cut.figures["read"] > 20
    assert any(f"{cut.figures['pieces']}" in line for line in cut.lines)


def test_documents_come_back_as_they_were(texts: Path, tmp_path: Path) -> None:
    source = SourceConfig(path=str(texts / "a.txt"), name="mine", language="zh")
    build_corpus(CorpusConfig(sources=[source], validation_fraction=0.0), tmp_path / "out")
    path = texts / "a.txt"
    assert list(read_corpus(tmp_path / "out")) == [
        Document(CHINESE, path.as_posix(), "mine", "zh", {"path": str(path), "encoding": "gb18030", "kind": "text"})
    ]


def test_the_language_is_that_of_the_repaired_text(tmp_path: Path) -> None:
    """Chinese that had been read as Latin-1 stayed "other", and kept from the rules for Chinese and from its script."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text((CHINESE * 3).encode().decode("latin-1"), "utf-8")
    (folder / "b.txt").write_text(CHINESE, "utf-8")
    build(folder, tmp_path / "out", normalise={"script": "traditional"}, validation_fraction=0.0)
    first, second = read_corpus(tmp_path / "out")
    assert first.lang == second.lang == "zh" and first.text == second.text * 3
    named = CorpusConfig(sources=[{"path": str(folder), "language": "other"}], validation_fraction=0.0)
    build_corpus(named, tmp_path / "named")
    assert {one.lang for one in read_corpus(tmp_path / "named")} == {"other"}, "what the user says is believed"


def test_progress_is_told(texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_corpus(CorpusConfig(sources=[str(texts)]), tmp_path / "out", progress=Progress("json"))
    last = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert last["kind"] == "done" and last["step"] == 203, "all of them, not the last full hundred"


def test_sources_without_a_usable_text_are_an_error(tmp_path: Path, lang: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(bytes(range(256)))
    with pytest.raises(InputError) as caught:
        build(tmp_path / "in", tmp_path / "out")
    assert caught.value.code == "E203"
    assert "a.txt" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_no_sources_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        CorpusConfig(sources=[])
    assert caught.value.problems[0].name == "sources"


def test_what_is_no_corpus_is_not_replaced(texts: Path, tmp_path: Path, lang: str) -> None:
    """`data build texts --out texts` left a corpus, and not one of the texts."""
    before = sorted(path.name for path in texts.iterdir())
    (tmp_path / "diary.txt").write_text("one copy")
    for out in (texts, tmp_path / "diary.txt"):
        with pytest.raises(InputError) as caught:
            build(texts, out)
        assert caught.value.code == "E117" and str(out) in str(caught.value)
    assert sorted(path.name for path in texts.iterdir()) == before
    assert (tmp_path / "diary.txt").read_text() == "one copy"
    build(texts, tmp_path / "out")
    (tmp_path / "out" / "raw").mkdir()
    (tmp_path / "out" / "raw" / "a.txt").write_text(CHINESE)
    with pytest.raises(InputError) as caught:
        build(tmp_path / "out" / "raw", tmp_path / "out")
    assert caught.value.code == "E208" and (tmp_path / "out" / "raw" / "a.txt").exists()


def test_a_full_disk_leaves_the_older_corpus(texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(texts, tmp_path / "out")
    before = all_texts(tmp_path / "out")

    def full(document: Document) -> bytes:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(DiskFull):
        patch.setattr(clean_module, "row", full)
        build(texts, tmp_path / "out", seed=5)
    assert all_texts(tmp_path / "out") == before
    build(texts, tmp_path / "out", seed=5)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


def test_a_corpus_that_is_missing_damaged_or_has_no_such_part(texts: Path, tmp_path: Path, lang: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError) as caught:
        read_corpus(out)
    assert caught.value.code == "E204"
    build(texts, out)
    with pytest.raises(InputError) as caught:
        read_corpus(out, "test")
    assert (caught.value.code, caught.value.values["split"]) == ("E206", "test")
    path = out / "train.jsonl.zst"
    for content in (path.read_bytes()[:-5], None):
        path.unlink() if content is None else path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_corpus(out)
        assert (caught.value.code, caught.value.values["path"]) == ("E205", path)
        assert str(path) in str(caught.value)


def test_a_manifest_of_another_format_is_refused(texts: Path, tmp_path: Path) -> None:
    build(texts, tmp_path / "out")
    for content in ("[]", "{}", '{"format": 99}'):
        (tmp_path / "out" / "corpus.json").write_text(content)
        with pytest.raises(InputError) as caught:
            read_corpus(tmp_path / "out")
        assert (caught.value.code, caught.value.values["path"]) == ("E205", tmp_path / "out" / "corpus.json")


def test_packing_changes_nothing(tmp_path: Path) -> None:
    rows = "".join(json.dumps({"text": f"{CHINESE}{number}"}) + "\n" for number in range(50)).encode()
    packings = {"": rows, ".gz": gzip.compress(rows), ".zst": zstandard.compress(rows)}
    found = []
    for suffix, content in packings.items():
        (tmp_path / f"a.jsonl{suffix}").write_bytes(content)
        build(tmp_path / f"a.jsonl{suffix}", tmp_path / f"out{suffix}")
        found.append(all_texts(tmp_path / f"out{suffix}"))
    assert found[0] == found[1] == found[2]
    assert sum(map(len, found[0].values())) == 50


def test_every_reason_of_a_loss_is_said_in_both_languages(tmp_path: Path, lang: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    long = json.dumps({"text": "x" * 2000})
    rows = ['{"text": "good"}', '{"text": "good"}', "{", "[]", "{}", '{"text": "\\udfff"}', '{"text": " "}', long]
    (folder / "a.jsonl").write_text("\n".join(rows))
    (folder / "b.csv").write_text('text\n"a"b\n')
    (folder / "c.html").write_text("<html></html>")
    (folder / "d.bin").write_bytes(bytes(range(256)))
    (folder / "e.txt").write_bytes((CHINESE * 9).encode() + b"\xff")
    (folder / "f.txt.gz").write_bytes(b"no gzip")
    (folder / "g.txt").write_bytes(b"")
    (folder / ".h").write_text("hidden")
    report = build(folder, tmp_path / "out", read={"max_row_chars": 1024})
    assert set(report.figures["dropped"]) == {
        "hidden", "duplicate", "not_json", "not_object", "missing_field", "surrogate", "too_short", "row_too_long",
        "bad_table", "no_main_text", "binary", "encoding", "unreadable", "empty",
    }  # fmt: skip
    for reason in report.figures["dropped"]:
        assert any(say(f"text.drop_{reason}") in line for line in report.lines)


def test_rules_are_counted_and_shown_with_value_and_place(tmp_path: Path, lang: str) -> None:
    sources = []
    for kind, text in (("web", "the cheap shoes " * 60), ("verse", "And miles to go before I sleep.\n" * 2)):
        (tmp_path / f"{kind}.txt").write_text(f"{text}")
        sources.append(SourceConfig(path=str(tmp_path / f"{kind}.txt"), kind=kind))
    (tmp_path / "page.txt").write_text(f"<p>{CHINESE}&nbsp;</p>")
    sources.append(SourceConfig(path=str(tmp_path / "page.txt"), kind="web"))
    report = build_corpus(CorpusConfig(sources=sources, rules={"preset": "hanlin"}), tmp_path / "out")
    assert report.figures["dropped"] == {"max_top_2gram_chars": 1}
    assert report.figures["edits"] == {"html_debris": 3} and report.figures["edited"] == {"html_debris": 1}
    assert report.figures["rules"]["preset"] == "hanlin"
    lines = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "max_top_2gram_chars" in lines and "web.txt: 0." in lines and "<p> | </p> | &nbsp;" in lines
    assert say("text.measure_top_2gram_chars") in lines


def test_a_corpus_of_nothing_but_junk_says_which_rule_emptied_it(tmp_path: Path, lang: str) -> None:
    (tmp_path / "a.txt").write_text("buy cheap shoes " * 60)
    with pytest.raises(InputError) as caught:
        build(tmp_path / "a.txt", tmp_path / "out", rules={"preset": "gopher"})
    assert caught.value.code == "E203"
    assert say("text.measure_stop_words") in str(caught.value)


@pytest.mark.story
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the memory of a process")
def test_three_hundred_megabytes_in_one_line_need_little_memory(tmp_path: Path) -> None:
    """Built in a process whose whole memory is smaller than the file."""
    path = tmp_path / "one-line.txt"
    with path.open("wb") as file:
        for number in range(300):
            file.write((f"第{number}段 some words " * 10 + "好" * 333_000).encode())
    code = (
        "from pathlib import Path\n"
        "from hanlin.text.config import CorpusConfig\n"
        "from hanlin.text.corpus import build_corpus\n"
        f"figures = build_corpus(CorpusConfig(sources=[{str(path)!r}]), Path({str(tmp_path / 'out')!r})).figures\n"
        "print(figures['pieces'], sum(split['documents'] for split in figures['splits'].values()))"
    )
    limit = 290 << 20
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert int(made.stdout.split()[0]) >= 500


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> corpus_module.CorpusReport:
    """The corpus of all licensed text, built once."""
    assert TEST_DATA
    sources = [f"{TEST_DATA}/{name}/*.zst" for name in ("pretrain-zh", "pretrain-en")]
    return build_corpus(CorpusConfig(sources=sources), tmp_path_factory.mktemp("real") / "corpus")


@pytest.mark.peer
def test_of_real_collections_nothing_is_lost_but_copies(test_data: Path, real: corpus_module.CorpusReport) -> None:
    report = real
    rows = [json.loads(row)["text"] for name in ("zh", "en") for row in rows_of(test_data / f"pretrain-{name}")]
    dropped = report.figures["dropped"]
    assert set(dropped) == {"duplicate", "leaked"} and dropped["leaked"] < 10
    assert report.figures["read"] == len(rows) + extra_pieces(report)
    kept = all_texts(real.path)
    assert sum(map(len, kept.values())) == report.figures["read"] - sum(dropped.values())
    letters = sum(len("".join(text.split())) for text in set(rows))
    assert sum(len("".join(text.split())) for part in kept.values() for text in part) == pytest.approx(
        letters, rel=1e-3
    )


def rows_of(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("*.jsonl.zst")):
        with path.open("rb") as file:
            yield from filter(None, zstandard.ZstdDecompressor().stream_reader(file).read().split(b"\n"))


def extra_pieces(report: corpus_module.CorpusReport) -> int:
    """Documents beyond one a row: a text in n pieces is n documents."""
    ids = {document.id for split in ("train", "validation") for document in read_corpus(report.path, split)}
    wholes = {id.partition("#")[0] for id in ids if "#" in id}
    return report.figures["pieces"] - len(wholes)


@pytest.mark.peer
def test_real_chinese_and_english(real: corpus_module.CorpusReport) -> None:
    """Corpus, vocabulary and n-gram model of a third of all licensed text: a neural model has to beat such figures."""
    train, validation = list(read_corpus(real.path))[::3], list(read_corpus(real.path, "validation"))[::3]
    tokenizer = train_tokenizer((document.text for document in train), TokenizerConfig())
    fertility = characters_per_token(tokenizer, validation)

    def encode(documents: list[Document]) -> list[list[int]]:
        ids = tokenizer.encode_batch([document.text for document in documents])
        return [[tokenizer.special.bos, *own, tokenizer.special.eos] for own in ids]

    model = KneserNey(vocab_size=tokenizer.vocab_size).train(encode(train))
    for lang, least, most in (("zh", 1.1, 2.6), ("en", 2.9, 2.0)):
        held_out = [document for document in validation if document.lang == lang]
        bits = -model.log2probs(encode(held_out)).sum() / sum(len(document.text.encode()) for document in held_out)
        print(f"{lang}: {fertility[lang].characters_per_token:.3f} characters, {fertility[lang].bytes_per_token:.3f} "
              f"bytes a token; Kneser-Ney {bits:.3f} bits a byte on {len(held_out)} documents")  # fmt: skip
        assert fertility[lang].characters_per_token > least
        assert bits < most
