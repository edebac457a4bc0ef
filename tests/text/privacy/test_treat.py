"""Personal data in a corpus: masked or counted, dropped by number, and never told in a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanlin.base.errors import ConfigError
from hanlin.text.config import CorpusConfig, PrivacyConfig
from hanlin.text.corpus import CorpusReport, build_corpus, read_corpus
from hanlin.text.privacy.treat import Privacy, shape_of, treated

SECRETS = ("15400001111", "154-0000-2222", "zhang@example.com", "11999919900307006X", "22.45.67.89")
TEXTS = (
    f"联系电话：{SECRETS[0]}，身份证{SECRETS[3]}。",
    f"另一个号码是 {SECRETS[1]}，邮箱 {SECRETS[2]}，从 {SECRETS[4]} 登录。",
    "这一篇里没有任何人的信息，只有订单号：15400003333。",
    f"联系电话：{SECRETS[1]}，身份证{SECRETS[3]}。",
)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Four texts, the first and the last alike once masked."""
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in TEXTS), "utf-8")
    return path


def build(rows: Path, **privacy: object) -> CorpusReport:
    out = rows.parent / "out"
    config = CorpusConfig(sources=[str(rows)], validation_fraction=0.0, privacy=PrivacyConfig(**privacy))
    return build_corpus(config, out)


def texts(report: CorpusReport) -> list[str]:
    return [document.text for document in read_corpus(report.path)]


def test_by_default_it_is_counted_and_left(rows: Path) -> None:
    report = build(rows)
    assert texts(report) == list(TEXTS)
    personal = report.figures["personal"]
    assert personal["kinds"] == {"id_card": 2, "mobile": 3, "email": 1, "ip": 1}
    assert personal["documents"] == 3
    assert personal["action"] == "count"


def test_masked_texts_are_compared_after_masking(rows: Path) -> None:
    report = build(rows, action="mask")
    assert texts(report) == [
        "联系电话：[MOBILE]，身份证[ID_CARD]。",
        "另一个号码是 [MOBILE]，邮箱 [EMAIL]，从 [IP] 登录。",
        TEXTS[2],
    ]
    assert report.figures["dropped"]["duplicate"] == 1, "two that differ only in whose they are"
    assert report.figures["personal"]["kinds"]["mobile"] == 3


def test_kinds_and_placeholder_are_the_users(rows: Path) -> None:
    report = build(rows, action="mask", kinds=("mobile",), placeholder="某号")
    assert texts(report)[0] == f"联系电话：某号，身份证{SECRETS[3]}。"
    assert report.figures["personal"]["kinds"] == {"mobile": 3}


def test_documents_full_of_it_are_dropped_and_counted(rows: Path) -> None:
    report = build(rows, drop_above=2)
    assert texts(report) == [TEXTS[0], TEXTS[2], TEXTS[3]]
    assert report.figures["dropped"]["personal"] == 1
    (example,) = report.figures["examples"]["personal"]
    assert example["example"] == "email 1, ip 1, mobile 1"
    assert example["location"].endswith("rows.jsonl:2")
    assert report.figures["personal"]["kinds"]["email"] == 1, "what was found in it counts"


@pytest.mark.parametrize("settings", [{}, {"action": "mask"}, {"drop_above": 0}])
def test_the_report_tells_nothing_of_anybody(rows: Path, settings: dict[str, object], lang: str) -> None:
    report = build(rows, **settings)
    written = (report.path / "report.md").read_text("utf-8") + (report.path / "corpus.json").read_text("utf-8")
    assert [secret for secret in SECRETS if secret in written] == []
    examples = report.figures["personal"]["examples"]["mobile"]
    assert examples[0] == {"location": f"{rows}:1", "character": 6, "shape": "***********"}
    assert examples[1]["shape"] == "***-****-****"
    said = "\n".join(report.lines)
    assert {"en": "identity cards 2", "zh": "身份证号 2"}[lang] in said
    assert {"en": "Personal data, ", "zh": "个人信息，"}[lang] in said and f"{rows}:1" in said


def test_what_other_rules_quote_is_masked_too(rows: Path) -> None:
    """A text that is too short is shown in the report; the telephone in it was shown with it."""
    config = CorpusConfig(sources=[str(rows)], validation_fraction=0.0, min_chars=45)
    report = build_corpus(config, rows.parent / "out")
    quoted = [example["example"] for example in report.figures["examples"]["too_short"]]
    assert quoted[0] == "联系电话：[MOBILE]，身份证[ID_CARD]。"
    assert not any(secret in quote for quote in quoted for secret in SECRETS)
    config = config.replaced(privacy=PrivacyConfig(action="none"))
    report = build_corpus(config, rows.parent / "out")
    assert report.figures["examples"]["too_short"][0]["example"] == TEXTS[0]


def test_none_looks_for_nothing(rows: Path) -> None:
    report = build(rows, action="none")
    assert texts(report) == list(TEXTS)
    assert report.figures["personal"] == {"action": "none", "documents": 0, "kinds": {}, "examples": {}}
    assert not any("ersonal" in line for line in report.lines)


def test_examples_are_as_many_as_asked_for() -> None:
    privacy = Privacy(PrivacyConfig(), max_examples=2)
    for number in range(5):
        privacy.count(treated(f"打1540000111{number}", privacy.config)[1], f"file:{number}")
    assert [example["location"] for example in privacy.figures["examples"]["mobile"]] == ["file:0", "file:1"]
    assert privacy.figures["kinds"] == {"mobile": 5}


def test_a_shape_keeps_signs_only() -> None:
    assert shape_of("+86 154-0000-1111") == "+** ***-****-****"
    assert shape_of("张三@例子.cn") == "**@**.**"
    assert len(shape_of("1" * 500)) == 40


def test_settings_that_cannot_be_meant(lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PrivacyConfig(action="none", drop_above=0, placeholder="{name}")
    assert {problem.name for problem in caught.value.problems} == {"placeholder", "drop_above"}
    said = str(caught.value)
    assert ("{kind} and no other braces" in said) == (lang == "en") and ("花括号只能用于 {kind}" in said) == (
        lang == "zh"
    )
    with pytest.raises(ConfigError, match="kinds"):
        PrivacyConfig(kinds=("mobil",))
    with pytest.raises(ConfigError, match="kinds"):
        PrivacyConfig(kinds=())
