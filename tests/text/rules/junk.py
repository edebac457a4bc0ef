"""Text that nobody wants to learn from, of every sort that crawls bring home, made from seeds."""

from __future__ import annotations

import base64
import random

ENGLISH = "The committee met again on Tuesday and decided that the bridge should be repaired before the winter comes."
CHINESE = "委员会星期二再次开会，决定在冬天到来之前把那座桥修好，并且请附近的居民一起来帮忙。"
WORDS = {"en": ["cheap", "shoes", "outlet"], "zh": ["包邮", "优惠", "正品"]}


def junk(lang: str, seed: int = 1) -> dict[str, str]:
    """One document of each sort, in Chinese or English."""
    draw = random.Random(f"{lang}{seed}")
    sentence = CHINESE if lang == "zh" else ENGLISH
    numbers = "\n".join("\t".join(f"{draw.random() * 1000:.3f}" for _ in range(9)) for _ in range(40))
    return {
        "key words": "，".join(draw.choice(WORDS[lang]) for _ in range(300)),
        "one sentence": "\n".join([sentence] * 40),
        "one syllable": ("哈" if lang == "zh" else "ha ") * 500,
        "wrong decoding": " ".join(CHINESE.encode().decode("latin-1") for _ in range(1)) * 9,
        "lost characters": sentence.replace("e" if lang == "en" else "在", "\ufffd") * 3 + "\ufffd" * 40,
        "packed bytes": f"{sentence}\n{base64.b64encode(draw.randbytes(3000)).decode()}",
        "table of numbers": f"{sentence[:20]}\n{numbers}",
        "addresses": "\n".join(f"https://example.com/{draw.getrandbits(64):x}/{n}" for n in range(60)),
        "page source": "".join(f"<td width='{draw.random()}' style='a{draw.random()}'>{n}</td>" for n in range(90)),
        "drawing": "\n".join("".join(draw.choice("█▓▒░═║╔╗ ") for _ in range(60)) for _ in range(20)),
        "teasers": "\n".join(f"{sentence[:draw.randint(12, 30)]} {n}……" for n in range(30)),
    }  # fmt: skip
