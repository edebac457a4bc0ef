"""What the course says is so: every snippet prints what stands below it, every formula leads to its code and test."""

from __future__ import annotations

import ast
import re

import pytest
import torch
from tests.course.pages import LINK, ROOT, SNIPPET, Page, defines, line_of, pages

from hanlin.course import worked_example as example
from hanlin.course.drawing import draw_example

PAGES = pages()
CHINESE = [page for page in PAGES if page.path.name.endswith(".zh-CN.md")]
NUMBER = re.compile(r"(?<![\w.])\d+\.\d{3,}(?![\w.])")
FORMULAS = ("attention", "multi-head", "FFN", "LayerNorm", "MLM", "causal", "fine-tuning")


def name_of(page: Page) -> str:
    return page.path.name


def english(page: Page) -> Page:
    return Page(page.path.with_name(page.path.name.replace(".zh-CN.md", ".md")))


def test_there_are_five_stages_and_more():
    stages = [name for name in map(name_of, CHINESE) if name[0].isdigit()]
    assert [name[0] for name in sorted(stages)] == ["1", "2", "3", "4", "5"]
    assert {page.path for page in PAGES} == {p.path for page in CHINESE for p in (page, english(page))}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_snippet_prints_what_stands_below_it(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = page.run()
    assert printed == [output for _, output in page.snippets], "python -m tests.course.pages writes them anew"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_code_escapes_from_being_run(page):
    assert page.text.count("```python") == len(page.snippets)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_link_to_code_leads_to_that_code(page):
    """With a line number, to the one line that holds the text; without, to a class or function of that name."""
    wrong = []
    for match in LINK.finditer(page.text):
        path = (page.path.parent / match["path"]).resolve()
        if not path.is_file():
            wrong.append(f"{match[0]}: no such file")
        elif match["line"] is None and not defines(match["text"], path):
            wrong.append(f"{match[0]}: it defines no such name")
        elif match["line"] is not None and line_of(match["text"], path) != int(match["line"]):
            wrong.append(f"{match[0]}: line {line_of(match['text'], path)} now; python -m tests.course.pages")
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_other_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.text)
    assert [link for link in links if not (page.path.parent / link).exists()] == []


@pytest.mark.parametrize("page", CHINESE, ids=name_of)
def test_both_languages_show_the_same(page):
    """The same code but for comments and strings, the same links but for the language of what they lead to."""
    other = english(page)
    assert [bare(code) for code, _ in page.snippets] == [bare(code) for code, _ in other.snippets]
    assert [m[0] for m in LINK.finditer(page.text)] == [m[0] for m in LINK.finditer(other.text)]
    assert page.text.count("\n## ") == other.text.count("\n## ")
    assert page.text.count("$$") == other.text.count("$$")
    rows = [text.count("\n| ") for text in (page.text, other.text)]
    assert rows[0] == rows[1]


def bare(code: str) -> str:
    """The program without its comments, its words and where its lines break."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def test_each_formula_stands_beside_its_code_and_its_test():
    """The seven formulas that the course has to link, each to a line of code and to a test."""
    text = "\n".join(page.text for page in PAGES if not page.path.name.endswith(".zh-CN.md"))
    rows = [row for row in text.splitlines() if row.startswith("| ") and "/tests/" in row]
    for formula in FORMULAS:
        found = [row for row in rows if formula.lower() in row.split("|")[1].lower()]
        assert found, formula
        assert any("/src/hanlin/" in row and "#L" in row for row in found), formula


def test_the_example_in_the_text_is_the_example_of_the_code():
    page = next(page for page in CHINESE if page.path.name == "example.zh-CN.md")
    page.run()
    steps = example.worked_example()
    for name, right in {"X": example.X, "W_Q": example.W_Q, "W_K": example.W_K, "W_V": example.W_V}.items():
        assert torch.equal(page.names[name], right), name
    for name, right in {"Q": steps.q, "K": steps.k, "V": steps.v, "scores": steps.scores, "scaled": steps.scaled,
                        "weights": steps.weights, "output": steps.output}.items():  # fmt: skip
        torch.testing.assert_close(page.names[name], right, rtol=0, atol=1e-6)


@pytest.mark.parametrize("language", ["zh-CN.md", "md"])
def test_every_number_in_the_examples_prose_was_computed(language):
    page = Page(ROOT / "docs" / "course" / f"example.{language}")
    prose = SNIPPET.sub("", page.text)
    computed = "\n".join(page.run())
    told = NUMBER.findall(prose)
    assert len(told) >= 5
    assert [number for number in told if number not in computed] == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_picture_is_the_one_that_is_drawn(language):
    path = ROOT / "docs" / "pictures" / f"course-attention.{language}.svg"
    drawn = draw_example(language)
    assert path.read_text(encoding="utf-8") == drawn, "python -m hanlin.course.drawing docs/pictures draws it anew"
