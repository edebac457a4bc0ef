"""A session over a real, tiny bundle: history, cancelling, what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.base.errors import RequestTooLong
from hanlin.bundle.bundle import Bundle, load_bundle, save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.infer.config import SamplingParams
from hanlin.infer.engine import Engine
from hanlin.life.talk import Session, answers


def session(bundle: Bundle, **options: object) -> Session:
    assert bundle.tokenizer is not None
    params = SamplingParams(max_tokens=6, temperature=0.0, ignore_eos=True)
    return Session(bundle, Engine(bundle.model, bundle.tokenizer), params=params, **options)  # type: ignore[arg-type]


def test_what_was_said_becomes_the_history(bundle: Bundle) -> None:
    talk = session(bundle, system="be kind")
    first = "".join(talk.say("hello"))
    "".join(talk.say("who?"))
    assert [m.role for m in talk.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert talk.messages[2].content == first
    talk.reset()
    assert [m.role for m in talk.messages] == ["system"]


def test_an_answer_that_was_stopped_keeps_what_was_said_of_it(bundle: Bundle) -> None:
    talk = session(bundle)
    pieces = talk.say("hello")
    said = next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert [m.content for m in talk.messages] == ["hello", said]
    assert talk.engine.num_unfinished == 0, "the request was cancelled"


def test_a_question_that_does_not_fit_leaves_the_conversation_as_it_was(bundle: Bundle) -> None:
    talk = session(bundle)
    "".join(talk.say("hello"))
    before = list(talk.messages)
    with pytest.raises(RequestTooLong) as caught:
        "".join(talk.say("very long " * 160))
    assert caught.value.values["max_seq_len"] == 128
    assert talk.messages == before


def test_a_model_that_was_never_tuned_continues_texts(folder: Path, bundle: Bundle, tmp_path: Path) -> None:
    assert answers(bundle)
    assert bundle.tokenizer is not None
    raw = save_bundle(
        tmp_path / "raw",
        model=bundle.model,
        tokenizer=bundle.tokenizer,
        template=bundle.template,
        lineage=Lineage("pretrain", 1),
    )
    talk = session(load_bundle(raw))
    assert talk.completes and not answers(talk.bundle)
    "".join(talk.say("the cat"))
    assert talk.messages == [], "a text that was continued is no conversation"


def test_fine_tuning_anywhere_in_the_life_counts(bundle: Bundle, tmp_path: Path) -> None:
    assert bundle.tokenizer is not None
    later = Lineage("pretrain", 1, earlier=(Lineage("pretrain", 1), Lineage("finetune", 1)))
    path = save_bundle(
        tmp_path / "later", model=bundle.model, tokenizer=bundle.tokenizer, template=bundle.template, lineage=later
    )
    assert answers(load_bundle(path))
