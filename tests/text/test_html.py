"""Main text of web pages: against small pages, and against real ones with their sources."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from hanlin.text.html import is_web_page, main_text

PAGE = """<html><head><title>Title</title><script>var x = "script";</script><style>p {color: red}</style></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>
<article><h1>春天</h1><p>今天天气很好，我们一起去公园里走走。</p>
<p>It was the best of times &amp; the worst.</p></article>
<footer>Copyright, all rights reserved</footer></body></html>"""


def test_the_article_stays_and_the_rest_goes() -> None:
    text = main_text(PAGE)
    assert "我们一起去公园里走走。" in text
    assert "best of times & the worst" in text
    assert not any(word in text for word in ("script", "color", "About us", "rights reserved", "<p>"))
    assert "走走。\n" in text


@pytest.mark.parametrize("page", ["", "   ", "<html></html>", "<html><body><script>x</script></body></html>"])
def test_a_page_without_text_gives_none(page: str) -> None:
    assert main_text(page).strip() == ""


@pytest.mark.parametrize("before", ["", "\ufeff", " \n", '<?xml version="1.0"?>\n', "<!-- saved -->\n<!-- - -->"])
@pytest.mark.parametrize(
    "start", ["<head>", "<body class=a>", "<!DOCTYPE html>", "<!doctype HTML PUBLIC ''>", "<html>", '<HTML lang="zh">']
)
def test_what_begins_as_a_page_is_one(before: str, start: str) -> None:
    assert is_web_page(f"{before}{start}<p>text")


@pytest.mark.parametrize(
    "text", ["", "<p>Text</p>", "The <html> tag", "<htmlx>", "<!-- <html>", "<svg>", "<!-- a -->" * 500, "<!--" * 2000]
)
def test_what_only_has_tags_in_it_is_no_page(text: str) -> None:
    assert not is_web_page(text)


ROWS = [("品牌", "山野"), ("材质", "头层牛皮"), ("尺寸", "42×30×14 厘米"), ("产地", "浙江温州"), ("重量", "1.8 千克")]
TOLD = "这款双肩包采用头层牛皮手工缝制，内衬为防泼水帆布，日常通勤和短途旅行都很合适，主仓可放下十五寸的电脑。"
MENU = '<div><a href="/">首页</a> | <a href="/n">新闻</a> | <a href="/l">登录</a></div>'
FOOT = '<div><p><a href="/about">关于我们</a> | <a href="/job">诚聘英才</a></p><p>版权所有 某某网</p></div>'


def test_a_table_of_facts_does_not_make_a_page_one_of_layout_tables() -> None:
    """It did: a shop's page came with its menu and footer, because half of its lines were rows."""
    facts = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in ROWS)
    page = f"<body>{MENU}<div class=detail><h1>双肩包</h1><table>{facts}</table><p>{TOLD}</p><p>{TOLD}</p></div>{FOOT}"
    text = main_text(page)
    assert "| 材质 | 头层牛皮 |" in text and TOLD in text
    assert "诚聘英才" not in text and "登录" not in text


def test_paragraphs_in_a_table_of_layout_stay_apart() -> None:
    told = "<br>".join(f"　　{number}。{TOLD * 2}" for number in "一二三四五")
    page = f"<body><table><tr><td>{MENU}</td></tr><tr><td>{told}</td></tr><tr><td>{FOOT}</td></tr></table>"
    assert [line.strip()[0] for line in main_text(page).split("\n") if TOLD in line] == list("一二三四五")


def test_broken_markup_is_no_error() -> None:
    assert "half" in main_text("<p>half <b>open <i>tags</p><<<>&;&#xffffff;</")


@pytest.mark.parametrize("tags", ["<div>", "<b>", "<x-y a='1'>", "<DIV>\n", "<div"])
def test_a_page_nested_without_end_takes_no_time(tags: str) -> None:
    """The extraction takes time by the square of the depth: minutes for a page of half a megabyte."""
    assert main_text(tags * 100_000 + "hello").strip() in ("", "hello")


def test_end_tags_that_pages_leave_out_do_not_count_as_depth() -> None:
    page = "<main>" + "<p>one more line of a long story<br><img src=a>" * 5000 + "<ul>" + "<li>point" * 5000 + "</ul>"
    assert main_text(page).count("long story") == 5000
    nested = "<div>" * 400 + "<p>deep but sound</p>" + "</div>" * 400
    assert "deep but sound" in main_text(nested * 5)


def test_a_menu_in_a_cell_of_a_layout_table_goes_and_a_list_of_links_stays() -> None:
    """The menu came first in the text of every page of such a site; an index page is nothing but links, and wanted."""
    items = [f'<a href="/{number}">栏目{number}</a>' for number in range(30)]
    told = "".join(f"<p>{TOLD}这是第{number}段。</p>" for number in range(6))
    page = f"<body><table><tr><td>{'<br>'.join(items)}</td><td><div>{told}</div></td></tr></table></body>"
    text = main_text(page)
    assert text.startswith("这款") and text.count(TOLD) == 6 and "栏目" not in text
    few = main_text(page.replace("<br>".join(items), "<br>".join(items[:4])))
    assert "栏目3" in few, "a few links may belong to the text"
    assert "栏目29" in main_text(f"<body><h1>目录</h1><p>{'<br>'.join(items)}</p></body>")


def grams(text: str) -> Counter[str]:
    letters = "".join(c for c in text.lower() if c.isalnum())
    return Counter(letters[at : at + 5] for at in range(len(letters) - 4))


def overlap(found: str, wanted: str) -> float:
    """F1 of runs of five letters."""
    one, other = grams(found), grams(wanted)
    return 2 * (one & other).total() / max(1, one.total() + other.total())


@pytest.mark.peer
@pytest.mark.parametrize(
    ("name", "least"),
    [("news-en", 0.85), ("linuxcmd-zh", 0.8), ("rustbook-zh", 0.65), ("rustbook-en", 0.8), ("peps", 0.85)],
)
def test_real_pages(test_data: Path, name: str, least: float) -> None:
    with (test_data / "web-html" / f"{name}.jsonl.zst").open("rb") as file:
        rows = zstandard.ZstdDecompressor().stream_reader(file).read().split(b"\n")
    pages = [json.loads(row) for row in rows if row]
    scores = [overlap(main_text(page["html"]), page["reference"]) for page in pages]
    assert sum(scores) / len(scores) > least
