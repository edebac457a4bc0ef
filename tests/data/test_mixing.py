"""Sources by name: divided from real shards, ordered by length and difficulty, worked out before a run."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import ConfigError, InputError
from hanlin.data.config import MixConfig, PhaseConfig, ShardConfig
from hanlin.data.mixing import difficulty, divided, lengths_in_tokens, levels_of
from hanlin.data.shards import ShardSet, write_shards

from .conftest import ByteTokenizer, FakeDocument

DOCUMENTS = [
    FakeDocument("床前明月光", "poems", "zh"),
    FakeDocument("a", "wiki", "en"),
    FakeDocument("bb", "wiki", "zh"),
    FakeDocument("举头望明月，低头思故乡", "poems", "zh"),
    FakeDocument("ccc", "news", "en"),
]


def shards(folder: Path, documents: list[FakeDocument] = DOCUMENTS, **config: int) -> ShardSet:
    write_shards(documents, ByteTokenizer(), folder, config=ShardConfig(**config))
    return ShardSet.open(folder)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("source", {"poems": [0, 3], "wiki": [1, 2], "news": [4]}),
        ("language", {"zh": [0, 2, 3], "en": [1, 4]}),
        ("folder", {"{folder}": [0, 1, 2, 3, 4]}),
    ],
)
def test_documents_go_by_their_name(tmp_path: Path, by: str, expected: dict[str, list[int]]) -> None:
    whole = shards(tmp_path / "s", shard_tokens=12)  # several shard files
    for one in divided([whole], by):  # type: ignore[arg-type]
        numbers = expected[one.source.name if by != "folder" else "{folder}"]
        assert one.source.lengths.tolist() == [len(whole.document(number)) - 1 for number in numbers]
        for at, number in enumerate(numbers):
            inputs, targets = one.source.slice(at, 0, 2)
            assert inputs.tolist() == whole.document(number)[:2].tolist()
            assert targets.tolist() == whole.document(number)[1:3].tolist()


def test_a_source_in_two_folders_is_one(tmp_path: Path) -> None:
    first, second = shards(tmp_path / "a"), shards(tmp_path / "b", DOCUMENTS[1:3])
    found = {one.source.name: one.positions for one in divided([first, second], "source")}
    assert found == {"poems": 16 + 34, "wiki": (2 + 3) * 2, "news": 4}


def test_shards_say_of_every_document_whose_it_is(tmp_path: Path) -> None:
    whole = shards(tmp_path / "s", shard_tokens=12)
    names = list(whole.manifest.sources)
    assert [names[number] for number in whole.document_sources()] == [one.source for one in DOCUMENTS]


def test_shards_of_an_earlier_version_cannot_be_mixed_by_source(tmp_path: Path, lang: str) -> None:
    shards(tmp_path / "s")
    forget_sources(tmp_path / "s")
    old = ShardSet.open(tmp_path / "s")
    with pytest.raises(InputError) as caught:
        divided([old], "source")
    assert caught.value.code == "E410"
    assert str(tmp_path) in str(caught.value)
    assert len(divided([old], "language")) == 2
    only = shards(tmp_path / "one", DOCUMENTS[1:3])
    forget_sources(only.path)
    assert [one.source.name for one in divided([ShardSet.open(only.path)], "source")] == ["wiki"]


def forget_sources(folder: Path) -> None:
    """What an earlier version left out."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["checksums"] = {name: sum for name, sum in manifest["checksums"].items() if "source" not in name}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "00000.source").unlink()


@pytest.mark.parametrize("suffix", ["bin", "idx", "lang", "source", "bytes"])
def test_every_damaged_file_is_noticed(tmp_path: Path, suffix: str) -> None:
    shards(tmp_path / "s")
    path = tmp_path / "s" / f"00000.{suffix}"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError) as caught:
        ShardSet.open(tmp_path / "s")
    assert caught.value.code == "E405"
    assert suffix in str(caught.value)


# ---------------------------------------------------------------- order


def test_difficulty_is_the_bits_per_byte_of_a_model_without_context(tmp_path: Path) -> None:
    """By the plain sum over all tokens, half a count added to each of 259 entries."""
    whole = shards(tmp_path / "s", shard_tokens=12)
    documents = [whole.document(number).tolist() for number in range(whole.num_documents)]
    counts = Counter(token for document in documents for token in document)
    total = sum(counts.values()) + 259 / 2
    bits = [sum(-math.log2((counts[t] + 0.5) / total) for t in document) for document in documents]
    expected = [cost / len(one.text.encode()) for cost, one in zip(bits, DOCUMENTS, strict=True)]
    assert difficulty(whole) == pytest.approx(expected, rel=1e-5)
    assert lengths_in_tokens(whole).tolist() == [len(document) for document in documents]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20), st.integers(1, 64))
def test_stretches_hold_every_token_once(lengths: list[int], most: int) -> None:
    ends = np.cumsum(lengths)
    fake = object.__new__(ShardSet)
    fake._tokens = [np.arange(ends[-1])]
    fake._starts = [np.concatenate([[0], ends[:-1]])]
    stretches = list(fake.stretches(most))
    assert np.concatenate([tokens for tokens, _ in stretches]).tolist() == list(range(ends[-1]))
    begun = [int(tokens[start]) for tokens, starts in stretches for start in starts]
    assert begun == [0, *ends[:-1].tolist()]


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(1, 50), st.integers(0, 2)), min_size=1, max_size=60),
    st.integers(2, 9),
)
def test_levels_follow_the_score_within_each_language(rows: list[tuple[float, int, int]], number: int) -> None:
    scores, lengths, groups = (np.array(column) for column in zip(*rows, strict=True))
    levels = levels_of(scores, lengths.astype(np.int64), groups.astype(np.uint8), number)
    assert levels.max() < number
    for group in set(groups.tolist()):
        members = [(score, level, length) for (score, length, g), level in zip(rows, levels, strict=True) if g == group]
        members.sort(key=lambda row: (row[0], row[1]))
        assert [level for _, level, _ in members] == sorted(level for _, level, _ in members)
        total, longest = sum(length for *_, length in members), max(length for *_, length in members)
        for level in range(number):
            held = sum(length for _, one, length in members if one == level)
            assert abs(held - total / number) <= longest + 1


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"weights": {"a": -1}}, "weights"),
        ({"weights": {"a": 0}}, "weights"),
        ({"weights": {"a": 1}, "temperature": 2}, "temperature"),
        ({"weights": {"a": 1}, "phases": [{"until": 1}]}, "phases"),
        ({"phases": [{"until": 0.5}]}, "phases"),
        ({"phases": [{"until": 0.5}, {"until": 0.5}, {"until": 1}]}, "phases"),
        ({"epochs": {"a": 0}}, "epochs"),
        ({"by": "language"}, "by"),
        ({"levels": 4}, "levels"),
        ({"temperature": 0}, "temperature"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, object], named: str, lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        MixConfig(**settings)
    assert [problem.name for problem in caught.value.problems] == [named]


def test_nothing_is_mixed_by_default() -> None:
    assert not MixConfig().is_on
    assert MixConfig(temperature=2).is_on
    assert MixConfig(phases=(PhaseConfig(),)).is_on
    assert not MixConfig(order="length", levels=4).is_on
