"""Optimizers against torch's own, and Muon against linear algebra."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import named_family
from hanlin.model.linear import Linear
from hanlin.model.transformer import Transformer, build_model
from hanlin.train.config import OptimizerConfig
from hanlin.train.optimizers import Optimizer, build_optimizer

from .conftest import tiny_model

RATE = 1e-2


def with_gradients(seed: int = 0) -> Transformer:
    model = tiny_model()
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    return model


def build(model: nn.Module, name: str, **fields: object) -> Optimizer:
    return build_optimizer(model, OptimizerConfig(name=name, **fields))


REFERENCES: dict[str, Callable[[list[dict[str, object]]], torch.optim.Optimizer]] = {
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95), eps=1e-8),
    "adam": lambda groups: torch.optim.Adam(groups, lr=RATE, betas=(0.9, 0.95), eps=1e-8),
    "sgd": lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=0.95),
}


def decays(name: str, parameter: nn.Parameter) -> bool:
    """The matrices between embedding and head."""
    return parameter.ndim == 2 and name.startswith("stack.")


@pytest.mark.parametrize("name", REFERENCES)
def test_equal_to_torch(name: str) -> None:
    """Five steps on fresh gradients each; the matrices of the blocks decay, all else does not."""
    ours, theirs = tiny_model(), tiny_model()
    optimizer = build(ours, name)
    matrices = [parameter for name, parameter in theirs.named_parameters() if decays(name, parameter)]
    others = [parameter for name, parameter in theirs.named_parameters() if not decays(name, parameter)]
    reference = REFERENCES[name]([{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}])
    for step in range(5):
        source = with_gradients(step)
        for mine, other, gradient in zip(ours.parameters(), theirs.parameters(), source.parameters(), strict=True):
            mine.grad, other.grad = gradient.grad, gradient.grad.clone() if gradient.grad is not None else None
        optimizer.step(RATE)
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-6)


def test_embeddings_may_have_their_own_rate() -> None:
    base, scaled = with_gradients(), with_gradients()
    build(base, "sgd", weight_decay=0).step(RATE)
    build(scaled, "sgd", weight_decay=0, embedding_rate=3.0).step(RATE)
    start = tiny_model()
    first = (start.embeddings.tokens.weight - base.embeddings.tokens.weight).detach()
    second = (start.embeddings.tokens.weight - scaled.embeddings.tokens.weight).detach()
    torch.testing.assert_close(second, 3 * first, atol=1e-5, rtol=1e-4)
    assert torch.equal(base.stack.final_norm.weight, scaled.stack.final_norm.weight)


def spread(shape: torch.Size, parts: tuple[int, ...]) -> torch.Tensor:
    """A random gradient, each part of it with singular values from 0.1 to 1: a square Gaussian one would have some
    so small that no five iterations could lift them."""
    rows = []
    for num_rows in parts:
        left, values, right = torch.linalg.svd(torch.randn(num_rows, shape[1]), full_matrices=False)
        rows.append(left * torch.linspace(1.0, 0.1, len(values)) @ right)
    return torch.cat(rows)


def muon_updates(rate: float = RATE) -> dict[str, torch.Tensor]:
    """What one step of Muon adds to every matrix of the blocks, fused projections taken apart, scale taken out."""
    torch.manual_seed(0)
    model = with_gradients()
    for module in model.stack.blocks.modules():
        if isinstance(module, Linear):
            module.weight.grad = spread(module.weight.shape, module.parts)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    build(model, "muon", weight_decay=0).step(rate)
    updates = {}
    for name, module in model.named_modules():
        if not isinstance(module, Linear):
            continue
        moved = before[f"{name}.weight"] - module.weight.detach()
        for number, part in enumerate(moved.split(module.parts)):
            updates[f"{name}[{number}]"] = part / (rate * 0.2 * max(part.shape) ** 0.5)
    return updates


def test_muon_moves_every_matrix_by_a_nearly_orthogonal_one() -> None:
    updates = muon_updates()
    assert len(updates) == 2 * (3 + 1 + 2 + 1)  # layers x (q, k, v, out, gate, up, down)
    for name, update in updates.items():
        values = torch.linalg.svdvals(update)
        assert values.min() > 0.5, name
        assert values.max() < 1.5, name


def test_muon_takes_fused_projections_apart() -> None:
    """Queries a thousand times louder than keys: as one matrix the keys' rows would get next to nothing."""
    model = with_gradients()
    layer = model.stack.blocks[0].attention.qkv
    before = layer.weight.detach().clone()
    layer.weight.grad[: layer.parts[0]] *= 1000
    build(model, "muon", weight_decay=0).step(RATE)
    query, key, _ = (before - layer.weight.detach()).split(layer.parts)
    assert 0.5 < query.norm() / key.norm() < 2


def test_muon_is_torchs_own() -> None:
    model = with_gradients()
    out = model.stack.blocks[0].attention.out.weight
    reference = nn.Parameter(out.detach().clone())
    reference.grad = out.grad.clone()
    theirs = torch.optim.Muon([reference], lr=RATE, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    theirs.step()
    build(model, "muon").step(RATE)
    assert torch.equal(out, reference)


def test_muon_leaves_embeddings_and_vectors_to_adamw() -> None:
    """The first step of Adam moves every number by its learning rate, up or down; that of embeddings is 7 times."""
    model, start = with_gradients(), tiny_model()
    build(model, "muon", weight_decay=0).step(RATE)
    for mine, other, rate in [
        (model.embeddings.tokens.weight, start.embeddings.tokens.weight, 7 * RATE),
        (model.stack.final_norm.weight, start.stack.final_norm.weight, RATE),
    ]:
        torch.testing.assert_close((mine - other).abs().detach(), torch.full(mine.shape, rate), atol=1e-6, rtol=1e-4)


def test_only_tables_of_tokens_go_at_the_embeddings_rate() -> None:
    """A BERT whose positions and whose layer before the scores went seven times as fast learned next to nothing."""
    sizes = {"vocab_size": 40, "hidden_size": 16, "num_heads": 2, "num_layers": 1}
    config = ModelConfig(**{**named_family("bert").preset, **sizes})
    model, start = build_model(config, seed=0), build_model(config, seed=0)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    build(model, "muon", weight_decay=0).step(RATE)
    rates = {
        name: float((mine - other).detach().abs().max() / RATE)
        for (name, mine), other in zip(model.named_parameters(), start.parameters(), strict=True)
    }
    assert rates["embeddings.tokens.weight"] == pytest.approx(7, rel=1e-3)
    assert rates["embeddings.positions.weight"] == pytest.approx(1, rel=1e-3)
    assert rates["embeddings.types.weight"] == pytest.approx(1, rel=1e-3)
    assert rates["head.transform.dense.weight"] < 1  # by Muon: of rank one, spread over the whole matrix


def test_embeddings_norms_and_biases_never_decay() -> None:
    """A rare token's vector would halve between two of its occurrences at the rate embeddings learn beside Muon."""
    parts = {"attention": {"qkv_bias": True, "out_bias": True}, "mlp": {"bias": True}, "norm": {"kind": "layer"}}
    model = tiny_model(**parts, embeddings={"tied": False})
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    build(model, "adamw", weight_decay=0.5).step(RATE)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == (not decays(name, parameter)), name


@pytest.mark.parametrize("name", ["muon", "adamw", "adam", "sgd"])
def test_the_state_goes_out_and_comes_back(name: str) -> None:
    first, second = with_gradients(), tiny_model()
    ours, fresh = build(first, name), build(second, name)
    ours.step(RATE)
    second.load_state_dict(first.state_dict())
    fresh.load_state_tensors(ours.state_tensors())
    for model, optimizer in ((first, ours), (second, fresh)):
        for parameter, source in zip(model.parameters(), with_gradients(1).parameters(), strict=True):
            parameter.grad = source.grad
        optimizer.step(RATE)
    for mine, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_state_names_are_parameter_names() -> None:
    optimizer = build(with_gradients(), "muon")
    optimizer.step(RATE)
    names = set(optimizer.state_tensors())
    assert "embeddings.tokens.weight.exp_avg" in names
    assert "stack.blocks.0.attention.qkv.weight[32].momentum_buffer" in names
    assert "stack.blocks.1.mlp.down.weight.momentum_buffer" in names
    assert "stack.final_norm.weight.step" in names


def test_whoever_watches_versions_sees_a_step() -> None:
    """The engine keeps a copy of the weights and renews it when autograd's version counter moves."""
    model = with_gradients()
    optimizer = build(model, "muon")
    before = {name: parameter._version for name, parameter in model.named_parameters()}
    optimizer.step(RATE)
    assert all(parameter._version > before[name] for name, parameter in model.named_parameters())


def test_frozen_parameters_are_left_out() -> None:
    model = with_gradients()
    model.embeddings.tokens.weight.requires_grad_(False)
    before = model.embeddings.tokens.weight.detach().clone()
    optimizer = build(model, "muon")
    optimizer.step(RATE)
    assert torch.equal(model.embeddings.tokens.weight, before)
    assert not any(parameter is model.embeddings.tokens.weight for parameter in optimizer.parameters())


def test_zero_grad_forgets_slices_too() -> None:
    model = with_gradients()
    optimizer = build(model, "muon")
    optimizer.step(RATE)
    optimizer.zero_grad()
    before = model.stack.blocks[0].attention.qkv.weight.detach().clone()
    optimizer.step(RATE)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(model.stack.blocks[0].attention.qkv.weight, before)
