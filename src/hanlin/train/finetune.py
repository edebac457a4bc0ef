"""Fine-tuning: a bundle and conversations in, a bundle that converses out.

Every weight is trained. With `replay`, part of each step is text of pre-training, so that less of it is forgotten.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hanlin.base.errors import BundleError, ConfigError, Problem
from hanlin.base.files import sha256_bytes, sha256_file
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.bundle.bundle import Bundle, load_bundle
from hanlin.data.conversations import ConversationSource, fit_conversations
from hanlin.data.mixture import WeightedSource
from hanlin.data.shards import ShardSet
from hanlin.data.sources import ShardSource
from hanlin.text.chat import Rendered, Template
from hanlin.text.records.reading import read_conversations
from hanlin.text.tokenizer import Tokenizer
from hanlin.train.config import FinetuneConfig
from hanlin.train.leaked import without_leaked
from hanlin.train.loop import Hooks, RunResult
from hanlin.train.mixing import Mix
from hanlin.train.objectives import SupervisedFinetune
from hanlin.train.plan import SEQ_LEN, Plan, plan_loop
from hanlin.train.session import Material, ancestry, keep_bundle, machine, open_run, run_training, stored_config

RATE = 0.3
"""Peak learning rate as a share of pre-training's."""

EPOCHS = 2.0


def finetune(config: FinetuneConfig, *, hooks: Hooks | None = None, progress: Progress | None = None) -> RunResult:
    """Train a bundle on conversations and save it as `<run>/bundle`.

    Raises ConfigError, InputError (no conversation left), BundleError, and what `train` raises; whatever stops a run,
    its folder can be resumed.
    """
    config, progress = stored_config(config), progress or Progress("none")
    _check(config)
    plan, settled, material = prepare(config, progress)
    with open_run("finetune", settled, plan, material, progress) as run:
        result = run_training(settled, material, run=run, hooks=hooks or Hooks(), progress=progress)
        bundle = keep_bundle("finetune", settled, material, result)
    return dataclasses.replace(result, bundle=bundle)


def prepare(config: FinetuneConfig, progress: Progress) -> tuple[Plan, FinetuneConfig, Material]:
    """Load the bundle, render and fit the conversations, settle every value."""
    device, dtype = machine(config)
    assert config.from_bundle is not None
    parent = load_bundle(config.from_bundle, device=device, compute_dtype=dtype, pickles=config.pickles)
    tokenizer, template = _text_of(parent)
    seq_len = config.seq_len or min(SEQ_LEN, parent.config.max_seq_len)
    learned, held_out = _read(config, tokenizer, template, seq_len, progress)
    plan = plan_loop(
        config,
        num_positions=int(learned.lengths.sum()),
        shape=parent.config,
        rate=RATE,
        seq_len=seq_len,
        default_epochs=EPOCHS,
    )
    plan.note("conversations", learned.fitted.num_kept, say("train.why_conversations"))
    settled = plan.settled(config)
    material = Material(
        model=parent.model,
        tokenizer=tokenizer,
        template=template,
        objective=SupervisedFinetune(),
        mix=Mix(tuple(_mixed(settled, learned, tokenizer))),
        validation=[] if held_out is None else [held_out],
        data={Path(path).name: _checksum(Path(path)) for path in (*config.data, *map(str, config.replay))},
        facts={f"conversations_{name[4:]}": value for name, value in dataclasses.asdict(learned.fitted).items()},
        **ancestry(parent),
    )
    return plan, settled, material


def _check(config: FinetuneConfig) -> None:
    problems = []
    if config.from_bundle is None:
        problems.append(Problem("from_bundle", None, say("train.rule_bundle"), say("train.remedy_bundle")))
    if not config.data:
        problems.append(Problem("data", (), say("train.rule_data"), say("train.remedy_data")))
    if problems:
        raise ConfigError(problems=problems)


def _text_of(parent: Bundle) -> tuple[Tokenizer, Template]:
    """Tokenizer and template; a foreign model without a template gets ours."""
    if parent.tokenizer is None:
        raise BundleError("train.no_tokenizer", path=parent.path)
    return parent.tokenizer, parent.template or Template.default(parent.tokenizer.special)


@dataclass
class _Rows:
    """Rendered conversations, and for each a number in [0, 1) that tells whether it is kept out to measure on.

    The number depends on the text alone, or on the original of a row that was made from another: the same conversation
    is on the same side in every run, and what was made from it is with it.
    """

    rendered: list[Rendered]
    places: list[float]

    def below(self, share: float) -> list[Rendered]:
        """The conversations whose number is smaller than `share`."""
        return [one for one, place in zip(self.rendered, self.places, strict=True) if place < share]

    def from_(self, share: float) -> list[Rendered]:
        """All others."""
        return [one for one, place in zip(self.rendered, self.places, strict=True) if place >= share]


def _read(
    config: FinetuneConfig, tokenizer: Tokenizer, template: Template, seq_len: int, progress: Progress
) -> tuple[ConversationSource, ConversationSource | None]:
    """Conversations to learn and to measure on; whatever is left out is said."""
    rows = _render(config.data, tokenizer, template, progress, config, to_learn=True)
    learned, held_out = rows.rendered, []
    if config.validation:
        held_out = _render(config.validation, tokenizer, template, progress, config).rendered
    elif config.validation_share > 0:
        held_out, learned = rows.below(config.validation_share), rows.from_(config.validation_share)
        if not learned:  # too few to keep any out
            learned, held_out = rows.rendered, []
    source = fit_conversations(learned, seq_len=seq_len, too_long=config.too_long)
    progress.note(say("train.fitted", seq_len=seq_len, **dataclasses.asdict(source.fitted)))
    return source, _measurable(held_out, seq_len)


def _render(
    paths: Sequence[str],
    tokenizer: Tokenizer,
    template: Template,
    progress: Progress,
    config: FinetuneConfig,
    *,
    to_learn: bool = False,
) -> _Rows:
    """Conversations as ids; of those to learn, none that stands in an evaluation set."""
    found = read_conversations(
        list(paths),
        columns=config.columns,
        format=config.format,
        on_drop=lambda dropped: None,  # they are counted and named in what is said of their file
        on_read=lambda reading: progress.note(reading.sentence()),
    )
    conversations = list(found)
    num_tools = sum(bool(one.tools) or any(turn.tool_calls for turn in one.messages) for one in conversations)
    if num_tools and not template.knows_tools:
        progress.note(say("train.tools_as_text", num=f"{num_tools:,}"))
    rows = _Rows([], [])
    for conversation in without_leaked(conversations, config, progress) if to_learn else conversations:
        rendered = template.render(conversation, tokenizer=tokenizer)
        rows.rendered.append(rendered)
        rows.places.append(_place(conversation.family or rendered.text))
    return rows


def _measurable(held_out: Iterable[Rendered], seq_len: int) -> ConversationSource | None:
    """The conversations to measure on that fit a row, or None where none does."""
    fitting = [one for one in held_out if len(one.ids) <= seq_len + 1 and any(one.loss_mask[1:])]
    return fit_conversations(fitting, seq_len=seq_len, name="validation") if fitting else None


def _place(text: str) -> float:
    return int(sha256_bytes(text.encode())[:12], 16) / 16**12


def _mixed(config: FinetuneConfig, learned: ConversationSource, tokenizer: Tokenizer) -> list[WeightedSource]:
    """The conversations, and with `replay` old text beside them for as long as they last."""
    if not (config.replay and config.replay_share):
        return [WeightedSource(source=learned, max_epochs=config.epochs)]
    replayed = []
    for path in config.replay:
        shards = ShardSet.open(path)
        shards.require_tokenizer(tokenizer.fingerprint)
        share = config.replay_share / len(config.replay)
        replayed.append(WeightedSource(source=ShardSource(shards, name=str(path)), weight=share))
    chats = WeightedSource(source=learned, weight=1 - config.replay_share, max_epochs=config.epochs)
    return [chats, *replayed]


def _checksum(path: Path) -> str:
    """SHA-256 of a file, of a folder's manifest, or of its files' checksums."""
    if path.is_file():
        return sha256_file(path)
    if (path / "manifest.json").is_file():
        return sha256_file(path / "manifest.json")
    listed = sorted(file for file in path.rglob("*") if file.is_file())
    return sha256_bytes("".join(sha256_file(file) for file in listed).encode())
