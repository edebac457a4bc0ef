"""The doctor's page: self-contained, in both languages, and text of strangers stays text."""

from __future__ import annotations

from typing import Any

import pytest
from tests.text.pages.reading import check_is_safe

from hanlin.base.messages import say
from hanlin.text.config import PERSONAL_KINDS
from hanlin.text.doctor.findings import LEVELS
from hanlin.text.pages.bins import even_bins, size_bins
from hanlin.text.pages.doctor_page import doctor_page
from hanlin.text.pages.page import written_out
from hanlin.text.records.formats import FORMATS
from hanlin.text.rules.measures import SHARES

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><script>", "{{ 7*7 }}{% raw %}",
    "\x1b[31mred\x07", "\u202egnp.exe", "مرحبا بالعالم", "x" * 100_000, "<!-- ", "]]>", "{number} {0}",
    "&lt;b&gt;", "javascript:alert(1)",
)  # fmt: skip


def figures(text: str = "quote", kinds: tuple[str, ...] = ("mojibake",)) -> dict[str, Any]:
    """A diagnosis that quotes a text wherever one may stand."""
    finding = {"number": 3, "examples": [{"place": f"{text}:1", "text": text}]}
    looked = {
        "files": 1,
        "glanced": 1,
        "unseen": 0,
        "of_files": 2,
        "bytes": 10,
        "of_bytes": 20,
        "texts": 3,
        "rows": 3,
        "is_listed_whole": False,
        "seconds": 0.5,
    }
    return {
        "paths": [text], "looked": looked, "recipe": f'[corpus]\nsources = ["{text}"]\n',
        "findings": [{"kind": kind, "level": LEVELS[kind], **finding} for kind in kinds],
        "formats": {text: {"files": 1, "bytes": 20}}, "encodings": {"utf-8": 1}, "languages": {"zh": 5, "en": 5},
        "scripts": {"Hans": 5, "Latn": 5}, "uses": {"plain": 3}, "training_formats": {"text": 3},
        "licences": {text: 3}, "personal": {"email": 2},
        "broken_rules": {"max_dup_lines": 1}, "lengths": size_bins([1, 5, 900]).figures(),
        "measures": {"letters": {**even_bins([0.1, 0.5, 0.9]).figures(), "limits": [0.3]}},
    }  # fmt: skip


def test_everything_is_shown_in_both_languages(lang: str) -> None:
    page = check_is_safe(doctor_page(figures(kinds=tuple(LEVELS))))
    attributes = dict(page.elements)["html"]
    assert attributes["lang"] == ("zh-CN" if lang == "zh" else "en")
    for kind in LEVELS:
        assert say(f"text.found_{kind}", number="3") in page.text
        assert say(f"text.mend_{kind}").replace("`", "") in page.text
    assert page.text.count("quote:1") == len(LEVELS) and "[corpus]" in page.text
    assert ("语言" in page.text) == (lang == "zh")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_of_strangers_stays_text(text: str) -> None:
    page = check_is_safe(doctor_page(figures(text)))
    assert written_out(text) in page.text, "shown as it is, but for characters that act"
    assert not set("\x1b\x07\u202e") & set(page.text)


def test_half_a_surrogate_pair_does_not_end_a_report() -> None:
    page = check_is_safe(doctor_page(figures("\ud800 half")))
    assert page.text.count("half") > 5 and page.text.encode()


def test_more_kinds_than_are_shown_stand_as_one() -> None:
    """A folder with 13 kinds of personal data: the page asked the catalogue what "…" is called, and the doctor died."""
    found = figures()
    found["personal"] = dict.fromkeys(PERSONAL_KINDS, 1)
    found["training_formats"] = {one.name: 1 for one in FORMATS}
    found["broken_rules"] = {f"max_{name}": 1 for name in sorted(SHARES)}
    page = check_is_safe(doctor_page(found))
    assert say("text.personal_email") in page.text and page.text.count("…") == 3


def test_pictures_have_words_and_measure_what_they_show() -> None:
    page = check_is_safe(doctor_page(figures()))
    pictures = [attributes for name, attributes in page.elements if name == "svg" and attributes.get("role") == "img"]
    assert {"zh 50.0%, en 50.0%", "Hans 50.0%, Latn 50.0%"} <= {one["aria-label"] for one in pictures}
    assert all(one["aria-label"] for one in pictures)
    widths = [attributes.get("width") for name, attributes in page.elements if name == "rect"]
    assert widths.count("50%") == 4, "two languages and two scripts, half of each"
    (limit,) = [attributes for name, attributes in page.elements if name == "line"]
    assert float(limit["x1"] or 0) == pytest.approx(240 * (0.3 - 0.1) / (0.892 - 0.1), abs=0.5)


def test_every_table_and_section_is_named() -> None:
    page = check_is_safe(doctor_page(figures()))
    names = [name for name, _ in page.elements]
    assert names.count("table") == names.count("caption") > 3
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    labelled = [attributes["aria-labelledby"] for name, attributes in page.elements if name == "section"]
    assert set(labelled) <= ids and names.count("h1") == 1
