"""Folders of the Hugging Face world: theirs opened here, ours opened there."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from hanlin.base.errors import BundleError
from hanlin.bundle.bundle import load_bundle, save_bundle
from hanlin.bundle.convert import import_weights
from hanlin.bundle.lineage import Lineage
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import assemble
from hanlin.text.chat import Template

transformers = pytest.importorskip("transformers")

IDS = torch.arange(12)[None]
TURNS = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "你好"}]


@pytest.fixture
def ours(tmp_path, build_tiny, tokenizer):
    """A bundle of ours."""
    template = Template.default(tokenizer.special)
    lineage = Lineage(stage="pretrain", seed=1)
    return save_bundle(
        tmp_path / "ours", model=build_tiny(seed=1), tokenizer=tokenizer, template=template, lineage=lineage
    )


def config(**settings):
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return transformers.LlamaConfig(
        vocab_size=300, max_position_embeddings=64, initializer_range=0.2, **sizes, **settings
    )


@pytest.fixture
def theirs(tmp_path):
    """A model of theirs, and the folder it was saved to."""

    def make(model=None, **options):
        torch.manual_seed(0)
        model = transformers.LlamaForCausalLM(config()) if model is None else model
        model.eval().save_pretrained(tmp_path / "theirs", **options)
        return model, tmp_path / "theirs"

    return make


def edit(path, change):
    """Change the tensors of a file, or the settings of a config."""
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
    else:
        tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
        change(tensors)
        save_file(tensors, path)


def refused(folder):
    with pytest.raises(BundleError) as error:
        load_bundle(folder)
    assert folder.name in str(error.value)
    return error.value


def test_our_bundle_opens_in_transformers_word_for_word(ours):
    bundle = load_bundle(ours)
    model = transformers.AutoModelForCausalLM.from_pretrained(ours).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(ours)
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, bundle.model(IDS), atol=1e-5, rtol=0)
    assert tokenizer("hi 你好", add_special_tokens=False).input_ids == bundle.tokenizer.encode("hi 你好")
    rendered = bundle.template.render(TURNS, tokenizer=bundle.tokenizer, add_generation_prompt=True)
    assert tokenizer.apply_chat_template(TURNS, tokenize=False, add_generation_prompt=True) == rendered.text
    found = tokenizer.apply_chat_template(TURNS, add_generation_prompt=True, return_dict=False)
    assert found == rendered.ids
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (
        bundle.tokenizer.special.eos,
        bundle.tokenizer.special.pad,
    )


def test_transformers_ends_a_turn_where_we_do(ours):
    generation = transformers.GenerationConfig.from_pretrained(ours)
    special = load_bundle(ours).tokenizer.special
    assert generation.eos_token_id == [special.eos, special.im_end]


def test_a_bundle_saved_again_by_transformers_is_a_foreign_folder(ours, tmp_path):
    again = tmp_path / "again"
    transformers.AutoModelForCausalLM.from_pretrained(ours).save_pretrained(again)
    transformers.AutoTokenizer.from_pretrained(ours).save_pretrained(again)
    bundle, first = load_bundle(again), load_bundle(ours)
    assert torch.equal(bundle.model(IDS), first.model(IDS))
    assert bundle.lineage is None
    assert bundle.tokenizer.encode("hi 你好") == first.tokenizer.encode("hi 你好")
    assert bundle.template.source == first.template.source
    assert "checksums" in bundle.info.notes[0]


def test_a_template_inside_the_tokenizers_config_is_found(ours):
    source = (ours / "chat_template.jinja").read_text()
    for name in ("hanlin.json", "chat_template.jinja"):
        (ours / name).unlink()
    edit(ours / "tokenizer_config.json", lambda settings: settings.update(chat_template=source))
    assert load_bundle(ours).template.source == source


def test_a_folder_without_a_tokenizer_loads_and_says_so(theirs):
    model, folder = theirs()
    bundle = load_bundle(folder)
    assert bundle.tokenizer is None
    assert bundle.template is None
    assert "tokenizer" in bundle.info.notes[-1]
    with torch.no_grad():
        torch.testing.assert_close(bundle.model(IDS), model(IDS).logits, atol=1e-5, rtol=0)


def test_weights_in_several_files_are_put_together(theirs):
    model, folder = theirs(max_shard_size="8KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 2
    with torch.no_grad():
        torch.testing.assert_close(load_bundle(folder).model(IDS), model(IDS).logits, atol=1e-5, rtol=0)
    shards[1].unlink()
    assert shards[1].name in str(refused(folder))


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd"])
def test_an_index_cannot_point_outside_its_folder(theirs, name):
    _, folder = theirs(max_shard_size="8KB")
    edit(folder / "model.safetensors.index.json", lambda index: index["weight_map"].update({"lm_head.weight": name}))
    assert refused(folder).code == "E468"


@pytest.mark.parametrize("index", [[], {}, {"weight_map": []}, {"weight_map": {}}])
def test_an_index_that_is_none_is_refused(theirs, index):
    _, folder = theirs(max_shard_size="8KB")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert refused(folder).code == "E467"


def test_pickled_weights_are_refused_with_the_way_out(theirs, lang):
    _, folder = theirs()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    error = refused(folder)
    assert error.code == "E457"
    assert "pytorch_model.bin" in str(error)
    assert "save_pretrained" in str(error)


@pytest.mark.parametrize("head", [True, False], ids=["with-head", "bare"])
def test_gpt2_files_come_bare_and_with_old_buffers(theirs, head):
    settings = transformers.GPT2Config(vocab_size=300, n_embd=16, n_layer=1, n_head=2, n_positions=32)
    full = transformers.GPT2LMHeadModel(settings).eval()
    _, folder = theirs(full if head else full.transformer)
    start = "transformer." if head else ""
    edit(
        folder / "model.safetensors",
        lambda tensors: tensors.update({f"{start}h.0.attn.bias": torch.ones(1, 1, 32, 32).bool()}),
    )
    with torch.no_grad():
        torch.testing.assert_close(load_bundle(folder).model(IDS), full(IDS).logits, atol=1e-5, rtol=0)


def test_a_tied_head_may_stand_in_the_file_if_it_is_the_same(theirs):
    model, folder = theirs(transformers.LlamaForCausalLM(config(tie_word_embeddings=True)))
    table = "model.embed_tokens.weight"
    edit(folder / "model.safetensors", lambda tensors: tensors.update({"lm_head.weight": tensors[table].clone()}))
    with torch.no_grad():
        torch.testing.assert_close(load_bundle(folder).model(IDS), model(IDS).logits, atol=1e-5, rtol=0)


def test_whether_the_head_is_tied_is_asked_of_the_file(theirs, lang):
    _, folder = theirs()
    said = load_bundle(folder)
    edit(folder / "config.json", lambda settings: settings.update(tie_word_embeddings=True))
    bundle = load_bundle(folder)
    assert not bundle.config.embeddings.tied
    assert torch.equal(bundle.model(IDS), said.model(IDS))
    assert any("tie_word_embeddings" in note for note in bundle.info.notes)
    edit(folder / "config.json", lambda settings: settings.update(tie_word_embeddings=False))
    edit(folder / "model.safetensors", lambda tensors: tensors.pop("lm_head.weight"))
    assert load_bundle(folder).config.embeddings.tied


def test_a_head_that_differs_has_no_place_in_a_tied_model(theirs):
    _, folder = theirs()
    family = FAMILIES["llama"]
    hf = json.loads((folder / "config.json").read_text())
    tied = family.from_hf_config({**hf, "tie_word_embeddings": True})
    with pytest.raises(BundleError) as error:
        import_weights(folder, assemble(tied), tied, family, verify=True)
    assert error.value.code == "E462"


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_weights_are_read_when_asked_for(theirs, zipped):
    model, folder = theirs()
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    with torch.no_grad():
        torch.testing.assert_close(load_bundle(folder, pickles=True).model(IDS), model(IDS).logits, atol=1e-5, rtol=0)


class Bomb:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize("content", [Bomb(), {"model.norm.weight": Bomb()}, [1, 2], {"a": 1}])
def test_a_pickle_that_holds_more_than_tensors_is_refused_and_not_run(theirs, content, capsys, lang):
    _, folder = theirs()
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / "pytorch_model.bin")
    with pytest.raises(BundleError) as error:
        load_bundle(folder, pickles=True)
    assert error.value.code == "E464"
    assert "run" not in capsys.readouterr().out


def test_a_pickle_dressed_as_safetensors_is_refused(theirs):
    model, folder = theirs()
    torch.save(model.state_dict(), folder / "model.safetensors")
    assert refused(folder).code == "E454"


def test_half_precision_files_become_float32_masters(theirs):
    model, folder = theirs(transformers.LlamaForCausalLM(config()).to(torch.bfloat16))
    loaded = load_bundle(folder).model
    assert loaded.head.weight.dtype == torch.float32
    assert torch.equal(loaded.head.weight, model.lm_head.weight.float())


def test_all_that_is_wrong_with_the_tensors_is_told_at_once(theirs, lang):
    _, folder = theirs()

    def spoil(tensors):
        del tensors["model.norm.weight"]
        tensors["model.layers.7.mlp.up_proj.weight"] = torch.ones(2)
        tensors["lm_head.weight"] = torch.ones(300, 8)
        tensors["model.layers.0.mlp.up_proj.weight"] = torch.ones(24, 16, dtype=torch.int8)

    edit(folder / "model.safetensors", spoil)
    error = refused(folder)
    assert error.code == "E455"
    for part in ("model.norm.weight", "model.layers.7.mlp.up_proj.weight", "300 x 8", "300 x 16", "int8"):
        assert part in str(error)


def test_foreign_weights_must_be_finite(theirs):
    _, folder = theirs()
    edit(folder / "model.safetensors", lambda tensors: tensors["model.norm.weight"].fill_(float("inf")))
    error = refused(folder)
    assert error.code == "E456"
    assert "model.norm.weight" in str(error)


def test_an_unknown_family_is_refused_with_the_nearest(theirs):
    _, folder = theirs()
    edit(folder / "config.json", lambda settings: settings.update(model_type="qwen4"))
    error = refused(folder)
    assert error.code == "E322"
    assert "The nearest is qwen" in str(error)


def test_a_config_that_is_no_table_is_no_model(theirs):
    _, folder = theirs()
    (folder / "config.json").write_text("[1, 2]")
    assert refused(folder).code == "E460"


def test_settings_without_meaning_here_are_named(theirs):
    _, folder = theirs()
    edit(folder / "config.json", lambda settings: settings.update(quantum_state="up"))
    assert any("quantum_state" in note for note in load_bundle(folder).info.notes)


def test_a_setting_that_we_cannot_honour_is_refused(theirs):
    _, folder = theirs()
    scaled = {"rope_type": "proportional", "rope_theta": 1e4, "factor": 8.0}
    edit(folder / "config.json", lambda settings: settings.update(rope_parameters=scaled))
    with pytest.raises(BundleError) as error:
        load_bundle(folder)
    assert error.value.code == "E321"
