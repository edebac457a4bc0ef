"""modules.json of sentence-transformers: what is read, and what is refused."""

from __future__ import annotations

import json

import pytest

from hanlin.base.errors import BundleError
from hanlin.bundle.sentence import Sentence, read_sentence, write_sentence


@pytest.fixture
def folder(tmp_path):
    def make(*kinds, **pooling):
        modules = [{"idx": n, "path": "" if n == 0 else f"{n}_{kind}", "type": f"sentence_transformers.models.{kind}"}
                   for n, kind in enumerate(kinds)]  # fmt: skip
        (tmp_path / "modules.json").write_text(json.dumps(modules))
        (tmp_path / "1_Pooling").mkdir()
        modes = {f"pooling_mode_{name}": on for name, on in pooling.items()}
        (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 8, **modes}))
        return tmp_path

    return make


def test_a_folder_without_modules_says_nothing(tmp_path):
    assert read_sentence(tmp_path) is None


def test_pooling_length_and_normalising_are_read(folder):
    path = folder("Transformer", "Pooling", "Normalize", mean_tokens=True, cls_token=False)
    assert read_sentence(path) == Sentence("mean", normalise=True)
    (path / "sentence_bert_config.json").write_text('{"max_seq_length": 128, "do_lower_case": false}')
    assert read_sentence(path) == Sentence("mean", normalise=True, max_tokens=128)


def test_the_first_token_may_stand_for_all(folder):
    path = folder("Transformer", "Pooling", cls_token=True, mean_tokens=False)
    assert read_sentence(path) == Sentence("cls", normalise=False)


@pytest.mark.parametrize(
    ("kinds", "pooling", "told"),
    [
        (("Transformer", "Pooling", "Dense"), {"mean_tokens": True}, "Dense"),
        (("Transformer", "Pooling"), {"max_tokens": True}, "max_tokens"),
        (("Transformer", "Pooling"), {"mean_tokens": True, "cls_token": True}, "cls_token"),
        (("Transformer", "Pooling"), {}, "Pooling"),
    ],
)
def test_a_part_without_a_counterpart_is_refused_by_name(folder, kinds, pooling, told, lang):
    with pytest.raises(BundleError) as error:
        read_sentence(folder(*kinds, **pooling))
    assert error.value.code == "E465"
    assert told in str(error.value)


def test_how_vectors_are_made_is_written_sealed_and_read_back(tmp_path):
    name = write_sentence(tmp_path, Sentence("mean", True, 77), 24)
    assert read_sentence(tmp_path) == Sentence("mean", True, 77)
    assert json.loads((tmp_path / name).read_text())["word_embedding_dimension"] == 24
