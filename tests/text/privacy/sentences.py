"""Sentences written by hand, as people write: untidy, in both scripts, with look-alikes beside real finds.

`⟦kind|value⟧` marks what is personal. All of it is made up (see cases.py). Some are known to be missed; they stand here
because the figures in docs/results.md shall say so.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.text.privacy.cases import Case, marked

SENTENCES = (
    # telephones in every manner of writing
    "小王，我换号了：⟦mobile|154-0000-1111⟧，旧号⟦mobile|16012345678⟧停用。",
    "電話：⟦mobile|154 0000 2222⟧（陳小姐）",
    "☎️⟦mobile|15400003333⟧ 微信同号",
    "１、联系人手机：⟦mobile|１７９００００４４４４⟧",
    "**⟦mobile|15400005555⟧** 是加粗的",
    "<td>⟦mobile|15400006666⟧</td><td>15400006666.00</td>",
    "⟦mobile|15400007777⟧/⟦mobile|15400008888⟧，两个都能打",
    "⟦mobile|15400007777⟧、⟦mobile|15400008888⟧和⟦landline|010-62340000⟧",
    "打给⟦mobile|154 0000 9999⟧问问，不然⟦mobile|1790-000-1234⟧也行。",
    "手机⟦mobile|86 15400001234⟧ 固话⟦landline|0755-23450000转801⟧",
    "Mobile: ⟦mobile|+86 179 0000 1234⟧ | Office: ⟦landline|+86 10 6234 0000⟧",
    "微信号就是手机号⟦mobile|19400001234⟧！",
    "姓名,电话\n某甲,⟦mobile|15400001001⟧\n某乙,⟦mobile|15400001002⟧\n",
    "{'phone': '⟦mobile|15400001003⟧', 'order': '15400001003'}",
    "INSERT INTO users VALUES (1, 'x', '⟦mobile|16000001003⟧');",
    "客服热线 400-000-1234，投诉 ⟦landline|(0571)8700 0000⟧",
    "传真：⟦landline|021－6234 0000⟧",
    "值班室⟦landline|0931-8000000⟧，火警119",
    "电话：⟦landline|62340001⟧（办）",
    "Reach me on ⟦phone|+44 7700 900123⟧ or at the office, ⟦phone|(415) 555-0132 ext. 12⟧ please.",
    "1-800 numbers such as ⟦phone|1-800-555-0199⟧ are free.",
    "My cell is ⟦phone|212.555.0147⟧; my fax never works.",
    "Rufen Sie an: ⟦phone|+49 30 901820⟧",
    "香港办事处电话 ⟦phone|+852 2123 0000⟧",
    # what begins like a unit and is none
    "请致电⟦mobile|15400001111⟧张先生",
    "⟦mobile|15400001111⟧ 张三，⟦mobile|15400002222⟧万女士",
    "房东直租⟦mobile|15400001111⟧个人房源",
    "⟦mobile|15400001111⟧只接短信；⟦mobile|15400002222⟧人工接听",
    "业务电话⟦mobile|15400001111⟧条条畅通",
    "⟦mobile|15400001111⟧位于前台，⟦mobile|15400002222⟧行政部",
    # identity cards
    "身份证（⟦id_card|11999919900307006X⟧）复印件一份",
    "公民身份号码⟦id_card|11999919900307006x⟧。",
    "身份证:⟦id_card|119999 19900307 006X⟧ 手机:⟦mobile|15400001212⟧",
    "身份证号：１１９９９９１９９００３０７００１８是错的",
    "11999919901332001X 不是身份证：没有十三月",
    "99999919900307006X 也不是：没有 99 省",
    "旧证号：身份证⟦id_card|119999900307001⟧（十五位）",
    "香港身份證 ⟦id_card|A123456(3)⟧ 是官方樣本",
    "台灣身分證字號 ⟦id_card|A123456789⟧ 是常見樣本",
    "A123456788 校验不符",
    "型号 C200000(1)A 的螺丝",
    # bank cards and accounts
    "卡号⟦bank_card|6222 0200 0000 0000 000⟧，别弄错",
    "请打到招行⟦bank_card|6225880000000001⟧。",
    "VISA ⟦bank_card|4111-1111-1111-1111⟧ exp 12/29",
    "American Express ⟦bank_card|3782 822463 10005⟧",
    "4111 1111 1111 1112 fails the check.",
    "订单 4111111111111111 已付款",
    "SELECT 1234567890123456789;",
    "IBAN ⟦iban|DE89 3704 0044 0532 0130 00⟧, BIC COBADEFFXXX",
    "DE88 3704 0044 0532 0130 00 has a wrong check digit.",
    # e-mail
    "邮箱：⟦email|zhang_san@example.com⟧，请注明来意",
    "请联系⟦email|li.si@mail.example.cn⟧。",
    "发到⟦email|wang+news@example.com⟧或者⟦email|wang@example.org⟧都行",
    "邮箱：⟦email|ｚｈａｎｇ＠ｅｘａｍｐｌｅ．ｃｏｍ⟧（全角）",
    "writing to ⟦email|o'brien@example.com⟧ bounced",
    "张三 [at] example [dot] com ⟦email|zhang [at] example.com⟧",
    "clone git@host.example:team/repo.git and see @team",
    "icon@2x.png, layer@3x.jpg, x@y, a@b.c, loss = q@k.mean(dim=0)",
    "https://user:⟦email|secret@host.example.com⟧/ is what we call it, too",
    # addresses of machines
    "从⟦ip|22.45.67.89⟧登录，网关192.168.0.1",
    "服务器⟦ip|26.100.200.50⟧:8080 宕机",
    "http://⟦ip|30.40.50.60⟧/index.html",
    "[⟦ip|2001:4860:4860::8888⟧]:443",
    "软件版本 10.2.33.4，内核 5.15.0.91",
    "Chrome/120.0.99.129 on Linux",
    "见 3.2.1.4 节与 256.1.1.1",
    "OID 1.3.6.1.4.1.311",
    "子网 22.45.0.0/16 与掩码 255.255.255.0",
    "12:34:56 fe80::1 ::1 2001:db8::1 std::map a::b",
    # vehicles, passports, companies
    "⟦plate|京A·99999⟧和⟦plate|沪AD99999⟧追尾",
    "车牌⟦plate|粤B 9F9F9⟧，⟦plate|苏A99999D⟧是货车",
    "⟦plate|粤Z9999港⟧已入境；教练车⟦plate|湘A9999学⟧",
    "阿里云A10000实例，最新A12345型号，京A座12345室",
    "护照号⟦passport|E00000000⟧，签发地北京",
    "旅客⟦passport|EA0000000⟧（护照）已登机",
    "E12345678 是零件号",
    "Passport number: ⟦passport|G00000001⟧ expires soon",
    "统一社会信用代码：⟦uscc|91119999MA0000000W⟧",
    "税号91119999MA00000001有误",
    # keys
    "OPENAI_API_KEY=⟦api_key|sk-" + "T3BlbkFJ9aQ2vXz7LmN4pRs8WdYk⟧",
    "password = hunter2, token = None, key: value",
    'api_key = "your-api-key-goes-here-please"',
    'secret: "⟦api_key|9f8A7c6E5b4D3a2F1g0H9j8K7l6M⟧"',
    # nobody's
    "11 位数 13800138000 = 2^5 × 3 × 5^3 × 1150011.5",
    "设 n=15400001111，则 n+1 为偶数",
    "全年销量 15400001111 件，同比增长 15.4%",
    "快递单号：15400001111",
    "2024-05-12 12:00:00.154000",
    "ISBN 978-7-302-51234-5；ISSN 1000-1234",
    "身高 178 体重 65 三围 90-60-90",
    "第 154-160 页，见 010-020 条",
    "编号为 010-62340000-A 的合同",
    "15400001111222 共十四位",
    "π≈3.14159265358979323846264338327950288",
    "UUID 550e8400-e29b-41d4-a716-446655440000",
    "价格 6222 元，共 0200 件",
    "电话会议 2024-05-12",
    "他今年 154 斤，跑了 10000 米",
    "比赛结果 21-19 21-18 15-21",
    "经度116.397128，纬度39.916527，海拔43.5",
    "10.0.0.1/24 与 100.64.0.1",
    "555-01 is a room",
    "PyTorch 2.13.0.1 与 CUDA 12.8.1.3",
)


def written_cases() -> Iterator[Case]:
    """Every sentence with the places of what is marked in it."""
    return map(marked, SENTENCES)
