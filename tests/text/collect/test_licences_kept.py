"""The licence of each document survives the way from where it was collected to the table in the report of a corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.text.collect.conftest import Gather, documents
from tests.text.collect.site import SENTENCE, Reply, Site, page

from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import build_corpus
from hanlin.text.pages.corpus_figures import corpus_figures

TEXT = "The keeper lights the lamp at dusk, and ships far out at sea turn towards the harbour number {}."


@pytest.mark.parametrize("kept_as", ["jsonl", "warc"])
def test_licences_reach_the_table_of_the_report(
    site: Site, gather: Gather, tmp_path: Path, kept_as: Literal["jsonl", "warc"]
) -> None:
    licence = '<a rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/">CC</a>'
    site.routes["/a"] = Reply(page("Lighthouse", foot=licence))
    site.routes["/b"] = Reply(page("Harbour", text=SENTENCE.replace("The", "A") * 5))
    local = tmp_path / "local"
    local.mkdir()
    rows = [{"text": TEXT.format(number), "licence": name} for number, name in enumerate(["MIT", "MIT", "CC0-1.0"])]
    pq.write_table(pa.Table.from_pylist(rows), local / "rows.parquet")
    (local / "own.txt").write_text(TEXT.format(99))
    made = gather("/a", "/b", local, kept_as=kept_as)
    wanted = {"CC-BY-SA-4.0": 1, "MIT": 2, "CC0-1.0": 1, "unknown": 2}
    assert dict(made.figures["licences"]) == wanted

    build_corpus(CorpusConfig(sources=(str(made.path),), validation_fraction=0), tmp_path / "corpus")
    table = corpus_figures(tmp_path / "corpus")["licences"]
    assert {one["name"]: one["kept"]["documents"] for one in table} == wanted


def test_rows_of_columns_are_kept_whole(gather: Gather, tmp_path: Path) -> None:
    """Training data has no text of its own, whatever it is stored in."""
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    pq.write_table(pa.Table.from_pylist([{"messages": talk, "licence": "MIT"}]), tmp_path / "talks.parquet")
    (tmp_path / "pairs.csv").write_text("prompt,response\nq,a\nq,a,b\n")
    made = gather(tmp_path / "talks.parquet", tmp_path / "pairs.csv", licence="CC0-1.0")
    talks, pairs = documents(made)
    assert talks["messages"] == talk and (talks["licence"], pairs["licence"]) == ("MIT", "CC0-1.0")
    assert (pairs["prompt"], pairs["response"]) == ("q", "a") and pairs["id"].endswith("pairs.csv:2")
    assert made.figures["lost"] == {"bad_table": 1}
    assert json.loads(json.dumps(made.figures)) == made.figures
