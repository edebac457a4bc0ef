"""The same data in the spellings of phones, forms, boards and word processors, and look-alikes of those spellings.

Marked as in sentences.py. Of 353 places in such frames, written when the rules stood, 315 were found at first; what was
missed is here.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.text.privacy.cases import Case, marked

SENTENCES = (
    "我的号：⟦mobile|154–0000–1111⟧",
    "手机 ⟦mobile|154‑0000‑1111⟧ （24小时）",
    "手机 ⟦mobile|154\u00a00000\u00a01111⟧",
    "电话 ⟦mobile|154—0000—1111⟧",
    "电话号码是：⟦mobile|154 - 0000 - 1111⟧",
    "联系电话：⟦mobile|１５４－００００－１１１１⟧",
    "Tel：⟦mobile|15400001111⟧/⟦landline|0571-88240000⟧",
    "电话：⟦landline|0371—80140000⟧",
    "Tel ⟦landline|+86 10 6234 0000⟧",
    "证件号 ⟦id_card|119999 1990 0307 006X⟧",
    "证件号 ⟦id_card|119 999 1990 0307 006X⟧",
    "ID：⟦id_card|119999 1990 03 07 006X⟧",
    "证件号 ⟦id_card|119999-1990-0307-006X⟧",
    "卡号：⟦bank_card|6222\u00a00200\u00a00000\u00a00000\u00a0000⟧",
    "信用卡：⟦bank_card|4111–1111–1111–1111⟧",
    "contact ⟦email|maria.lopez at example dot com⟧",
    "write to ⟦email|maria at example dot com⟧ please",
    "contact ⟦email|m.lopez [at] example [dot] com⟧",
    "⟦email|john.doe at mail dot example dot org⟧",
    "邮箱：⟦email|zhang199#qq.com⟧（#换成@）",
    "Email：⟦email|li_na#163.com⟧，#改@",
    "登录 IP：⟦ip|22.45.67.89⟧　手机：⟦mobile|１５４００００１１１１⟧",
    # look-alikes
    "seed=15400001111",
    "They met at noon dot com or not.",
    "Look at amazon dot com before you buy.",
    "He worked at a dot com startup.",
    "issue #123.com, color #qq.company",
    "url.com/#163.com",
    "119999 19900307 0062 三列数",
    "119999 19900307 5312\n119999 19900308 5313",
    "平均 5.2 6.3 7.4 8.5 9.6 1.2",
    "2021—2022 学年，10—20 岁，价格 138–150 元",
)
PEOPLE = (
    "收件人：⟦name|欧阳文静⟧，地址：⟦address|浙江省杭州市西湖区文三路478号华星时代广场A座1203室⟧",
    "我家住在⟦address|成都市武侯区人民南路四段27号3栋2单元501⟧，欢迎来玩",
    "寄到⟦address|北京市海淀区中关村东路1号院8号楼⟧就行",
    "被告⟦name|陈建国⟧，男，住⟦address|江苏省苏州市姑苏区十全街99号⟧。",
    "请找⟦name|王建军⟧老师签字",
    "原告方认为，被告席上空无一人",
    "这是村里一号人物",
)


def spelling_cases() -> Iterator[Case]:
    """Every sentence with the places of what is marked in it."""
    return map(marked, SENTENCES)


def people_cases() -> Iterator[Case]:
    """The same of names and addresses, which are looked for by option."""
    return map(marked, PEOPLE)
