"""What stands around a number: the words and signs that say whose number it is, or that it is nobody's.

Only the few characters beside a number are read, so the cost of a look is bounded however the text is made.
"""

from __future__ import annotations

import re

# Directly before a number: it counts things.
_OTHER_LABEL = re.compile(
    r"(?:订单|单号|快递|运单|物流|流水|编号|编码|序号|批号|批次|型号|货号|条码|条形码|学号|工号|期号|案号|文号|序列号|版本"
    r"|訂單|單號|編號|序號|批號|型號|貨號|學號|(?<![A-Za-z])(?:isbn|issn|doi|sku|sn|qq|uid|id|(?:order|invoice|tracking|serial|part"
    r"|item|batch|reference|ref|case|ticket|transaction|trade|seed|timestamp|ts|size|offset|checksum|hash)"
    r"(?:[ _-]?(?:no|number|num|id))?))"
    r"号?[\s.:：#№=＝\"'“”是为(（\[-]{0,6}$",
    re.IGNORECASE,
)
_PHONE_WORD = re.compile(
    r"电话|手机|联系|致电|拨打|座机|固话|传真|热线|号码|微信|短信|電話|手機|聯繫|聯絡|撥打|傳真|熱線"
    r"|(?<![A-Za-z])(?:tel|telephone|phone|mobile|cell|fax|call|whatsapp|contact|sms|number)(?![a-z])",
    re.IGNORECASE,
)
# The same so close that nothing but filling words stands between, so that any form of number is believed.
_PHONE_LABEL = re.compile(
    r"(?:(?:电话|手机|座机|固话|传真|热线|总机|電話|手機|傳真)(?:号码?|號碼?)?"
    r"|(?<![A-Za-z])(?:tel|telephone|phone|mobile|cell|fax|whatsapp|(?:call|answering|messages|reached)"
    r"|(?:call|reach|text|phone|ring) (?:me|us|him|her|them))(?:[ -]?(?:number|no))?)"
    r"(?:[\s.:：#=(（]|is|are|at|on|to|为|是){0,6}$",
    re.IGNORECASE,
)
_PHONE_WORD_AFTER = re.compile(r"[ -]?(?:office|fax|mobile|cell|home|work)\b", re.IGNORECASE)
# Units, less the words that begin like one. 张 is a name far more often than a sheet, so it is not among them.
_UNIT_AFTER = re.compile(
    r"\s?(?:元|亿|億|美元|日元|块|件|份|辆|套|票|次|吨|公斤|克|公里|字节|字|条|步|年|秒|毫秒|像素|倍|度|号文"
    r"|万(?!先生|女士|某|总|老师|经理)|萬(?!先生|小姐)|米(?!先生|女士|某)|位(?!于)|台(?!湾|北|州|灣)"
    r"|只(?!接|能|有|要|是|打|收|限)|股(?!东)|个(?!人)|人(?!工|员|事|民)|行(?!政|业|长)"
    r"|[%‰℃°²³]|(?:bytes?|ms|km|kg|mb|gb|usd|rmb|yuan|dollars?|years?|times|items|rows|lines)\b)",
    re.IGNORECASE,
)
_MONEY_BEFORE = re.compile(r"(?:[¥￥$€£第]|USD|RMB|CNY)\s?$")
_ADDRESS_BEFORE = re.compile(r"(?:://|www\.)[^\s\u3000-\u9fff，。；“”]*$")
_PHONE_KEY = re.compile(r"(?:phone|mobile|tel|cell|fax|contact)[a-z_]*[=:/]$", re.IGNORECASE)
# A term of a formula. Markdown's ** and tags of HTML stand beside numbers too, so *, < and > need a partner; phone=138…
# names a thing, x = 138… is mathematics.
_TERM_BEFORE = re.compile(
    r"(?:[×÷√≈≤≥∑∏±]|[0-9A-Za-z)] ?[*^+−-]|[0-9A-Za-z)] [<>]|(?<![0-9]{6})[0-9]/|(?:^|[^\w\"'])\w?\s?=)\s?$"
)
_TERM_AFTER = re.compile(
    r"\s?(?:[×÷^√≈≤≥∑∏±=]|[+−*] ?[0-9A-Za-z(]|[)\]]\s?=|[-/<>] |[-/][0-9](?![0-9]{6}|[0-9]{2,3}[-)])"
    r"|@|[.](?:pdf|jpe?g|png|txt|docx?|xlsx?|html?|zip|csv|mp[34]))"
)


def before(text: str, start: int, number: int) -> str:
    """At most `number` characters that stand before `start`."""
    return text[max(0, start - number) : start]


def counts_things(text: str, start: int) -> bool:
    """Whether a label directly before says that a number is one of an order, a book, a part …"""
    return _OTHER_LABEL.search(before(text, start, 32)) is not None


def speaks_of_phones(text: str, start: int) -> bool:
    """Whether a word of telephones stands within 20 characters before."""
    return _PHONE_WORD.search(before(text, start, 20)) is not None


def is_labelled_phone(text: str, start: int, end: int) -> bool:
    """Whether "Phone:", "电话：" and the like stand directly before, or "office", "fax" directly after."""
    return (
        _PHONE_LABEL.search(before(text, start, 40)) is not None
        or _PHONE_WORD_AFTER.match(text, end, end + 8) is not None
    )


def is_quantity(text: str, start: int, end: int) -> bool:
    """Whether a number is an amount of money or has a unit; after a word of telephones only money counts."""
    if _MONEY_BEFORE.search(before(text, start, 4)):
        return True
    return _UNIT_AFTER.match(text, end, end + 10) is not None and not speaks_of_phones(text, start)


def is_term(text: str, start: int, end: int) -> bool:
    """Whether a number stands in a formula, or names a file."""
    if _TERM_BEFORE.search(before(text, start, 12)) and not speaks_of_phones(text, start):
        return True
    return _TERM_AFTER.match(text, end, end + 12) is not None


def is_in_web_address(text: str, start: int) -> bool:
    """Whether a number belongs to a URL, and not to a part of it that names a telephone."""
    chunk = before(text, start, 200)
    return _ADDRESS_BEFORE.search(chunk) is not None and _PHONE_KEY.search(chunk) is None


def is_nobodys(text: str, start: int, end: int) -> bool:
    """Whether what stands around a number without a check digit says that it belongs to nobody."""
    return (
        counts_things(text, start)
        or is_quantity(text, start, end)
        or is_term(text, start, end)
        or is_in_web_address(text, start)
    )
