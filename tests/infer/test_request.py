"""The records at the doors."""

from __future__ import annotations

import dataclasses

import pytest

from hanlin.infer.config import SamplingParams
from hanlin.infer.request import Finish, Generation, Request, Token


def test_a_request_needs_only_its_prompt():
    request = Request((1, 2))
    assert (request.id, request.params) == ("", SamplingParams())


@pytest.mark.parametrize("record", [Request((1,)), Token("a", 1, "x"), Finish("a", "stop", 1, 2)])
def test_records_cannot_be_changed_behind_anyones_back(record):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, dataclasses.fields(record)[0].name, "b")


def test_a_generation_lists_its_ids_and_why_it_ended():
    generation = Generation("hi", (Token("a", 5, "h"), Token("a", 6, "i")), Finish("a", "length", 3, 2))
    assert generation.ids == (5, 6)
    assert generation.finish_reason == "length"
