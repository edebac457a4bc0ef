"""Rotary positions in config.json: `rope_parameters` (transformers 5), `rope_theta` and `rope_scaling` (before)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hanlin.base.errors import BundleError
from hanlin.model.config import ModelConfig
from hanlin.model.parts_config import RopeScalingConfig

_KINDS = {"default": "none", "linear": "linear", "dynamic": "dynamic", "llama3": "llama3", "yarn": "yarn"}
_KINDS |= {"longrope": "longrope", "su": "longrope"}  # its name in the first files
_ORIGINAL = "original_max_position_embeddings"
# Settings of ours under their names, by the kind of scaling that has them.
_NUMBERS = {
    "llama3": {"low": ("low_freq_factor", 1.0), "high": ("high_freq_factor", 4.0)},
    "yarn": {"fast": ("beta_fast", 32.0), "slow": ("beta_slow", 1.0)},
}
_DIVISORS = {"near_divisors": "short_factor", "far_divisors": "long_factor"}


def rope_fields(hf: Mapping[str, Any], *, theta: float = 10000.0, fraction: float = 1.0) -> dict[str, Any]:
    """`positions` and `max_seq_len` of a ModelConfig; `theta` and `fraction` are the class's defaults.

    Raises BundleError E321 for a scaling that is not built, and where half a pair would turn.
    """
    said = hf.get("rope_parameters") or hf.get("rope_scaling") or {}
    scaling = scaling_fields(said, hf)
    return {
        "positions": {
            "kind": "rope",
            "theta": float(said.get("rope_theta") or hf.get("rope_theta") or theta),
            "fraction": _whole_pairs(
                said.get("partial_rotary_factor") or hf.get("partial_rotary_factor") or fraction, hf
            ),
            "scaling": scaling,
        },
        "max_seq_len": _reach(hf["max_position_embeddings"], scaling),
    }


def _whole_pairs(fraction: float, hf: Mapping[str, Any]) -> float:
    """The share of a head that turns; an odd number of its numbers turns by other angles over there."""
    size = hf.get("head_dim") or hf["hidden_size"] // hf["num_attention_heads"]
    if fraction < 1 and int(size * fraction) % 2:
        told = f"partial_rotary_factor = {fraction:g}, head_dim = {size}"
        raise BundleError("model.setting_unbuilt", family=hf.get("model_type", ""), settings=told)
    return fraction


def scaling_fields(said: Mapping[str, Any], hf: Mapping[str, Any]) -> dict[str, Any]:
    """RopeScalingConfig of one `rope_parameters` table."""
    theirs = said.get("rope_type", said.get("type", "default"))
    if theirs not in _KINDS:
        raise BundleError("model.setting_unbuilt", family=hf.get("model_type", ""), settings=f"rope_type = {theirs!r}")
    kind, factor = _KINDS[theirs], said.get("factor")
    if kind == "none":
        return {}
    fields = {ours: said.get(name) or default for ours, (name, default) in _NUMBERS.get(kind, {}).items()}
    if kind == "dynamic":  # its class takes no other
        fields["original"] = hf["max_position_embeddings"]
    elif kind != "linear":
        fields["original"] = said.get(_ORIGINAL) or hf.get(_ORIGINAL) or hf["max_position_embeddings"]
    if kind in ("yarn", "longrope"):
        factor = factor or hf["max_position_embeddings"] / fields["original"]
    if kind == "longrope":
        fields |= {ours: tuple(said[theirs]) for ours, theirs in _DIVISORS.items()}
        fields["amplitude"] = said.get("attention_factor") or 0.0
    factor = float(said["factor"] if factor is None else factor)
    if kind == "yarn":
        fields |= {"whole": said.get("truncate", True), "amplitude": _amplitude(said, factor)}
    return {"kind": kind, "factor": factor, **fields}


def _amplitude(said: Mapping[str, Any], factor: float) -> float:
    """What a file sets; 0 where it leaves it to the formula of the paper."""
    if said.get("attention_factor"):
        return float(said["attention_factor"])
    if said.get("mscale") and said.get("mscale_all_dim"):
        above, below = (0.1 * said[name] * math.log(factor) + 1 for name in ("mscale", "mscale_all_dim"))
        return above / below if factor > 1 else 1.0
    return 0.0


def _reach(said: int, scaling: Mapping[str, Any]) -> int:
    """Longest sequence. Of linear and dynamic scaling files give what the model was trained on, of yarn some do."""
    kind, factor = scaling.get("kind"), scaling.get("factor", 1.0)
    if kind in ("linear", "dynamic"):
        return round(said * factor)
    return max(said, round(scaling["original"] * factor)) if kind == "yarn" else said


def rope_settings(config: ModelConfig) -> dict[str, Any]:
    """Both spellings: transformers 5 reads `rope_parameters`, most other loaders still the older two."""
    positions, scaling = config.positions, config.positions.scaling
    parameters = {"rope_theta": positions.theta, **scaling_settings(scaling)}
    if positions.fraction != 1:
        parameters["partial_rotary_factor"] = positions.fraction
    said: dict[str, Any] = {"max_position_embeddings": _trained_on(config), "rope_theta": positions.theta}
    if scaling.kind != "none":
        said["rope_scaling"] = {**parameters, "type": parameters["rope_type"]}
    return {**said, "rope_parameters": parameters}


def _trained_on(config: ModelConfig) -> int:
    scaling = config.positions.scaling
    return round(config.max_seq_len / scaling.factor) if scaling.kind in ("linear", "dynamic") else config.max_seq_len


def scaling_settings(scaling: RopeScalingConfig) -> dict[str, Any]:
    """One `rope_parameters` table, less the base."""
    if scaling.kind == "none":
        return {"rope_type": "default"}
    said: dict[str, Any] = {"rope_type": scaling.kind, "factor": scaling.factor}
    said |= {name: getattr(scaling, ours) for ours, (name, _) in _NUMBERS.get(scaling.kind, {}).items()}
    if scaling.kind in ("llama3", "yarn", "longrope"):
        said[_ORIGINAL] = scaling.original
    if scaling.amplitude:
        said["attention_factor"] = scaling.amplitude
    if scaling.kind == "yarn":
        said["truncate"] = scaling.whole
    if scaling.kind == "longrope":
        said |= {theirs: list(getattr(scaling, ours)) for ours, theirs in _DIVISORS.items()}
    return said
