"""`hanlin.course` from outside: its names, its signatures as published, nothing heavy until one is used."""

from __future__ import annotations

import inspect

import pytest

import hanlin
from hanlin import course

SIGNATURES = {
    "MultiHeadAttention": "(d_model, num_heads)",
    "PositionalEncoding": "(d_model, max_seq_length=5000)",
    "TransformerEncoderLayer": "(d_model, num_heads, d_ff, dropout=0.1)",
    "LanguageModelingLoss": "(vocab_size)",
    "TextPreprocessor": "(tokenizer, max_length=512)",
    "TaskSpecificModel": "(base_model, num_labels)",
}


@pytest.mark.parametrize(("name", "signature"), SIGNATURES.items())
def test_a_class_is_called_as_published(name, signature):
    parameters = inspect.signature(getattr(course, name)).parameters.values()
    bare = [p.replace(annotation=p.empty) for p in parameters]
    assert str(inspect.Signature(bare)) == signature


def test_attention_is_asked_as_published():
    asked = inspect.signature(course.MultiHeadAttention.forward).parameters
    assert list(asked) == ["self", "query", "key", "value", "mask"]
    assert asked["mask"].default is None
    assert inspect.signature(course.finetune_model).parameters["epochs"].default == 3


def test_every_name_of_the_face_is_there_and_documented():
    assert hanlin.course is course
    for name in course.__all__:
        assert inspect.getdoc(getattr(course, name)), name
    assert set(course.__all__) <= set(dir(course))
    with pytest.raises(AttributeError, match="Attenton"):
        course.Attenton  # noqa: B018
