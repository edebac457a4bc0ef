"""Chinese and English sentences with personal data whose places are known, and numbers that only look like it.

All of it is made up. Where a kind has values that can belong to nobody, those are used: mobile numbers of segments that
no operator has (154, 160, 179, 194), identity cards of a county code that does not exist (9999), domains reserved for
examples, addresses of a block that is not routed. Checksums are computed here once more, by other means than in the
product, so that the set can find a mistake in them.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MARK = re.compile(r"⟦(\w+)\|(.*?)⟧", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """A text and the (kind, start, end) of all personal data in it."""

    text: str
    spans: tuple[tuple[str, int, int], ...]


def marked(sentence: str) -> Case:
    """Read `call ⟦mobile|15400001111⟧` as its text and the places that were marked."""
    text, spans, last = "", [], 0
    for match in MARK.finditer(sentence):
        text += sentence[last : match.start()]
        spans.append((match[1], len(text), len(text) + len(match[2])))
        text, last = text + match[2], match.end()
    return Case(text + sentence[last:], tuple(spans))


# ---- values


def digits(draw: random.Random, number: int) -> str:
    return "".join(draw.choice("0123456789") for _ in range(number))


def identity_card(draw: random.Random) -> str:
    """18 characters after GB 11643; the last makes the weighted sum 1 modulo 11."""
    born = f"{draw.randint(1950, 2012)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"
    body = draw.choice(["11", "31", "44", "51", "33", "61"]) + "9999" + born + digits(draw, 3)
    for last in "0123456789X":
        value = 10 if last == "X" else int(last)
        if (sum(int(c) * pow(2, 17 - place, 11) for place, c in enumerate(body)) + value) % 11 == 1:
            break
    shown = body + last
    return draw.choice([shown, shown, shown, shown.lower(), f"{shown[:6]} {shown[6:14]} {shown[14:]}"])


def luhn_ending(body: str) -> str:
    """The digit that makes all of them pass Luhn, found by trying."""
    for last in "0123456789":
        doubled = [sum(divmod(2 * int(c), 10)) for c in (body + last)[-2::-2]]
        if (sum(doubled) + sum(int(c) for c in (body + last)[-1::-2])) % 10 == 0:
            return last
    raise AssertionError


def bank_card(draw: random.Random) -> str:
    start, length = draw.choice([("622202", 19), ("621700", 19), ("622588", 16), ("955880", 19), ("4", 16), ("52", 16)])
    body = start + digits(draw, length - len(start) - 1)
    card = body + luhn_ending(body)
    grouped = " ".join(card[i : i + 4] for i in range(0, len(card), 4))
    return draw.choice([card, card, grouped, grouped.replace(" ", "-")])


def mobile(draw: random.Random) -> str:
    number = draw.choice(["154", "160", "179", "194"]) + digits(draw, 8)
    apart = f"{number[:3]}{{0}}{number[3:7]}{{0}}{number[7:]}"
    prefixed = draw.choice(["+86", "+86 ", "+86-", "0086 ", "(+86)", "86-"]) + number
    return draw.choice([number, number, number, apart.format(" "), apart.format("-"), prefixed])


def landline(draw: random.Random) -> str:
    area, length = draw.choice([("010", 8), ("021", 8), ("0755", 8), ("0571", 8), ("0931", 7), ("0891", 7)])
    local = draw.choice("2345678") + digits(draw, length - 1)
    shown = draw.choice(
        [f"{area}-{local}", f"{area}-{local}", f"({area}){local}", f"（{area}）{local}", f"{area} {local}"]
    )
    if draw.random() < 0.15:
        shown += "-" + digits(draw, 3)
    return draw.choice([shown, shown, shown, f"+86-{area[1:]}-{local}"])


def email(draw: random.Random) -> str:
    name = draw.choice(["zhang.san", "li_si", "wangwu88", "chen-xm", "10086123", "a.b+news", "Liu.Fang", "q"])
    domain = draw.choice(["example.com", "example.cn", "mail.example.com.cn", "example.org", "qq.example.net"])
    return f"{name}{draw.randint(1, 999)}@{domain}"


def address4(draw: random.Random) -> str:
    """Of blocks of the US defence department, which no route leads to."""
    return ".".join([draw.choice(["11", "22", "26", "30"]), *(str(draw.randint(32, 254)) for _ in range(3))])


def address6(draw: random.Random) -> str:
    tail = ":".join(f"{draw.randint(1, 65535):x}" for _ in range(4))
    return draw.choice(
        [f"2001:4860:4860:0:{tail}", f"2001:4860:4860::{tail.rpartition(':')[2]}", f"2400:3200:0:1:{tail}"]
    )


def passport(draw: random.Random) -> str:
    head, number = draw.choice([("E", 8), ("G", 8), ("EA", 7), ("EK", 7), ("DE", 7), ("PE", 7)])
    return head + digits(draw, number)


def plate(draw: random.Random) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    head = draw.choice("京津沪渝冀豫辽湘皖鲁苏浙赣鄂桂晋陕闽粤琼") + draw.choice("ABCDEFGHJK")
    tail = draw.choice(
        [digits(draw, 5), draw.choice(letters) + digits(draw, 4), digits(draw, 3) + draw.choice(letters) + "8"]
    )
    green = draw.choice([draw.choice("DF") + digits(draw, 5), digits(draw, 5) + draw.choice("DF")])
    return head + draw.choice(["", "", "·", " "]) + draw.choice([tail, tail, green])


def credit_code(draw: random.Random) -> str:
    """GB 32100: the weighted sum of all 18 in base 31, the weights powers of 3, is 0 modulo 31."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = "91" + draw.choice(["110108", "440300", "310115"]) + "".join(draw.choice(alphabet) for _ in range(9))
    total = sum(alphabet.index(c) * pow(3, place, 31) for place, c in enumerate(body))
    return body + next(c for c in alphabet if (total + alphabet.index(c)) % 31 == 0)


def iban(draw: random.Random) -> str:
    bank = "".join(draw.choice("BCDFGHJKLM") for _ in range(4)) + digits(draw, 14)
    as_number = int("".join(str(int(c, 36)) for c in bank + "GB00"))
    code = f"GB{98 - as_number % 97:02}{bank}"
    return draw.choice([code, " ".join(code[i : i + 4] for i in range(0, 22, 4))])


def ssn(draw: random.Random) -> str:
    return f"{draw.randint(100, 665)}-{draw.randint(10, 99)}-{draw.randint(1000, 9999)}"


def phone(draw: random.Random) -> str:
    """The range 555-0100 to 555-0199 is kept for stories; so are Ofcom's 7700 900xxx."""
    american = f"{draw.randint(201, 989)}{{0}}555{{1}}01{draw.randint(10, 99)}"
    return draw.choice(
        [american.format("-", "-"), "+1 " + american.format(" ", " "), f"+44 7700 900{draw.randint(100, 999)}"]
    )


def api_key(draw: random.Random) -> str:
    def letters(number: int) -> str:
        return "".join(draw.choice("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789") for _ in range(number))

    return draw.choice(
        ["sk-" + letters(48), "gh" + "p_" + letters(36), "AK" + "IA" + letters(16).upper(), "LT" + "AI5t" + letters(20)]
    )


VALUES: dict[str, Callable[[random.Random], str]] = {
    "mobile": mobile,
    "landline": landline,
    "id_card": identity_card,
    "bank_card": bank_card,
    "email": email,
    "ip": lambda draw: draw.choice([address4, address4, address6])(draw),
    "passport": passport,
    "plate": plate,
    "uscc": credit_code,
    "iban": iban,
    "ssn": ssn,
    "phone": phone,
    "api_key": api_key,
}

# ---- sentences: {kind} is filled in; the frames differ in what stands directly before and after

FRAMES = {
    "mobile": [
        "联系电话：{}",
        "手机{}，请在工作时间联系。",
        "有意者请致电{}（王先生）。",
        "加微信或打{}都可以",
        "他说：“打我手机{}。”",
        "收件人：某某 {} 北京市",
        "{}是我的号码，随时可以打。",
        "Call me at {} tomorrow.",
        "tel:{}\n",
        "客服小李{}；投诉请找主管",
        "|姓名|{}|备注|",
        "昨天有个陌生号码{}打来，没有接。",
        "phone={}&lang=zh",
        "电话:{}/传真同上",
    ],
    "landline": [
        "办公电话：{}",
        "座机{}，工作日九点到五点有人接。",
        "如有疑问，请拨打{}咨询。",
        "Tel: {}",
        "地址某处，电话 {}，邮编100000",
        "总机{}转人事部",
    ],
    "id_card": [
        "身份证号：{}",
        "本人身份证{}，现申请办理。",
        "证件号码 {} ，有效期长期",
        "{}（身份证）",
        "ID number: {}.",
        "张某，男，公民身份号码{}，住某市。",
        '"idcard": "{}",',
        "他的号码是{}吗？",
    ],
    "bank_card": [
        "银行卡号：{}",
        "请转账到{}（工商银行）。",
        "卡号 {}，户名某某",
        "My card number is {}, please cancel it.",
        "收款账号{}，开户行：某支行",
        "{}\n",
    ],
    "email": [
        "邮箱：{}",
        "请把简历发到{}，谢谢。",
        "Write to {} for details.",
        "联系我（{}）",
        "<{}>",
        "邮件地址是{}。",
        "mailto:{}?subject=hi",
        '"email":"{}"',
    ],
    "ip": [
        "登录 IP：{}",
        "来自{}的访问被拒绝。",
        "Failed password for root from {} port 22",
        "[{}] GET /index.html",
        "他的公网地址是 {} 。",
        '"client_ip": "{}"',
    ],
    "passport": ["护照号码：{}", "本人持护照{}入境。", "Passport No. {}", "护照（{}）已过期", "passport number is {}."],
    "plate": [
        "车牌号：{}",
        "一辆{}的小轿车违停。",
        "肇事车辆{}逃离现场",
        "请{}车主挪车",
        "车牌{}，限行。",
        "停车场登记：{}\n",
    ],
    "uscc": ["统一社会信用代码：{}", "纳税人识别号 {}", "该公司（{}）成立于某年。", "信用代码为{}，注册地某区。"],
    "iban": ["IBAN: {}", "Please pay to {}.", "账户 {} （英国）", "The account is {} in London."],
    "ssn": ["SSN: {}", "My social security number is {}.", "社会安全号码{}", "Here it is: {}, keep it safe."],
    "phone": ["Call us at {}.", "Phone: {}", "美国办公室电话 {}", "{} is my number.", "Fax {}, attention sales"],
    "api_key": ["export API_KEY={}", "密钥是 {} ，别外传", 'token: "{}"', "Authorization: Bearer {}", "key={}\n"],
}

NEGATIVE_FRAMES = [
    "订单号：{order}，请核对。",
    "您的快递单号{order}已发出",
    "流水号 {order18} 查询无结果",
    "order no. {order18} was shipped",
    "身份证号填写错误：{bad_id}",
    "设 x = {eleven}，求 x 的因数。",
    "{eleven} × 3 = {product}",
    "a + {eleven} = b",
    "总额为¥{eleven}",
    "共计{eleven}元",
    "约 {eleven} 字节",
    "{eleven}.5 ms",
    "3.{eleven}",
    "编号 {eleven} 的样品",
    "已下载 {eleven} bytes",
    "版本 {version} 已发布",
    "Version {version} fixes a bug",
    "Chrome/{version} Safari",
    "升级到 v{version}",
    "见第 {section} 节",
    "售价 {price} 元",
    "ISBN {isbn}",
    "ISBN：{isbn}，定价 45.00 元",
    "{date} {time}",
    "会议定于{date}召开",
    "时间 {time}，地点不变",
    "哈希 {hex}",
    "commit {hex}",
    "圆周率是 3.1415926535897932384626",
    "{long}",
    "数据：{long}，共三十位",
    "比例 {ratio}",
    "坐标 ({lon}, {lat})",
    "QQ 群里有 {price} 人",
    "数组 [{numbers}]",
    "图片 icon@2x.png 已更新",
    "安装 pkg@1.2.3 即可",
    "git clone git@host:group/project.git",
    "@someone 你好",
    "请用 user@host 登录",
    "卡号错误：{bad_card}",
    "端口 127.0.0.1:8080",
    "内网 192.168.1.{octet}",
    "网关 10.0.0.{octet}",
    "std::vector<int>::iterator",
    "时长 12:30:45",
    "MAC 00:1a:2b:3c:4d:5e",
    "京都 A12 号线",
    "新 A4 纸 500 张",
    "型号 E{five}",
    "GB {five}-2008",
    "RFC 2616 与 RFC 3986",
    "doi:10.1000/{eleven}",
    "时间戳 17{order11}",
    "2024年第{five}号文件",
    "x[{numbers}]",
    "https://item.example.com/{eleven}.html",
    "https://example.com/?id={eleven}",
    "电话会议从 9:00 到 10:00",
    "手机屏幕 2340x1080",
    "客服 10086 或 95588",
    "拨打 110 或 120",
    "批号20240512{five}",
    "YOUR_API_KEY",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
    "身份证共 18 位",
    "银行卡号一般为 16 至 19 位数字",
    "邮箱格式为 name@域名",
    "q@k.transpose(-2, -1)",
    "x@W.T + b",
    "学号 2019{order11}",
    "{eleven}个粒子",
    "第{eleven}次",
    "{bad_uscc} 校验失败",
]


def negative_values(draw: random.Random) -> dict[str, str]:
    """Values of NEGATIVE_FRAMES: numbers that only look like somebody's."""
    eleven = "1" + draw.choice("3578") + digits(draw, 9)
    card, bad_card = identity_card(draw).replace(" ", "").upper(), "622202" + digits(draw, 12)
    code = credit_code(draw)
    wrong = next(c for c in "0123456789X" if c != card[-1])
    return {
        "order": f"2024{draw.randint(1, 12):02}{draw.randint(1, 28):02}{digits(draw, 6)}",
        "order18": "88" + digits(draw, 16),
        "order11": digits(draw, 11),
        "bad_id": card[:-1] + wrong,
        "eleven": eleven,
        "product": str(3 * int(eleven)),
        "version": ".".join(str(draw.randint(0, 30)) for _ in range(4)),
        "section": ".".join(str(draw.randint(1, 12)) for _ in range(4)),
        "price": f"{draw.randint(10, 9999)}.{digits(draw, 2)}",
        "isbn": f"978-7-{digits(draw, 4)}-{digits(draw, 4)}-{digits(draw, 1)}",
        "date": f"2024-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
        "time": f"{draw.randint(0, 23):02}:{draw.randint(0, 59):02}:{draw.randint(0, 59):02}",
        "hex": "".join(draw.choice("0123456789abcdef") for _ in range(40)),
        "long": digits(draw, 30),
        "ratio": f"{digits(draw, 4)}:{digits(draw, 4)}",
        "lon": f"116.{digits(draw, 6)}",
        "lat": f"39.{digits(draw, 6)}",
        "numbers": ", ".join(digits(draw, 3) for _ in range(5)),
        "bad_card": bad_card + next(c for c in "0123456789" if c != luhn_ending(bad_card)),
        "octet": str(draw.randint(1, 254)),
        "five": digits(draw, 5),
        "bad_uscc": code[:-1] + next(c for c in "0123456789" if c != code[-1]),
    }


def positive_cases(seed: int = 1, each: int = 120) -> Iterator[Case]:
    """`each` sentences of every kind."""
    draw = random.Random(seed)
    for kind, frames in FRAMES.items():
        for frame in itertools.islice(itertools.cycle(frames), each):
            yield marked(frame.replace("{}", f"⟦{kind}|{VALUES[kind](draw)}⟧"))


def negative_cases(seed: int = 2, each: int = 12) -> Iterator[Case]:
    """`each` sentences of every frame with a number that is nobody's."""
    draw = random.Random(seed)
    for frame in NEGATIVE_FRAMES:
        for _ in range(each):
            text = frame
            for name, value in negative_values(draw).items():
                text = text.replace("{" + name + "}", value)
            yield Case(text, ())


def mixed_cases(seed: int = 3, number: int = 60) -> Iterator[Case]:
    """Whole paragraphs: several kinds and several look-alikes in one text."""
    draw = random.Random(seed)
    positive, negative = list(positive_cases(seed, 30)), list(negative_cases(seed, 3))
    for _ in range(number):
        text, spans = "", []
        for case in draw.sample(positive, 5) + draw.sample(negative, 5):
            spans += [(kind, start + len(text), end + len(text)) for kind, start, end in case.spans]
            text += case.text + draw.choice(["\n", "\n\n", "\n　　"])
        yield Case(text, tuple(spans))
