"""The pages on asking a model and on tasks: every snippet runs, commands, Python and HTTP alike, on tiny models."""

from __future__ import annotations

import ast
import json
import re
import shlex
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

import hanlin
from hanlin.base.toml import read_toml
from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.cli.main import main
from hanlin.life.pipeline import SAME, TASKS
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer_train import train_tokenizer

ROOT = Path(__file__).parents[2]
SNIPPET = re.compile(r"<!-- run -->\n```(?P<kind>console|python)\n(?P<code>.*?)```", re.S)
PAGES = ("asking", "tasks")
NAMES = [f"{page}{ending}" for page in PAGES for ending in (".md", ".zh-CN.md")]
SIZES = {"hidden_size": 16, "num_layers": 1, "num_heads": 2, "max_seq_len": 64, "ffn_size": 32}
MODELS = {
    "my-bert": ("bert", "masked"),
    "my-gpt": ("llama", "text"),
    "my-t5": ("t5", "span_corruption"),
    "my-code": ("llama", "fill_in_the_middle"),
}
SAID = {"positive": "很快，很好", "negative": "太差，太慢", "neutral": "还行，一般"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The runs that the pages speak of, untrained."""
    home = tmp_path_factory.mktemp("models")
    texts = [
        "王芳住在北京。李明去了上海。猫喝牛奶。",
        "The cat drinks milk.",
        "def add(a, b):\n    return c",
        *SAID.values(),
    ]
    for name, (family, purpose) in MODELS.items():
        wanted = TokenizerConfig(vocab_size=460, purpose=purpose)
        tokenizer = train_tokenizer(texts * 4, wanted, on_note=lambda _: None)
        preset = FAMILIES[family].preset
        config = ModelConfig(**{**preset, **SIZES, "vocab_size": tokenizer.vocab_size, "family": family})
        model = build_model(config, seed=1)
        save_bundle(home / name / "bundle", model=model, tokenizer=tokenizer, lineage=Lineage("pretrain", 1))
    return home


@pytest.fixture
def desk(models, tmp_path, monkeypatch):
    """A folder with the files that the pages name, in which everything is typed."""
    for name in MODELS:
        (tmp_path / name).symlink_to(models / name)
    rows = [f"第{number}单{SAID[label]},{label}" for number in range(10) for label in SAID]
    others = [f"另{number}单{SAID[label]},{label}" for number in range(3) for label in SAID]
    for name, kept in {"reviews": rows, "test": others, "other": others}.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(["text,label", *kept]) + "\n", encoding="utf-8")
    (tmp_path / "new.csv").write_text("text\n物流很快\n太差了\n", encoding="utf-8")
    for name, row in rows_of_the_page().items():
        made = [changed(row, name, number) for number in range(12)]
        lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in made)
        (tmp_path / name).write_text(lines, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANLIN_HOME", str(tmp_path / "home"))
    return tmp_path


def rows_of_the_page():
    """The rows that docs/tasks.md shows, by the file that they stand in."""
    text = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    return {name: json.loads(row) for name, row in re.findall(r"^\| `(\w+\.jsonl)` \| `(\{.*?\})`", text, re.M)}


def changed(row, name, number):
    """A row like the one on the page, in other words, with every place where it was."""
    key = {"names.jsonl": "text", "questions.jsonl": "context", "pairs.jsonl": "sentence1"}.get(name, "source")
    return {**row, key: f"{row[key]}第{number}次。"}


def snippets(name):
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    return [(match["kind"], match["code"]) for match in SNIPPET.finditer(text)]


@pytest.mark.parametrize("name", NAMES)
def test_every_snippet_runs(name, desk, capsys):
    names: dict[str, object] = {"__name__": "page"}
    for kind, code in snippets(name):
        if kind == "python":
            exec(compile(code, name, "exec"), names)
        else:
            typed(code)
    capsys.readouterr()
    outcomes = {"asking": ("vectors.npy", "vectors.jsonl"), "tasks": ("answers.csv",)}[name.split(".")[0]]
    assert all((desk / outcome).is_file() for outcome in outcomes)


def typed(code):
    """Commands one after the other, in this process; what `hanlin serve` serves is there until the next."""
    with ExitStack() as stack:
        address, before = "", runs()
        for line in code.strip().splitlines():
            words = [first_run(before) if word == "RUN" else word for word in shlex.split(line)]
            if words[:2] == ["hanlin", "serve"]:
                stack.close()
                named = {} if "--name" not in words else {"name": words[words.index("--name") + 1]}
                address = stack.enter_context(hanlin.server(words[2], port=0, page=False, **named)).address
            elif words[0] == "curl":
                posted(address, words[1:])
            else:
                assert main(words[1:]) == 0, line


def posted(address, words):
    """What curl sends for these words."""
    url, head, header, data, body = words
    assert (head, data) == ("-H", "-d")
    headers = dict([header.split(": ")])
    where = url.replace("http://127.0.0.1:8000", address)
    answer = httpx.post(where, content=body.encode(), headers=headers, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text


def runs():
    """Runs that have made something, the oldest first."""
    made = [path for path in Path("runs").glob("*") if (path / "bundle").is_dir()]
    return sorted(made, key=lambda path: path.stat().st_mtime)


def first_run(before):
    """What RUN is: what the first command of a block made, or of the page where a block makes nothing."""
    return str(next((path for path in runs() if path not in before), before[0] if before else None))


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_show_the_same(page):
    """The same code but for comments and strings, the same commands but for the texts in them, the same tables."""
    english, chinese = (snippets(f"{page}{ending}") for ending in (".md", ".zh-CN.md"))
    assert [(kind, bare(kind, code)) for kind, code in english] == [(kind, bare(kind, code)) for kind, code in chinese]
    texts = [(ROOT / "docs" / f"{page}{ending}").read_text(encoding="utf-8") for ending in (".md", ".zh-CN.md")]
    for mark in ("\n## ", "\n| ", "\n- "):
        assert texts[0].count(mark) == texts[1].count(mark), mark


def bare(kind, code):
    if kind == "console":
        return re.sub(r'"[^"]*"', '""', code)
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@pytest.mark.parametrize("name", NAMES)
def test_links_and_codes_lead_somewhere(name):
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    catalogue = ROOT / "src" / "hanlin" / "base" / "catalogue"
    known = {entry.get("code") for path in catalogue.glob("*.toml") for entry in read_toml(path).values()}
    assert set(re.findall(r"\bE\d{3}\b", text)) <= known


@pytest.mark.parametrize("name", ["tasks.md", "tasks.zh-CN.md"])
def test_every_pipeline_stands_in_the_table(name):
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    rows = [set(re.findall(r"`([a-z-]+)`", row.split("|")[1])) for row in text.splitlines() if row.startswith("| `")]
    listed = set().union(*rows)
    assert {*TASKS, *SAME} <= listed
