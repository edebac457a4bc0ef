"""`hanlin chat`: open a model for a conversation."""

from __future__ import annotations

from typing import Any

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.infer.config import EngineConfig
from hanlin.infer.engine import Engine
from hanlin.life.config import ChatConfig
from hanlin.life.open import open_bundle
from hanlin.life.settings import Given, settled
from hanlin.life.talk import Session, Talk


def chat(config: Given[ChatConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Talk:
    """Open a model for a conversation. Raises InputError, BundleError, MachineError."""
    job = settled(ChatConfig, config, settings, first="model").value
    return Talk(session=open_session(job, progress or Progress("none")))


def open_session(job: ChatConfig, progress: Progress) -> Session:
    """The conversation that some settings describe."""
    bundle = open_bundle(job.model, device=job.device, pickles=job.pickles)
    assert bundle.tokenizer is not None
    for sentence in bundle.info.notes:  # what of a foreign folder was taken on trust or left aside
        progress.note(sentence)
    if idle := job.sampling().without_effect():
        progress.note(say("life.no_effect", names=", ".join(idle)))
    engine = Engine(bundle.model, bundle.tokenizer, config=EngineConfig(max_batch=1))
    return Session(bundle, engine, params=job.sampling(), system=job.system, completes=job.complete)
