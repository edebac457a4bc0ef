"""Where a bundle comes from: the stage that made it, with what, from what, and the same of everything before it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hanlin.base.origin import describe_origin


@dataclass(frozen=True)
class Lineage:
    """One stage of a life.

    data and parents map names to SHA-256; git is the revision of our own sources, "+" when changed since, or None;
    earlier holds the stages before, oldest first.
    """

    stage: str
    seed: int
    argv: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    git: str | None = None
    created: str = ""
    earlier: tuple[Lineage, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Lineage:
        """Back from JSON; fields of a later version are left out."""
        known = {entry.name for entry in dataclasses.fields(cls)}
        fields = {name: value for name, value in record.items() if name in known}
        earlier = tuple(cls.from_dict(one) for one in record.get("earlier", ()))
        return cls(**{**fields, "argv": tuple(record.get("argv", ())), "earlier": earlier})


def record_lineage(
    stage: str,
    *,
    seed: int,
    data: Mapping[str, str] | None = None,
    parents: Mapping[str, str] | None = None,
    earlier: Sequence[Lineage] = (),
) -> Lineage:
    """Lineage of what this process makes now.

    parents are the fingerprints of the bundles it starts from; `earlier` is the life of the main one
    (`(*parent.lineage.earlier, parent.lineage)`).
    """
    origin = describe_origin(seed=seed, data=data, parents=parents)
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Lineage(stage=stage, created=created, **{**origin, "argv": tuple(origin["argv"])}, earlier=_alone(earlier))


def _alone(lives: Sequence[Lineage]) -> tuple[Lineage, ...]:
    """Each stage once: what stands in the row need not carry its own past as well."""
    return tuple(dataclasses.replace(life, earlier=()) for life in lives)
