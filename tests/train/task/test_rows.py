"""Which rows are kept out: whole groups, of every label, the same ones whatever the order."""

from __future__ import annotations

import random

from hanlin.train.task.rows import TaskRow, split_rows


def made(groups, labels="ab", each=2):
    return [
        TaskRow(f"{g}-{n}", (labels[g % len(labels)],), f"g{g}", f"f:{g}") for g in range(groups) for n in range(each)
    ]


def test_whole_groups_of_every_label_whatever_the_order():
    rows = made(60)
    learned, held = split_rows(rows, 0.2)
    assert {row.group for row in learned}.isdisjoint(row.group for row in held)
    assert sorted(row.target[0] for row in held) == ["a"] * 12 + ["b"] * 12
    random.Random(1).shuffle(rows)
    assert {row.group for row in split_rows(rows, 0.2)[1]} == {row.group for row in held}
    assert split_rows(rows, 0)[1] == []


def test_of_few_groups_the_smallest_is_kept_out():
    rows = [*made(3, each=10), *made(1, each=5)]
    learned, held = split_rows(rows, 0.05)
    assert len({row.group for row in held}) == 1
    assert len(held) == 10
    assert len(learned) == 25
    assert split_rows(made(2, each=20), 0.05)[1] == []
