"""Opening a model by any of its names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hanlin.base.errors import InputError
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.life.chat import open_session
from hanlin.life.config import ChatConfig
from hanlin.life.load import load
from hanlin.life.open import open_bundle
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import build_model
from hanlin.text.chat import Template
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer_train import train_tokenizer


@pytest.fixture
def run(tmp_path: Path) -> Path:
    tokenizer = train_tokenizer(["one two three 一二三"] * 30, TokenizerConfig(vocab_size=270))
    shape = ModelConfig(vocab_size=tokenizer.vocab_size, hidden_size=16, num_layers=1, num_heads=2, max_seq_len=32)
    template = Template.default(tokenizer.special)
    model = build_model(shape, seed=1)
    save_bundle(
        tmp_path / "bundle", model=model, tokenizer=tokenizer, template=template, lineage=Lineage("finetune", 1)
    )
    return tmp_path


def test_exact_computes_in_float32(run: Path) -> None:
    assert open_bundle(run, device="cpu", exact=True).model.compute_dtype == torch.float32


def test_a_bundle_without_a_tokenizer_cannot_talk(run: Path) -> None:
    """A foreign folder may hold weights alone."""
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "hanlin.json"):
        (run / "bundle" / name).unlink()
    with pytest.raises(InputError) as caught:
        open_bundle(run / "bundle")
    assert caught.value.code == "E854"
    assert str(run / "bundle") in str(caught.value)


def test_the_model_speaks_and_shows_its_logits(run: Path) -> None:
    model = load(run, exact=True)
    logits = model.logits([[1, 6, 7, 8]])
    assert logits.shape == (1, 4, model.config.vocab_size)
    with torch.no_grad():
        assert torch.equal(logits, model.model(torch.tensor([[1, 6, 7, 8]])).float())
    said = model.generation("one", max_tokens=3, temperature=0.0, ignore_eos=True)
    assert len(said.ids) == 3 and said.finish_reason == "length"
    assert model.generate("one", max_tokens=3, temperature=0.0, ignore_eos=True) == said.text
    turns = [{"role": "user", "content": "one"}]
    assert model.chat(turns, max_tokens=2, temperature=0.0) == model.chat("one", max_tokens=2, temperature=0.0)
    assert model.path == run / "bundle"


def test_a_foreign_model_without_a_template_cannot_answer_and_says_why(run: Path) -> None:
    """GPT-2 as published: asking it a question used to end in an assertion of ours."""
    for name in ("chat_template.jinja", "hanlin.json"):
        (run / "bundle" / name).unlink()
    model = load(run / "bundle")
    with pytest.raises(InputError) as caught:
        model.chat("one")
    assert caught.value.code == "E247" and "chat_template.jinja" in str(caught.value)
    assert isinstance(model.generate("one", max_tokens=2), str), "continuing a text needs none"


def test_messages_of_another_form_are_refused_with_a_sentence(run: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(run).chat([{"from": "human", "value": "one"}])
    assert caught.value.code == "E245"


def test_what_a_foreign_folder_left_aside_is_told_before_the_conversation(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "bundle" / "hanlin.json").unlink()
    open_session(ChatConfig(model=str(run / "bundle")), Progress("plain"))
    assert say("bundle.note_foreign", path=run / "bundle") in capsys.readouterr().err
