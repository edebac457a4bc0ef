"""Data sets of both hubs, from a local site that answers as they do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.text.collect.conftest import Gather, documents
from tests.text.collect.site import Asked, Reply, Site

from hanlin.base.errors import InputError, NetworkError
from hanlin.text.collect.collect import CONTROL
from hanlin.text.collect.hubs import DataSet, data_set_of

SHA = "a" * 40
ROWS = '{"text": "第一行，讲灯塔的故事。"}\n{"text": "The second row."}\n{"label": 3}\n'


def publish(site: Site, files: dict[str, str], **card: object) -> None:
    """A data set `owner/name` as the Hugging Face Hub shows it to its own library."""
    siblings = [{"rfilename": name, "size": len(text.encode()), "blobId": _id(text)} for name, text in files.items()]
    info = {
        "_id": "1", "id": "owner/name", "sha": SHA, "siblings": siblings, "cardData": card, "private": False,
        "tags": [], "downloads": 0, "likes": 0, "disabled": False, "gated": False,
    }  # fmt: skip
    for place in ("/api/datasets/owner/name", "/api/datasets/owner/name/revision/v1"):
        site.routes[f"{place}?blobs=true"] = _json(info)
    for name, text in files.items():
        headers = {"ETag": f'"{_id(text)}"', "X-Repo-Commit": SHA}
        site.routes[f"/datasets/owner/name/resolve/{SHA}/{name}"] = Reply(text, headers=headers, kind="text/plain")


def _id(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def _json(value: object) -> Reply:
    return Reply(json.dumps(value), kind="application/json")


@pytest.fixture
def mirror(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site as a mirror of both hubs."""
    monkeypatch.setenv("HF_ENDPOINT", site.root)
    monkeypatch.setenv("MODELSCOPE_DOMAIN", site.root)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return site


def test_a_data_set_comes_from_the_mirror_with_its_licence(mirror: Site, gather: Gather) -> None:
    files = {"README.md": "# card", "data/train.jsonl": ROWS, "picture.png": "x"}
    publish(mirror, files, license="cc-by-sa-4.0")
    made = gather("hub:owner/name")
    first, second = documents(made)
    assert (first["text"], second["text"]) == ("第一行，讲灯塔的故事。", "The second row.")
    assert first["licence"] == "CC-BY-SA-4.0"
    assert first["url"] == f"{mirror.root}/datasets/owner/name/blob/{SHA}/data/train.jsonl"
    assert first["id"] == "hub:owner/name/data/train.jsonl:1"
    assert made.figures["reasons"] == {"no_data": 1, "format": 1}
    assert made.figures["lost"] == {"missing_field": 1}
    assert not (made.path.parent / CONTROL / "fetched").exists(), "what was read is not kept twice"


def test_a_data_set_is_fetched_once_and_again_when_it_changed(mirror: Site, gather: Gather) -> None:
    publish(mirror, {"a.jsonl": ROWS, "b.txt": "Another file."}, license="mit")
    gather("hub:owner/name")
    mirror.asked.clear()
    again = gather("hub:owner/name")
    assert [path for path in mirror.paths if "/resolve/" in path] == []
    assert again.figures["licences"] == {"MIT": 3}
    publish(mirror, {"a.jsonl": ROWS, "b.txt": "Another file, changed."}, license="mit")
    made = gather("hub:owner/name")
    assert sorted(row["text"] for row in documents(made))[0] == "Another file, changed."
    assert not [path for path in mirror.paths if path.endswith("a.jsonl") and "/resolve/" in path]


def test_rows_of_training_data_come_whole(mirror: Site, gather: Gather) -> None:
    """A conversation has no `text`; it must not be lost on the way to `hanlin finetune`."""
    turns = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}]
    rows = [{"messages": turns, "id": "own"}, {"messages": turns, "licence": "CC0-1.0"}]
    publish(mirror, {"sft.jsonl": "\n".join(map(json.dumps, rows)) + "\nbroken\n"}, license="mit")
    made = gather("hub:owner/name")
    first, second = documents(made)
    assert (first["messages"], first["id"], first["licence"]) == (turns, "own", "MIT")
    assert (second["id"], second["licence"]) == ("hub:owner/name/sft.jsonl:2", "CC0-1.0")
    assert first["source"] == "hub:owner/name"
    assert made.figures["lost"] == {"not_json": 1}
    assert made.figures["licences"] == {"MIT": 1, "CC0-1.0": 1}


def test_only_the_files_that_were_asked_for(mirror: Site, gather: Gather) -> None:
    publish(mirror, {"en/a.txt": "English text.", "zh/a.txt": "中文文本。", "zh/big.txt": "大" * 5000})
    made = gather("hub:owner/name@v1", files=("zh/*",), max_file_bytes=2000)
    assert [row["text"] for row in documents(made)] == ["中文文本。"]
    assert made.figures["reasons"] == {"not_asked": 1, "too_large": 1}
    assert made.figures["licences"] == {"unknown": 1}


def modelscope(site: Site, files: dict[str, str]) -> None:
    """A data set `owner/name` as ModelScope's interface shows it."""
    rows = [
        {"Path": name, "Name": name, "Type": "blob", "Size": len(text.encode()), "Sha256": _id(text)}
        for name, text in files.items()
    ]
    root = "/api/v1/datasets/owner/name/repo"
    folder = {"Path": "data", "Name": "data", "Type": "tree", "Size": 0}
    site.routes[f"{root}/tree?Revision=master&Recursive=true&PageNumber=1&PageSize=200"] = _json(
        {"Code": 200, "Data": {"Files": [folder, *rows], "TotalCount": len(rows)}}
    )
    for name, text in files.items():
        site.routes[f"{root}?Revision=master&FilePath={name}"] = Reply(text, kind="application/octet-stream")


def test_a_data_set_of_modelscope(mirror: Site, gather: Gather) -> None:
    modelscope(mirror, {"README.md": "---\nlicense:\n  - apache-2.0\n---\n# 数据集", "data/train.jsonl": ROWS})
    made = gather("modelscope:owner/name")
    assert [row["licence"] for row in documents(made)] == ["Apache-2.0", "Apache-2.0"]
    assert documents(made)[0]["url"] == f"{mirror.root}/datasets/owner/name/file/view/master/data/train.jsonl"
    mirror.asked.clear()
    gather("modelscope:owner/name")
    assert not [path for path in mirror.paths if path.endswith("train.jsonl")]


def test_a_cut_file_of_modelscope_is_no_file(mirror: Site, gather: Gather) -> None:
    modelscope(mirror, {"train.jsonl": ROWS})
    mirror.routes["/api/v1/datasets/owner/name/repo?Revision=master&FilePath=train.jsonl"] = Reply(ROWS[:20])
    with pytest.raises(NetworkError) as caught:
        gather("modelscope:owner/name")
    assert caught.value.code == "E265"
    modelscope(mirror, {"train.jsonl": ROWS})
    assert gather("modelscope:owner/name").figures["totals"]["documents"] == 2


@pytest.mark.parametrize("body", ["<html>maintenance</html>", "{}", '{"Data": null}', '{"Data": {"Files": [1]}}'])
def test_an_answer_without_a_list_is_no_data_set(mirror: Site, gather: Gather, body: str) -> None:
    tree = "/api/v1/datasets/owner/name/repo/tree?Revision=master&Recursive=true&PageNumber=1&PageSize=200"
    mirror.routes[tree] = Reply(body, kind="application/json")
    with pytest.raises(NetworkError) as caught:
        gather("modelscope:owner/name")
    assert caught.value.code == "E265"


def test_more_files_than_one_answer_holds(mirror: Site, gather: Gather) -> None:
    tree = "/api/v1/datasets/owner/name/repo/tree?Revision=master&Recursive=true&PageNumber={}&PageSize=200"
    rows = [{"Path": f"{n}.png", "Type": "blob", "Size": 1, "Sha256": str(n)} for n in range(201)]
    mirror.routes[tree.format(1)] = _json({"Data": {"Files": rows[:200]}})
    mirror.routes[tree.format(2)] = _json({"Data": {"Files": rows[200:]}})
    assert gather("modelscope:owner/name").figures["reasons"] == {"format": 201}


def test_the_switch_for_working_off_line(
    mirror: Site, gather: Gather, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NetworkError) as caught:
        gather("hub:owner/name")
    assert (caught.value.code, caught.value.exit_code) == ("E231", 5)
    assert "HF_HUB_OFFLINE" in str(caught.value)
    assert mirror.paths == []


def test_a_data_set_that_is_not_there(mirror: Site, gather: Gather) -> None:
    mirror.routes["/api/datasets/owner/none?blobs=true"] = Reply(
        "{}", 404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}, "application/json"
    )
    with pytest.raises(InputError) as caught:
        gather("hub:owner/none")
    assert caught.value.code == "E266"
    with pytest.raises(InputError) as caught:
        gather("hub:owner/unknown")  # a mirror that says 404 and no more
    assert caught.value.code == "E266"
    with pytest.raises(InputError) as caught:
        gather("modelscope:owner/none")
    assert caught.value.code == "E266"


def test_an_unreachable_hub_keeps_what_was_collected(
    gather: Gather, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / "a.txt").write_text("A text of my own.")
    with pytest.raises(NetworkError) as caught:
        gather(tmp_path / "a.txt", "hub:owner/name")
    assert caught.value.code == "E265"
    assert "A text of my own." in (tmp_path / "out" / "documents-1.jsonl").read_text()


@pytest.mark.parametrize("source", ["hub:", "hub:name", "hub:a/b/c", "modelscope:../../x/y"])
def test_names_that_are_none(source: str, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        data_set_of(source)
    assert caught.value.code == "E234"


def test_what_a_source_means(monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_set_of("hub:a/b@v1.0") == DataSet("hub", "a/b", "v1.0")
    assert data_set_of("https://huggingface.co/datasets/a/b/tree/main") == DataSet("hub", "a/b", "main")
    assert data_set_of("https://www.modelscope.cn/datasets/a/b") == DataSet("modelscope", "a/b")
    assert data_set_of("https://huggingface.co/a/b") is None
    assert data_set_of("https://example.org/datasets/a/b") is None
    assert data_set_of("folder/with/files") is None
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    assert data_set_of("https://mirror.example/datasets/a/b") == DataSet("hub", "a/b")


def test_a_busy_hub(mirror: Site, gather: Gather) -> None:
    def busy(asked: Asked) -> Reply:
        return Reply("later", 503)

    mirror.routes["/api/v1/datasets/owner/name/repo/tree?Revision=master&Recursive=true&PageNumber=1&PageSize=200"] = (
        busy
    )
    with pytest.raises(NetworkError):
        gather("modelscope:owner/name")
