"""Families by name: the one list that everything that saves or loads goes by."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from hanlin.base.errors import BundleError, ConfigError, Problem
from hanlin.base.messages import say
from hanlin.model.config import ModelConfig, parse_size, shape_for
from hanlin.model.families import (
    baichuan,
    bert,
    chatglm,
    chatglm2,
    codegen,
    gemma,
    gemma2,
    gemma3,
    glm,
    glm4,
    gpt1,
    gpt2,
    gpt3,
    gpt_neo,
    gpt_neox,
    llama,
    mistral,
    mixtral,
    mt5,
    original,
    own,
    phi3,
    qwen2,
    qwen3,
    qwen3_moe,
    roberta,
    t5,
    xlm_roberta,
    xlnet,
)
from hanlin.model.families.family import Family

# In the order in which "auto" tries them; `own` can hold everything, what follows it must be asked for by name.
_MODULES = (
    *(llama, mistral, qwen2, qwen3, mixtral, qwen3_moe, gemma, gemma2, gemma3, glm, glm4, chatglm, chatglm2, baichuan),
    *(phi3, gpt2, gpt1, gpt_neo, gpt_neox, codegen, bert, roberta, xlm_roberta, xlnet, t5, mt5, own, original, gpt3),
)
FAMILIES: dict[str, Family] = {module.FAMILY.name: module.FAMILY for module in _MODULES}
AUTO = "auto"


def find_family(hf: Mapping[str, Any], *, path: object) -> Family:
    """Family of a config.json in folder `path`. Raises BundleError E322 naming the nearest known one."""
    for family in FAMILIES.values():
        if family.recognises(hf):
            return family
    name = str(hf.get("model_type", ""))
    close = difflib.get_close_matches(name, FAMILIES, n=1, cutoff=0.5)
    nearest = say("model.nearest_family", name=close[0]) if close else ""
    raise BundleError("model.family_unknown", path=path, family=name, known=", ".join(FAMILIES), nearest=nearest)


def choose_family(config: ModelConfig) -> Family:
    """Where `config` is saved: the family it names, or, for "auto", the first that can hold it.

    Raises ConfigError E101 for a name that is none, BundleError E320 where the named family cannot hold it.
    """
    if config.family == AUTO:
        return next(family for family in FAMILIES.values() if not family.objections(config))
    family = named_family(config.family)
    family.to_hf_config(config)
    return family


def named_family(name: str) -> Family:
    """The family of that name. Raises ConfigError E101 listing the names there are."""
    if name not in FAMILIES:
        rule = say("model.rule_family", known=", ".join([AUTO, *FAMILIES]))
        raise ConfigError(problems=[Problem("family", name, rule, say("model.remedy_family"))])
    return FAMILIES[name]


def preset(family: str, size: str, vocab_size: int) -> dict[str, Any]:
    """Fields of a ModelConfig of about `size` ("10m") parameters in a family's manner, or as published in that size."""
    fields = {} if family == AUTO else dict(named_family(family).preset)
    shape = published(family, size) or sizes_for(family, parse_size(size), vocab_size, fields)
    return in_manner({**fields, **shape, "family": family, "vocab_size": vocab_size})


def published(family: str, size: str) -> dict[str, int]:
    """The sizes that a family was published in under this name; none where it was not."""
    return {} if family == AUTO else dict(named_family(family).published.get(size.strip().lower(), {}))


def sizes_for(family: str, parameters: int, vocab_size: int, fields: Mapping[str, Any]) -> dict[str, int]:
    """Sizes of a model of about so many parameters (`shape_for`) that its family can hold."""
    if family == AUTO:
        return shape_for(parameters, vocab_size, like=fields)
    return shape_for(parameters, vocab_size, like=fields, sized=named_family(family).sized)


def in_manner(fields: Mapping[str, Any], by_hand: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Fields of a ModelConfig with what its family makes of its sizes; those set by hand stay.

    Raises ConfigError E101 where the fields make no model.
    """
    name = str(fields.get("family", AUTO))
    if name == AUTO:
        return dict(fields)
    shape = ModelConfig(**fields)
    sizes = {name: getattr(shape, name) for name in ("hidden_size", "num_layers", "num_heads")}
    return merged(merged(fields, named_family(name).sized(sizes)), by_hand or {})


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with others over them, table by table."""
    both = {name: {**base[name], **value} for name, value in over.items() if isinstance(base.get(name), dict)}
    return {**base, **over, **both}
