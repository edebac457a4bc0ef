"""XLNet against transformers: read both ways, padded, with kinds, in any order, by two streams; exported and opened."""

from __future__ import annotations

import pytest
import torch
from tests.bundle.parity import LIMITS, check, load, randomise, write

from hanlin.base.errors import BundleError
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES, choose_family
from hanlin.model.transformer import build_model

transformers = pytest.importorskip("transformers")

SIZES = {"vocab_size": 97, "d_model": 48, "n_layer": 3, "d_inner": 80, "initializer_range": 0.2}
THEIRS = {
    "xlnet": ("XLNetLMHeadModel", {**SIZES, "n_head": 4}),
    "odd heads, untied": (
        "XLNetLMHeadModel",
        {**SIZES, "n_head": 3, "tie_word_embeddings": False, "ff_activation": "relu"},
    ),
    "bare": ("XLNetModel", {**SIZES, "n_head": 1, "layer_norm_eps": 1e-6}),
}
LENGTHS = (19, 8, 14)


@pytest.fixture(scope="module")
def batch():
    """ids, which are real, kinds, who may not see whom, and places to guess, two rows of which see nothing first."""
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(6, 97, (3, 19), generator=generator)
    real = torch.arange(19) < torch.tensor(LENGTHS)[:, None]
    kinds = (torch.arange(19) > 5).long().expand(3, 19)
    order = torch.rand(3, 19, generator=generator).argsort(dim=1)
    unseen = order[:, :, None] <= order[:, None, :]
    targets = torch.tensor([[3, 17, 9], [1, 0, 6], [13, 2, 5]])
    return ids, real, kinds, unseen, targets


@pytest.fixture(autouse=True)
def true_float64(monkeypatch):
    """Their sines are float32 in any model, and beside a second stream nothing casts them."""
    cls = transformers.models.xlnet.modeling_xlnet.XLNetModel
    sines = cls.relative_positional_encoding
    monkeypatch.setattr(cls, "relative_positional_encoding", lambda self, *a, **k: sines(self, *a, **k).to(self.dtype))


@pytest.fixture(scope="module", params=THEIRS)
def pair(request, tmp_path_factory):
    name, settings = THEIRS[request.param]
    torch.manual_seed(1)
    cls = getattr(transformers, name)
    theirs = randomise(cls(cls.config_class(**settings)).eval())
    folder = tmp_path_factory.mktemp("theirs")
    theirs.save_pretrained(folder)
    return theirs, folder


@torch.no_grad()
@pytest.mark.parametrize("dtype", LIMITS, ids=["float64", "float32"])
def test_their_model_says_the_same_here(pair, dtype, batch):
    """Plainly, then with kinds and an order, then the guesses of the second stream."""
    theirs, folder = pair
    theirs, ours = theirs.to(dtype), load(folder, dtype)
    assert ours.config.family == "xlnet"
    assert ours.num_parameters() == ours.config.num_parameters() == theirs.num_parameters()
    ids, real, kinds, unseen, targets = batch
    head = ours.head if ours.config.head.kind == "tokens" else torch.nn.Identity()
    mapping = torch.nn.functional.one_hot(targets, 19).to(dtype)
    padding, whole = {"attention_mask": real.to(dtype)}, torch.ones_like(real)
    ordered = {"token_type_ids": kinds, "perm_mask": unseen.to(dtype)}
    ours_ordered = {"types": kinds, "unseen": unseen}
    for asked, said, kept in (
        (padding, {"segments": real.long()}, real),
        ({"token_type_ids": kinds, **padding}, {"types": kinds, "segments": real.long()}, real),
        (ordered, ours_ordered, whole),
        ({**ordered, **padding}, {**ours_ordered, "segments": real.long()}, real),
        ({**ordered, "target_mapping": mapping}, {**ours_ordered, "targets": targets}, whole[:, :3]),
    ):
        check(head(ours.hidden(ids, **said))[kept], theirs(ids, **asked)[0][kept], dtype)
    theirs.float()


@torch.no_grad()
def test_guesses_of_padded_rows_are_those_of_the_rows_alone(pair, batch):
    ours, (ids, real, _, _, targets) = load(pair[1], torch.float64), batch
    targets = targets % torch.tensor(LENGTHS)[:, None]
    unseen = torch.zeros(3, 19, 19, dtype=torch.bool).scatter_(
        2, targets[:, None].expand(-1, 19, -1), torch.ones(3, 19, 3, dtype=torch.bool)
    )
    together = ours.hidden(ids, targets=targets, unseen=unseen, segments=real.long())
    for row, length in enumerate(LENGTHS):
        one = slice(row, row + 1)
        alone = ours.hidden(ids[one, :length], targets=targets[one], unseen=unseen[one, :length, :length])
        check(together[one], alone, torch.float64)


@torch.no_grad()
def test_a_guess_does_not_know_the_token(pair, batch):
    """Another token at a place that is hidden from all: no guess changes, the first stream does."""
    ours, (ids, _, _, _, targets) = load(pair[1], torch.float64), batch
    unseen = torch.zeros(1, 19, 19, dtype=torch.bool)
    unseen[:, :, 3] = True
    other = ids.clone()
    other[:, 3] = 96 - ids[:, 3]
    asked = {"targets": targets[:1], "unseen": unseen}
    assert torch.equal(ours.hidden(ids[:1], **asked)[:, 0], ours.hidden(other[:1], **asked)[:, 0])
    assert not torch.equal(ours.hidden(ids[:1])[:, 3], ours.hidden(other[:1])[:, 3])


@torch.no_grad()
def test_masks_are_guessed_as_its_card_shows(pair, batch):
    (theirs, folder), ids = pair, batch[0]
    places = torch.tensor([[3, 7], [5, 0], [18, 17]])
    hidden = torch.zeros(3, 19).scatter_(1, places, torch.ones(3, 2))[:, None].expand(-1, 19, -1)
    mapping = torch.nn.functional.one_hot(places, 19).float()
    found = load(folder, torch.float32).guessed(ids, places)
    base = getattr(theirs, "transformer", theirs)
    check(found, base(ids, perm_mask=hidden, target_mapping=mapping)[0], torch.float32)


@torch.no_grad()
def test_import_export_import_keeps_every_bit(pair, batch, tmp_path):
    theirs, folder = pair
    first = load(folder, torch.float32)
    write(tmp_path, first, first.config)
    second = load(tmp_path, torch.float32)
    assert second.config == first.config
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    again, told = type(theirs).from_pretrained(tmp_path, output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    assert torch.equal(again.eval()(batch[0])[0], theirs(batch[0])[0])


def test_our_own_opens_there():
    config = ModelConfig(vocab_size=97, hidden_size=48, num_layers=2, num_heads=3, **FAMILIES["xlnet"].preset)
    assert choose_family(config).name == "xlnet"
    assert build_model(config, seed=1).num_parameters() == config.num_parameters()


@pytest.mark.parametrize("setting", [{"attn_type": "uni"}, {"bi_data": True}, {"clamp_len": 7}])
def test_what_is_not_built_is_refused(setting):
    config = ModelConfig(vocab_size=97, hidden_size=48, num_layers=2, num_heads=3, **FAMILIES["xlnet"].preset)
    with pytest.raises(BundleError) as error:
        FAMILIES["xlnet"].from_hf_config({**FAMILIES["xlnet"].to_hf_config(config), **setting})
    assert error.value.code == "E321"
    assert next(iter(setting)) in str(error.value)
