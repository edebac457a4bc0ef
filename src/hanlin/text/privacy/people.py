"""Addresses and names of persons: guesses by rules, looked for only when asked.

A Chinese address is a road or village with a house number, with what stands before it (province, city, district) and
after it (building, room). A name is what follows a label (姓名, 联系人, "My name is") or a title, or stands before 先生
and the like; a name without such a sign is not found. docs/results.md says how much that misses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanlin.text.privacy.span import Span

_HAN = "\u4e00-\u9fff"
_LONGEST_PLACE = 40  # characters of an address before its house number
_HOUSE = re.compile(
    r"(?:路|街|道|巷|弄|胡同|村|里|坊|镇|乡|组|区|園|园|苑)(?:[一二三四五六七八九十]{1,2}段)?(?P<house>[0-9０-９一二三四五六七八九十百甲乙丙附之-]{1,8}(?:号|號|弄)(?!人|选手|种子|线|机|文))"
)
# After it: the yard's mark, a named building, then block, entrance, floor and room.
_ROOM = re.compile(
    rf"院?(?:[{_HAN}]{{2,10}}(?:大厦|大廈|广场|廣場|小区|花园|公寓|中心|大楼|苑|城|家园|新村))?"
    r"(?:[0-9A-Za-z一二三四五六七八九十-]{1,6}(?:号楼|號樓|号|栋|棟|幢|座|单元|單元|楼|樓|层|層|室|房|户)){1,5}(?:[0-9]{3,4}(?![0-9]))?"
)
_PLACE = re.compile(rf"[{_HAN}A-Za-z0-9]{{2,{_LONGEST_PLACE}}}$")
_REGION = re.compile(rf"[{_HAN}]{{2,7}}?(?:省|自治区|市|特别行政区)|北京|上海|天津|重庆|[{_HAN}]{{1,5}}(?:区|县|镇|乡)")
_LEAD = re.compile(r"^.*(?:地址|住址|住在|住于|住|位于|家在|寄到|送到|寄往|寄至|收货地|籍贯|在|是|为|于|到|往)(?=.{2})")
_STREET = re.compile(
    r"(?<![0-9A-Za-z])[0-9]{1,6}[A-Za-z]? (?:[NSEW]\.? )?(?:[A-Z][A-Za-z'.-]{1,20} ){1,4}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Way|Terrace|Crescent|Parkway"
    r"|Highway|Hwy)\b\.?(?:,? (?:Apt|Apartment|Suite|Unit|Ste|Floor)\.? ?#?[0-9A-Za-z-]{1,6})?"
)
_SURNAMES = (
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何林高罗羅郑鄭梁谢謝宋唐许許邓鄧冯馮韩韓曹曾彭萧蕭肖蔡潘田董袁于余叶葉蒋蔣杜苏蘇魏程吕呂丁沈任姚"
    "卢盧傅钟鍾姜崔谭譚廖范汪陆陸金石戴贾賈韦韋夏邱方侯邹鄒熊孟秦白江阎閻薛尹段雷黎史龙龍陶贺賀顾顧毛郝龚龔邵万萬钱錢严嚴覃武莫孔汤湯向常温康施文牛"
)
_LABELLED = re.compile(
    r"(?:姓名|名字|联系人|聯絡人|收件人|收货人|寄件人|户名|负责人|法定代表人|申请人|本人|患者|当事人|原告(?!方)|被告人|被告(?!方)|上诉人(?!方)|第三人|证人|嫌疑人|我叫|名叫|叫做)(?:是|为|：|:|\s){0,3}"
    rf"(?P<name>[{_SURNAMES}](?:[{_HAN}]{{1,2}})|(?:欧阳|歐陽|司马|司馬|上官|诸葛|諸葛|司徒|夏侯|皇甫)[{_HAN}]{{1,2}})"
    rf"(?=$|[^{_HAN}]|[的是，。、；（(]|电话|手机|身份|先生|女士|同学)"
)
_TITLED = re.compile(
    rf"(?<![{_HAN}])(?:请找|请问|请|找|和|与|跟|向|给|由|感谢|联系)?(?P<name>[{_SURNAMES}][{_HAN}]{{0,2}})(?:先生|女士|小姐|同学|同學|老师|老師|教授|医生|醫生|律师)"
)
_WORD = r"[A-ZÀ-ÖØ-Þ][\w'’-]{1,20}"
_ENGLISH = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? |(?:[Mm]y name is|[Nn]ame:|[Nn]ame is|I am called|Dear|Sincerely,)\s)"
    r"(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? )?"
    rf"(?P<name>{_WORD}(?: [A-Z]\.)?(?: {_WORD}){{0,2}})"
)
_NOT_NAME = frozenset(["Sir", "Madam", "Customer", "All", "Friend", "Friends", "Team", "Colleagues", "The", "This"])


def find_people(text: str, kinds: frozenset[str]) -> Iterator[Span]:
    """Yield addresses and names where these kinds are wanted."""
    if "address" in kinds:
        yield from _chinese_addresses(text)
        yield from _of_matches("address", _STREET.finditer(text))
    if "name" in kinds:
        yield from _of_matches("name", _LABELLED.finditer(text))
        yield from _of_matches("name", _TITLED.finditer(text))
        yield from (
            span for span in _of_matches("name", _ENGLISH.finditer(text)) if span.text.split()[0] not in _NOT_NAME
        )


def _of_matches(kind: str, matches: Iterator[re.Match[str]]) -> Iterator[Span]:
    for match in matches:
        group = "name" if "name" in match.re.groupindex else 0
        yield Span(kind, match.start(group), match.end(group), match.group(group))


def _chinese_addresses(text: str) -> Iterator[Span]:
    for house in _HOUSE.finditer(text):
        place = _PLACE.search(text, max(0, house.start() - _LONGEST_PLACE), house.start() + 1)
        if not place:
            continue
        start = place.start()
        if lead := _LEAD.match(place.group()):
            start += lead.end()
        elif region := _REGION.search(place.group()):
            start += region.start()
        room = _ROOM.match(text, house.end())
        end = room.end() if room else house.end()
        if house.start() - start >= 1:
            yield Span("address", start, end, text[start:end])
