"""Models of both hubs, from a local site that answers as they do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.text.collect.site import Asked, Reply, Site, serving

from hanlin.base.errors import BundleError, InputError, NetworkError
from hanlin.bundle.hub import ModelName, fetch, model_name, wanted

SHA = "a" * 40
WEIGHTS = b"w" * 5000
FILES = {
    "config.json": b"{}",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"p" * 900,
    "tokenizer.json": b"{}",
    "onnx/model.onnx": b"o" * 900,
    "README.md": b"# card",
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A mirror of both hubs with one model each, and caches of the test's own."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HF_HUB_OFFLINE", "HANLIN_OFFLINE", "HANLIN_HUB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "modelscope"))
    with serving() as site:
        monkeypatch.setenv("HF_ENDPOINT", site.root)
        monkeypatch.setenv("MODELSCOPE_DOMAIN", site.root)
        publish(site, FILES)
        modelscope(site, FILES)
        yield site


def publish(site: Site, files: dict[str, bytes]) -> None:
    """A model `owner/name` as the Hugging Face Hub shows it to its own library."""
    info = {
        "_id": "1", "id": "owner/name", "sha": SHA, "private": False, "tags": [], "downloads": 0, "likes": 0,
        "disabled": False, "gated": False, "siblings": [{"rfilename": name} for name in files],
    }  # fmt: skip
    for place in ("", "/revision/main", "/revision/v1"):
        site.routes[f"/api/models/owner/name{place}"] = as_json(info)
    tree = [{"type": "file", "path": name, "size": len(body), "oid": sha1(body)} for name, body in files.items()]
    for query in ("recursive=true&expand=false", "recursive=True&expand=False"):
        site.routes[f"/api/models/owner/name/tree/{SHA}?{query}"] = as_json(tree)
    for name, body in files.items():
        headers = {"ETag": f'"{sha1(body)}"', "X-Repo-Commit": SHA}
        site.routes[f"/owner/name/resolve/{SHA}/{name}"] = Reply(body, headers=headers, kind="application/octet-stream")


def modelscope(site: Site, files: dict[str, bytes]) -> None:
    """The same as ModelScope's interface shows it; its files can be asked for from a byte on."""
    rows = [{"Path": name, "Type": "blob", "Size": len(body), "Sha256": sha256(body)} for name, body in files.items()]
    rows.append({"Path": "onnx", "Type": "tree", "Size": 0, "Sha256": ""})
    root = "/api/v1/models/owner/name/repo"
    site.routes[f"{root}/files?Revision=master&Recursive=true"] = as_json({"Code": 200, "Data": {"Files": rows}})
    for name, body in files.items():
        site.routes[f"{root}?Revision=master&FilePath={name}"] = lambda asked, body=body: ranged(asked, body)


def ranged(asked: Asked, body: bytes) -> Reply:
    start = int(asked.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    return Reply(body[start:], 206 if start else 200, kind="application/octet-stream")


def as_json(value: object) -> Reply:
    return Reply(json.dumps(value), kind="application/json")


def sha1(body: bytes) -> str:
    return hashlib.sha1(body).hexdigest()


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("owner/name", ModelName("hub", "owner/name")),
        ("hub:owner/na.me@v1", ModelName("hub", "owner/na.me", "v1")),
        ("modelscope:owner/name@refs/pr/1", ModelName("modelscope", "owner/name", "refs/pr/1")),
        ("runs/tiny/stage", None),
        ("./owner/name", None),
        ("../name", None),
        ("~/name", None),
        ("name", None),
    ],
)
def test_what_word_is_a_model_of_a_hub(word: str, meant: ModelName | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANLIN_HUB", raising=False)
    assert model_name(word) == meant


def test_a_bare_name_means_the_hub_of_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_HUB", "modelscope")
    assert model_name("owner/name") == ModelName("modelscope", "owner/name")
    assert model_name("hub:owner/name") == ModelName("hub", "owner/name")
    monkeypatch.setenv("HANLIN_HUB", "elsewhere")
    with pytest.raises(InputError) as caught:
        model_name("owner/name")
    assert caught.value.code == "E480"


@pytest.mark.parametrize("name", ["hub:owner/name", "modelscope:owner/name", "hub:owner/name@v1"])
def test_only_what_a_model_is_opened_from_is_fetched_and_only_once(hub: Site, name: str) -> None:
    model = model_name(name)
    assert model is not None
    folder = fetch(model)
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        "config.json", "model.safetensors", "tokenizer.json",
    }  # fmt: skip
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    hub.asked.clear()
    assert fetch(model) == folder
    assert not [path for path in hub.paths if "/resolve/" in path or "FilePath" in path]


@pytest.mark.parametrize("switch", ["HANLIN_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize("kind", ["hub", "modelscope"])
def test_off_line_what_is_there_is_used_and_nobody_is_asked(
    hub: Site, monkeypatch: pytest.MonkeyPatch, switch: str, kind: str
) -> None:
    model = ModelName(kind, "owner/name")
    monkeypatch.setenv(switch, "1")
    with pytest.raises(NetworkError) as caught:
        fetch(model)
    assert caught.value.code == "E477" and f"{kind}:owner/name" in str(caught.value)
    monkeypatch.delenv(switch)
    folder = fetch(model)
    monkeypatch.setenv(switch, "1")
    hub.asked.clear()
    assert fetch(model) == folder
    assert hub.paths == []


def test_modelscope_goes_on_where_it_stopped(hub: Site, tmp_path: Path) -> None:
    folder = tmp_path / "modelscope" / "models" / "owner" / "name@master"
    folder.mkdir(parents=True)
    (folder / f"model.safetensors.{sha256(WEIGHTS)[:16]}.part").write_bytes(WEIGHTS[:3000])
    fetch(ModelName("modelscope", "owner/name"))
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    asked = next(one for one in hub.asked if one.path.endswith("FilePath=model.safetensors"))
    assert asked.headers["range"] == "bytes=3000-"


def test_a_file_of_another_checksum_is_not_kept(hub: Site, tmp_path: Path) -> None:
    address = "/api/v1/models/owner/name/repo?Revision=master&FilePath=model.safetensors"
    hub.routes[address] = Reply(b"cut", kind="application/octet-stream")
    with pytest.raises(NetworkError) as caught:
        fetch(ModelName("modelscope", "owner/name"))
    assert caught.value.code == "E478" and "SHA-256" in str(caught.value)
    assert not list(tmp_path.glob("modelscope/**/model.safetensors*"))


def test_pickles_are_not_even_fetched_unless_asked_for(hub: Site) -> None:
    files = {name: body for name, body in FILES.items() if name != "model.safetensors"}
    publish(hub, files)
    with pytest.raises(BundleError) as caught:
        fetch(ModelName("hub", "owner/name"))
    assert caught.value.code == "E457" and "--pickles" in str(caught.value)
    assert not [path for path in hub.paths if "/resolve/" in path]
    assert (fetch(ModelName("hub", "owner/name"), pickles=True) / "pytorch_model.bin").is_file()


@pytest.mark.parametrize("kind", ["hub", "modelscope"])
@pytest.mark.parametrize(("status", "code"), [(404, "E476"), (401, "E476"), (500, "E478")])
def test_a_hub_that_says_no_is_one_sentence(hub: Site, kind: str, status: int, code: str) -> None:
    for path in list(hub.routes):
        hub.routes[path] = Reply("no", status)
    with pytest.raises((InputError, NetworkError)) as caught:
        fetch(ModelName(kind, "owner/name"))
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["hub", "modelscope"])
def test_a_hub_that_does_not_answer_is_one_sentence(hub: Site, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "http://127.0.0.1:9")
    with pytest.raises(NetworkError) as caught:
        fetch(ModelName(kind, "owner/name"))
    assert caught.value.code == "E478"


def test_names_that_lead_out_of_the_folder_are_not_fetched(hub: Site, tmp_path: Path) -> None:
    rows = [{"Path": name, "Type": "blob", "Sha256": ""} for name in ("../config.json", "/etc/config.json")]
    hub.routes["/api/v1/models/owner/name/repo/files?Revision=master&Recursive=true"] = as_json(
        {"Data": {"Files": rows}}
    )
    with pytest.raises(BundleError) as caught:
        fetch(ModelName("modelscope", "owner/name"))
    assert caught.value.code == "E479"


def test_of_a_bundle_of_ours_every_file_is_wanted() -> None:
    names = [
        "hanlin.json",
        "config.json",
        "model.safetensors",
        "card.md",
        "eval/a.json",
        ".gitattributes",
        "1_Pooling/config.json",
    ]
    assert wanted(names, "m") == ["card.md", "config.json", "hanlin.json", "model.safetensors", "1_Pooling/config.json"]


def test_shards_come_with_their_index_and_copies_of_other_programs_stay() -> None:
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    names = [
        *shards,
        "model.safetensors.index.json",
        "consolidated.safetensors",
        "1_Pooling/config.json",
        "config.json",
    ]
    assert set(wanted(names, "m")) == {*shards, "model.safetensors.index.json", "1_Pooling/config.json", "config.json"}
