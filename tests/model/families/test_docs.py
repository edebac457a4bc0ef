"""The table of families in the docs is the list there is, shapes included."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hanlin.model.families.registry import FAMILIES

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", ["families.md", "families.zh-CN.md"])
def test_every_family_stands_in_the_table_with_its_shape(name):
    rows = re.findall(r"^\| `([^`]+)` \| ([\w ]+?) \|", (DOCS / name).read_text(encoding="utf-8"), re.MULTILINE)
    others = {"arch", "model_type", "decoder", "encoder", "encoder_decoder", "prefix"}
    table = {family: shape for family, shape in rows if family not in others}
    assert set(table) | {"hanlin"} == set(FAMILIES)
    for family, shape in table.items():
        if family != "hanlin":
            assert shape == FAMILIES[family].preset.get("arch", "decoder")
