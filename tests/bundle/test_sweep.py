"""A shape of every family drawn at random: odd heads and groups, tied and untied, biases, kinds of activation."""

from __future__ import annotations

from random import Random

import pytest
from tests.bundle.sweep import DRAWS, difference

pytest.importorskip("transformers")


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.__name__)
def test_a_random_shape_says_what_it_says_there(draw, tmp_path):
    assert difference(draw(Random(f"{draw.__name__} 1")), 1, tmp_path) <= 1e-5


@pytest.mark.parametrize("activation", ["relu", "gelu_new"])
def test_the_head_of_roberta_has_a_gelu_whatever_its_layers_have(activation, tmp_path):
    """Found by the sweep: the layer before its scores took the activation of the MLP, as BERT's does."""
    sizes = {"hidden_size": 24, "num_attention_heads": 3, "num_hidden_layers": 1, "intermediate_size": 40}
    settings = {**sizes, "vocab_size": 67, "max_position_embeddings": 60, "hidden_act": activation, "pad_token_id": 1}
    assert difference(("RobertaForMaskedLM", settings), 0, tmp_path) <= 1e-5
