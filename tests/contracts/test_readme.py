"""What the READMEs say is so: the tree is the real one, the snippets run, both languages show the same."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.contracts.source import PACKAGE, ROOT
from tests.serve.process import save_tiny

from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer_train import train_tokenizer

READMES = ("README.md", "README.zh-CN.md")
LISTED = ("src/hanlin", "recipes", "docs", "scripts", "tests", "benchmarks")


def readme(name: str) -> str:
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"{name} does not stand yet")
    return path.read_text(encoding="utf-8")


def blocks(text: str, marker: str, language: str) -> list[str]:
    """Fenced blocks of a language that follow a marker comment."""
    return re.findall(rf"<!-- {marker} -->\s*```{language}\n(.*?)```", text, re.DOTALL)


def tree_paths(block: str) -> dict[str, str]:
    """The paths of an annotated tree, with their notes. Depth is two columns; a folder ends in `/`; one line may name
    several files of a folder; a line without a name goes on with the note above."""
    found: dict[str, str] = {}
    folders: list[str] = []
    for line in block.splitlines():
        match = re.match(r"((?:  |│ |├ |└ |├─|└─|─ )*)(\S.*)$", line)
        if not match:
            continue
        depth = len(match.group(1)) // 2
        names, _, note = re.sub(r"\s*#\s*", "  ", match.group(2)).partition("  ")
        if depth > len(folders):
            continue  # deeper than its folder: the note above goes on
        folders = folders[:depth]
        for name in names.split():
            found["/".join([*folders, name.rstrip("/")])] = note.strip()
        if names.endswith("/"):
            folders.append(names.rstrip("/"))
    return found


def test_the_tree_is_read_as_it_is_written() -> None:
    block = (
        "src/hanlin/\n  base/    the floor\n    errors.py  kinds\n    a.py b.py  two\n        goes on\ndocs/  en, zh\n"
    )
    assert tree_paths(block) == {
        "src/hanlin": "",
        "src/hanlin/base": "the floor",
        "src/hanlin/base/errors.py": "kinds",
        "src/hanlin/base/a.py": "two",
        "src/hanlin/base/b.py": "two",
        "docs": "en, zh",
    }


def real_tree() -> set[str]:
    """Rooms and files of the package, and the top folders."""
    files = {p.relative_to(ROOT).as_posix() for p in PACKAGE.rglob("*.py") if p.name != "__init__.py"}
    folders = {str(Path(name).parent) for name in files} | {name for name in LISTED if (ROOT / name).is_dir()}
    return files | folders


@pytest.mark.parametrize("name", READMES)
def test_the_tree_is_the_real_one(name: str) -> None:
    (block,) = blocks(readme(name), "tree", "text") or pytest.fail(f"{name} has no tree")
    if not block.strip():
        pytest.skip(f"the tree in {name} is not written yet")
    shown = tree_paths(block)
    assert sorted(real_tree() - set(shown)) == [], "missing in the README"
    assert sorted(path for path in shown if not (ROOT / path).exists()) == [], "no longer there"
    silent = [path for path, note in shown.items() if not note and path.endswith(".py")]
    assert silent == [], "no note"


@pytest.mark.story
@pytest.mark.parametrize("name", READMES)
def test_the_snippets_run(name: str, tmp_path: Path) -> None:
    snippets = blocks(readme(name), "run", "python")
    if not (PACKAGE / "__init__.py").exists() or not (PACKAGE / "life" / "pretrain.py").exists():
        pytest.skip("import hanlin does not stand yet")
    assert snippets, f"{name} has no snippet marked to be run"
    prepare(tmp_path)
    for snippet in snippets:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HANLIN_HOME": str(tmp_path / "home")}
        done = subprocess.run(
            [sys.executable, "-c", snippet], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{snippet}\n{done.stderr}"


def prepare(folder: Path) -> None:
    """The user's own files that the snippets speak of."""
    texts = folder / "my-texts"
    texts.mkdir()
    for number in range(120):
        sentence = f"Once upon a time, in year {number}, a fox met {number + 3} geese. 从前山上有{number}棵树。"
        (texts / f"{number:03}.txt").write_text(f"Story {number}\n\n" + sentence * 8, encoding="utf-8")
    turn = '{"messages": [{"role": "user", "content": "你好 %d"}, {"role": "assistant", "content": "Hello %d"}]}\n'
    (folder / "my-chats.jsonl").write_text("".join(turn % (n, n) for n in range(60)), encoding="utf-8")
    finished_demo(folder / "home" / "demo")


def finished_demo(home: Path) -> None:
    """A demo that came to its end, for snippets that would train for ten minutes; the stories train one."""
    texts = ["the cat sat on the mat. 猫坐在垫子上。", "hello, who are you? 你好，你是谁？"] * 20
    tokenizer = train_tokenizer(texts, TokenizerConfig(vocab_size=300))
    bundle = save_tiny(home / "finetune-1" / "run" / "bundle", tokenizer)
    (home / "recipe.json").write_text(json.dumps({"bundle": str(bundle)}), encoding="utf-8")


def test_both_languages_show_the_same_code() -> None:
    """The same but for comments and for what is between quotes."""
    english, chinese = (blocks(readme(name), "run", "python") for name in READMES)
    assert [bare(block) for block in english] == [bare(block) for block in chinese]


def bare(code: str) -> str:
    return re.sub(r'"[^"\n]*"', '""', re.sub(r"\s*#.*", "", code))


@pytest.mark.parametrize("name", READMES)
def test_links_to_files_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", readme(name))
    assert [link for link in links if not (ROOT / link).exists()] == []
