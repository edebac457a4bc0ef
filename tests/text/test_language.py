"""The language of a document by its scripts, and of anything down to a word by scripts and a model."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from hanlin.base.errors import InputError
from hanlin.text.language import SAMPLE_CHARS, Language, identify, known_codes, language_of


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("今天天气很好。", "zh"),
        ("寶玉聽了，不覺呆了一回。", "zh"),
        ("It was the best of times.", "en"),
        ("使用 `git rebase --interactive HEAD~3` 命令可以修改历史提交，请谨慎使用。", "zh"),
        ("The character 好 means good, and 人 means person, in the Chinese language of today.", "en"),
        ("吾輩は猫である。名前はまだ無い。", "other"),
        ("모든 인간은 태어날 때부터 자유로우며", "other"),
        ("Все счастливые семьи похожи друг на друга", "other"),
        ("12345 + 67 = !!", "other"),
        ("", "other"),
    ],
)
def test_by_the_share_of_scripts(text: str, lang: str) -> None:
    assert language_of(text) == lang


def test_only_the_beginning_is_looked_at() -> None:
    assert language_of("word " * SAMPLE_CHARS + "好" * 10 * SAMPLE_CHARS) == "en"


@pytest.mark.peer
def test_declarations_of_human_rights(test_data: Path) -> None:
    rows = (test_data / "langid" / "udhr.jsonl").read_text("utf-8").split("\n")
    texts = {row["lang"]: row["text"] for row in map(json.loads, filter(None, rows))}
    chinese = {lang for lang in texts if lang.startswith(("zh", "cmn"))}
    assert chinese
    assert {language_of(texts[lang]) for lang in chinese} == {"zh"}
    assert language_of(next(text for lang, text in texts.items() if lang.startswith("en"))) == "en"
    others = [text for lang, text in texts.items() if lang[:2] in ("ja", "ko", "ru", "ar", "th")]
    assert {language_of(text) for text in others} == {"other"}


# ---- any language

SENTENCES = {
    "en": "The train to the north leaves at eight and arrives late at night.",
    "de": "Der Zug nach Norden fährt um acht Uhr ab und kommt spät in der Nacht an.",
    "fr": "Le train pour le nord part à huit heures et arrive tard dans la nuit.",
    "es": "El tren hacia el norte sale a las ocho y llega tarde por la noche.",
    "it": "Il treno per il nord parte alle otto e arriva a notte fonda.",
    "pt": "O comboio para o norte parte às oito e chega tarde da noite.",
    "nl": "De trein naar het noorden vertrekt om acht uur en komt laat in de nacht aan.",
    "sv": "Tåget norrut avgår klockan åtta och kommer fram sent på natten.",
    "pl": "Pociąg na północ odjeżdża o ósmej i przyjeżdża późno w nocy.",
    "cs": "Vlak na sever odjíždí v osm hodin a přijíždí pozdě v noci.",
    "fi": "Juna pohjoiseen lähtee kello kahdeksan ja saapuu myöhään yöllä.",
    "hu": "Az északra tartó vonat nyolckor indul, és késő éjjel érkezik meg.",
    "tr": "Kuzeye giden tren saat sekizde kalkıyor ve gece geç saatlerde varıyor.",
    "vi": "Chuyến tàu lên phía bắc khởi hành lúc tám giờ và đến nơi vào đêm khuya.",
    "ru": "Поезд на север отправляется в восемь часов и прибывает поздно ночью.",
    "uk": "Потяг на північ вирушає о восьмій годині і прибуває пізно вночі.",
    "el": "Το τρένο για τον βορρά φεύγει στις οκτώ και φτάνει αργά τη νύχτα.",
    "he": "הרכבת צפונה יוצאת בשמונה ומגיעה מאוחר בלילה.",
    "ar": "القطار المتجه إلى الشمال يغادر في الساعة الثامنة ويصل في وقت متأخر من الليل.",
    "fa": "قطار شمال ساعت هشت حرکت می‌کند و دیروقت شب می‌رسد.",
    "hi": "उत्तर जाने वाली गाड़ी आठ बजे चलती है और देर रात पहुँचती है।",
    "bn": "উত্তরের ট্রেন আটটায় ছাড়ে এবং গভীর রাতে পৌঁছায়।",
    "th": "รถไฟไปทางเหนือออกเวลาแปดโมงและมาถึงตอนดึก",
    "ko": "북쪽으로 가는 기차는 여덟 시에 출발하여 밤늦게 도착한다.",
    "ja": "北へ向かう列車は八時に出発し、夜遅くに到着する。",
    "zh": "开往北方的列车八点出发，深夜到达。",
    "yue": "佢哋聽日八點搭火車去北邊，夜晚先至到。",
    "ka": "ჩრდილოეთისკენ მიმავალი მატარებელი რვა საათზე გადის.",
    "ta": "வடக்கே செல்லும் ரயில் எட்டு மணிக்குப் புறப்படுகிறது.",
    "am": "ወደ ሰሜን የሚሄደው ባቡር በስምንት ሰዓት ይነሳል።",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_in_each_of_thirty_languages(code: str) -> None:
    found = identify(SENTENCES[code])
    assert found.code == code
    assert found.confidence > 0.5
    assert found.code in known_codes()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("今天天气很好，我们去公园。", Language("zh", "Hans", 0.99)),
        ("今天天氣很好，我們去公園。", Language("zh", "Hant", 0.99)),
        ("山水", Language("zh", "Hani", 0.639)),
        ("鲜の每日，新鲜果汁天天送到家", Language("zh", "Hans", 0.99)),
        ("駅", Language("ja", "Jpan", 0.7)),
        ("東京タワー", Language("ja", "Jpan", 0.99)),
        ("春寒漸退氣温和，飯後閒行過野河。爲問梅花開也未，黄鶯聲裏日將過。", Language("zh", "Hant", 0.99)),
        ("서울", Language("ko", "Kore", 0.99)),
        ("12345 + 67 = !!", Language("und", "Zyyy", 0.0)),
        ("", Language("und", "Zyyy", 0.0)),
    ],
)
def test_scripts_of_east_asia(text: str, language: Language) -> None:
    assert identify(text) == language


@pytest.mark.parametrize("sign", ["本日休業", "注文確認書"])
def test_a_few_characters_that_chinese_and_japanese_share_are_no_certainty(sign: str) -> None:
    assert identify(sign).confidence < 0.75
    assert identify("這個書店今天休業嗎").confidence == 0.99


def test_most_of_a_text_decides_and_the_rest_costs_confidence() -> None:
    mixed = identify("使用 git rebase 命令可以修改历史提交，请谨慎使用。")
    assert mixed.code == "zh" and 0.8 < mixed.confidence < 0.99
    assert identify("The character 好 means good, and 人 means person, in Chinese.").code == "en"
    begins_otherwise = "Title in English only\n" + "今天天气很好，我们一起去公园里走走。" * 300
    assert identify(begins_otherwise).code == "zh", "the middle and the end of a long text are read too"


def test_among_the_languages_that_come_into_question() -> None:
    assert identify("banana", among=["de", "vi"]).code in ("de", "vi")
    assert identify("gesellschaft", among=["de", "en"]).code == "de"
    assert identify("今天", among=["de", "en"]) == Language("und", "Zyyy", 0.0)
    assert identify("Привет", among=["de", "en"]) == Language("und", "Zyyy", 0.0)
    assert identify("нет", among=("uk", "ru")).script == "Cyrl"


def test_a_code_that_nobody_has(lang: str) -> None:
    with pytest.raises(InputError) as caught:
        identify("x", among=["en", "xx"])
    assert caught.value.code == "E271"
    assert "xx" in str(caught.value) and "zh" in str(caught.value)


def test_it_needs_no_network_and_no_model_where_a_script_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*args: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", closed)
    monkeypatch.setattr(socket, "getaddrinfo", closed)
    assert identify(SENTENCES["de"]).code == "de"
    code = (
        "import sys; from hanlin.text.language import identify; identify('今天天气很好'); "
        "print('py3langid' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"], done.stderr


# ---- against texts of others

UDHR = {
    "cmn_hans": "zh",
    "cmn_hant": "zh",
    "yue": "yue",
    "jpn": "ja",
    "kor": "ko",
    "arb": "ar",
    "mya": "my",
    "bod": "bo",
}
FIRST_LETTERS = {"eng": "en", "deu": "de", "fra": "fr", "spa": "es", "rus": "ru", "vie": "vi", "tha": "th", "hin": "hi",
                 "por": "pt", "ind": "id", "khm": "km", "uig": "ug"}  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


@pytest.mark.peer
def test_sentences_and_words_in_twenty_languages(test_data: Path) -> None:
    right: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for row in rows_of(test_data / "langid" / "sentences-20.jsonl"):
        number[row["kind"]] += 1
        right[row["kind"]] += identify(row["text"]).code == row["lang"]
    assert right["sentences"] / number["sentences"] >= 0.99
    assert right["word-pairs"] / number["word-pairs"] >= 0.92
    assert right["single-words"] / number["single-words"] >= 0.80


@pytest.mark.peer
def test_every_declaration_in_its_language_and_script(test_data: Path) -> None:
    for row in rows_of(test_data / "langid" / "udhr.jsonl"):
        found = identify(row["text"])
        assert found.code == UDHR.get(row["lang"], FIRST_LETTERS.get(row["lang"][:3])), row["lang"]
        if row["lang"].startswith("cmn"):
            assert found.script == row["lang"].partition("_")[2].capitalize()


@pytest.mark.peer
@pytest.mark.parametrize(("name", "script"), [("novels-hans", "Hans"), ("novels-hant", "Hant"), ("pydocs", "Hans")])
def test_books_in_both_scripts_of_chinese(test_data: Path, name: str, script: str) -> None:
    packed = (test_data / "pretrain-zh" / f"{name}.jsonl.zst").open("rb")
    with packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        texts = [
            json.loads(line)["text"] for line, _ in zip(io.TextIOWrapper(stream, "utf-8"), range(60), strict=False)
        ]
    found = Counter((language.code, language.script) for language in map(identify, texts))
    assert found[("zh", script)] >= 0.98 * len(texts), found
