"""Rows out of rows: marked, the same for the same seed, gone on with where they were cut, true to their labels."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from hanlin.base.config import resolve
from hanlin.base.errors import ConfigError, InputError, NetworkError
from hanlin.text.augment import service
from hanlin.text.augment.augment import Augmented, augment
from hanlin.text.augment.config import AugmentConfig
from hanlin.text.augment.words import read_words
from hanlin.text.families import family_of
from hanlin.text.records.reading import read_records

REVIEWS = [{"text": f"The food of place {n} was very good, we liked it.", "label": "positive"} for n in range(4)]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def made(
    folder: Path, rows: list[dict[str, Any]], name: str = "out", **settings: Any
) -> tuple[list[dict[str, Any]], Augmented]:
    path, out = written(folder / "rows.jsonl", rows), folder / f"{name}.jsonl"
    result = augment(read_records(path, on_drop=print), out, AugmentConfig(**settings))
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()], result


def test_children_are_marked_and_keep_their_label(tmp_path: Path) -> None:
    rows, result = made(tmp_path, REVIEWS, operations=("typo", "delete-words"), copies=2, seed=7)
    assert (result.num_rows, dict(result.made)) == (4, {"typo": 8, "delete-words": 8})
    assert len(rows) == 4 + 16
    assert rows[0] == {**REVIEWS[0], "family": family_of(REVIEWS[0])}
    child = rows[1]
    assert child.items() >= {
        "id": "rows.jsonl:1~typo-1", "family": rows[0]["family"], "parent": "rows.jsonl:1", "synthetic": "typo",
        "seed": 7, "label": "positive",
    }.items()  # fmt: skip
    assert child["text"] != REVIEWS[0]["text"]
    assert len({row["text"] for row in rows}) == len(rows)
    assert len({row["family"] for row in rows}) == 4
    assert made(tmp_path, REVIEWS, "again", operations=("typo", "delete-words"), copies=2, seed=7)[0] == rows
    assert made(tmp_path, REVIEWS, "other", operations=("typo", "delete-words"), copies=2, seed=8)[0] != rows
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_children_of_children_stay_in_the_family(tmp_path: Path) -> None:
    rows, _ = made(tmp_path, REVIEWS[:1], operations=("typo",))
    grandchildren, _ = made(tmp_path, rows[1:], "next", operations=("swap-chars",), originals=False)
    assert [row["family"] for row in grandchildren] == [rows[0]["family"]]
    assert grandchildren[0]["id"] == "rows.jsonl:1~typo-1~swap-chars-1"


TALK = [{"role": "user", "content": "How is the weather today?"}, {"role": "assistant", "content": "It is sunny now."}]
SAID = {"from": "gpt", "value": "Fine."}
ALTERED: list[tuple[dict[str, Any], list[str]]] = [
    ({"messages": TALK}, ["messages"]),
    ({"conversations": [{"from": "human", "value": "How are you?"}, SAID]}, ["conversations"]),
    ({"conversation": [{"human": "How are you?", "assistant": "Fine."}]}, ["conversation"]),
    ({"instruction": "Say this again", "input": "some words", "output": "some words"}, ["instruction", "input"]),
    ({"问题": "What is the time?", "回答": "Noon."}, ["问题"]),
    ({"prompt": "What is it?", "chosen": "An apple.", "rejected": "Nothing."}, ["prompt"]),
    ({"messages": TALK, "label": True}, ["messages"]),
    ({"en": "The dog sleeps.", "zh": "狗在睡觉。"}, ["en"]),
    ({"translation": {"en": "The dog sleeps.", "zh": "狗在睡觉。"}}, ["translation"]),
    ({"context": "abc", "question": "What is first?", "answers": {"text": ["a"], "answer_start": [0]}}, ["question"]),
    ({"text": "Once upon a time", "note": "kept"}, ["text"]),
]  # fmt: skip


@pytest.mark.parametrize(("row", "columns"), ALTERED, ids=[" ".join(row) for row, _ in ALTERED])
def test_only_what_is_asked_is_altered(tmp_path: Path, row: dict[str, Any], columns: list[str]) -> None:
    ((child,), _) = made(tmp_path, [row], operations=("swap-chars",), originals=False, rate=0.5)
    assert [name for name in row if child[name] != row[name]] == columns
    assert [name for name in ("messages", "conversations") if name in row and child[name][1] != row[name][1]] == []
    if "translation" in row:
        assert child["translation"]["zh"] == row["translation"]["zh"]


def test_spans_move_with_their_text(tmp_path: Path) -> None:
    text = "Yesterday Mary Poppins went to London by train"
    spans = [{"start": 10, "end": 22, "label": "PER"}, {"start": 31, "end": 37, "label": "LOC"}]
    ((child,), _) = made(
        tmp_path, [{"text": text, "spans": spans}], operations=("repeat-chars",), originals=False, rate=0.5
    )
    assert len(child["text"]) > len(text)
    assert [child["text"][one["start"] : one["end"]] for one in child["spans"]] == ["Mary Poppins", "London"]


def test_what_cannot_be_altered_is_named(tmp_path: Path) -> None:
    rows, result = made(tmp_path, [{"tokens": ["a", "b"], "tags": ["O", "B-X"]}], operations=("typo",))
    assert len(rows) == 1
    assert dict(result.rejected) == {"tokens_stay": 1}
    assert result.examples["tokens_stay"].id == "rows.jsonl:1"
    _, result = made(tmp_path, [{"text": "12345"}], operations=("typo",))
    assert dict(result.unchanged) == {"typo": 1}


def test_lists_of_words_are_read_and_bad_lines_named(tmp_path: Path, lang: str) -> None:
    path = tmp_path / "words.tsv"
    path.write_text("# nearest neighbours\nfood\tmeal\t0.83\nfood\tdish\n好\t棒\nsame\tsame\n", encoding="utf-8")
    assert read_words(path) == {"food": ("meal", "dish"), "好": ("棒",)}
    rows, _ = made(tmp_path, REVIEWS[:1], operations=("synonym",), word_list=path, originals=False)
    assert rows[0]["text"] in (REVIEWS[0]["text"].replace("food", other) for other in ("meal", "dish"))
    for bad in ("food meal\n", "food\t\n", ""):
        path.write_text(bad)
        with pytest.raises(InputError) as caught:
            read_words(path)
        assert caught.value.code == "E225"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"operations": ("synonym",)}, "word_list"),
        ({"operations": ("typo",), "word_list": "list.tsv"}, "word_list"),
        ({"operations": ("paraphrase",)}, "url"),
        ({"operations": ("typo",), "url": "http://x/v1"}, "url"),
        (
            {"operations": ("paraphrase",), "url": "http://x/v1", "prompts": {"paraphrase": "Again!"}},
            "prompts.paraphrase",
        ),
    ],
)
def test_settings_that_need_each_other(settings: dict[str, Any], name: str, lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(AugmentConfig, overrides=settings)
    assert [problem.name for problem in caught.value.problems] == [name]


# ---------------------------------------------------------------- a model behind an address


class Fake(BaseHTTPRequestHandler):
    """Answers as the queue of the server says: (status, headers, body), or a function of the question."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers.get("Authorization"), asked))  # type: ignore[attr-defined]
        status, headers, body = self.server.answers(asked)  # type: ignore[attr-defined]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


Answers = Callable[[dict[str, Any]], tuple[int, dict[str, str], Any]]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setattr(service.Service.__init__, "__kwdefaults__", {
        **service.Service.__init__.__kwdefaults__, "wait": lambda seconds: waits.append(seconds),  # type: ignore[dict-item]
    })  # fmt: skip
    waits: list[float] = []
    server = HTTPServer(("127.0.0.1", 0), Fake)
    server.asked, server.waits = [], waits  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def said(text: str) -> tuple[int, dict[str, str], Any]:
    return 200, {}, {"choices": [{"message": {"role": "assistant", "content": text}}]}


def url_of(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/v1/"


def test_a_model_is_asked_in_the_language_of_the_text(
    tmp_path: Path, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    fake.answers = lambda asked: said(
        " " + asked["messages"][0]["content"].rpartition("\n\n")[2].replace("good", "fine") + "\n"
    )
    rows, _ = made(tmp_path, REVIEWS[:1], operations=("paraphrase",), url=url_of(fake), model="m", temperature=0.0)
    path, key, asked = fake.asked[0]
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    assert asked.items() >= {"model": "m", "temperature": 0.0, "stream": False}.items()
    assert asked["messages"][0]["content"].startswith("Say the following in other words.")
    assert rows[1]["text"] == REVIEWS[0]["text"].replace("good", "fine")
    assert (rows[1]["synthetic"], rows[1]["model"]) == ("paraphrase", "m")
    made(tmp_path, [{"text": "今天天气很好，我们去公园。"}], "zh", operations=("paraphrase",), url=url_of(fake))
    assert fake.asked[-1][2]["messages"][0]["content"].startswith("请用不同的说法")


def test_a_translation_goes_there_and_back(tmp_path: Path, fake: Any) -> None:
    answers = iter(["今天天气很好。", "The weather is good today."])
    fake.answers = lambda asked: said(next(answers))
    rows, _ = made(tmp_path, [{"text": "Today's weather is fine."}], operations=("back-translation",), url=url_of(fake))
    assert rows[1]["text"] == "The weather is good today."
    there, back = (asked["messages"][0]["content"] for _, _, asked in fake.asked)
    assert there == "请将下面的文字翻译成中文。只输出译文。\n\nToday's weather is fine."
    assert back.startswith("Translate the following into English.") and back.endswith("今天天气很好。")


def test_a_busy_server_is_asked_again_when_it_says(tmp_path: Path, fake: Any) -> None:
    answers = iter(
        [(429, {"Retry-After": "7"}, {}), (503, {}, b"busy"), (200, {}, b"no JSON"), said("All was fine there.")]
    )
    fake.answers = lambda asked: next(answers)
    rows, result = made(tmp_path, REVIEWS[:1], operations=("paraphrase",), url=url_of(fake))
    assert rows[1]["text"] == "All was fine there."
    assert (fake.waits, result.num_retries) == ([7.0, 2.0, 4.0], 3)


def test_a_run_that_was_cut_goes_on_where_it_stopped(tmp_path: Path, fake: Any, lang: str) -> None:
    numbers = iter(range(100))
    fake.answers = lambda asked: said(f"It was good, number {n}.") if (n := next(numbers)) != 2 else (
        401, {}, {"error": {"message": "no such key"}})  # fmt: skip
    with pytest.raises(NetworkError, match="401 no such key") as caught:
        made(tmp_path, REVIEWS, operations=("paraphrase",), url=url_of(fake))
    assert (caught.value.code, caught.value.exit_code) == ("E226", 5)
    assert not (tmp_path / "out.jsonl").exists()
    (journal,) = tmp_path.glob(".out.jsonl.*.part")
    journal.write_bytes(journal.read_bytes() + b'{"rows": [{"te')  # as a kill leaves it
    rows, result = made(tmp_path, REVIEWS, operations=("paraphrase",), url=url_of(fake))
    assert result.num_resumed == 2
    assert len(fake.asked) == 5  # four rows, and the one that failed
    texts = [row["text"] for row in rows if "synthetic" in row]
    assert texts == [f"It was good, number {n}." for n in (0, 1, 3, 4)]
    assert list(tmp_path.glob(".*")) == []


def test_other_settings_begin_anew(tmp_path: Path, fake: Any) -> None:
    fake.answers = lambda asked: (400, {}, {}) if len(fake.asked) == 2 else said("It was all very good there.")
    with pytest.raises(NetworkError):
        made(tmp_path, REVIEWS[:2], operations=("paraphrase",), url=url_of(fake))
    _, result = made(tmp_path, REVIEWS[:2], operations=("paraphrase",), url=url_of(fake), temperature=0.0)
    assert result.num_resumed == 0


def test_answers_that_are_none_are_left_out(tmp_path: Path, fake: Any) -> None:
    answers = iter([said("ok"), said("x" * 5000), said(REVIEWS[2]["text"]), said("")])
    fake.answers = lambda asked: next(answers)
    rows, result = made(tmp_path, REVIEWS, operations=("paraphrase",), url=url_of(fake))
    assert len(rows) == 4
    assert (dict(result.odd), dict(result.unchanged)) == ({"paraphrase": 3}, {"paraphrase": 1})


def test_a_server_that_is_not_there_is_named(tmp_path: Path, fake: Any) -> None:
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:1/v1") as caught:
        made(tmp_path, REVIEWS[:1], operations=("paraphrase",), url="http://127.0.0.1:1/v1", attempts=2)
    assert caught.value.values["attempts"] == 2
