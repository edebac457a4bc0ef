"""The card: everything that was measured is on it, in both languages, and nothing that was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.bundle.bundle import Info
from hanlin.bundle.lineage import Lineage
from hanlin.evaluate.report import Sample, write_card
from hanlin.model.config import ModelConfig

SCORES = {
    "language": {
        "zh": {
            "bits_per_byte": 2.412,
            "bits_per_byte_error": 0.013,
            "perplexity": 41.5,
            "accuracy": 0.31,
            "baselines": {"kneser_ney": 2.45, "xz": 2.9},
        }
    },
    "tasks": [
        {
            "task": "addition",
            "accuracy": 0.5,
            "interval": [0.4, 0.6],
            "chance": 0.1,
            "num_cases": 120,
            "num_correct": 60,
        }
    ],
    "forgetting": [{"lang": "zh", "perplexity_before": 40.0, "perplexity_after": 44.0, "ratio": 1.1}],
}


@pytest.fixture
def info() -> Info:
    before = Lineage(
        "pretrain", 1, data={"corpus": "a" * 64}, versions={"hanlin": "0.1.0", "torch": "2.13.0"}, created="2026"
    )
    lineage = Lineage("finetune", 2, data={"faq.jsonl": "b" * 64}, earlier=(before,))
    return Info(path=Path("runs/one/bundle"), family="llama", config=ModelConfig(hidden_size=64), lineage=lineage)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_everything_measured_is_on_the_card(info: Info, lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", lang)
    card = write_card(info, SCORES, [Sample("从前", "有一个*孩子*\n他")])
    assert card.startswith("# one\n")
    for text in ("2.412", "0.013", "2.450", "addition", "50.0%", "40% – 60%", "10.0%", "1.10", "faq.jsonl", "pretrain"):
        assert text in card, text
    assert "> **从前**有一个\\*孩子\\*\n> 他" in card
    assert ("局限" if lang == "zh" else "Limits") in card
    assert "{" not in card


def test_what_was_not_measured_is_left_out(info: Info, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")
    card = write_card(info, {})
    assert "Tasks" not in card and "Samples" not in card and "forget" not in card
    assert "Limits" in card and "Where it comes from" in card


def test_a_missing_baseline_is_a_dash_not_a_zero(info: Info) -> None:
    assert "| – |" in write_card(info, SCORES)


def test_a_foreign_bundle_has_no_lineage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")
    card = write_card(Info(path=Path("gpt2"), family="gpt2", config=ModelConfig()), {})
    assert card.startswith("# gpt2\n") and "Where it comes from" not in card


def test_a_beginning_that_ends_in_a_space_is_still_bold(info: Info) -> None:
    """`**def **` is four stars in Markdown, and two of the demo's three samples showed them."""
    assert "> **def** main():" in write_card(info, SCORES, [Sample("def ", "main():")])
