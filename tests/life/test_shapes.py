"""hanlin.load on folders of other shapes than decoders: what each is asked for, and what it says to the rest."""

from __future__ import annotations

import json

import pytest
import torch
from tests.infer import vocabulary

from hanlin.base.errors import UsageError
from hanlin.bundle.bundle import load_bundle, save_bundle, start_token
from hanlin.bundle.lineage import Lineage
from hanlin.life.load import load
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model

SIZES = {"vocab_size": 45, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "ffn_size": 40, "max_seq_len": 32}


def saved(folder, family, tokenizer, **fields):
    config = ModelConfig(**{**FAMILIES[family].preset, **SIZES, **fields})
    model = build_model(config, seed=2)
    return save_bundle(folder, model=model, tokenizer=tokenizer, lineage=Lineage("pretrain", 2)), model.eval()


@pytest.fixture(scope="module")
def t5(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("t5") / "bundle", "t5", vocabulary.t5())


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("bert") / "bundle", "bert", vocabulary.bert())


def test_an_encoder_decoder_reads_then_writes(t5):
    model = load(t5[0], exact=True)
    said = model.generation("w1 w2 w3", max_tokens=5, temperature=0.0, ignore_eos=True)
    assert len(said.ids) == 5
    assert model.generate("w1 w2 w3", max_tokens=5, temperature=0.0, ignore_eos=True) == said.text
    ids = torch.tensor([[4, 5, 6, 1]])  # framed: </s> behind
    logits = model.logits(ids, decoder_input_ids=[[0, *said.ids[:4]]])
    assert logits[0].argmax(dim=-1).tolist() == list(said.ids)
    with torch.no_grad():
        assert torch.equal(logits, t5[1](torch.tensor([[0, *said.ids[:4]]]), memory=t5[1].encode(ids)))
    best = model.beams("w1 w2 w3", num_beams=3, max_tokens=5)
    assert len(best) == 3
    assert best[0].score >= best[1].score >= best[2].score
    assert best[0].text == model.tokenizer.decode(best[0].ids)
    assert model.embed(["w1", "w2 w3"]).values.shape == (2, 24)


def test_its_answers_begin_as_the_folder_says(t5):
    folder = t5[0]
    assert start_token(folder) == 0
    assert json.loads((folder / "config.json").read_text())["decoder_start_token_id"] == 0
    assert start_token(folder / "nowhere") is None


def test_an_encoder_fills_and_embeds(bert):
    model = load(bert[0], exact=True)
    (guesses,) = model.fill_mask("w1 [MASK]", top=4)
    assert len(guesses) == 4
    assert model.embed("w1 w2").values.shape == (1, 24)
    pair = model.tokenizer.encode_pair("w1 w2", "w3")
    with torch.no_grad():
        states = model.model.hidden(torch.tensor([pair.ids]), types=torch.tensor([pair.types]))
        assert model.model.next_sentence(model.model.pooler(states)).shape == (1, 2)


def test_what_a_shape_cannot_do_it_says(bert, t5, lang):
    encoder = load(bert[0], exact=True)
    with pytest.raises(UsageError) as error:
        encoder.generate("w1")
    assert error.value.code == "E614"
    with pytest.raises(UsageError) as error:
        encoder.logits([[2, 5, 3]], decoder_input_ids=[[0]])
    assert error.value.code == "E866"
    with pytest.raises(UsageError) as error:
        load(t5[0], exact=True).logits([[5, 6, 1]])
    assert error.value.code == "E304"


@pytest.mark.parametrize("family", ["bert", "t5"])
def test_a_bundle_of_another_shape_keeps_every_bit(family, bert, t5, tmp_path):
    folder, model = {"bert": bert, "t5": t5}[family]
    bundle = load_bundle(folder)
    assert bundle.config == model.config
    again = save_bundle(
        tmp_path / "again", model=bundle.model, tokenizer=bundle.tokenizer, lineage=Lineage("pretrain", 2)
    )
    assert (again / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_user_text_never_becomes_a_control_token(bert):
    tokenizer = load_bundle(bert[0]).tokenizer
    assert tokenizer.encode("w1 [SEP] [MASK]") == [tokenizer.encode("w1")[0], 1, 1]  # two unknown words
    assert tokenizer.frame(tokenizer.encode("w1")) == [2, 6, 3]
    assert tokenizer.num_frame == 2
    pair = tokenizer.encode_pair("w1 [SEP]", "w2")
    assert (pair.ids, pair.types) == ([2, 6, 1, 3, 7, 3], [0, 0, 0, 0, 1, 1])
    assert (tokenizer.special.bos, tokenizer.special.eos, tokenizer.special.mask) == (2, 3, 4)
