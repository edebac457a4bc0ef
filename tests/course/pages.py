"""The course's pages as the tests read them. `python -m tests.course.pages` writes outputs and line numbers anew."""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import re
from dataclasses import dataclass
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
COURSE = ROOT / "docs" / "course"
SNIPPET = re.compile(
    r"<!-- run -->\n```python\n(?P<code>.*?)```\n(?:<!-- output -->\n```text\n(?P<output>.*?)```\n)?", re.S
)
LINK = re.compile(r"\[`(?P<text>[^`]+)`\]\((?P<path>[^)#\s]+\.py)(?:#L(?P<line>\d+))?\)")


@dataclass(frozen=True)
class Page:
    """One page of the course, or beside it, in one language."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def snippets(self) -> list[tuple[str, str]]:
        """Code and the output printed below it, "" where none is."""
        return [(m["code"], m["output"] or "") for m in SNIPPET.finditer(self.text)]

    def run(self) -> list[str]:
        """What each snippet prints: one after the other, as a reader types them."""
        names: dict[str, object] = {"__name__": "page"}
        printed = []
        try:
            for number, (code, _) in enumerate(self.snippets, 1):
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    exec(compile(code, f"{self.path.name}, snippet {number}", "exec"), names)
                printed.append(out.getvalue())
        finally:
            torch.set_printoptions(profile="default")
        self.names.update(names)
        return printed

    @functools.cached_property
    def names(self) -> dict[str, object]:
        """What the snippets defined, once the page has run."""
        return {}


def pages() -> list[Page]:
    """Every page of the course and the guide to families, both languages."""
    return [Page(path) for path in sorted([*COURSE.glob("*.md"), *(ROOT / "docs").glob("choosing*.md")])]


def line_of(text: str, path: Path) -> int:
    """The line, from 1, on which a piece of code stands; 0 where it does not, or stands twice."""
    lines = [n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text in line]
    return lines[0] if len(lines) == 1 else 0


def defines(name: str, path: Path) -> bool:
    """Whether a file defines a class or a function of this name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return any(isinstance(node, kinds) and node.name == name for node in ast.walk(tree))


def rewrite(page: Page) -> None:
    """The page with the outputs of this moment below its snippets, and the line numbers of this moment in its links."""
    printed = iter(page.run())

    def with_output(match: re.Match[str]) -> str:
        out = next(printed)
        shown = f"<!-- output -->\n```text\n{out}```\n" if out else ""
        return f"<!-- run -->\n```python\n{match['code']}```\n{shown}"

    def with_line(match: re.Match[str]) -> str:
        if match["line"] is None:
            return match[0]
        line = line_of(match["text"], (page.path.parent / match["path"]).resolve())
        assert line, f"{page.path.name}: {match['text']} is not in {match['path']}, or twice"
        return f"[`{match['text']}`]({match['path']}#L{line})"

    text = LINK.sub(with_line, SNIPPET.sub(with_output, page.text))
    page.path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for one in pages():
        rewrite(one)
