"""What the parity tests of all shapes share: wide random weights, both ways to a folder, and the limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from hanlin.bundle.bundle import read_info
from hanlin.bundle.convert import export_weights, import_weights
from hanlin.bundle.tensors import write_tensors
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import choose_family, named_family
from hanlin.model.transformer import Transformer, assemble

LIMITS = {torch.float64: 1e-9, torch.float32: 1e-5}


def exact_norm(self: Any, x: torch.Tensor) -> torch.Tensor:
    """RMS norms of transformers work in float32 even in a float64 model, which would hide 1e-7 of anything behind their
    own rounding. The oracle is given the precision that was asked for; its formula stays."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return self.weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.variance_epsilon)).to(x.dtype)


def randomise(model: torch.nn.Module, seed: int = 11) -> Any:
    """Weights of 0.2, and norms and biases away from 1 and 0, where mistakes hide."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            wide = 0.2 if parameter.dim() > 1 else 0.3
            around = parameter.dim() == 1 and any(part in name for part in ("norm", "LayerNorm", "ln_"))
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * wide + around)
    return model


def check(found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> None:
    """HOUSE 9: 1e-9 in float64, in float32 1e-5 of the largest."""
    difference, scale = (found - expected).abs().max().item(), max(1.0, expected.abs().max().item())
    limit = LIMITS[dtype] * (scale if dtype == torch.float32 else 1)
    assert difference <= limit, f"{difference:.2e} over {limit:.2e}, largest {scale:.1f}"


def load(folder: Path, dtype: torch.dtype) -> Transformer:
    """A folder of any family as our model."""
    info = read_info(folder)
    model = assemble(info.config, compute_dtype=dtype).to(dtype).eval()
    import_weights(folder, model, info.config, named_family(info.family), verify=True)
    return model


def write(folder: Path, model: torch.nn.Module, config: ModelConfig) -> None:
    """Our model as a folder of its family."""
    family = choose_family(config)
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(family.to_hf_config(config)))
    write_tensors(folder / "model.safetensors", export_weights(model, config, family))
