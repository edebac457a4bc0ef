"""Made examples: English and Chinese notes, and advertisements that disguise nothing."""

from __future__ import annotations

import itertools

from hanlin.text.document import Document
from hanlin.text.quality.labelled import Example

_WHO = ("my sister", "the teacher", "our neighbour", "an old friend", "the gardener", "his uncle", "Anna")
_DID = ("walked to", "wrote about", "remembered", "painted", "came back from", "asked about", "dreamt of")
_WHAT = ("the harbour", "a small garden", "the winter school", "the long bridge", "the library", "the hills")
_CALL = ("Win a free", "Claim your", "Cheap", "Buy now:", "Urgent! Your", "Congratulations, a")
_GOODS = ("phone", "cash prize", "loan", "watch", "holiday voucher", "ringtone", "casino bonus")
_END = ("call 0900", "click here", "text WIN to 80800", "offer ends today", "reply YES now", "limited offer")
_谁 = ("妹妹", "老师", "邻居", "老朋友", "园丁", "叔叔")
_做 = ("昨天去了", "写信说起", "还记得", "画下了", "刚离开", "打听过")
_何 = ("海边的码头", "小花园", "冬天的学校", "那座长桥", "图书馆", "后面的山")
_喊 = ("免费领取", "限时抢购", "恭喜中奖", "低价出售", "点击获得", "加微信送")
_物 = ("手机", "现金大奖", "贷款", "名表", "旅游券", "会员")
_尾 = ("请拨打热线", "点击链接", "今日截止", "回复即得", "先到先得", "名额有限")


def good_texts() -> list[str]:
    """About five hundred harmless sentences, half of them Chinese."""
    english = [f"{who} {did} {what}." for who, did, what in itertools.product(_WHO, _DID, _WHAT)]
    return english + ["".join(parts) + "。" for parts in itertools.product(_谁, _做, _何)]


def bad_texts() -> list[str]:
    """As many advertisements."""
    english = [f"{call} {goods}, {end}!" for call, goods, end in itertools.product(_CALL, _GOODS, _END)]
    return english + ["，".join(parts) + "！" for parts in itertools.product(_喊, _物, _尾)]


def examples() -> list[Example]:
    """All of them, good ones first."""
    return [*map(good, good_texts()), *map(bad, bad_texts())]


def good(text: str, **meta: str | int) -> Example:
    return Example(document(text, **meta), False)


def bad(text: str, **meta: str | int) -> Example:
    return Example(document(text, **meta), True)


def document(text: str, **meta: str | int) -> Document:
    """A document in the language of its first character."""
    return Document(text, text[:20], "made", "zh" if ord(text[0]) > 0x3000 else "en", {"path": "made", **meta})
