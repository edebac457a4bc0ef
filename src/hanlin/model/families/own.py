"""Our own layout, for every combination that has no class in transformers: ModelConfig as it is, our own names."""

from __future__ import annotations

from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family, HfConfig
from hanlin.model.families.rules import Rule


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Every field of ModelConfig but the family."""
    return config.model_dump(mode="json", exclude={"family"})


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """The fields of ModelConfig among the settings."""
    return {name: hf[name] for name in ModelConfig.model_fields if name in hf and name != "family"}


FAMILY = Family(
    name="hanlin",
    architecture="HanlinForCausalLM",
    prefix="",
    rules=(Rule("{name}", ("{name}",)),),
    preset={},
    to_hf=to_hf,
    from_hf=from_hf,
)
