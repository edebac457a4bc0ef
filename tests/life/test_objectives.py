"""Plain text to a bundle of each shape, by one setting; the bundle opens in transformers and fills what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import hanlin
from hanlin.base.files import read_json

transformers = pytest.importorskip("transformers")

SHAPE = {"hidden_size": 32, "num_layers": 1, "num_heads": 2, "max_seq_len": 64}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for number in range(24):
        line = f"第{number}天，那只猫在花园里睡觉。The dog number {number} runs in the garden. "
        (folder / f"{number}.txt").write_text(line * (30 + number), encoding="utf-8")
    return folder


def trained(texts: Path, objective: str) -> Any:
    return hanlin.pretrain(
        str(texts), objective=objective, runs=str(texts.parent / "runs"), steps=3, seq_len=64, tokens_per_step=256,
        model=SHAPE, threads=1, compute_dtype="float32",
    )  # fmt: skip


def test_a_folder_of_text_becomes_a_bert(texts: Path) -> None:
    run = trained(texts, "masked")
    assert "fill_mask" in run.next_steps[0]
    assert "[MASK]" in (run.path / "samples.jsonl").read_text(encoding="utf-8")
    model = hanlin.load(run.path, exact=True)
    (guesses,) = model.fill_mask("The [MASK] runs.", top=3)
    assert len(guesses) == 3
    folder = run.path / "bundle"
    theirs = transformers.BertForMaskedLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("The [MASK] runs.", return_tensors="pt").input_ids
    assert ids[0].tolist() == model.tokenizer.frame(model.tokenizer.encode_template("The [MASK] runs."))
    assert tokenizer.mask_token_id == model.tokenizer.special.mask
    with torch.no_grad():
        torch.testing.assert_close(model.logits(ids), theirs(ids).logits, atol=1e-5, rtol=1e-5)


def test_an_encoder_is_measured_by_what_it_fills_not_by_perplexity(texts: Path) -> None:
    run = trained(texts, "masked_next_sentence")
    report = hanlin.eval(run.path, data=(str(texts),))
    rows = report.report["objective"].values()
    assert {row["objective"] for row in rows} == {"masked_next_sentence"}
    assert all(0 <= row["accuracy"] <= 1 and row["loss"] > 0 for row in rows)
    assert report.report["language"] == {}
    card = (run.path / "bundle" / "card.md").read_text(encoding="utf-8")
    assert "masked_next_sentence" in card
    transformers.BertForPreTraining.from_pretrained(run.path / "bundle")


def test_a_folder_of_text_becomes_a_t5(texts: Path) -> None:
    run = trained(texts, "span_corruption")
    model = hanlin.load(run.path, exact=True)
    assert isinstance(model.generate("The dog", max_tokens=3), str)
    theirs = transformers.T5ForConditionalGeneration.from_pretrained(run.path / "bundle").eval()
    ids, written = torch.tensor([[9, 30, 40, 2]]), torch.tensor([[0, 30, 31]])
    with torch.no_grad():
        expected = theirs(input_ids=ids, decoder_input_ids=written).logits
        torch.testing.assert_close(model.logits(ids, decoder_input_ids=written), expected, atol=1e-5, rtol=1e-5)
    assert read_json(run.path / "bundle" / "config.json")["decoder_start_token_id"] == model.tokenizer.special.pad


@pytest.mark.parametrize("objective", ["blank_infilling", "fill_in_the_middle"])
def test_the_others_write(texts: Path, objective: str) -> None:
    run = trained(texts, objective)
    assert isinstance(hanlin.load(run.path).generate("The dog", max_tokens=3), str)
