"""Where a bundle comes from, from the first stage on."""

from __future__ import annotations

import json
import platform

from hanlin.bundle.lineage import Lineage, record_lineage


def through_json(lineage):
    return Lineage.from_dict(json.loads(json.dumps(lineage.to_dict())))


def test_what_made_it_is_recorded():
    lineage = record_lineage("pretrain", seed=7, data={"corpus": "ab12"}, parents={"base": "cd34"})
    assert (lineage.stage, lineage.seed) == ("pretrain", 7)
    assert (lineage.data, lineage.parents) == ({"corpus": "ab12"}, {"base": "cd34"})
    assert lineage.versions["python"] == platform.python_version()
    assert "torch" in lineage.versions
    assert lineage.argv
    assert lineage.created.endswith("+00:00")
    assert through_json(lineage) == lineage


def test_a_life_is_told_in_order_each_stage_once():
    first = record_lineage("pretrain", seed=1, data={"corpus": "aa"})
    second = record_lineage("finetune", seed=2, parents={"base": "ff"}, earlier=(*first.earlier, first))
    third = record_lineage("align", seed=3, earlier=(*second.earlier, second))
    found = through_json(third)
    assert [stage.stage for stage in (*found.earlier, found)] == ["pretrain", "finetune", "align"]
    assert found.earlier[0].data == {"corpus": "aa"}
    assert all(stage.earlier == () for stage in found.earlier)


def test_a_lineage_of_a_later_version_is_read_as_far_as_known():
    assert Lineage.from_dict({"stage": "x", "seed": 1, "mood": "good"}) == Lineage(stage="x", seed=1)
