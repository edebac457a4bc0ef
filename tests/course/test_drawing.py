"""The picture of the worked example: the right numbers, in both languages, nothing over the edge."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from hanlin.course.drawing import draw_example, main, number
from hanlin.course.worked_example import TOKENS, X, worked_example

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_picture_shows_the_numbers_of_the_example(language):
    tree = ET.fromstring(draw_example(language))
    shown = [node.text for node in tree.iter(f"{SVG}text")]
    steps = worked_example()
    tables = [X, steps.q, steps.k, steps.v, steps.scores, steps.scaled, steps.weights, steps.weights, steps.v]
    cells = [number(value) for table in [*tables, steps.output] for value in table.flatten().tolist()]
    assert [text for text in shown if re.fullmatch(r"-?[\d.]+", text)] != []
    for cell in set(cells):
        assert shown.count(cell) == cells.count(cell), cell
    for token in TOKENS:
        assert shown.count(token) >= 10


@pytest.mark.parametrize("language", ["zh", "en"])
def test_nothing_is_drawn_over_the_edge(language):
    tree = ET.fromstring(draw_example(language))
    width, height = map(float, tree.get("viewBox").split()[2:])
    for node in tree.iter(f"{SVG}rect"):
        x, y = float(node.get("x", 0)), float(node.get("y", 0))
        assert x + float(node.get("width")) <= width
        assert y + float(node.get("height")) <= height


def test_the_example_is_attention_by_hand():
    steps = worked_example()
    assert steps.scores[0].tolist() == [3.0, 5.0, 6.0]  # (2, 0, 1, 1) times (1,1,0,1), (1,0,2,1), (2,1,1,1)
    powers = torch.tensor([1.5, 2.5, 3.0], dtype=torch.float64).exp()
    torch.testing.assert_close(steps.weights[0].double(), powers / powers.sum(), rtol=0, atol=1e-6)
    expected = [float(share) * value for share, value in zip(powers / powers.sum(), (1, 2, 3), strict=True)]
    assert steps.output[0, :3].tolist() == pytest.approx(expected, abs=1e-6)
    assert steps.output[:, 3].tolist() == pytest.approx([1, 1, 1])


def test_both_pictures_are_written(tmp_path):
    main(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course-attention.en.svg", "course-attention.zh.svg"]
    assert "Self-attention" in (tmp_path / "course-attention.en.svg").read_text(encoding="utf-8")
    assert "自注意力" in (tmp_path / "course-attention.zh.svg").read_text(encoding="utf-8")
