"""Fine-tuning as a stage: a bundle and conversations in, a bundle that answers out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hanlin.base.errors import BundleError, ConfigError, InputError
from hanlin.bundle.bundle import load_bundle, save_bundle
from hanlin.bundle.lineage import record_lineage
from hanlin.data.shards import write_shards
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer, build_model
from hanlin.text.chat import Message, Template
from hanlin.text.config import TokenizerConfig
from hanlin.text.document import Document
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer
from hanlin.train.config import FinetuneConfig
from hanlin.train.finetune import _render, finetune

from .conftest import Listening

WORDS = ["red", "blue", "green", "white", "红色", "蓝色", "绿色", "白色", "one", "two"]
PAIRS = [(f"Say {word} / 请说 {word}", word) for word in WORDS]


def write_rows(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of an untrained model, conversations, and shards to replay."""
    home = tmp_path_factory.mktemp("finetune")
    texts = [text for pair in PAIRS for text in pair]
    tokenizer = train_tokenizer(texts, TokenizerConfig(vocab_size=268))
    shape = ModelConfig(vocab_size=tokenizer.vocab_size, hidden_size=32, num_layers=2, num_heads=2, max_seq_len=96)
    save_bundle(
        home / "base",
        model=build_model(shape, seed=0),
        tokenizer=tokenizer,
        template=Template.default(tokenizer.special),
        lineage=record_lineage("pretrain", seed=0),
    )
    write_rows(home / "chats.jsonl", [{"prompt": prompt, "response": answer} for prompt, answer in PAIRS])
    write_shards([Document(text, str(n), "old", "en") for n, text in enumerate(texts)], tokenizer, home / "old")
    return home


def config(home: Path, **changes: Any) -> FinetuneConfig:
    values: dict[str, Any] = {
        "from_bundle": home / "base",
        "data": (str(home / "chats.jsonl"),),
        "runs": home / "runs",
        "steps": 3,
        "threads": 1,
        "compute_dtype": "float32",
    }
    return FinetuneConfig(**{**values, **changes})


def answer(model: Transformer, tokenizer: Tokenizer, template: Template, prompt: str) -> str:
    """Greedy decoding without any engine."""
    ids = template.render([Message("user", prompt)], tokenizer=tokenizer, add_generation_prompt=True).ids
    start = len(ids)
    while len(ids) < start + 30 and ids[-1] != tokenizer.special.im_end:
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return tokenizer.decode(ids[start:])


def test_questions_are_answered_as_taught(home: Path) -> None:
    taught = config(home, steps=100, learning_rate=1e-2, tokens_per_step=384, seq_len=96, validation_share=0)
    result = finetune(taught)
    bundle = load_bundle(result.bundle or "")
    assert bundle.tokenizer is not None
    assert bundle.template is not None
    answers = [answer(bundle.model, bundle.tokenizer, bundle.template, prompt) for prompt, _ in PAIRS]
    assert answers == [word for _, word in PAIRS]
    assert bundle.lineage is not None
    assert [stage.stage for stage in bundle.lineage.earlier] == ["pretrain"]


def test_what_is_left_out_is_counted_and_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")
    rows = [{"prompt": "a?", "response": "b."}, {"prompt": "long", "response": "word " * 200}, {"nonsense": 1}]
    data = write_rows(home / "mixed.jsonl", rows)
    heard = Listening()
    result = finetune(config(home, data=(data,), steps=1, validation_share=0), progress=heard)
    assert result.report["conversations_given"] == 2
    assert result.report["conversations_kept"] == 1
    assert result.report["conversations_dropped"] == 1
    assert any("1 longer than a row of 96 tokens" in note for note in heard.notes)
    assert any(
        note.startswith("mixed.jsonl: read as prompt and response: 2 rows, 1 rejected. 1 as mixed.jsonl:3: no known")
        for note in heard.notes
    )


def test_rows_of_an_evaluation_set_are_not_learned(home: Path) -> None:
    """Refused before a run folder is made, left out on request; the rows to measure on are the user's own affair."""
    question = "one of ten words in a row that stand in both the exam and the lessons"
    exam = write_rows(home / "exam.jsonl", [{"question": question}])
    rows = [{"prompt": question, "response": "blue"}, {"prompt": "Say red", "response": "red"}]
    data = write_rows(home / "leaky.jsonl", rows)
    settings = {"data": (data,), "evaluation": (exam,), "steps": 1, "validation_share": 0, "runs": home / "leaky-runs"}
    with pytest.raises(InputError) as caught:
        finetune(config(home, **settings))
    assert caught.value.code == "E505"
    assert not (home / "leaky-runs").exists()
    assert finetune(config(home, leaked="drop", **settings)).report["conversations_given"] == 1


def test_long_conversations_are_cut_only_when_asked(home: Path) -> None:
    data = write_rows(home / "long.jsonl", [{"prompt": "long", "response": "word " * 200}])
    result = finetune(config(home, data=(data,), steps=1, validation_share=0, too_long="truncate"))
    assert result.report["conversations_truncated"] == 1
    assert int(result.report["truncated_tokens"] or 0) > 100
    with pytest.raises(InputError) as caught:
        finetune(config(home, data=(data,), too_long="refuse"))
    assert caught.value.code == "E408"


def test_nothing_left_to_learn_is_said(home: Path) -> None:
    data = write_rows(home / "only-long.jsonl", [{"prompt": "long", "response": "word " * 200}])
    with pytest.raises(InputError) as caught:
        finetune(config(home, data=(data,)))
    assert caught.value.code == "E409"


def test_some_conversations_are_kept_out_to_measure_on(home: Path) -> None:
    result = finetune(config(home, validation_share=0.3, eval_steps=1))
    assert result.report["validation_loss"] is not None
    assert 0 < int(result.report["conversations_given"] or 0) < len(PAIRS)
    given = config(home, validation=(str(home / "chats.jsonl"),), eval_steps=1)
    assert finetune(given).report["conversations_given"] == len(PAIRS)


def test_replay_is_part_of_every_stretch(home: Path) -> None:
    plain, mixed = (finetune(config(home, steps=None, epochs=2, **more)) for more in ({}, replay(home, 0.5)))
    assert mixed.tokens > 1.7 * plain.tokens
    assert finetune(config(home, steps=None, epochs=2, **replay(home, 0))).tokens == plain.tokens


def replay(home: Path, share: float) -> dict[str, Any]:
    return {"replay": (home / "old",), "replay_share": share}


def test_replay_of_another_tokenizer_is_refused(home: Path, tmp_path: Path) -> None:
    other = train_tokenizer(["blue blue blue"], TokenizerConfig(vocab_size=262))
    write_shards([Document("abc", "1", "old", "en")], other, tmp_path / "other")
    with pytest.raises(InputError) as caught:
        finetune(config(home, replay=(tmp_path / "other",)))
    assert caught.value.code == "E406"


def test_missing_settings_are_named_together() -> None:
    with pytest.raises(ConfigError) as caught:
        finetune(FinetuneConfig())
    assert [problem.name for problem in caught.value.problems] == ["from_bundle", "data"]


def test_a_model_without_a_tokenizer_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*values: Any, **named: Any) -> Any:
        return dataclasses.replace(load_bundle(*values, **named), tokenizer=None)

    monkeypatch.setattr("hanlin.train.finetune.load_bundle", without)
    with pytest.raises(BundleError) as caught:
        finetune(config(home))
    assert caught.value.code == "E504"


def test_synthetic_rows_are_held_out_with_their_original(home: Path) -> None:
    """Ten families of three rows: by their texts alone some of a family would be learned and others measured."""
    rows = [
        {"prompt": f"{n}, {word}?", "response": "Yes.", "family": f"family {n}"} for n in range(10) for word in "abc"
    ]
    data = write_rows(home / "families.jsonl", rows)
    bundle = load_bundle(home / "base")
    assert bundle.tokenizer and bundle.template
    settings = config(home, data=(data,), validation_share=0.4)
    found = _render((data,), bundle.tokenizer, bundle.template, Listening(), settings)
    held_out = {one.text.partition("\n")[2].partition(",")[0] for one in found.below(0.4)}
    learned = {one.text.partition("\n")[2].partition(",")[0] for one in found.from_(0.4)}
    assert held_out and learned and not held_out & learned
    assert len(held_out | learned) == 10


def test_tools_are_learned_and_the_columns_of_the_user_are_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")
    call = {"from": "function_call", "value": '{"name": "f", "arguments": {}}'}
    turns = [
        {"from": "human", "value": "a?"},
        call,
        {"from": "observation", "value": "1"},
        {"from": "gpt", "value": "b"},
    ]
    data = write_rows(home / "calls.jsonl", [{"talk": turns}] * 2)
    heard = Listening()
    settings = config(home, data=(data,), columns={"conversations": "talk"}, steps=1, validation_share=0)
    settings = settings.replaced(too_long="truncate")
    result = finetune(settings, progress=heard)
    assert result.report["conversations_kept"] == 2
    assert any(note.startswith("calls.jsonl: read as ShareGPT: 2 rows, 0 rejected.") for note in heard.notes)
    assert any("2 conversations call tools" in note for note in heard.notes)
