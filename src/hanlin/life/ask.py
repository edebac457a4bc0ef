"""`hanlin ask`: one question, one answer."""

from __future__ import annotations

from typing import Any

from hanlin.base.progress import Progress
from hanlin.life.chat import open_session
from hanlin.life.config import AskConfig
from hanlin.life.report import Report
from hanlin.life.settings import Given, settled


def ask(config: Given[AskConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Ask a model one question, or let it continue a text. Raises RequestTooLong naming both numbers."""
    job = settled(AskConfig, config, settings, first="model").value
    session = open_session(job, progress or Progress("none"))
    answer = "".join(session.say(job.prompt))
    figures = {"model": str(session.bundle.path), "prompt": job.prompt, "answer": answer}
    shown = job.prompt + answer if session.completes else answer
    return Report("ask", session.bundle.path, figures, (shown,))
