"""The one thing that passes from stage to stage: model, tokenizer, chat template and lineage in one folder.

    config.json  model.safetensors          the Hugging Face layout of the model's family
    tokenizer.json  tokenizer_config.json  chat_template.jinja  generation_config.json
    card.md                                 what a reader should know
    hanlin.json                             lineage, scores, transforms, resolved config, checksum of every file

A folder without hanlin.json that holds a model of a known family is read as a foreign one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from hanlin.base import files
from hanlin.base.errors import BundleError, InputError
from hanlin.base.messages import say
from hanlin.bundle.convert import WEIGHTS, check_weights, export_weights, import_weights
from hanlin.bundle.foreign import CONFIG, read_foreign
from hanlin.bundle.lineage import Lineage
from hanlin.bundle.manifest import (
    Manifest,
    Stretches,
    read_manifest,
    sum_stretches,
    verify_files,
    verifying,
    write_manifest,
)
from hanlin.bundle.sentence import Pooling, Sentence, write_sentence
from hanlin.bundle.tensors import check_finite, write_tensors
from hanlin.bundle.weights import refuse_others
from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family
from hanlin.model.families.registry import choose_family, named_family
from hanlin.model.transformer import Transformer, assemble
from hanlin.text.chat import TEMPLATE, Template
from hanlin.text.tokenizer import TOKENIZER_CONFIG, Tokenizer

MANIFEST, CARD = "hanlin.json", "card.md"
GENERATION = "generation_config.json"


@dataclass(frozen=True)
class Info:
    """What a bundle says of itself, its weights unread.

    fingerprint: one SHA-256 of all that makes the model speak as it does (weights, configs, tokenizer, template, not
    scores or card), the name by which lineages know it. checksums: SHA-256 of every file, none of a foreign folder;
    stretches: those of the parts of large files (manifest.py).
    notes: sentences for the user.
    """

    path: Path
    family: str
    config: ModelConfig
    lineage: Lineage | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)
    transforms: tuple[Mapping[str, Any], ...] = ()
    resolved: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)
    stretches: Stretches = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle. tokenizer and template are None in a foreign folder that has none we can read."""

    model: Transformer
    tokenizer: Tokenizer | None
    template: Template | None
    info: Info

    @property
    def path(self) -> Path:
        """Where it was read from."""
        return self.info.path

    @property
    def config(self) -> ModelConfig:
        """Shape of the model."""
        return self.info.config

    @property
    def lineage(self) -> Lineage | None:
        """Where it comes from; None for a foreign folder."""
        return self.info.lineage

    @property
    def scores(self) -> Mapping[str, Any]:
        """What was measured when it was saved."""
        return self.info.scores


def save_bundle(
    folder: Path | str,
    *,
    model: Transformer,
    tokenizer: Tokenizer,
    template: Template | None = None,
    lineage: Lineage,
    scores: Mapping[str, Any] | None = None,
    card: str | None = None,
    resolved: Mapping[str, Any] | None = None,
    transforms: Sequence[Mapping[str, Any]] = (),
    pooling: Pooling | None = None,
) -> Path:
    """Write a bundle whole or not at all, replacing an older one in one step.

    pooling: how a text becomes one vector, in the layout of sentence-transformers.
    Raises BundleError where the weights are not finite (E456), the vocabulary does not fit (E458), or the named family
    cannot hold the shape (E320); DiskFull with the older bundle untouched.
    """
    folder = Path(folder)
    check_vocabulary(folder, model.config, tokenizer, template)
    family = choose_family(model.config)
    weights = export_weights(model, model.config, family)
    check_finite(folder / WEIGHTS, weights)
    content = {
        "family": family.name,
        "config": model.config.model_dump(mode="json"),
        "lineage": lineage.to_dict(),
        "scores": dict(scores or {}),
        "resolved": dict(resolved or {}),
        "transforms": [dict(transform) for transform in transforms],
    }
    with files.building_folder(folder, known_by=MANIFEST) as temporary:
        checksums = {WEIGHTS: write_tensors(temporary / WEIGHTS, weights)}
        _write_text(temporary, model, family, tokenizer, template, card)
        if pooling is not None:
            sentence = Sentence(pooling, True, model.config.max_seq_len)
            name = write_sentence(temporary, sentence, model.config.hidden_size)
            checksums[name] = files.sha256_file(temporary / name)
        seal(temporary, content, checksums)
    return folder


def annotate_bundle(folder: Path | str, *, scores: Mapping[str, Any] | None = None, card: str | None = None) -> None:
    """Add scores (those of the same name are replaced) and replace the card of a bundle, its other files untouched.

    The folder is made anew beside the old one, its files linked instead of copied where the disk can, and takes its
    place in one step: a process killed on the way leaves the bundle as it was. Raises BundleError, DiskFull.
    """
    folder = Path(folder)
    files.recover(folder)
    manifest = read_manifest(folder / MANIFEST)
    content = {**manifest.content, "scores": {**manifest.content["scores"], **(scores or {})}}
    with files.building_folder(folder, known_by=MANIFEST) as temporary:
        shutil.copytree(folder, temporary, copy_function=_link, dirs_exist_ok=True)
        (temporary / MANIFEST).unlink()  # the link, not the file: what is written next must not reach the old folder
        if card is not None:
            (temporary / CARD).unlink(missing_ok=True)
            files.write_atomic(temporary / CARD, card)
        unchanged = {name: value for name, value in manifest.checksums.items() if card is None or name != CARD}
        stretches = {name: sums for name, sums in manifest.stretches.items() if name in unchanged}
        seal(temporary, content, unchanged, stretches)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a disk without links, or a full one, where copying says so
        shutil.copyfile(source, target)


def seal(
    folder: Path, content: Mapping[str, Any], known: Mapping[str, str], stretches: Stretches | None = None
) -> None:
    """Write the manifest over every file of the folder; checksums already `known` are not worked out again, those of
    files in folders below it must be. `stretches`: likewise, of the large files among them."""
    names = sorted({path.name for path in folder.iterdir() if path.is_file()} | known.keys())
    checksums = {name: known.get(name) or files.sha256_file(folder / name) for name in names}
    write_manifest(folder / MANIFEST, content, checksums, stretches or sum_stretches(folder, names))


def load_bundle(
    folder: Path | str,
    *,
    device: torch.device | str = "cpu",
    compute_dtype: torch.dtype | None = None,
    verify: bool = True,
    pickles: bool = False,
    masters: bool = True,
) -> Bundle:
    """Open a bundle, or a foreign Hugging Face folder of a known family, ready to run (model.eval()).

    compute_dtype: what the model computes in; None means float32. `verify` compares every file of ours with its
    checksum and looks for numbers that are none in those of others; without it only names and shapes are checked.
    `pickles`: read pytorch_model.bin where a foreign folder has no safetensors; only tensors are unpickled
    (weights_only). `masters`: hold float32 weights, for training; see `import_weights`.
    Raises BundleError (E450 to E475, E320 to E323) naming file and remedy; nothing half-loaded comes back.
    """
    info = read_info(folder, pickles=pickles)
    _refuse_transforms(info)
    family = named_family(info.family)
    with verifying(info.path, info.checksums if verify else {}, info.stretches):
        check_weights(info.path, info.config, family, pickles=pickles)
        model = assemble(info.config, compute_dtype=compute_dtype or torch.float32)
        finite = verify and not info.checksums  # of ours that was made sure before their checksum was taken
        import_weights(info.path, model, info.config, family, verify=finite, pickles=pickles, masters=masters)
        tokenizer, template, notes = _read_text(info)
    check_vocabulary(info.path, info.config, tokenizer, template)
    info = replace(info, notes=(*info.notes, *notes))
    return Bundle(model.to(device).eval(), tokenizer, template, info)


def read_info(folder: Path | str, *, verify: bool = False, pickles: bool = False) -> Info:
    """What a bundle says of itself; with `verify` every file is compared with its checksum. Raises BundleError."""
    folder = Path(folder)
    files.recover(folder)
    if (folder / MANIFEST).is_file():
        manifest = read_manifest(folder / MANIFEST)
        if verify:
            verify_files(folder, manifest.checksums, manifest.stretches)
        return _own_info(folder, manifest)
    if (folder / CONFIG).is_file():
        found = read_foreign(folder, pickles=pickles)
        return Info(path=folder, family=found.family, config=found.config, notes=found.notes)
    refuse_others(folder)
    raise BundleError("bundle.no_bundle", path=folder)


def start_token(folder: Path) -> int | None:
    """The token that every answer of an encoder-decoder begins with, by generation_config.json or config.json."""
    for name in (GENERATION, CONFIG):
        settings = files.read_json(folder / name) if (folder / name).is_file() else {}
        if isinstance(start := settings.get("decoder_start_token_id"), int):
            return start
    return None


def check_vocabulary(path: Path, config: ModelConfig, tokenizer: Tokenizer | None, template: Template | None) -> None:
    """Every id of the tokenizer needs a row in the embeddings; the template's control tokens must be the tokenizer's.

    Raises BundleError E458 or E459.
    """
    if tokenizer is None:
        return
    if tokenizer.vocab_size > config.vocab_size:
        raise BundleError("bundle.vocabulary", path=path, tokenizer=tokenizer.vocab_size, model=config.vocab_size)
    if template is not None and template.special.texts != tokenizer.special.texts:
        raise BundleError("bundle.special_tokens", path=path)


def _own_info(folder: Path, manifest: Manifest) -> Info:
    content = manifest.content
    return Info(
        path=folder,
        family=content["family"],
        config=ModelConfig(**content["config"]),
        lineage=Lineage.from_dict(content["lineage"]),
        scores=content["scores"],
        transforms=tuple(content["transforms"]),
        resolved=content["resolved"],
        fingerprint=_fingerprint(manifest.checksums),
        checksums=manifest.checksums,
        stretches=manifest.stretches,
    )


def _fingerprint(checksums: Mapping[str, str]) -> str:
    said = sorted(item for item in checksums.items() if item[0] != CARD)
    return files.sha256_bytes(json.dumps(said).encode())


def _refuse_transforms(info: Info) -> None:
    if info.transforms:
        names = ", ".join(str(transform.get("name")) for transform in info.transforms)
        raise BundleError("bundle.transform_unknown", path=info.path, transforms=names)


def _write_text(
    folder: Path, model: Transformer, family: Family, tokenizer: Tokenizer, template: Template | None, card: str | None
) -> None:
    """Everything but the weights and the seal."""
    config, special = model.config, tokenizer.special
    dtype = str(model.embeddings.tokens.weight.dtype).removeprefix("torch.")
    ids = {"bos_token_id": special.bos, "eos_token_id": special.eos, "pad_token_id": special.pad}
    if config.arch == "encoder_decoder":
        ids["decoder_start_token_id"] = special.pad
    files.write_json(folder / CONFIG, {**ids, **family.to_hf_config(config), "dtype": dtype})
    # Generation ends with a document or with a turn of the conversation.
    ends = [special.eos, special.im_end]
    files.write_json(folder / GENERATION, {**ids, "eos_token_id": ends})
    tokenizer.save(folder)
    if template is not None:
        template.save(folder)
    if card is not None:
        files.write_atomic(folder / CARD, card)


def _read_text(info: Info) -> tuple[Tokenizer | None, Template | None, list[str]]:
    """Tokenizer and template; a foreign folder may lack either or hold what we cannot read, and then a note says so."""
    try:
        tokenizer = Tokenizer.load(info.path)
        return tokenizer, _read_template(info.path, tokenizer), []
    except InputError as error:
        if info.lineage is not None:
            raise
        return None, None, [say("bundle.note_text", reason=error)]


def _read_template(folder: Path, tokenizer: Tokenizer) -> Template | None:
    """From its own file, or from tokenizer_config.json, where transformers before 4.52 kept it."""
    if (folder / TEMPLATE).is_file():
        return Template.load(folder, tokenizer.special)
    config = folder / TOKENIZER_CONFIG
    source = files.read_json(config).get("chat_template") if config.is_file() else None
    return Template(source, tokenizer.special) if isinstance(source, str) else None
