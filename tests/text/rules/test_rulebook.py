"""Rules as settings: presets by kind, single thresholds over them, edits switched, and what says no."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.base.errors import ConfigError, InputError
from hanlin.text.config import RulesConfig
from hanlin.text.document import Document
from hanlin.text.rules.rulebook import Rulebook


def document(text: str = "x", lang: str = "en", kind: str = "web") -> Document:
    return Document(text, "id", "source", lang, {"kind": kind})


def limits(rules: Rulebook, lang: str, kind: str) -> dict[str, float]:
    return {threshold.name: threshold.limit for threshold in rules.thresholds(lang, kind)}


def test_without_a_word_nothing_is_asked() -> None:
    rules = Rulebook(RulesConfig())
    assert rules.is_idle and not rules.has_to_learn
    assert rules.thresholds("zh", "web") == () and rules.edits("zh", "web") == ()
    assert rules.edit(document("<p>&nbsp;")).text == "<p>&nbsp;"


def test_each_kind_may_have_a_preset_of_its_own() -> None:
    rules = Rulebook(RulesConfig(preset="gopher", kinds={"verse": "none", "book": "hanlin"}))
    assert limits(rules, "en", "verse") == {}
    assert limits(rules, "en", "web")["min_words"] == 50
    assert "min_words" not in limits(rules, "en", "book")
    assert rules.edits("zh", "book") == ("watermarks",) and rules.has_to_learn


def test_single_thresholds_win_over_the_preset_narrow_ones_over_wide_ones() -> None:
    given = {"min_words": 30, "zh.min_words": 20, "zh.verse.min_words": "off", "web.max_urls": 0.1}
    rules = Rulebook(RulesConfig(preset="gopher", thresholds=given))
    assert limits(rules, "en", "book")["min_words"] == 30
    assert limits(rules, "zh", "book")["min_words"] == 20
    assert "min_words" not in limits(rules, "zh", "verse")
    assert limits(rules, "zh", "web")["max_urls"] == 0.1 and "max_urls" not in limits(rules, "zh", "book")
    origins = {threshold.name: threshold.origin for threshold in rules.thresholds("zh", "web")}
    assert (origins["max_urls"], origins["max_dup_lines"]) == ("settings", "gopher [all]")


def test_edits_can_be_switched_against_the_preset() -> None:
    assert Rulebook(RulesConfig(preset="hanlin", html_debris=False)).edits("en", "web") == ("watermarks",)
    assert Rulebook(RulesConfig(html_debris=True)).edits("en", "verse") == ("html_debris",)
    assert Rulebook(RulesConfig(preset="c4", c4_lines=False)).edits("en", "web") == ()
    assert not Rulebook(RulesConfig(preset="hanlin", watermarks=False)).has_to_learn


def test_edits_tell_what_they_took() -> None:
    edited = Rulebook(RulesConfig(html_debris=True, c4_lines=True)).edit(document("One two&nbsp;three.\nHome | About"))
    assert edited.text == "One two three."
    assert edited.changes == {"html_debris": 1, "c4_lines": 1}
    assert edited.examples["c4_lines"] == ("Home | About",)


def test_known_measures_are_not_taken_again_but_bad_words_are(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("darn\n")
    rules = Rulebook(RulesConfig(preset="c4", bad_words=[str(tmp_path / "list.txt")]))
    measures = rules.measures(document("a darn thing"), {"words": 99.0, "bad_words": 0.9})
    assert measures == {"words": 99.0, "bad_words": 0.333333}
    assert [one.threshold.name for one in rules.broken(document(), measures)] == ["max_bad_words"]
    assert Rulebook(RulesConfig(preset="c4")).measures(document(), {"bad_words": 0.9}) == {}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"thresholds": {"max_dup": 0.3}}, "max_dup_lines"),
        ({"thresholds": {"poem.min_words": 3}}, "poem"),
        ({"thresholds": {"zh.min_wordz": 3, "words": 1}}, "min_words"),
        ({"bad_words": ["list.txt"]}, "max_bad_words"),
    ],
)
def test_settings_that_name_nothing_are_refused_together(settings: dict[str, object], named: str, lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Rulebook(RulesConfig(**settings))
    assert named in str(caught.value)
    assert len(caught.value.problems) == len(settings.get("thresholds", {})) or "bad_words" in settings


def test_an_unknown_preset_of_a_kind_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError) as caught:
        Rulebook(RulesConfig(kinds={"verse": "nosuch"}))
    assert caught.value.code == "E235"
