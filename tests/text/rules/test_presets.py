"""Presets are data: what the papers say stands in them, narrower sections win, wrong names are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.text.rules.junk import junk
from tests.text.rules.short_text import MEDIUM, SHORT

from hanlin.base.errors import InputError
from hanlin.text.config import RulesConfig
from hanlin.text.language import language_of
from hanlin.text.rules.measures import SHARES, measure, measure_names
from hanlin.text.rules.presets import KINDS, LANGUAGES, load_preset, shipped_presets
from hanlin.text.rules.rulebook import Rulebook

# Rae et al. 2021, table A1, and configs/cmn_Hani.yml of FineWeb-2, copied from there.
GOPHER = {"max_dup_lines": 0.30, "max_dup_paragraphs": 0.30, "max_dup_line_chars": 0.20,
          "max_dup_paragraph_chars": 0.20, "max_top_2gram_chars": 0.20,
          "max_top_3gram_chars": 0.18, "max_top_4gram_chars": 0.16,
          "max_dup_5gram_chars": 0.15, "max_dup_6gram_chars": 0.14, "max_dup_7gram_chars": 0.13,
          "max_dup_8gram_chars": 0.12, "max_dup_9gram_chars": 0.11, "max_dup_10gram_chars": 0.10}  # fmt: skip
CHINESE = {"max_dup_lines": 0.287, "max_dup_5gram_chars": 0.198, "max_dup_6gram_chars": 0.182,
           "max_dup_7gram_chars": 0.167,
           "max_dup_8gram_chars": 0.154, "max_dup_9gram_chars": 0.14, "max_dup_10gram_chars": 0.127,
           "min_punct_lines": 0.106, "max_newlines_per_word": 0.178, "max_top_2gram_chars": 0.256,
           "max_top_3gram_chars": 0.201, "max_top_4gram_chars": 0.171, "min_alpha_words": 0.735}  # fmt: skip


def limits(name: str, lang: str = "en", kind: str = "web") -> dict[str, float]:
    return {key: threshold.limit for key, threshold in load_preset(name).thresholds(lang, kind).items()}


def test_the_numbers_are_those_of_their_sources() -> None:
    assert set(shipped_presets()) == {"none", "hanlin", "c4", "gopher", "fineweb", "fineweb2-zh"}
    for name, expected in (("gopher", GOPHER), ("fineweb2-zh", CHINESE)):
        assert {key: limits(name)[key] for key in expected} == expected
    fineweb = limits("fineweb")
    assert (fineweb["min_punct_lines"], fineweb["max_short_lines"], fineweb["max_dup_line_chars"]) == (0.12, 0.67, 0.01)
    assert load_preset("c4").edits_for("en", "web") == ("c4_lines",)
    assert limits("none") == {}
    for name in shipped_presets()[1:]:
        assert load_preset(name).source, "every preset says where its numbers come from"


def test_narrower_sections_win_and_off_takes_a_rule_away(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'edits = ["watermarks"]\n[all]\nmin_words = 50\nmax_dup_lines = 0.5\n'
        '[verse]\nmin_words = "off"\nedits = []\n[zh]\nmin_words = 40\n[zh.verse]\nmin_words = 4\nmax_urls = 0\n'
    )
    cases = {("en", "web"): 50, ("en", "verse"): None, ("zh", "web"): 40, ("zh", "verse"): 4}
    for (lang, kind), least in cases.items():
        assert limits(str(path), lang, kind).get("min_words") == least
        assert limits(str(path), lang, kind)["max_dup_lines"] == 0.5
    assert load_preset(str(path)).edits_for("zh", "verse") == ()
    assert load_preset(str(path)).edits_for("zh", "web") == ("watermarks",)
    assert load_preset(str(path)).thresholds("zh", "verse")["max_urls"].origin == "mine.toml [zh.verse]"


def test_a_bound_itself_is_allowed() -> None:
    found = load_preset("gopher").thresholds("en", "web")
    assert not found["max_dup_lines"].is_broken(0.30) and found["max_dup_lines"].is_broken(0.300001)
    assert not found["min_words"].is_broken(50) and found["min_words"].is_broken(49)


def test_a_preset_that_is_not_there(lang: str) -> None:
    with pytest.raises(InputError) as caught:
        load_preset("goper")
    assert caught.value.code == "E235"
    assert "goper" in str(caught.value) and "gopher" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[all]\nmax_dup_line = 1", "max_dup_lines"),
        ("[all]\nmin_words = true", "min_words"),
        ("[all]\nwords = 5", "words"),
        ("[zh.poem]\nmin_words = 1", "zh.poem"),
        ("[poetry]\nmin_words = 1", "poetry"),
        ('edits = ["watermark"]', "watermarks"),
        ('[web]\nedits = "everything"', "everything"),
    ],
)
def test_a_preset_with_a_name_that_nobody_knows(content: str, named: str, tmp_path: Path, lang: str) -> None:
    path = tmp_path / f"{abs(hash(content))}.toml"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        load_preset(str(path))
    assert caught.value.code == "E236"
    assert named in str(caught.value) and path.name in str(caught.value)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["web", "book"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_our_preset_drops_every_sort_of_junk(language: str, kind: str, seed: int) -> None:
    thresholds = load_preset("hanlin").thresholds(language, kind).values()
    for sort, text in junk(language, seed).items():
        found = measure(text)
        broken = [t.name for t in thresholds if t.measure in found and t.is_broken(found[t.measure])]
        assert broken or (kind, sort) == ("book", "teasers"), f"{sort} is kept"


GOOD = {
    "en.text": "A short note.",
    "en.verse": "The woods are lovely, dark and deep,\nBut I have promises to keep,\nAnd miles to go before I sleep,\n"
    "And miles to go before I sleep.",
    "zh.verse": "床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。",
    "zh.web": "# 番茄炒蛋\n\n## 材料\n\n- 番茄 2 个\n- 鸡蛋 3 个\n- 盐 2 克\n\n"
    "## 做法\n\n1. 番茄切块\n2. 鸡蛋打散\n3. 下锅翻炒\n",
    "en.code": "for (int i = 0; i < n; i++) {\n    sum += a[i];\n}\nreturn sum;\n",
    "zh.chat": "在吗？\n在的。\n哈哈哈",
    "zh.book": "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。",
}


@pytest.mark.parametrize("name", GOOD)
def test_our_preset_keeps_verse_lists_code_and_short_texts(name: str) -> None:
    lang, kind = name.split(".")
    found = measure(GOOD[name])
    thresholds = load_preset("hanlin").thresholds(lang, kind).values()
    assert [t.name for t in thresholds if t.measure in found and t.is_broken(found[t.measure])] == []


@pytest.mark.parametrize(("texts", "most"), [(SHORT, 0), (MEDIUM, 1)])
def test_shares_do_not_judge_what_is_short_or_made_of_lists(texts: dict[str, tuple[str, ...]], most: int) -> None:
    """Before shares had a least length 24 of the 85 short ones went, by narrower bounds 6 of the 27 longer ones."""
    book = Rulebook(RulesConfig(preset="hanlin"))
    gone = [
        (text, bound.threshold.name)
        for kind, those in texts.items()
        for text in those
        for bound in book.bounds(language_of(text), kind, measure(text))
        if not bound.is_kept
    ]
    assert len({text for text, _ in gone}) <= most, gone


def test_a_bound_of_the_users_own_judges_short_texts_too() -> None:
    book = Rulebook(RulesConfig(preset="hanlin", thresholds={"chat.max_top_2gram_chars": 0.5}))
    found = book.bounds("zh", "chat", measure("哈哈哈哈哈哈哈"))
    assert [bound.threshold.origin for bound in found if not bound.is_kept] == ["settings"]
    assert any(bound.is_silent for bound in found)


def test_what_is_a_share_is_measured() -> None:
    assert set(measure_names()) > SHARES
    assert {"chars", "unreadable", "longest_run_chars", "bad_words"}.isdisjoint(SHARES)


@pytest.mark.parametrize("value", ['"many"', "-1", "true", "1.5"])
def test_a_least_length_that_is_no_number_of_characters(value: str, tmp_path: Path, lang: str) -> None:
    path = tmp_path / f"{abs(hash(value))}.toml"
    path.write_text(f"least_chars = {value}\n[all]\nmin_words = 5\n")
    with pytest.raises(InputError) as caught:
        load_preset(str(path))
    assert caught.value.code == "E219" and path.name in str(caught.value)


def test_our_preset_speaks_of_every_kind() -> None:
    for lang in LANGUAGES:
        for kind in KINDS:
            assert limits("hanlin", lang, kind), f"{lang} {kind}"
