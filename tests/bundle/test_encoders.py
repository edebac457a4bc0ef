"""BERT and its like against transformers, both ways: states, masked tokens, pooled state, next sentence."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.bundle.parity import LIMITS, check, load, randomise, write

from hanlin.base.errors import BundleError, UsageError
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES, choose_family
from hanlin.model.transformer import build_model

transformers = pytest.importorskip("transformers")

SIZES = {"vocab_size": 97, "hidden_size": 48, "num_hidden_layers": 3, "intermediate_size": 80, "initializer_range": 0.2}
THEIRS = {
    "bert whole": ("BertForPreTraining", {**SIZES, "num_attention_heads": 4}),
    "bert odd heads untied": (
        "BertForMaskedLM",
        {**SIZES, "num_attention_heads": 3, "tie_word_embeddings": False, "hidden_act": "gelu_new"},
    ),
    "bert bare": ("BertModel", {**SIZES, "num_attention_heads": 6, "hidden_act": "relu", "type_vocab_size": 3}),
    "roberta": ("RobertaForMaskedLM", {**SIZES, "num_attention_heads": 3, "type_vocab_size": 1, "pad_token_id": 1}),
    "roberta bare": ("RobertaModel", {**SIZES, "num_attention_heads": 4, "pad_token_id": 3}),
    "xlm-roberta": ("XLMRobertaForMaskedLM", {**SIZES, "num_attention_heads": 4, "layer_norm_eps": 1e-5}),
}
LENGTHS = (23, 9, 16)


@pytest.fixture(scope="module")
def batch():
    """Three rows of different lengths, padded at the right; ids that no family pads with."""
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(5, 97, (3, 23), generator=generator)
    real = torch.arange(23) < torch.tensor(LENGTHS)[:, None]
    return ids, real, (torch.arange(23) > 7).long().expand(3, 23)


def build(name, settings, seed=1):
    torch.manual_seed(seed)
    cls = getattr(transformers, name)
    return randomise(cls(cls.config_class(**settings)).eval())


def padded(ids, real, pad):
    return torch.where(real, ids, torch.full_like(ids, pad))


@pytest.mark.parametrize("dtype", LIMITS, ids=["float64", "float32"])
@pytest.mark.parametrize("kind", THEIRS)
def test_their_encoder_says_the_same_here(kind, dtype, batch, tmp_path):
    name, settings = THEIRS[kind]
    theirs = build(name, settings)
    theirs.save_pretrained(tmp_path)
    ours = load(tmp_path, dtype)
    assert ours.config.family == kind.split()[0]
    unused = 97 * ("untied" in kind)  # transformers 5 keeps two biases there and adds the second alone
    assert ours.num_parameters() == ours.config.num_parameters() == theirs.num_parameters() - unused
    ids, real, types = batch
    ids, types = padded(ids, real, theirs.config.pad_token_id), types % theirs.config.type_vocab_size
    with torch.no_grad():
        said = theirs.to(dtype)(ids, attention_mask=real.long(), token_type_ids=types, output_hidden_states=True)
        states = ours.hidden(ids, segments=real.long(), types=types)
        check(states[real], said.hidden_states[-1][real], dtype)
        if "logits" in said:
            check(ours.head(states)[real], said.logits[real], dtype)
        if "prediction_logits" in said:
            check(ours.head(states)[real], said.prediction_logits[real], dtype)
            check(ours.next_sentence(ours.pooler(states)), said.seq_relationship_logits, dtype)
        if said.get("pooler_output") is not None:
            check(ours.pooler(states), said.pooler_output, dtype)


@pytest.mark.parametrize("kind", ["bert whole", "bert bare", "roberta"])
def test_a_row_alone_says_what_it_says_in_a_batch(kind, batch, tmp_path):
    build(*THEIRS[kind]).save_pretrained(tmp_path)
    model, (ids, real, _) = load(tmp_path, torch.float64), batch
    with torch.no_grad():
        together = model.hidden(ids, segments=real.long())
        for row, length in enumerate(LENGTHS):
            check(together[row : row + 1, :length], model.hidden(ids[row : row + 1, :length]), torch.float64)


@pytest.mark.parametrize("kind", THEIRS)
def test_import_export_import_keeps_every_bit(kind, tmp_path):
    theirs = build(*THEIRS[kind])
    theirs.save_pretrained(tmp_path / "theirs")
    first = load(tmp_path / "theirs", torch.float32)
    write(tmp_path / "ours", first, first.config)
    second = load(tmp_path / "ours", torch.float32)
    assert second.config == first.config
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    again = transformers.AutoModel.from_pretrained(tmp_path / "ours")
    wanted = getattr(theirs, theirs.base_model_prefix, theirs).state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in again.state_dict().items() if name in wanted)


OURS = {
    "bert": FAMILIES["bert"].preset,
    "bert untied": {
        **FAMILIES["bert"].preset, "embeddings": {"types": 2, "tied": False}, "head": {"transform": True, "bias": True}
    },
    "roberta": FAMILIES["roberta"].preset,
}  # fmt: skip


@pytest.mark.parametrize("kind", OURS)
def test_our_encoder_opens_there_and_says_the_same(kind, batch, tmp_path):
    config = ModelConfig(vocab_size=97, hidden_size=48, num_layers=2, num_heads=3, max_seq_len=40, **OURS[kind])
    assert choose_family(config).name == kind.split()[0]
    ours = randomise(build_model(config, seed=4).eval())
    write(tmp_path, ours, config)
    name = FAMILIES[kind.split()[0]].to_hf_config(config)["architectures"][0]
    theirs, told = getattr(transformers, name).from_pretrained(tmp_path, output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    ids, real, _ = batch
    with torch.no_grad():
        said = theirs.eval()(padded(ids, real, theirs.config.pad_token_id), attention_mask=real.long())
        check(ours(ids, segments=real.long())[real], said[0][real], torch.float32)


def edit(folder, change):
    path = folder / "model.safetensors"
    save_file(change({name: tensor.clone() for name, tensor in load_file(path).items()}), path)


def old(tensors):
    """As Google's first files were converted: gamma and beta, no prefix, positions as numbers, the bias twice."""
    names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    for new, before in names.items():
        tensors = {name.replace(new, before): tensor for name, tensor in tensors.items()}
    return tensors


def test_old_files_say_gamma_and_beta_and_hold_what_is_no_weight(batch, tmp_path):
    theirs = build(*THEIRS["bert whole"])
    theirs.save_pretrained(tmp_path)
    expected = load(tmp_path, torch.float32)
    extra = {
        "bert.embeddings.position_ids": torch.arange(512)[None],
        "cls.predictions.decoder.bias": theirs.cls.predictions.bias.detach().clone(),
        "cls.predictions.decoder.weight": theirs.get_input_embeddings().weight.detach().clone(),
    }
    edit(tmp_path, lambda tensors: {**old(tensors), **extra})
    assert torch.equal(load(tmp_path, torch.float32)(batch[0]), expected(batch[0]))


def test_a_bare_file_with_int64_positions_is_an_encoder_without_scores(batch, tmp_path):
    build(*THEIRS["bert bare"]).save_pretrained(tmp_path)
    edit(tmp_path, lambda tensors: {**tensors, "embeddings.position_ids": torch.arange(512)[None]})
    model = load(tmp_path, torch.float32)
    assert (model.config.head.kind, model.config.head.pooler) == ("none", True)
    with pytest.raises(UsageError) as error:
        model(batch[0])
    assert error.value.code == "E303"


def test_positions_by_distance_of_bert_are_refused(tmp_path):
    settings = FAMILIES["bert"].to_hf_config(ModelConfig(vocab_size=97, **OURS["bert"]))
    with pytest.raises(BundleError) as error:
        FAMILIES["bert"].from_hf_config({**settings, "position_embedding_type": "relative_key"})
    assert error.value.code == "E321"
    assert "relative_key" in str(error.value)
