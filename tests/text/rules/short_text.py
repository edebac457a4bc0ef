"""Good texts of a few words to a page that shares mislead about: poems, lists, tables, programs, talk, dialogue.

Written for this, after the rules were made; the first counts are those of docs/decisions.md.
"""

from __future__ import annotations

SHORT: dict[str, tuple[str, ...]] = {
    "verse": (
        "白日依山尽\n黄河入海流\n欲穷千里目\n更上一层楼",
        "床前明月光，疑是地上霜。",
        "轻轻的我走了，\n正如我轻轻的来；\n我轻轻的招手，\n作别西天的云彩。",
        "两只老虎，两只老虎，\n跑得快，跑得快。\n一只没有眼睛，一只没有尾巴，\n真奇怪，真奇怪。",
        "Row, row, row your boat\nGently down the stream\nMerrily, merrily, merrily, merrily\nLife is but a dream",
        "old pond\nfrog leaps in\nwater's sound",
        "Ring-a-ring o' roses,\nA pocket full of posies,\nA-tishoo! A-tishoo!\nWe all fall down.",
        "天对地，雨对风。大陆对长空。山花对海树，赤日对苍穹。",
        "噫吁嚱，危乎高哉！蜀道之难，难于上青天！",
        "Frère Jacques, Frère Jacques,\nDormez-vous? Dormez-vous?\nSonnez les matines! Sonnez les matines!\nDing, d"
        "ang, dong. Ding, dang, dong.",
        "寻寻觅觅，冷冷清清，凄凄惨惨戚戚。乍暖还寒时候，最难将息。",
        "Tyger Tyger, burning bright,\nIn the forests of the night;\nWhat immortal hand or eye,\nCould frame thy fe"
        "arful symmetry?",
        "la la la\nla la la\nla la la la la\nwe sing until the morning",
        "古池や\n蛙飛びこむ\n水の音",
        "一二三四五，上山打老虎。老虎没打到，打到小松鼠。",
    ),
    "code": (
        '#!/bin/sh\nset -eu\nfor f in *.txt; do\n  mv "$f" "${f%.txt}.md"\ndone\n',
        '{\n  "name": "x",\n  "version": "1.0.0",\n  "scripts": {"build": "tsc"}\n}',
        "SELECT u.id, COUNT(*) AS n\nFROM users u JOIN orders o ON o.user_id = u.id\nWHERE o.created_at >= '2024-01"
        "-01'\nGROUP BY u.id HAVING COUNT(*) > 3;",
        "def fib(n):\n    a, b = 0, 1\n    while n:\n        a, b = b, a + b\n        n -= 1\n    return a\n",
        "#include <stdio.h>\nint main(void) {\n    int a[] = {0x00, 0xFF, 0x3C, 0x7E, 0x81, 0x42, 0x24, 0x18};\n   "
        ' for (int i = 0; i < 8; i++) printf("%d\\n", a[i]);\n}\n',
        ".a{color:#fff}.b{margin:0 auto}.c{display:flex;gap:4px}",
        "CREATE TABLE t (\n  a INT,\n  b INT,\n  c INT,\n  d INT\n);\n",
        "import os\nimport sys\nimport re\nimport json\n",
        "++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.",
        "# 计算平均值\ndef 平均(数列):\n    return sum(数列) / len(数列)  # 空列表会出错\n",
        "<ul>\n  <li>one</li>\n  <li>two</li>\n</ul>",
        'fn main() { println!("{}", (1..=10).filter(|x| x % 2 == 0).sum::<i32>()); }',
        "^(?:[a-z0-9!#$%&'*+/=?^_`{|}~-]+)$",
        "MOV AX, 1\nMOV BX, 2\nADD AX, BX\nINT 21h",
        "case $1 in\n  start) run ;;\n  stop) halt ;;\n  *) echo usage ;;\nesac",
    ),
    "chat": (
        "A：在吗？\nB：在的，怎么了\nA：明天几点集合\nB：八点，老地方\nA：好嘞",
        "哈哈哈哈哈哈笑死我了",
        "ok",
        "晚上吃啥？火锅？火锅！",
        "user: hi\nassistant: Hello! How can I help?\nuser: what's 2+2\nassistant: 4",
        "lol no way 😂😂😂",
        "？？？",
        "收到",
        "收到。\n收到！\n收到~\n收到",
        "10:32 小王: 开会啦\n10:33 小李: 来了来了\n10:33 小张: +1",
        "brb",
        "谢谢老板[抱拳][抱拳]",
        "嗯嗯嗯，好的好的好的",
        "what\nwhat do you mean\nwhat",
        "5点？6点？7点都行",
        "https://example.com/a 看看这个",
        "haha haha haha haha",
        "in 5 min\nok\nin 5 min\nok 👍",
        "😭😭😭",
        "@all 明早9:00例会，会议号 123 456 789",
    ),
    "web": (
        "购物清单\n- 鸡蛋 2 盒\n- 牛奶 1 升\n- 青菜 3 把\n- 卫生纸",
        "# Packing list\n\n* Tent\n* Sleeping bag\n* Stove\n* Matches\n* Map",
        "主料：豆腐 300g、牛肉末 50g\n辅料：葱 10g、姜 5g、蒜 5g\n1. 豆腐切块\n2. 焯水\n3. 下锅\n4. 出锅",
        "Ingredients: 2 cups flour, 1 tsp salt, 3/4 cup butter, 1/2 cup sugar, 2 eggs.",
        "营业时间：周一至周五 9:00-18:00，周末 10:00-17:00。地址：文化路 12 号。",
        "Q: 退货运费谁出？\nA: 质量问题由我们承担。\nQ: 几天到账？\nA: 3-5 个工作日。",
        "比分：\n湖人 102:99 勇士\n热火 88:91 公牛\n篮网 120:118 老鹰\n尼克斯 97:103 雄鹿",
        "| 城市 | 气温 | 天气 |\n|---|---|---|\n| 北京 | 12 | 晴 |\n| 上海 | 18 | 雨 |\n| 广州 | 25 | 多云 |",
        "北京 12℃ 晴\n上海 18℃ 小雨\n广州 25℃ 多云\n成都 16℃ 阴",
        "《论语》：子曰：“学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？”",
        "招聘：前台 2 名，女，22-28 岁，月薪 4000-5000，包吃住，五险一金。",
        "Chapter 1 ... 1\nChapter 2 ... 15\nChapter 3 ... 32\nIndex ... 210",
        "E = mc^2, where c = 299792458 m/s. Then p = mv and F = dp/dt.",
        "定理 1.2 设 f 在 [a,b] 上连续，则 f 在 [a,b] 上有界。证明略。",
        "1. 登录后台\n2. 点击“设置”\n3. 选择“安全”\n4. 修改密码\n5. 保存",
        "Abstract. We show that P ≠ NP implies Q. Keywords: complexity, circuits. MSC: 68Q15.",
        "【通知】本周六（3月9日）停电检修，时间 8:00～17:00，请提前做好准备！",
        "一、总则\n第一条 为规范……\n第二条 本办法适用于……\n第三条 ……",
        "Monday: rain, 12°\nTuesday: sun, 15°\nWednesday: sun, 16°\nThursday: clouds, 14°",
        'She said, "Wait." He didn\'t. That was all.',
        "词条：【苹果】píngguǒ ①落叶乔木。②这种植物的果实。",
        "abandon /əˈbændən/ v. 放弃；遗弃\nability /əˈbɪləti/ n. 能力\nable /ˈeɪbl/ adj. 能够的",
        "电话：（略） 传真：（略） 邮编：310012",
        "父亲离家那年我七岁。母亲没有哭，只是把他的那只碗倒扣在桌上，一扣就是十年。",
        "Thanks for the feedback! I've updated the post with the correct link. See the changelog for details.",
    ),
    "book": (
        "“你来了。”他说。\n“我来了。”\n“你果然来了。”\n“我果然来了。”\n“你本不该来。”\n“可我已经来了。”",
        "第一章 归乡\n\n火车进站的时候天还没亮。",
        "CHAPTER I.\n\nCall me what you like; I was there.",
        "目录\n第一章 归乡……1\n第二章 旧宅……17\n第三章 夜雨……35",
        "“……”\n“……”\n“说话呀。”\n“……”\n“你倒是说话呀！”",
        "子曰：“巧言令色，鲜矣仁。”",
        "To be, or not to be, that is the question:\nWhether 'tis nobler in the mind to suffer",
        "话说天下大势，分久必合，合久必分。",
        "“哎，哎，哎！”老头子连声说，“慢点，慢点，慢点！”",
        "No.\nNo.\nNo, he thought, and then again: no.",
    ),
}

MEDIUM: dict[str, tuple[str, ...]] = {
    "verse": (
        "好一朵美丽的茉莉花\n好一朵美丽的茉莉花\n芬芳美丽满枝桠\n又香又白人人夸\n让我来将你摘下\n送给别人家\n茉莉花"
        "呀茉莉花\n好一朵美丽的茉莉花\n好一朵美丽的茉莉花\n芬芳美丽满枝桠\n又香又白人人夸\n让我来将你摘下\n送给别人"
        "家\n茉莉花呀茉莉花\n好一朵美丽的茉莉花\n好一朵美丽的茉莉花\n芬芳美丽满枝桠\n又香又白人人夸\n让我来将你摘下"
        "\n送给别人家\n茉莉花呀茉莉花\n",
        "Hush, little baby, don't say a word,\nPapa's gonna buy you a mockingbird.\nAnd if that mockingbird won't s"
        "ing,\nPapa's gonna buy you a diamond ring.\nAnd if that diamond ring turns brass,\nPapa's gonna buy you a "
        "looking glass.\nAnd if that looking glass gets broke,\nPapa's gonna buy you a billy goat.",
        "There was an old lady who swallowed a fly;\nI don't know why she swallowed a fly. Perhaps she'll die.\nThe"
        "re was an old lady who swallowed a spider;\nShe swallowed the spider to catch the fly;\nThere was an old l"
        "ady who swallowed a bird;\nShe swallowed the bird to catch the spider;\nThere was an old lady who swallowe"
        "d a cat;\nShe swallowed the cat to catch the bird;\nThere was an old lady who swallowed a dog;\nShe swallo"
        "wed the dog to catch the cat;\nI don't know why she swallowed a fly. Perhaps she'll die.",
    ),
    "code": (
        "static const unsigned char font[] = {\n    0x00, 0x0B, 0x16, 0x21, 0x2C, 0x37, 0x42, 0x4D,\n    0x25, 0x30"
        ", 0x3B, 0x46, 0x51, 0x5C, 0x67, 0x72,\n    0x4A, 0x55, 0x60, 0x6B, 0x76, 0x81, 0x8C, 0x97,\n    0x6F, 0x7A"
        ", 0x85, 0x90, 0x9B, 0xA6, 0xB1, 0xBC,\n    0x94, 0x9F, 0xAA, 0xB5, 0xC0, 0xCB, 0xD6, 0xE1,\n    0xB9, 0xC4"
        ", 0xCF, 0xDA, 0xE5, 0xF0, 0xFB, 0x06,\n    0xDE, 0xE9, 0xF4, 0xFF, 0x0A, 0x15, 0x20, 0x2B,\n    0x03, 0x0E"
        ", 0x19, 0x24, 0x2F, 0x3A, 0x45, 0x50,\n    0x28, 0x33, 0x3E, 0x49, 0x54, 0x5F, 0x6A, 0x75,\n    0x4D, 0x58"
        ", 0x63, 0x6E, 0x79, 0x84, 0x8F, 0x9A,\n    0x72, 0x7D, 0x88, 0x93, 0x9E, 0xA9, 0xB4, 0xBF,\n    0x97, 0xA2"
        ", 0xAD, 0xB8, 0xC3, 0xCE, 0xD9, 0xE4,\n    0xBC, 0xC7, 0xD2, 0xDD, 0xE8, 0xF3, 0xFE, 0x09,\n    0xE1, 0xEC"
        ", 0xF7, 0x02, 0x0D, 0x18, 0x23, 0x2E,\n    0x06, 0x11, 0x1C, 0x27, 0x32, 0x3D, 0x48, 0x53,\n    0x2B, 0x36"
        ", 0x41, 0x4C, 0x57, 0x62, 0x6D, 0x78,\n    0x50, 0x5B, 0x66, 0x71, 0x7C, 0x87, 0x92, 0x9D,\n    0x75, 0x80"
        ", 0x8B, 0x96, 0xA1, 0xAC, 0xB7, 0xC2,\n    0x9A, 0xA5, 0xB0, 0xBB, 0xC6, 0xD1, 0xDC, 0xE7,\n    0xBF, 0xCA"
        ", 0xD5, 0xE0, 0xEB, 0xF6, 0x01, 0x0C,\n    0xE4, 0xEF, 0xFA, 0x05, 0x10, 0x1B, 0x26, 0x31,\n    0x09, 0x14"
        ", 0x1F, 0x2A, 0x35, 0x40, 0x4B, 0x56,\n    0x2E, 0x39, 0x44, 0x4F, 0x5A, 0x65, 0x70, 0x7B,\n    0x53, 0x5E"
        ", 0x69, 0x74, 0x7F, 0x8A, 0x95, 0xA0,\n};\n",
        "import os\nimport sys\nimport re\nimport json\nimport math\nimport time\nimport random\nimport io\nimport "
        "csv\nimport glob\nimport shutil\nimport pathlib\nimport subprocess\nimport threading\nimport socket\nimpor"
        "t struct\nimport hashlib\nimport base64\nimport itertools\nimport functools\nimport collections",
        "<table>\n  <tr><td>1</td><td>1</td></tr>\n  <tr><td>2</td><td>4</td></tr>\n  <tr><td>3</td><td>9</td></tr>"
        "\n  <tr><td>4</td><td>16</td></tr>\n  <tr><td>5</td><td>25</td></tr>\n  <tr><td>6</td><td>36</td></tr>\n  "
        "<tr><td>7</td><td>49</td></tr>\n  <tr><td>8</td><td>64</td></tr>\n  <tr><td>9</td><td>81</td></tr>\n  <tr>"
        "<td>10</td><td>100</td></tr>\n  <tr><td>11</td><td>121</td></tr>\n  <tr><td>12</td><td>144</td></tr>\n  <t"
        "r><td>13</td><td>169</td></tr>\n  <tr><td>14</td><td>196</td></tr>\n  <tr><td>15</td><td>225</td></tr>\n  "
        "<tr><td>16</td><td>256</td></tr>\n  <tr><td>17</td><td>289</td></tr>\n  <tr><td>18</td><td>324</td></tr>\n"
        "  <tr><td>19</td><td>361</td></tr>\n  <tr><td>20</td><td>400</td></tr>\n</table>",
        "server {\n    listen 80;\n    server_name example.com;\n    location / {\n        proxy_pass http://127.0."
        "0.1:8080;\n        proxy_set_header Host $host;\n        proxy_set_header X-Real-IP $remote_addr;\n    }\n"
        "    location /static/ {\n        alias /srv/static/;\n        expires 30d;\n    }\n}\n",
        "; boot\n    mov [0x7c00], 0x00\n    mov [0x7c01], 0x01\n    mov [0x7c02], 0x02\n    mov [0x7c03], 0x03\n  "
        "  mov [0x7c04], 0x04\n    mov [0x7c05], 0x05\n    mov [0x7c06], 0x06\n    mov [0x7c07], 0x07\n    mov [0x7"
        "c08], 0x08\n    mov [0x7c09], 0x09\n    mov [0x7c0a], 0x0a\n    mov [0x7c0b], 0x0b\n    mov [0x7c0c], 0x0c"
        "\n    mov [0x7c0d], 0x0d\n    mov [0x7c0e], 0x0e\n    mov [0x7c0f], 0x0f\n    mov [0x7c10], 0x10\n    mov "
        "[0x7c11], 0x11\n    mov [0x7c12], 0x12\n    mov [0x7c13], 0x13\n    mov [0x7c14], 0x14\n    mov [0x7c15], "
        "0x15\n    mov [0x7c16], 0x16\n    mov [0x7c17], 0x17\n    mov [0x7c18], 0x18\n    mov [0x7c19], 0x19\n    "
        "mov [0x7c1a], 0x1a\n    mov [0x7c1b], 0x1b\n    mov [0x7c1c], 0x1c\n    mov [0x7c1d], 0x1d",
        "\\begin{tabular}{lll}\n$x_0$ & $0^2$ & 0 \\\\ \\hline\n$x_1$ & $1^2$ & 1 \\\\ \\hline\n$x_2$ & $2^2$ & 4 "
        "\\\\ \\hline\n$x_3$ & $3^2$ & 9 \\\\ \\hline\n$x_4$ & $4^2$ & 16 \\\\ \\hline\n$x_5$ & $5^2$ & 25 \\\\ \\h"
        "line\n$x_6$ & $6^2$ & 36 \\\\ \\hline\n$x_7$ & $7^2$ & 49 \\\\ \\hline\n$x_8$ & $8^2$ & 64 \\\\ \\hline\n$"
        "x_9$ & $9^2$ & 81 \\\\ \\hline\n$x_10$ & $10^2$ & 100 \\\\ \\hline\n$x_11$ & $11^2$ & 121 \\\\ \\hline\n\\"
        "end{tabular}",
    ),
    "chat": (
        "10:00 小李: 在吗\n10:07 小王: 在\n10:14 小李: 吃了没\n10:21 小王: 吃了\n11:28 小李: 吃的啥\n11:35 小王: 面"
        "\n11:42 小李: 啥面\n11:49 小王: 牛肉面\n12:56 小李: 好吃吗\n12:03 小王: 还行\n12:10 小李: 多少钱\n12:17 小"
        "王: 十八\n13:24 小李: 贵了\n13:31 小王: 是啊\n13:38 小李: 明天呢\n13:45 小王: 明天再说\n14:52 小李: 好\n14"
        ":59 小王: 嗯\n14:06 小李: 哈哈\n14:13 小王: 哈哈哈\n15:20 小李: 走了\n15:27 小王: 拜拜\n15:34 小李: 拜拜\n"
        "15:41 小王: 晚安\n16:48 小李: 晚安",
        "<bob> hi\n<amy> hey\n<bob> u there?\n<amy> yes\n<bob> ok\n<amy> so?\n<bob> nothing\n<amy> lol\n<bob> lol\n"
        "<amy> what\n<bob> nvm\n<amy> ok\n<bob> you sure?\n<amy> yes\n<bob> ok then\n<amy> ok\n<bob> bye\n<amy> bye"
        "\n<bob> wait\n<amy> what?\n<bob> nothing\n<amy> lol\n<bob> stop it\n<amy> ok ok\n<bob> bye now\n<amy> bye",
        "【接龙】本周六爬山\n1. 小陈\n2. 老王\n3. 丽丽\n4. 阿强\n5. 大刘\n6. 小周\n7. 婷婷\n8. 老张\n9. 阿明\n10. "
        "小红\n11. 建国\n12. 志强\n13. 小芳\n14. 大伟\n15. 晓东\n16. 玲玲\n17. 阿杰\n18. 小敏\n19. 国庆\n20. 海燕\n"
        "21. 春梅\n22. 小龙",
    ),
    "web": (
        "一周购物清单\n- 鸡蛋 2 盒\n- 牛奶 3 升\n- 青菜 5 把\n- 土豆 2 斤\n- 西红柿 3 斤\n- 卫生纸 1 提\n- 洗洁精 1"
        " 瓶\n- 猪肉 2 斤\n- 豆腐 4 块\n- 面条 3 袋\n- 酱油 1 瓶\n- 白糖 1 袋\n- 花生油 1 桶\n- 大米 10 斤\n- 苹果 "
        "5 斤\n- 香蕉 2 把\n- 酸奶 12 杯\n- 面包 2 个\n- 垃圾袋 3 卷\n- 电池 8 节\n- 灯泡 2 只\n- 牙膏 2 支\n- 毛巾"
        " 3 条",
        "# Camping checklist\n\n- [ ] Tent\n- [ ] Poles and pegs\n- [ ] Groundsheet\n- [ ] Sleeping bags\n- [ ] Sle"
        "eping mats\n- [ ] Pillows\n- [ ] Head torches\n- [ ] Spare batteries\n- [ ] Gas stove\n- [ ] Gas canisters"
        "\n- [ ] Lighter\n- [ ] Saucepan\n- [ ] Frying pan\n- [ ] Plates\n- [ ] Bowls\n- [ ] Cutlery\n- [ ] Mugs\n-"
        " [ ] Washing-up liquid\n- [ ] Sponge\n- [ ] Tea towels\n- [ ] Bin bags\n- [ ] Water carrier\n- [ ] Cool bo"
        "x\n- [ ] First aid kit\n- [ ] Sunscreen\n- [ ] Insect repellent\n- [ ] Rain jackets\n- [ ] Walking boots\n"
        "- [ ] Maps\n- [ ] Compass\n- [ ] Phone chargers",
        "葡萄酒价格表\n长城干红 2018 750ml ￥128.00\n张裕解百纳 2019 750ml ￥168.00\n贺兰山霞多丽 2020 750ml ￥218."
        "00\n怡园庄主珍藏 2017 750ml ￥398.00\n银色高地阙歌 2016 750ml ￥598.00\n天塞酒庄精选 2019 750ml ￥268.00\n"
        "国宾酒庄窖藏 2018 750ml ￥338.00\n香格里拉高原 2019 750ml ￥288.00\n龙徽怀来珍藏 2018 750ml ￥158.00\n王朝"
        "七年藏 2015 750ml ￥258.00",
        "Results, men's 100 m final\n1. A. Brown (JAM) 9.83\n2. M. Diaz (CUB) 9.87\n3. T. Okoro (NGR) 9.90\n4. J. S"
        "mith (USA) 9.91\n5. K. Sato (JPN) 9.95\n6. L. Martin (FRA) 9.99\n7. P. Rossi (ITA) 10.02\n8. D. Clarke (GB"
        "R) DNS",
        "Vocabulary, unit 7\nharvest /ˈhɑːvɪst/ n. 收获\norchard /ˈɔːtʃəd/ n. 果园\nplough /plaʊ/ v. 犁\nbarn /bɑːn"
        "/ n. 谷仓\nmeadow /ˈmedəʊ/ n. 草地\nscythe /saɪð/ n. 长柄镰刀\nsow /səʊ/ v. 播种\nreap /riːp/ v. 收割\nhay"
        " /heɪ/ n. 干草\ncattle /ˈkætl/ n. 牛群\nfertile /ˈfɜːtaɪl/ adj. 肥沃的\ndrought /draʊt/ n. 干旱",
        "课程表\n| 节次 | 周一 | 周二 | 周三 | 周四 | 周五 |\n|---|---|---|---|---|---|\n| 1 | 语文 | 数学 | 英语 |"
        " 物理 | 化学 |\n| 2 | 数学 | 语文 | 物理 | 英语 | 体育 |\n| 3 | 英语 | 化学 | 语文 | 数学 | 历史 |\n| 4 | "
        "地理 | 生物 | 政治 | 音乐 | 美术 |\n| 5 | 自习 | 班会 | 劳动 | 信息 | 心理 |",
        "列车时刻\nG7000 上海虹桥 06:00 杭州东 07:05 二等座 73 元\nG7003 上海虹桥 07:07 杭州东 08:12 二等座 73 元\n"
        "G7006 上海虹桥 08:14 杭州东 09:19 二等座 73 元\nG7009 上海虹桥 09:21 杭州东 10:26 二等座 73 元\nG7012 上海"
        "虹桥 10:28 杭州东 11:33 二等座 73 元\nG7015 上海虹桥 11:35 杭州东 12:40 二等座 73 元\nG7018 上海虹桥 12:42"
        " 杭州东 13:47 二等座 73 元\nG7021 上海虹桥 13:49 杭州东 14:54 二等座 73 元\nG7024 上海虹桥 14:56 杭州东 15"
        ":01 二等座 73 元\nG7027 上海虹桥 15:03 杭州东 16:08 二等座 73 元\nG7030 上海虹桥 16:10 杭州东 17:15 二等座"
        " 73 元\nG7033 上海虹桥 17:17 杭州东 18:22 二等座 73 元",
        "FAQ\n\nQ: Do you ship abroad?\nA: Yes, to 40 countries.\n\nQ: Can I return it?\nA: Within 30 days.\n\nQ: W"
        "hich sizes?\nA: S, M, L, XL.\n\nQ: Is it washable?\nA: At 30 °C.\n\nQ: Where is it made?\nA: Portugal.\n\n"
        "Q: Gift wrap?\nA: Free.\n\nQ: Warranty?\nA: Two years.",
        "参考文献\n[1] 张某, 李某. 关于土壤侵蚀的研究[J]. 某某学报, 2001, 1(2): 10-18.\n[2] 张某, 李某. 关于水稻育"
        "种的研究[J]. 某某学报, 2002, 2(3): 20-28.\n[3] 张某, 李某. 关于古代钱币的研究[J]. 某某学报, 2003, 3(4): 30"
        "-38.\n[4] 张某, 李某. 关于语音识别的研究[J]. 某某学报, 2004, 4(5): 40-48.\n[5] 张某, 李某. 关于城市排水的"
        "研究[J]. 某某学报, 2005, 5(6): 50-58.\n[6] 张某, 李某. 关于幼儿教育的研究[J]. 某某学报, 2006, 6(1): 60-68."
        "\n[7] 张某, 李某. 关于混凝土老化的研究[J]. 某某学报, 2007, 7(2): 70-78.\n[8] 张某, 李某. 关于鸟类迁徙的研"
        "究[J]. 某某学报, 2008, 8(3): 80-88.",
        "Release notes 2.4.1\n\n* Fix crash on empty input (#1203)\n* Fix leak in parser (#1211)\n* Add --quiet fla"
        "g (#1198)\n* Bump lodash from 4.17.20 to 4.17.21 (#1215)\n* Bump ws from 7.4.5 to 7.4.6 (#1216)\n* Update "
        "docs (#1190)\n* Remove deprecated API (#1180)\n* Speed up startup by 30 % (#1177)\n",
        "Glossary\nAPI: application programming interface\nCLI: command line interface\nCPU: central processing uni"
        "t\nDNS: domain name system\nGPU: graphics processing unit\nHTTP: hypertext transfer protocol\nIDE: integra"
        "ted development environment\nJSON: JavaScript object notation\nRAM: random access memory\nSQL: structured "
        "query language\nURL: uniform resource locator",
        "成语接龙：一心一意 意气风发 发扬光大 大公无私 私心杂念 念念不忘 忘恩负义 义不容辞 辞旧迎新 新陈代谢 谢天谢"
        "地 地久天长 长治久安 安居乐业 业精于勤 勤能补拙 拙嘴笨舌 舌战群儒 儒雅风流 流芳百世 世外桃源 源远流长 长驱"
        "直入 入木三分 分秒必争 争先恐后 后来居上 上善若水 水到渠成 成人之美 美不胜收 收放自如 如鱼得水",
    ),
    "book": (
        "人物表\n周萍……周家长子，二十八岁\n周冲……周家次子，十七岁\n鲁贵……周家仆人，四十八岁\n鲁侍萍……鲁贵之妻，四十"
        "七岁\n鲁大海……煤矿工人，二十七岁\n四凤……鲁贵之女，十八岁\n\n第一幕\n\n（开幕时舞台全黑。）\n贵　四凤！\n四"
        "　嗳！\n贵　四凤！\n四　听见了！\n贵　你在干什么？\n四　滤药。\n贵　滤药？\n四　滤药！\n",
        "“谁？”\n“我。”\n“你是谁？”\n“我就是我。”\n“你来干什么？”\n“我来找一个人。”\n“找谁？”\n“找你。”\n“找我？”\n"
        "“不错，找你。”\n“你找我干什么？”\n“我来要你的命。”\n“我的命？”\n“不错，你的命。”\n“你要得了？”\n“要得了。”"
        "\n“你试试。”\n“好，我试试。”\n",
        "CONTENTS\n\nChapter 1. The Mill ........ 17\nChapter 2. A Letter ........ 34\nChapter 3. The Road North .."
        "...... 51\nChapter 4. Mrs. Hale ........ 68\nChapter 5. Snow ........ 85\nChapter 6. The Inn ........ 102"
        "\nChapter 7. What Was Said ........ 119\nChapter 8. The Bridge ........ 136\nChapter 9. Home ........ 153",
    ),
}
