"""The worked example as a picture. `python -m hanlin.course.drawing docs/pictures` draws it in both languages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from hanlin.base.files import write_atomic
from hanlin.base.messages import Language, entry
from hanlin.course.worked_example import TOKENS, X, worked_example

CELL_HEIGHT, NARROW, WIDE = 30, 40, 64
"""Pixels of a cell: narrow ones hold a whole number, wide ones four decimals."""
FONT = "'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
INK, PALE, BLUE = "#1f2933", "#6b7785", (37, 99, 176)


def draw_example(language: Language) -> str:
    """The picture as SVG text: three rows, from embeddings to Q, K, V, to weights, to the output."""
    steps = worked_example()

    def words(name: str) -> str:
        return entry(f"course.draw_{name}").text(language)

    parts = [
        *_matrix(40, 56, X, words("x")),
        *_arrow(212, 101, 318, words("project")),
        *_matrix(354, 56, steps.q, words("q")),
        *_matrix(574, 56, steps.k, words("k")),
        *_matrix(794, 56, steps.v, words("v")),
        *_matrix(40, 236, steps.scores, words("scores"), width=WIDE, columns=TOKENS),
        *_arrow(244, 281, 348, words("scale")),
        *_matrix(384, 236, steps.scaled, words("scaled"), width=WIDE, columns=TOKENS),
        *_arrow(588, 281, 692, words("softmax")),
        *_matrix(728, 236, steps.weights, words("weights"), width=WIDE, columns=TOKENS, shaded=True),
        *_matrix(40, 416, steps.weights, words("weights"), width=WIDE, columns=TOKENS, shaded=True),
        _text(256, 466, "×", size=22),
        *_matrix(304, 416, steps.v, "V"),
        _text(488, 466, "=", size=22),
        *_matrix(540, 416, steps.output, words("output"), width=WIDE),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 530" role="img" font-family="{FONT}">'
    title = f"<title>{words('title')}</title>"
    return "\n".join([head, title, '<rect width="980" height="530" fill="#ffffff"/>', *parts, "</svg>", ""])


def _matrix(
    x: int,
    y: int,
    values: Tensor,
    title: str,
    *,
    width: int = NARROW,
    columns: tuple[str, ...] = (),
    shaded: bool = False,
) -> Iterator[str]:
    """Cells with their numbers, a token before each row, a title above."""
    num_columns = values.shape[1]
    yield _text(x + num_columns * width / 2, y - (28 if columns else 12), title, weight="bold")
    for column, name in enumerate(columns):
        yield _text(x + (column + 0.5) * width, y - 8, name, colour=PALE)
    for row, token in enumerate(TOKENS):
        middle = y + (row + 0.5) * CELL_HEIGHT + 5
        yield _text(x - 16, middle, token)
        for column, value in enumerate(values[row].tolist()):
            left, fill = x + column * width, _shade(value) if shaded else "#ffffff"
            yield f'<rect x="{left}" y="{y + row * CELL_HEIGHT}" width="{width}" height="{CELL_HEIGHT}" ' + (
                f'fill="{fill}" stroke="#9aa5b1"/>'
            )
            yield _text(left + width / 2, middle, number(value), colour="#ffffff" if shaded and value > 0.75 else INK)


def number(value: float) -> str:
    """Whole numbers and halves as they are, others with four decimals."""
    halves = round(value * 2)
    return f"{halves / 2:g}" if abs(value * 2 - halves) < 1e-5 else f"{value:.4f}"


def _shade(weight: float) -> str:
    """White for 0, blue for 1."""
    return "#" + "".join(f"{round(255 + (full - 255) * weight):02x}" for full in BLUE)


def _arrow(x: int, y: int, end: int, words: str) -> Iterator[str]:
    yield _text((x + end) / 2, y - 10, words, size=13, colour=PALE)
    yield f'<path d="M{x} {y} H{end - 6} m-6 -5 l6 5 l-6 5" fill="none" stroke="{PALE}" stroke-width="1.5"/>'


def _text(x: float, y: float, words: str, *, size: int = 14, colour: str = INK, weight: str = "normal") -> str:
    style = f'text-anchor="middle" font-size="{size}" fill="{colour}" font-weight="{weight}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{words}</text>'


def main(folder: Path) -> None:
    """Write course-attention.zh.svg and course-attention.en.svg."""
    for language in ("zh", "en"):
        write_atomic(folder / f"course-attention.{language}.svg", draw_example(language))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
