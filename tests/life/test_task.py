"""Tasks from end to end: rows in a file, a tiny model of every shape, a bundle that does the task, seconds each."""

from __future__ import annotations

import csv
import json
import random
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.infer import vocabulary

import hanlin
from hanlin.base.errors import BundleError, ConfigError, InputError, RequestTooLong, UsageError
from hanlin.base.messages import say
from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.bundle.manifest import read_manifest
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model

SIZES = {"vocab_size": 45, "hidden_size": 32, "num_layers": 1, "num_heads": 2, "max_seq_len": 24, "ffn_size": 64}
SHAPES = ("bert", "llama", "t5")
QUICK = {"learning_rate": 3e-3, "batch_size": 32, "seed": 1, "compute_dtype": "float32", "threads": 1}
QUICK |= {"eval_steps": 10_000}  # measured once, at the end


@pytest.fixture(scope="module")
def parents(tmp_path_factory):
    """An untrained bundle of every shape: the toys need no knowledge of words."""
    home, made = tmp_path_factory.mktemp("parents"), {}
    for name in SHAPES:
        tokenizer = vocabulary.t5() if name == "t5" else vocabulary.bert()
        config = ModelConfig(**{**FAMILIES[name].preset, **SIZES, "family": name})
        model = build_model(config, seed=1)
        made[name] = save_bundle(home / name, model=model, tokenizer=tokenizer, lineage=Lineage("pretrain", 1))
    return made


def words(drawn, low, high, number):
    return [f"w{drawn.randrange(low, high)}" for _ in range(number)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Toys that a linear model of the words solves, each with its own trap for the head that reads the wrong place."""
    home, drawn, found = tmp_path_factory.mktemp("rows"), random.Random(3), {}

    def write(name, rows):
        found[name] = home / f"{name}.jsonl"
        found[name].write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")

    kinds = {"bad": 0, "fair": 10, "good": 20}
    labelled = []
    for number in range(240):
        label = list(kinds)[number % 3]
        said = words(drawn, 30, 40, 4) + words(drawn, kinds[label], kinds[label] + 10, 3)
        drawn.shuffle(said)
        labelled.append({"text": " ".join(said), "label": label})
    write("labels", labelled)
    write("many", [{**row, "label": [row["label"], *["long"] * (len(row["text"]) > 24)]} for row in labelled])
    write("numbers", [{**row, "label": {"bad": -1, "fair": 0, "good": 1}[row["label"]]} for row in labelled])
    tagged = []
    for _ in range(160):
        said, tags = words(drawn, 10, 40, 6), ["O"] * 6
        place = drawn.randrange(4)
        said[place : place + 2], tags[place : place + 2] = ["w1", "w2"], ["B-PER", "I-PER"]
        tagged.append({"tokens": said, "tags": tags})
    write("tags", tagged)
    asked = []
    for _ in range(480):
        said = words(drawn, 10, 40, 8)
        place = drawn.randrange(8)
        said[place] = f"w{drawn.randrange(3)}"
        answer = {"text": [said[place]], "answer_start": [len(" ".join(said[:place])) + (place > 0)]}
        asked.append({"context": " ".join(said), "question": "w5 w6", "answers": answer})
    write("asked", asked)
    pairs = [words(drawn, 0, 40, 5) for _ in range(160)]
    mixed = [drawn.sample(one, len(one)) for one in pairs]
    write("pairs", [{"sentence1": " ".join(a), "sentence2": " ".join(b)} for a, b in zip(pairs, mixed, strict=True)])
    return found


def trained(parent, data, home, **settings):
    return hanlin.train_task(str(parent), data=(str(data),), runs=home, **{**QUICK, **settings})


GATES = {
    "labels": ("classification", "accuracy", 0.9, 8),
    "many": ("multilabel", "macro_f1", 0.75, 10),
    "numbers": ("regression", "spearman", 0.85, 10),
    "tags": ("tokens", "f1", 0.9, 10),
    "asked": ("qa", "exact_match", 0.8, 20),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", GATES)
def test_every_head_learns_on_every_shape(name, shape, parents, files, tmp_path):
    task, measure, gate, epochs = GATES[name]
    report = trained(parents[shape], files[name], tmp_path, task=task, epochs=epochs)
    figure = report.report["figures"][measure]
    assert figure["value"] >= gate, report.report["figures"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert figure["chance"] < gate / 1.5
    again = hanlin.evaluate_task(report.path, data=(str(files[name]),))
    assert again.report["num_rows"] > report.report["num_rows"]


@pytest.mark.parametrize("shape", SHAPES)
def test_labels_by_the_mean_of_all_states(shape, parents, files, tmp_path):
    report = trained(parents[shape], files["labels"], tmp_path, task="classification", epochs=8, pooling="mean")
    assert report.report["figures"]["accuracy"]["value"] >= 0.9
    again = hanlin.evaluate_task(report.path, data=(str(files["labels"]),))
    assert again.report["figures"]["accuracy"]["value"] >= 0.9
    classifier = hanlin.Classifier(report.path)
    found = classifier.predict(["w1 w35", "w1 w35 w36 w3 w4"]).probabilities
    model, tokenizer = classifier.bundle.model, classifier.bundle.tokenizer
    ids = torch.tensor([tokenizer.frame(tokenizer.encode("w1 w35"))])
    read = model.encode(ids).states if shape == "t5" else model.hidden(ids)
    expected = torch.softmax(model.task.last(read.mean(dim=1)).float(), dim=1)
    np.testing.assert_allclose(found[0], expected[0].detach().numpy(), atol=1e-5)


def test_the_mean_is_refused_where_nothing_is_pooled(parents, files, tmp_path):
    with pytest.raises(ConfigError, match="only what is said of whole texts is pooled"):
        trained(parents["bert"], files["tags"], tmp_path, pooling="mean")


def test_vectors_of_pairs_find_each_other(parents, files, tmp_path):
    before = hanlin.Embedder(parents["bert"]).predict(["w1 w2", "w2 w1"])
    report = trained(parents["bert"], files["pairs"], tmp_path, epochs=6, validation_share=0.3)
    figure = report.report["figures"]["found_first"]
    assert report.report["task"] == "embedding"
    assert figure["value"] >= 0.9 > 10 * figure["chance"]
    embedder = hanlin.Embedder(report.path, exact=True)
    after = embedder.predict(["w1 w2", "w2 w1"])
    assert before.shape == after.shape
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, atol=1e-5)  # modules.json asks for length 1
    assert "1_Pooling/config.json" in read_manifest(report.path / "bundle" / "hanlin.json").checksums


@pytest.fixture(scope="module")
def classifier(parents, files, tmp_path_factory):
    home = tmp_path_factory.mktemp("runs")
    return trained(parents["bert"], files["labels"], home, epochs=6, balance=True), home


def test_the_report_says_what_was_measured_and_the_card_keeps_it(classifier):
    report, _ = classifier
    told = report.report
    assert told["calibration"]["num_rows"] == told["num_rows"] == 24
    assert sum(map(sum, told["confusion"])) == 24
    assert {one.title for one in report.tables if one.title} >= {say("life.task_confusion")}
    card = (report.path / "bundle" / "card.md").read_text(encoding="utf-8")
    assert f"{told['figures']['macro_f1']['value']:.3f}" in card


def test_files_are_worked_through_and_answers_written(classifier, tmp_path, lang):
    report, _ = classifier
    given = tmp_path / "in.csv"
    given.write_text("text\nw21 w22 w30\nw1 w2 w31\n", encoding="utf-8")
    rows = hanlin.Classifier(report.path).predict_file(given, tmp_path / "out.csv")
    assert [row["label"] for row in rows] == ["good", "bad"]
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["text"] for row in written] == ["w21 w22 w30", "w1 w2 w31"]
    assert float(written[0]["p(good)"]) == pytest.approx(rows[0]["p(good)"])
    said = hanlin.predict_task(report.path, data=(str(given),), out=tmp_path / "out.jsonl")
    assert said.report["num_rows"] == len((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    with pytest.raises(InputError) as error:
        hanlin.predict_task(report.path, data=(str(given),), out=tmp_path / "out.xlsx")
    assert error.value.code == "E884"


def lines(path, *rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_what_cannot_be_measured_is_one_sentence(classifier, parents, tmp_path, lang):
    report, _ = classifier
    strange = lines(tmp_path / "a.jsonl", {"text": "w1", "label": "good"}, {"text": "w2", "label": "odd"})
    with pytest.raises(InputError) as error:
        hanlin.evaluate_task(report.path, data=(str(strange),))
    assert error.value.code == "E519"
    assert "odd" in str(error.value)
    assert "a.jsonl:2" in str(error.value)
    with pytest.raises(UsageError) as untrained:
        hanlin.evaluate_task(parents["bert"], data=(str(strange),))
    assert untrained.value.code == "E885"
    talk = lines(tmp_path / "talk.jsonl", {"prompt": "w1", "response": "w2"})
    with pytest.raises(InputError) as unread:
        hanlin.predict_task(report.path, data=(str(talk),), out=tmp_path / "out.csv")
    assert unread.value.code == "E886"


WRONG = {
    "E515": ([{"prompt": "w1", "response": "w2"}], {}),
    "E516": ([{"text": "w1", "label": "good"}], {"task": "regression"}),
    "E517": ([{"text": "w1", "label": "good"}], {"group": "author"}),
    "E518": ([{"text": "w1", "label": "a"}, {"text": "w2", "label": "a"}], {"validation_share": 0}),
    "E519": ([{"text": "w1", "label": "a"}, {"text": "w2", "label": "c"}], {"labels": ("a", "b")}),
    "E520": ([{"sentence1": "w1", "sentence2": "w2", "score": 1.0}, {"sentence1": "w1", "sentence2": "w3"}], {}),
    "E521": ([{"tokens": ["w1"], "tags": ["O"]}], {"task": "regression"}),
    "E441": ([{"text": " ".join(["w1"] * 30), "label": "a"}, {"text": "w2", "label": "b"}], {"validation_share": 0}),
}


@pytest.mark.parametrize("code", WRONG)
def test_rows_that_cannot_be_learned_are_one_sentence(code, parents, tmp_path, lang):
    rows, settings = WRONG[code]
    data = lines(tmp_path / "rows.jsonl", *rows)
    with pytest.raises((InputError, RequestTooLong)) as error:
        trained(parents["bert"], data, tmp_path / "runs", **settings)
    assert error.value.code == code
    assert code == "E520" or code == "E518" or "rows.jsonl:" in str(error.value)
    assert not (tmp_path / "runs").exists()


def test_nothing_is_learned_from_rows_that_are_asked(parents, tmp_path, lang):
    rows = lines(tmp_path / "rows.jsonl", {"text": "w1", "label": "a"}, {"text": "w2", "label": "b"})
    with pytest.raises(InputError) as error:
        trained(parents["bert"], rows, tmp_path / "runs", validation=(str(rows),))
    assert error.value.code == "E522"


def test_long_texts_are_cut_or_read_in_parts_and_counted(parents, tmp_path):
    rows = [{"text": " ".join([f"w{20 * (n % 2)}"] * (4 + 40 * (n % 4 == 3))), "label": "ab"[n % 2]} for n in range(16)]
    data = lines(tmp_path / "rows.jsonl", *rows)
    for overflow, name in (("cut", "texts_cut"), ("windows", "texts_split")):
        report = trained(parents["bert"], data, tmp_path, epochs=1, overflow=overflow, validation_share=0)
        assert report.report[name] == 4


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(parents, files, tmp_path):
    whole = trained(parents["bert"], files["labels"], tmp_path / "a", steps=8)
    cut = trained(parents["bert"], files["labels"], tmp_path / "b", steps=4, schedule={"kind": "constant"})
    on = hanlin.train_task(resume=cut.path, steps=8)
    straight = trained(parents["bert"], files["labels"], tmp_path / "c", steps=8, schedule={"kind": "constant"})
    assert on.report["steps"] == whole.report["steps"] == 8
    assert on.report["loss"] == straight.report["loss"] != whole.report["loss"]


def test_a_plan_is_told_without_a_run(parents, files, tmp_path):
    report = trained(parents["llama"], files["labels"], tmp_path / "runs", dry_run=True)
    assert report.report["plan"]["rows"] == 216
    assert not (tmp_path / "runs").exists()


def test_rows_of_an_evaluation_set_are_not_learned(parents, tmp_path, lang):
    drawn = random.Random(5)
    rows = [{"text": " ".join(words(drawn, 0, 40, 20)), "label": "ab"[n % 2]} for n in range(12)]
    data, asked = lines(tmp_path / "rows.jsonl", *rows), lines(tmp_path / "asked.jsonl", *rows[:3])
    with pytest.raises(InputError) as error:
        trained(parents["bert"], data, tmp_path / "runs", evaluation=(str(asked),))
    assert error.value.key == "train.leaked_rows"
    report = trained(
        parents["bert"], data, tmp_path, evaluation=(str(asked),), leaked="drop", validation_share=0, steps=1
    )
    assert report.report["rows"] == 9


def test_pairs_with_scores_are_ranked_as_people_rank_them(parents, tmp_path):
    """The score is the share of words that two texts have in common."""
    drawn, rows = random.Random(6), []
    for number in range(160):
        said, kept = words(drawn, 0, 40, 6), number % 7
        other = said[:kept] + words(drawn, 0, 40, 6 - kept)
        rows.append({"sentence1": " ".join(said), "sentence2": " ".join(other), "score": kept / 6})
    data = lines(tmp_path / "pairs.jsonl", *rows)
    report = trained(parents["bert"], data, tmp_path, epochs=4, validation_share=0.3)
    assert report.report["figures"]["spearman"]["value"] >= 0.7
    assert hanlin.evaluate_task(report.path, data=(str(data),)).report["figures"]["spearman"]["value"] >= 0.7


def test_a_setting_that_the_task_does_not_go_by_is_refused(parents, files, tmp_path, lang):
    for settings, data in (
        ({"head_dropout": 0.1}, "pairs"),
        ({"balance": True, "task": "regression"}, "numbers"),
        ({"temperature": 0.1}, "labels"),
    ):
        with pytest.raises(ConfigError) as error:
            trained(parents["bert"], files[data], tmp_path, **settings)
        assert say("train.remedy_idle_task") in str(error.value)
    assert not list(tmp_path.iterdir())


def test_the_head_drops_what_it_is_told_and_the_bundle_says_so(parents, files, tmp_path):
    """The loss of a first step, weights and rows the same, is another one with dropout; the bundle keeps the share."""
    plain = trained(parents["llama"], files["labels"], tmp_path / "a", steps=1, validation_share=0)
    told = trained(parents["llama"], files["labels"], tmp_path / "b", steps=1, validation_share=0, head_dropout=0.5)
    assert plain.report["loss"] != told.report["loss"]
    assert hanlin.Classifier(told.path).bundle.config.head.task.dropout == 0.5


@pytest.mark.parametrize("shape", SHAPES)
def test_layers_drop_what_they_are_told(shape, parents, files, tmp_path):
    runs = [
        trained(parents[shape], files["labels"], tmp_path, steps=2, **said)
        for said in ({}, {"dropout": 0.3}, {"dropout": 0.3})
    ]
    plain, dropped, again = (run.report["loss"] for run in runs)
    assert dropped == again != plain


def test_a_base_whose_weights_are_pickled_is_read_when_asked_for(parents, files, tmp_path, lang):
    """An encoder as transformers saved it years ago; the fine-tuned bundle has no pickle any more."""
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertModel(transformers.BertConfig(
        vocab_size=45, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=24,
    ))  # fmt: skip
    old = tmp_path / "old"
    theirs.save_pretrained(old)
    (old / "model.safetensors").unlink()
    torch.save(theirs.state_dict(), old / "pytorch_model.bin")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(parents["bert"] / name, old)
    with pytest.raises(BundleError) as error:
        trained(old, files["labels"], tmp_path / "runs", steps=1)
    assert error.value.code == "E457"
    report = trained(old, files["labels"], tmp_path / "runs", steps=1, pickles=True, learning_rate=1e-9)
    found = load_file(report.path / "bundle" / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    torch.testing.assert_close(found, theirs.embeddings.word_embeddings.weight, atol=1e-6, rtol=0)
    texts = ["w1 w2"]
    with pytest.raises(BundleError):
        hanlin.Embedder(old)
    vector = hanlin.Embedder(old, pickles=True).predict(texts)
    np.testing.assert_array_equal(hanlin.embed(str(old), texts=texts, pickles=True).report["vectors"], vector)


def test_numbers_begin_at_their_mean(parents, tmp_path):
    rows = [{"text": f"w{number}", "label": 400 + number % 3} for number in range(30)]
    data = lines(tmp_path / "rows.jsonl", *rows)
    report = trained(parents["bert"], data, tmp_path, task="regression", steps=1, learning_rate=1e-9)
    assert abs(hanlin.Classifier(report.path, exact=True).values(["w1"])[0, 0] - 401) < 3


@pytest.fixture(scope="module")
def rewriter(parents, tmp_path_factory):
    """A tiny T5 that was shown to write the first word of three, which it has to look up among what it read."""
    home, drawn = tmp_path_factory.mktemp("written"), random.Random(5)
    said = [words(drawn, 0, 20, 3) for _ in range(600)]
    rows = "".join(json.dumps({"source": " ".join(one), "target": f"{one[0]} w30"}) + "\n" for one in said)
    (home / "pairs.jsonl").write_text(rows, encoding="utf-8")
    report = trained(parents["t5"], home / "pairs.jsonl", home, task="seq2seq", learning_rate=0.012, epochs=16)
    return home, report


def test_what_is_read_is_written_anew(rewriter, tmp_path, lang):
    home, report = rewriter
    assert report.report["figures"]["chrf"]["value"] > 80, report.report["figures"]
    found = report.report["figures"]["bleu"]
    assert found["low"] <= found["value"] <= found["high"] and found["chance"] is None
    assert hanlin.pipeline("translation", report.path)("w7 w3 w4") == [{"translation_text": "w7w30"}]
    again = hanlin.evaluate_task(report.path, data=(str(home / "pairs.jsonl"),))
    assert again.report["figures"]["chrf"]["value"] > 80
    (tmp_path / "texts.txt").write_text("w5 w6 w7\nw9 w1 w1\n", encoding="utf-8")
    hanlin.predict_task(report.path, data=(str(tmp_path / "texts.txt"),), out=tmp_path / "out.csv")
    written = csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines())
    assert [row["written"] for row in written] == ["w5w30", "w9w30"]


def test_whoever_writes_goes_on_as_if_it_had_not_been_stopped(rewriter, parents, tmp_path):
    said = {"task": "seq2seq", "dropout": 0.1, "schedule": {"kind": "constant"}}
    whole = trained(parents["t5"], rewriter[0] / "pairs.jsonl", tmp_path / "a", steps=6, **said)
    cut = trained(parents["t5"], rewriter[0] / "pairs.jsonl", tmp_path / "b", steps=3, **said)
    assert hanlin.train_task(resume=cut.path, steps=6).report["loss"] == whole.report["loss"]
    plain = trained(parents["t5"], rewriter[0] / "pairs.jsonl", tmp_path / "c", steps=6, **{**said, "dropout": None})
    assert plain.report["loss"] != whole.report["loss"]


def test_pairs_that_cannot_be_written_are_one_sentence(parents, tmp_path, lang):
    data = tmp_path / "pairs.jsonl"
    data.write_text(json.dumps({"source": "w1 w2", "target": "w1 w2 w3 w4 w5"}) + "\n", encoding="utf-8")
    with pytest.raises(RequestTooLong) as error:
        trained(parents["t5"], data, tmp_path, task="seq2seq", max_target_tokens=4)
    assert error.value.code == "E523" and "pairs.jsonl:1" in str(error.value) and "6" in str(error.value)
    report = trained(parents["t5"], data, tmp_path, task="seq2seq", max_target_tokens=4, overflow="cut", steps=1)
    assert report.report["texts_cut"] == 1
    with pytest.raises(BundleError) as refused:
        trained(parents["bert"], data, tmp_path, task="seq2seq")
    assert refused.value.code == "E524" and "encoder" in str(refused.value)
    with pytest.raises(ConfigError) as idle:
        trained(parents["bert"], data, tmp_path, task="embedding", max_target_tokens=4)
    assert idle.value.problems[0].name == "max_target_tokens"


def test_the_plan_of_who_writes_scores_what_is_written(rewriter, parents, tmp_path):
    report = trained(parents["t5"], rewriter[0] / "pairs.jsonl", tmp_path, task="seq2seq", dry_run=True)
    row = report.report["row"]
    assert row["scored"] == row["written"] == 3 and row["read"] == 4, row
