"""What was trained is what is served: a bundle comes back whole, or not at all with a sentence that says why."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil

import pytest
import torch

from hanlin.base import files
from hanlin.base.errors import BundleError, ConfigError, DiskFull
from hanlin.bundle.bundle import annotate_bundle, load_bundle, read_info, save_bundle
from hanlin.bundle.lineage import record_lineage
from hanlin.text.chat import Message, Template

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
FILES = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "card.md",
    "hanlin.json",
}
CLASSIC = {"norm": {"kind": "layer", "place": "post", "final": False}, "positions": {"kind": "sinusoidal"}}


@pytest.fixture
def save(tmp_path, build_tiny, tokenizer):
    """Save a tiny bundle, any part of it replaced."""

    def save(name="bundle", *, model=None, **given):
        parts = {
            "lineage": record_lineage("pretrain", seed=3),
            "template": Template.default(tokenizer.special),
            "card": "# A card\n",
        }
        model = build_tiny(seed=1) if model is None else model
        return save_bundle(tmp_path / name, model=model, tokenizer=tokenizer, **{**parts, **given})

    return save


def test_everything_comes_back(save, build_tiny, tokenizer):
    lineage = record_lineage("pretrain", seed=3, data={"corpus": "ab"}, parents={"base": "cd"})
    scores = {"bits_per_byte": {"zh": 2.25, "en": 1.875}}
    resolved = {"learning_rate": 0.001}
    folder = save(lineage=lineage, scores=scores, resolved=resolved)
    bundle = load_bundle(folder)
    assert {path.name for path in folder.iterdir()} == FILES
    assert (bundle.path, bundle.config, bundle.lineage, bundle.scores) == (folder, bundle.model.config, lineage, scores)
    assert bundle.info.resolved == resolved
    assert bundle.info.family == "llama"
    assert bundle.tokenizer.fingerprint == tokenizer.fingerprint
    assert not bundle.model.training
    ids = torch.arange(10)[None]
    assert torch.equal(bundle.model(ids), build_tiny(seed=1).eval()(ids))


def test_the_template_renders_as_it_was_saved(save, tokenizer):
    template = load_bundle(save()).template
    messages = [Message("user", "hello")]
    assert (
        template.render(messages, tokenizer=tokenizer).ids
        == Template.default(tokenizer.special).render(messages, tokenizer=tokenizer).ids
    )


@pytest.mark.parametrize(
    "fields",
    [{}, {"attention": {"qk_norm": True}}, {"embeddings": {"tied": False}}, CLASSIC],
    ids=["modern", "query-key-norm", "untied", "own-layout"],
)
def test_every_bit_of_every_kind_comes_back(save, build_tiny, fields):
    model = build_tiny(seed=5, **fields)
    loaded = load_bundle(save(model=model)).model
    assert loaded.config == model.config
    for (name, parameter), (_, found) in zip(model.named_parameters(), loaded.named_parameters(), strict=True):
        assert torch.equal(parameter, found), name


def test_the_compute_dtype_is_the_callers_choice_and_weights_stay_float32(save):
    model = load_bundle(save(), compute_dtype=torch.bfloat16).model
    assert model(torch.arange(4)[None]).dtype == torch.bfloat16
    assert model.head.weight.dtype == torch.float32


def test_the_control_tokens_stand_in_the_configs(save, tokenizer):
    folder = save()
    config = json.loads((folder / "config.json").read_text())
    generation = json.loads((folder / "generation_config.json").read_text())
    special = tokenizer.special
    assert (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"]) == (
        special.bos,
        special.eos,
        special.pad,
    )
    assert generation["eos_token_id"] == [special.eos, special.im_end]


@pytest.mark.parametrize("kind", ["truncated", "flipped", "empty", "gone"])
@pytest.mark.parametrize("name", sorted(FILES - {"card.md"}))
def test_damage_anywhere_is_found_and_named(save, damage, name, kind, lang):
    folder = save()
    damage(folder / name, kind)
    if (name, kind) == ("hanlin.json", "gone"):
        assert load_bundle(folder).lineage is None, "what is left is a foreign folder, and says so"
        return
    with pytest.raises(BundleError) as error:
        load_bundle(folder)
    assert name in str(error.value)
    assert error.value.code in {"E450", "E451", "E452"}


def test_every_flipped_bit_of_the_weights_is_seen(save):
    folder = save()
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for place in range(0, len(whole), len(whole) // 37):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BundleError) as error:
            load_bundle(folder)
        assert error.value.code == "E452"


def test_unverified_loading_still_checks_names_and_shapes(save, damage):
    folder = save()
    damage(folder / "model.safetensors", "truncated")
    with pytest.raises(BundleError) as error:
        load_bundle(folder, verify=False)
    assert error.value.code == "E454"


def test_weights_that_are_no_numbers_are_not_saved(save, build_tiny, tmp_path):
    model = build_tiny()
    with torch.no_grad():
        model.stack.blocks[0].mlp.down.weight[0, 0] = float("nan")
    with pytest.raises(BundleError) as error:
        save(model=model)
    assert error.value.code == "E456"
    assert "down_proj" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_vocabulary_beyond_the_embeddings_is_refused(save, build_tiny, tokenizer):
    with pytest.raises(BundleError) as error:
        save(model=build_tiny(vocab_size=tokenizer.vocab_size - 1))
    assert error.value.code == "E458"
    assert str(tokenizer.vocab_size) in str(error.value)


def test_a_template_of_other_control_tokens_is_refused(save, tokenizer):
    texts = {**tokenizer.special.texts, "im_end": "<|over|>"}
    with pytest.raises(BundleError) as error:
        save(template=Template.default(dataclasses.replace(tokenizer.special, texts=texts)))
    assert error.value.code == "E459"


def test_a_family_that_cannot_hold_the_shape_is_refused(save, build_tiny):
    with pytest.raises(BundleError) as error:
        save(model=build_tiny(family="gpt2"))
    assert error.value.code == "E320"
    with pytest.raises(ConfigError):
        save(model=build_tiny(family="gtp2"))


def test_a_change_that_this_version_does_not_know_is_refused(save):
    folder = save(transforms=[{"name": "fold_space", "rank": 4}])
    assert read_info(folder).transforms == ({"name": "fold_space", "rank": 4},)
    with pytest.raises(BundleError) as error:
        load_bundle(folder)
    assert error.value.code == "E461"
    assert "fold_space" in str(error.value)


@pytest.mark.parametrize("what", ["nothing", "empty folder", "file"])
def test_no_bundle_is_said_so(tmp_path, what, lang):
    path = tmp_path / "model"
    if what == "empty folder":
        path.mkdir()
    elif what == "file":
        path.write_text("no folder")
    with pytest.raises(BundleError) as error:
        load_bundle(path)
    assert error.value.code == "E460"
    assert str(path) in str(error.value)


def test_scores_and_a_card_can_be_added_without_making_it_another_model(save):
    folder = save(scores={"loss": 2.0})
    before = read_info(folder)
    weights = (folder / "model.safetensors").stat().st_ino
    (folder / "plots").mkdir()
    (folder / "plots" / "loss.svg").write_text("<svg/>")
    annotate_bundle(folder, scores={"perplexity": 7.4}, card="# Another\n")
    bundle = load_bundle(folder)
    assert bundle.scores == {"loss": 2.0, "perplexity": 7.4}
    assert (folder / "card.md").read_text() == "# Another\n"
    assert (folder / "plots" / "loss.svg").read_text() == "<svg/>"
    assert (folder / "model.safetensors").stat().st_ino == weights, "linked, not copied"
    assert bundle.info.fingerprint == before.fingerprint
    assert bundle.lineage == before.lineage


def test_a_bundle_of_other_weights_has_another_fingerprint(save, build_tiny):
    one, same, other = save("a"), save("b"), save("c", model=build_tiny(seed=2))
    assert read_info(one).fingerprint == read_info(same).fingerprint != read_info(other).fingerprint


def test_killed_while_annotating_one_of_the_two_stands(save, kill):
    folder = save(card="old", scores={"version": 1})
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    number = kill.count_points(lambda: annotate_bundle(copy, card="new", scores={"version": 2}))
    for point in range(number):
        kill.killed_at(point, lambda: annotate_bundle(folder, card="new", scores={"version": 2}), half=True)
        info = read_info(folder, verify=True)
        assert ((folder / "card.md").read_text(), info.scores["version"]) in {("old", 1), ("new", 2)}


@pytest.mark.parametrize("half", [False, True], ids=["before", "half-done"])
def test_killed_while_replacing_a_bundle_one_of_the_two_stands(save, build_tiny, kill, half):
    old, new = build_tiny(seed=1), build_tiny(seed=2)
    save("other", model=old)
    number = kill.count_points(lambda: save("other", model=new))
    folder = save(model=old)
    for point in range(0, number, 3):
        kill.killed_at(point, lambda: save(model=new), half=half)
        weight = load_bundle(folder).model.head.weight
        assert torch.equal(weight, old.head.weight) or torch.equal(weight, new.head.weight)


def test_a_full_disk_leaves_the_older_bundle(save, build_tiny, monkeypatch):
    folder = save()
    before = read_info(folder).fingerprint

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(DiskFull):
        save(model=build_tiny(seed=2))
    assert read_info(folder, verify=True).fingerprint == before
