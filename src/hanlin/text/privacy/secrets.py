"""Keys and tokens of services: not of a person, but as dangerous in a model that repeats what it read."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from hanlin.text.privacy.span import Span

# (what stands in every key of the kind, the whole key). A text without the first is not searched for the second.
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (needle, re.compile(form))
    for needle, form in (
        ("sk-", r"sk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{20,200}"),  # OpenAI, Anthropic, DeepSeek and others
        ("sk_", r"sk_(?:live|test)_[A-Za-z0-9]{16,100}"),  # Stripe
        ("AKIA", r"AKIA[0-9A-Z]{16}"),  # Amazon
        ("ASIA", r"ASIA[0-9A-Z]{16}"),
        ("LTAI", r"LTAI[0-9A-Za-z]{12,26}"),  # Alibaba Cloud
        ("AKID", r"AKID[0-9A-Za-z]{28,40}"),  # Tencent Cloud
        ("gh", r"gh[pousr]_[A-Za-z0-9]{36,100}"),  # GitHub
        ("github_pat_", r"github_pat_[A-Za-z0-9_]{40,120}"),
        ("glpat-", r"glpat-[A-Za-z0-9_-]{20,60}"),  # GitLab
        ("xox", r"xox[abprs]-[A-Za-z0-9-]{10,120}"),  # Slack
        ("AIza", r"AIza[0-9A-Za-z_-]{35}"),  # Google
        ("hf_", r"hf_[A-Za-z0-9]{30,60}"),  # Hugging Face
        ("npm_", r"npm_[A-Za-z0-9]{36}"),
        ("pypi-", r"pypi-[A-Za-z0-9_-]{50,220}"),
        ("SG.", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),  # SendGrid
        ("eyJ", r"eyJ[A-Za-z0-9_-]{10,200}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}"),  # JSON web tokens
        ("PRIVATE KEY", r"-----BEGIN (?:[A-Z]{2,10} )?PRIVATE KEY-----[A-Za-z0-9+/=\s]{16,8000}"),
    )
)
# What a named key is called by; from there on: a sign of assignment and the key. Searching for the name by a pattern
# that ignores case took half of the time of all kinds together.
_NAMES = ("key", "Key", "KEY", "token", "Token", "TOKEN", "secret", "Secret", "SECRET", "密钥", "令牌")
_ASSIGNED = re.compile(
    r"(?:[_ ]?(?:id|ID|Id))?[\"']?\s{0,2}[:：=]\s{0,2}[\"']?(?P<key>[A-Za-z0-9_+/-]{20,100})(?![A-Za-z0-9_+/(.-])"
)
_LEAST_BITS = 3.2  # a character: words have 2.5 to 3, random base 62 of 20 characters about 4


def find_secrets(text: str) -> Iterator[Span]:
    """Yield keys by the form of their service, and random words that are called a key or a token."""
    for needle, form in _FORMS:
        if needle in text:
            for match in form.finditer(text):
                if not _adjoins(text, match.start()) and _is_random(match.group()[len(needle) :]):
                    yield Span("api_key", match.start(), match.end(), match.group())
    for name in _NAMES:
        yield from _assigned(text, name)


def _assigned(text: str, name: str) -> Iterator[Span]:
    place = text.find(name)
    while place >= 0:
        match = _ASSIGNED.match(text, place + len(name))
        if match and _is_random(match["key"]) and _is_mixed(match["key"]):
            yield Span("api_key", match.start("key"), match.end("key"), match["key"])
        place = text.find(name, place + len(name))


def _is_mixed(key: str) -> bool:
    return re.search(r"[0-9]", key) is not None and re.search(r"[A-Za-z]", key) is not None


def _adjoins(text: str, start: int) -> bool:
    sign = text[max(0, start - 1) : start]
    return sign.isascii() and (sign.isalnum() or sign == "_") and bool(sign)


def _is_random(key: str) -> bool:
    """Not a placeholder such as sk-xxxxxxxx, your-key-goes-here or AKIA…EXAMPLE."""
    counts, total = Counter(key), len(key)
    bits = -sum(n / total * math.log2(n / total) for n in counts.values()) if total else 0.0
    return bits >= min(_LEAST_BITS, math.log2(max(2, total)) * 0.8) and not re.search(
        r"EXAMPLE|example|your|YOUR|xxxx|XXXX", key
    )
