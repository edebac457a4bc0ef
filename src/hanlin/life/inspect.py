"""`hanlin inspect`: attention, rollout, logit lens, token probabilities and attributions of a model on one text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hanlin.base.errors import UsageError
from hanlin.base.files import write_atomic
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.bundle.bundle import Bundle, start_token
from hanlin.evaluate.inspection.figures import (
    Explained,
    Subject,
    attention_figures,
    attribution_figures,
    lens_figures,
    passage_figures,
    rollout_figures,
    tokens_figures,
)
from hanlin.evaluate.inspection.page import inspection_page
from hanlin.evaluate.inspection.passage import Asked, read_passage
from hanlin.evaluate.inspection.pictures import draw
from hanlin.evaluate.inspection.tables import sentences, table_of
from hanlin.life.inspect_config import InspectConfig
from hanlin.life.open import open_bundle
from hanlin.life.places import expanded, name_of
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.life.talk import chat_ids
from hanlin.text.chat import Message
from hanlin.text.pieces import readable
from hanlin.text.tokenizer import Tokenizer

Figures = dict[str, Any]


def inspect(config: Given[InspectConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Look inside a model while it reads a text; page, pictures and numbers lie under `out`.

    The model computes in float32 whatever the processor can. Raises InputError (E740, E343 and those of opening a
    model), RequestTooLong, UsageError (E303, E340, E341, E741 to E747), CheckFailed E342, DiskFull.
    """
    job, progress = settled(InspectConfig, config, settings, first="model").value, progress or Progress("none")
    bundle = open_bundle(job.model, device=job.device, exact=True, pickles=job.pickles)
    subject = _subject(bundle, job)
    progress.note(say("life.inspecting", tokens=len(subject.passage.tokens) + len(subject.passage.source)))
    said = {"what": job.what, "model": name_of(bundle.path), "text": job.text, **passage_figures(subject)}
    figures = said | _LOOKS[job.what](subject, job)
    out = expanded(job.out)
    pictures = _written(figures, out)
    page = out / f"{job.what}.html"
    table = Table(say(f"evaluate.inspect_title_{job.what}"), *table_of(figures))
    files = {"page": str(page), "numbers": str(page.with_suffix(".json")), "pictures": [str(one) for one in pictures]}
    light = {name: value for name, value in figures.items() if name != "maps"} | files
    return Report("inspect", out, light, tuple(sentences(figures)), (table,), (say("life.doctor_open", path=page),))


def _subject(bundle: Bundle, job: InspectConfig) -> Subject:
    assert bundle.tokenizer is not None
    start = start_token(bundle.path)
    rendered = chat_ids(bundle, [Message("user", job.text)]) if job.question and job.text else ()
    asked = Asked(
        job.text,
        target=job.target,
        control=job.control,
        start=bundle.tokenizer.special.pad if start is None else start,
        rendered=tuple(rendered),
    )
    return Subject(bundle.model, bundle.tokenizer, read_passage(bundle.model, bundle.tokenizer, asked))


def _attention(subject: Subject, job: InspectConfig) -> Figures:
    return attention_figures(subject, layers=job.layers, heads=job.heads, parts=job.parts)


def _rollout(subject: Subject, job: InspectConfig) -> Figures:
    return rollout_figures(subject)


def _lens(subject: Subject, job: InspectConfig) -> Figures:
    return lens_figures(subject, layers=job.layers, top=job.top)


def _tokens(subject: Subject, job: InspectConfig) -> Figures:
    return tokens_figures(subject, top=job.top)


def _attribution(subject: Subject, job: InspectConfig) -> Figures:
    token = one_token(subject.tokenizer, job.token) if job.token else None
    explained = Explained(job.position, token, job.label, job.score, job.baseline, job.tolerance, job.max_steps)
    return attribution_figures(subject, explained)


_LOOKS: Mapping[str, Callable[[Subject, InspectConfig], Figures]] = {
    "attention": _attention,
    "rollout": _rollout,
    "lens": _lens,
    "tokens": _tokens,
    "attribution": _attribution,
}


def one_token(tokenizer: Tokenizer, text: str) -> int:
    """The id of a text that is one token. Raises UsageError E745."""
    ids = tokenizer.encode_template(text)
    if len(ids) != 1:
        pieces = ", ".join(readable(tokenizer, ids))
        raise UsageError("evaluate.not_one_token", token=text, number=len(ids), pieces=pieces)
    return ids[0]


def _written(figures: Figures, out: Path) -> list[Path]:
    """Pictures, numbers and the page."""
    pictures = draw(figures, out)
    write_atomic(out / f"{figures['what']}.json", json.dumps(figures, ensure_ascii=False, allow_nan=False) + "\n")
    write_atomic(out / f"{figures['what']}.html", inspection_page(figures))
    return pictures
