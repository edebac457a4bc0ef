"""`hanlin inspect` on all four shapes: numbers against the model itself, pages that load nothing, clear refusals."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from tests.infer import vocabulary
from tests.text.pages.reading import check_is_safe

import hanlin
from hanlin.base.errors import ConfigError, InputError, RequestTooLong, UsageError
from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.life.inspect import inspect
from hanlin.life.load import load
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.inspection.attention import attention_maps
from hanlin.model.inspection.reading import Reading
from hanlin.model.transformer import build_model
from hanlin.text.chat import Template, conversation
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer_train import train_tokenizer

SIZES = {"hidden_size": 24, "num_layers": 2, "num_heads": 3, "ffn_size": 40, "max_seq_len": 32}
VIEWS = ("attention", "rollout", "lens", "tokens", "attribution")
TEXTS = {"decoder": "猫 $a$ <b>", "bert": "w1 [MASK] w3", "t5": "w1 w2", "prefix": "w1 w2"}


def saved(folder, tokenizer, *, template=None, **fields):
    shape = ModelConfig(**{**SIZES, "vocab_size": max(45, tokenizer.vocab_size), **fields})
    model = build_model(shape, seed=2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4 if parameter.dim() == 2 else 1)
    return save_bundle(folder, model=model, tokenizer=tokenizer, template=template, lineage=Lineage("pretrain", 2))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home = tmp_path_factory.mktemp("inspect")
    bytewise = train_tokenizer(["the cat sat"] * 5, TokenizerConfig(vocab_size=268))
    chats = {name: Template.default(one.special) for name, one in (("own", bytewise), ("t5", vocabulary.t5()))}
    return {
        "decoder": saved(home / "decoder", bytewise, template=chats["own"]),
        "bert": saved(home / "bert", vocabulary.bert(), **FAMILIES["bert"].preset),
        "t5": saved(home / "t5", vocabulary.t5(), template=chats["t5"], **FAMILIES["t5"].preset),
        "prefix": saved(home / "prefix", vocabulary.bert(), arch="prefix"),
    }


def numbers(report):
    return json.loads((report.path / f"{report.report['what']}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("what", VIEWS)
@pytest.mark.parametrize("shape", TEXTS)
def test_every_view_of_every_shape(shape, what, folders, tmp_path, monkeypatch):
    monkeypatch.setenv("HANLIN_LANG", "zh" if shape in ("decoder", "t5") else "en")
    fewer = {"layers": (1,), "heads": (1, 3)} if what == "attention" else {}
    report = inspect(folders[shape], text=TEXTS[shape], what=what, out=tmp_path, **fewer)
    page = check_is_safe((tmp_path / f"{what}.html").read_text(encoding="utf-8"))
    assert hanlin.load(folders[shape]).path.name in page.text
    assert report.report["pictures"]
    for picture in report.report["pictures"]:
        svg = Path(picture).read_text(encoding="utf-8")
        assert "<text" in svg and "http-equiv" not in svg
    figures = numbers(report)
    assert [token["number"] for token in figures["tokens"]] == list(range(1, len(figures["tokens"]) + 1))
    assert bool(figures["source_tokens"]) == (shape == "t5")
    assert figures["is_written"] == (shape in ("t5", "prefix"))
    assert report.tables[0].rows and all(len(row) == len(report.tables[0].columns) for row in report.tables[0].rows)


def test_attention_is_the_models_own(folders, tmp_path):
    report = inspect(folders["decoder"], text="the cat", what="attention", layers=(2,), heads=(3,), out=tmp_path)
    model = load(folders["decoder"], exact=True)
    ids = [model.tokenizer.special.bos, *model.tokenizer.encode("the cat")]
    (expected,) = attention_maps(model.model, Reading(torch.tensor([ids])), layers=(2,), heads=(3,))
    (found,) = numbers(report)["maps"]
    assert (found["part"], found["layer"], found["head"]) == ("self", 2, 3)
    assert torch.allclose(torch.tensor(found["weights"]), expected.weights[0, 0], atol=1e-6)
    assert report.report["bytes"] == 4 * len(ids) ** 2
    assert "maps" not in report.report  # light: the numbers are in the file
    assert "pictures" in report.report


def test_probabilities_are_the_models_own(folders, tmp_path):
    figures = numbers(inspect(folders["decoder"], text="the cat", top=3, out=tmp_path))
    model = load(folders["decoder"], exact=True)
    ids = [model.tokenizer.special.bos, *model.tokenizer.encode("the cat")]
    shares = model.logits([ids])[0].softmax(dim=-1)
    *told, after = figures["chances"]
    assert [one["id"] for one in told] == ids[1:]
    for place, one in enumerate(told):
        row = shares[place]
        assert one["probability"] == pytest.approx(float(row[one["id"]]), rel=1e-5)
        assert one["rank"] == int((row > row[one["id"]]).sum()) + 1
        assert one["entropy"] == pytest.approx(float(-(row * row.log2()).sum()), rel=1e-5)
        assert one["bits"] == pytest.approx(-math.log2(one["probability"]), rel=1e-5)
        assert [guess["id"] for guess in one["alternatives"]] == row.topk(3).indices.tolist()
    assert after["id"] is None and after["rank"] is None
    assert after["alternatives"][0]["id"] == int(shares[-1].argmax())
    mean = sum(one["bits"] for one in told) / len(told)
    assert figures["perplexity"] == pytest.approx(2**mean, rel=1e-5)


def test_an_encoders_tokens_are_hidden_one_by_one(folders, tmp_path):
    figures = numbers(inspect(folders["bert"], text="w1 w2 w3", out=tmp_path))
    model = load(folders["bert"], exact=True)
    assert [one["piece"] for one in figures["chances"]] == ["w1", "w2", "w3"]
    for place, one in enumerate(figures["chances"], 1):
        ids = [2, 6, 7, 8, 3]
        ids[place] = 4
        assert one["probability"] == pytest.approx(
            float(model.logits([ids])[0, place].softmax(-1)[one["id"]]), rel=1e-4
        )


def test_a_target_is_told_given_its_source(folders, tmp_path):
    figures = numbers(inspect(folders["t5"], text="w1 w2", target="w5 w6", out=tmp_path))
    model = load(folders["t5"], exact=True)
    shares = model.logits([[4, 5, 1]], decoder_input_ids=[[0, 8, 9]])[0].softmax(dim=-1)
    assert [one["id"] for one in figures["chances"]] == [8, 9, 1]  # w5 w6 </s>
    for place, one in enumerate(figures["chances"]):
        assert one["probability"] == pytest.approx(float(shares[place, one["id"]]), rel=1e-4)
    assert not figures["is_written"]


def test_a_prefix_model_is_told_after_its_prefix(folders, tmp_path):
    figures = numbers(inspect(folders["prefix"], text="w1 w2", target="w3", out=tmp_path))
    model = load(folders["prefix"], exact=True).model
    ids = torch.tensor([[2, 6, 7, 3, 8, 3]])
    with torch.no_grad():
        shares = model(ids, prefix=torch.tensor([[True] * 4 + [False] * 2]))[0].softmax(dim=-1)
    assert [one["number"] for one in figures["chances"]] == [5, 6]
    assert figures["chances"][0]["probability"] == pytest.approx(float(shares[3, 8]), rel=1e-4)


def test_the_last_layer_of_the_lens_is_the_answer(folders, tmp_path):
    figures = numbers(inspect(folders["decoder"], text="the cat", what="lens", layers=(0, 2), out=tmp_path))
    assert [row["layer"] for row in figures["layers"]] == [0, 2]
    model = load(folders["decoder"], exact=True)
    logits = model.logits([[model.tokenizer.special.bos, *model.tokenizer.encode("the cat")]])[0]
    last = figures["layers"][-1]["places"]
    assert [place["alternatives"][0]["id"] for place in last] == logits.argmax(dim=-1).tolist()
    assert {place["rank_of_answer"] for place in last} == {1}


@pytest.mark.parametrize(("shape", "asked"), [("decoder", {"position": 3}), ("bert", {"token": "w9"}), ("t5", {})])
def test_shares_add_up_to_the_score(shape, asked, folders, tmp_path):
    report = inspect(folders[shape], text=TEXTS[shape], what="attribution", baseline="zero", out=tmp_path, **asked)
    figures = numbers(report)
    total = sum(figures["shares"]) + sum(figures["source_shares"] or ())
    change = figures["score"] - figures["base"]
    assert abs(total - change) <= 1e-3 * max(1, abs(change)) + 1e-5
    assert figures["num_steps"] >= 8
    control = [
        share for token, share in zip(figures["tokens"], figures["shares"], strict=True) if token["piece"][0] in "<["
    ]
    assert set(control[:1]) <= {0}
    if shape == "decoder":
        assert figures["explained"]["id"] == figures["tokens"][2]["id"]
        assert figures["shares"][2:] == [0] * (len(figures["tokens"]) - 2)
    if shape == "bert":
        assert (figures["explained"]["number"], figures["explained"]["piece"]) == (3, "w9")


def test_one_token_and_control_tokens(folders, tmp_path):
    for what in VIEWS:
        inspect(folders["decoder"], text="a", what=what, out=tmp_path)
    read = numbers(inspect(folders["decoder"], text="<|eos|>", control=True, out=tmp_path))["tokens"]
    assert [token["piece"] for token in read] == ["<|bos|>", "<|eos|>"]
    read = numbers(inspect(folders["decoder"], text="<|eos|>", out=tmp_path))["tokens"]
    assert len(read) > 2  # typed text is text


def test_a_question_is_read_as_the_chat_reads_it(folders, tmp_path):
    figures = numbers(inspect(folders["decoder"], text="hi <|eos|>", question=True, out=tmp_path))
    model = load(folders["decoder"], exact=True)
    prompt = model.bundle.template.render(
        conversation([{"role": "user", "content": "hi <|eos|>"}]), tokenizer=model.tokenizer, add_generation_prompt=True
    )
    assert [token["id"] for token in figures["tokens"]] == list(prompt.ids)
    (after,) = figures["chances"][-1:]
    assert after["alternatives"][0]["id"] == int(model.logits([prompt.ids])[0, -1].argmax())


def test_what_cannot_be_looked_at_is_said(folders, tmp_path, lang):
    def refused(kind, code, shape="decoder", **asked):
        with pytest.raises(kind) as error:
            inspect(folders[shape], out=tmp_path, **{"text": "w1 w2", **asked})
        assert error.value.code == code
        assert "\n" not in str(error.value)

    refused(InputError, "E740", text="")
    refused(InputError, "E740", shape="bert", text="  ")
    refused(RequestTooLong, "E301", text="猫" * 30)
    refused(UsageError, "E743", what="attention", parts=("cross",))
    refused(UsageError, "E747", shape="t5", question=True)
    refused(InputError, "E247", shape="prefix", question=True)
    refused(UsageError, "E744", what="attribution", position=99)
    refused(UsageError, "E745", what="attribution", token="猫猫")
    refused(UsageError, "E340", what="lens", layers=(3,))
    with pytest.raises(ConfigError) as error:
        inspect(folders["decoder"], text="a", what="tokens", heads=(1,), out=tmp_path)
    assert [problem.name for problem in error.value.problems] == ["heads"]


def test_more_than_a_report_holds_is_refused(folders, tmp_path, monkeypatch, lang):
    monkeypatch.setattr("hanlin.evaluate.inspection.figures.MOST_WEIGHTS", 20)
    with pytest.raises(UsageError) as error:
        inspect(folders["decoder"], text="a b c", what="attention", out=tmp_path)
    assert error.value.code == "E742"


def test_an_encoder_without_a_mask_is_told(tmp_path, lang):
    folder = saved(tmp_path / "t", vocabulary.t5(), **FAMILIES["bert"].preset)
    with pytest.raises(UsageError) as error:
        inspect(folder, text="w1", out=tmp_path)
    assert error.value.code == "E741"


JUDGES = {"decoder": ("own", {}), "bert": ("bert", FAMILIES["bert"].preset), "t5": ("t5", FAMILIES["t5"].preset)}


@pytest.fixture(scope="module", params=JUDGES)
def judge(request, tmp_path_factory):
    name, preset = JUDGES[request.param]
    made = {"bert": vocabulary.bert, "t5": vocabulary.t5}.get(name)
    tokenizer = made() if made else vocabulary.bert()
    task = {"kind": "sequence", "labels": ("neg", "pos"), "problem": "one"}
    head = {
        **preset.get("head", {}),
        "kind": "none",
        "transform": False,
        "bias": False,
        "next_sentence": False,
        "task": task,
    }
    return saved(tmp_path_factory.mktemp("judge") / "bundle", tokenizer, **{**preset, "head": head})


@pytest.mark.parametrize("score", ["logit", "logprob"])
def test_a_label_is_explained_as_the_classifier_reads(judge, score, tmp_path):
    report = inspect(judge, text="w1 w2 w3", what="attribution", score=score, label="pos", out=tmp_path)
    figures = numbers(report)
    shares = hanlin.Classifier(judge, exact=True)("w1 w2 w3").probabilities
    assert figures["explained"]["piece"] == "pos"
    assert figures["explained"]["probability"] == pytest.approx(shares["pos"], rel=1e-4)
    if score == "logprob":
        assert figures["score"] == pytest.approx(math.log(shares["pos"]), rel=1e-4)
    total = sum(figures["shares"]) + sum(figures["source_shares"] or ())
    change = figures["score"] - figures["base"]
    assert abs(total - change) <= 1e-3 * max(1, abs(change)) + 1e-5


def test_other_views_of_a_classifier_and_labels_it_lacks(judge, tmp_path, lang):
    inspect(judge, text="w1 w2 w3", what="rollout", out=tmp_path)
    with pytest.raises(UsageError) as error:
        inspect(judge, text="w1", what="attribution", label="middling", out=tmp_path)
    assert error.value.code == "E746"
    with pytest.raises(UsageError) as error:
        inspect(judge, text="w1", what="lens", out=tmp_path)
    assert error.value.code == "E303"
