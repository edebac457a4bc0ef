"""Reports as one HTML file: no script, no request, a policy that allows neither, text of strangers always text.

Templates are ours and lie beside this file; what they show comes from documents nobody vouches for. Everything is
escaped, and characters that would change what stands around them (controls of the terminal and of writing direction,
halves of surrogate pairs) are written out.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import minijinja

from hanlin.base.messages import language, say

TEMPLATES = Path(__file__).parent / "templates"
_WRITTEN_OUT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def page(template: str, **values: Any) -> str:
    """Return a whole page. `values` may hold what JSON can; `say` of the catalogue is at hand as `say("key")`."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    text: str = _environment().render_template(
        template, style=style, policy=policy, language="zh-CN" if language() == "zh" else "en", **values
    )
    return text


def written_out(value: Any) -> Any:
    """Return a text with characters that act instead of being seen written as their codes."""
    if type(value) is not str:  # markup of a template is a subclass, and stays markup only as it is
        return value
    return _WRITTEN_OUT.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


@functools.cache
def _environment() -> minijinja.Environment:
    return minijinja.Environment(
        loader=lambda name: (TEMPLATES / name).read_text(encoding="utf-8"),
        auto_escape_callback=lambda name: "html",
        finalizer=written_out,
        undefined_behavior="strict",
        trim_blocks=True,
        lstrip_blocks=True,
        globals={"say": say, "number": _number, "size": _size, "share": _share, "percent": _percent},
    )


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _size(value: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _percent(part: float, whole: float) -> float:
    """A length in a picture, in percent; something that is there is seen."""
    return round(max(0.4, 100 * part / whole), 2) if whole and part else 0.0


def ranked(counts: Mapping[str, int], most: int = 12, *, named: Callable[[str], str] = str) -> list[tuple[str, int]]:
    """Return the largest counts in order under the names that people read, the rest as one."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    rest = sum(number for _, number in ordered[most:])
    return [*((named(name), number) for name, number in ordered[:most]), *([("…", rest)] if rest else [])]
