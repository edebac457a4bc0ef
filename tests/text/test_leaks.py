"""Held-out text that stands in the training part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.config import CorpusConfig, SourceConfig
from hanlin.text.corpus import build_corpus, read_corpus
from hanlin.text.leaks import leaked_share, long_line_keys

PAGE = ["春眠不觉晓，处处闻啼鸟。", "夜来风雨声，花落知多少？", "The quick brown fox jumps.", "short"]


def leaked_shares(held_out: list[str], training: list[str]) -> list[float]:
    """The share of each held-out text that some training text has too."""
    seen = set().union(*map(long_line_keys, training))
    return [leaked_share(text, seen) for text in held_out]


def test_the_share_is_counted_in_characters_of_long_lines() -> None:
    shared, own = PAGE[0], "这一行只在留出的文档里出现过一次。"
    assert leaked_shares([f"{shared}\n{own}"], [f"x\n  {shared}\t\ny"]) == [len(shared) / (len(shared) + len(own))]


def test_a_copy_under_another_title_is_a_leak_and_a_short_line_is_none() -> None:
    copy, common, other = "\n".join(["A new title", *PAGE[:3]]), "return x\nreturn x", "nothing of that kind at all"
    shares = leaked_shares([copy, common, other, ""], ["\n".join(PAGE), "return x"])
    assert shares[0] > 0.8
    assert shares[1:] == [0, 0, 0]


def test_a_line_that_many_texts_have_proves_nothing() -> None:
    """The more programs, the more others were leaks of them by "if __name__ == '__main__':" and its like."""
    common = "from __future__ import annotations\nif __name__ == '__main__':"
    keys = long_line_keys(common)
    own, copied = "a line of its own, met nowhere else", "a line that one other text has"
    seen = keys | long_line_keys(copied)
    assert leaked_share(f"{common}\n{own}", seen) > 0.6
    assert leaked_share(f"{common}\n{own}", seen, keys) == 0
    expected = len(copied) / (len(copied) + len(own))
    assert leaked_share(f"{common}\n{own}\n{copied}", seen, keys) == pytest.approx(expected)
    assert leaked_share(common, seen, keys) == 1, "a licence that all know by heart"


@given(
    st.lists(st.text(alphabet="ab 甲\n", max_size=60), max_size=6), st.lists(st.text(alphabet="ab 甲\n"), max_size=4)
)
def test_shares_are_shares_and_a_text_leaks_wholly_into_itself(held_out: list[str], training: list[str]) -> None:
    shares = leaked_shares(held_out, training)
    assert len(shares) == len(held_out) and all(0 <= share <= 1 for share in shares)
    assert leaked_shares(held_out, [*training, *held_out]) >= shares


@pytest.mark.parametrize(("most_leaked", "kept"), [(0.5, 0), (1.0, 1)])
def test_a_corpus_drops_what_leaked_with_a_count_and_keeps_it_on_request(
    tmp_path: Path, most_leaked: float, kept: int
) -> None:
    body = "\n".join(f"Line {number} of a page that two files share." for number in range(20))
    rows = [{"text": f"{title}\n{body if title < 2 else title * 'x'}"} for title in range(40)]
    source = tmp_path / "pages.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    seed = _seed_that_parts_the_twins(source, tmp_path)
    config = CorpusConfig(
        sources=(SourceConfig(path=str(source)),), validation_fraction=0.3, most_leaked=most_leaked, seed=seed
    )
    report = build_corpus(config, tmp_path / "out")
    held_out = [document.text for document in read_corpus(tmp_path / "out", "validation")]
    assert sum(body in text for text in held_out) == kept
    assert report.figures["dropped"].get("leaked", 0) == 1 - kept
    amount = report.figures["splits"]["validation"]
    assert amount["documents"] == len(held_out) and amount["characters"] == sum(map(len, held_out))
    assert not list((tmp_path / "out").glob("candidates*"))


def _seed_that_parts_the_twins(source: Path, tmp_path: Path) -> int:
    """A seed with which one of the two pages is held out and the other is not."""
    for seed in range(50):
        config = CorpusConfig(
            sources=(SourceConfig(path=str(source)),), validation_fraction=0.3, most_leaked=1, seed=seed
        )
        build_corpus(config, tmp_path / f"try{seed}")
        parts = [
            document.text[:1] in "01" and "Line 3" in document.text
            for document in read_corpus(tmp_path / f"try{seed}", "validation")
        ]
        if sum(parts) == 1:
            return seed
    raise AssertionError("no seed parts them")
