"""In which encoding a file is written: found by proof where possible, by likelihood where not.

Byte order marks and UTF-8 first (text in another encoding is almost never valid UTF-8; a stray byte among thousands
of good characters is damage, not another encoding), then UTF-16 without a mark and GB18030 by how ordinary the result
looks, charset-normalizer last.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterable, Iterator

from charset_normalizer import from_bytes

HEAD_BYTES = 1 << 18
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Letters, digits, spaces, common punctuation and the everyday Han block; rare blocks betray a wrong guess.
_ORDINARY = re.compile(r"[\t\n\r -~\u00a0-\u017f\u2010-\u203b\u3000-\u3002\u3008-\u3011\u4e00-\u9fff\uff01-\uff5e]")
# The characters that make up about a quarter of modern Chinese running text; a wrong decoding hardly hits them.
_COMMON_HAN = re.compile(
    "[的一是不了人我在有他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可"
    "她里后小么心多天而能好都然没日于起还发成事只作当想看文无開長門書電話這來國說們為後麼對過時會個]"
)
_HAN = re.compile(r"[\u4e00-\u9fff]")
_JAPANESE = ("shift_jis", "cp932", "utf-16-le", "utf-16-be")
_KANA = re.compile(r"[\u3041-\u3093\u30a1-\u30f6]")
# An accented letter and its neighbour, read as GB18030, are one Han character inside a Latin word: M黮ler.
_LONE_HAN = re.compile(r"(?<=[A-Za-z])[\u4e00-\u9fff](?![\u3000-\u303f\u4e00-\u9fff\uff00-\uffef])")
# What is left to charset-normalizer: asked for all of its 99 encodings, it finds exotic ones that fit by chance.
_OTHERS = ("big5", "shift_jis", "euc_jp", "euc_kr", "cp1252", "cp1251", "koi8_r")
_ASCII = re.compile(r"[\x00-\x7f]")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def encoding_of(head: bytes) -> str | None:
    """Return the encoding that fits the first bytes of a file, or None where they are no text."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if head.count(0) * 100 <= len(head) and _is_utf8(head):
        return "utf-8" if len(_CONTROLS.findall(head)) <= 0.02 * len(head) else None
    return _likeliest(head)


def _is_utf8(head: bytes) -> bool:
    """Whether bytes are UTF-8, a cut last character and up to one fault in ten other than ASCII aside."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head, final=False)
    num_faults = text.count("\ufffd")
    return num_faults == 0 or num_faults * 10 <= len(text) - len(_ASCII.findall(text))


def doubtful_part(chunks: Iterable[bytes], *, final: bool = False) -> bytes | None:
    """Return the bytes around the first place that is not UTF-8, from a chunk before it on, or None.

    With `final` a character cut at the end is such a place too.
    """
    decoder, before = codecs.getincrementaldecoder("utf-8")("strict"), b""
    for chunk in itertools.chain(filter(None, chunks), [b""] if final else []):
        try:
            decoder.decode(chunk, final=final and not chunk)
        except UnicodeDecodeError as error:
            window = before + chunk
            fault = len(window) - len(error.object) + error.start
            line = window.rfind(b"\n", 0, max(0, fault)) + 1
            return window[line : line + HEAD_BYTES]
        before = chunk
    return None


def _likeliest(head: bytes) -> str | None:
    if japanese := next((name for name in _JAPANESE if _is_japanese(head, name)), None):
        return japanese
    candidates = ["utf-16-le", "utf-16-be"] if len(head) >= 4 else []
    if b"\0" not in head:
        candidates += ["gb18030", "big5"]
    scored = [(score, name) for name in candidates if (score := _plausibility(head, name)) >= 0.9]
    if scored:
        return max(scored)[1]
    if b"\0" in head or len(_CONTROLS.findall(head)) > 0.02 * len(head):
        return None
    best = from_bytes(head[: 1 << 16], cp_isolation=list(_OTHERS)).best()
    return best.encoding if best is not None and _decodes(head, best.encoding) else None


def _is_japanese(head: bytes, name: str) -> bool:
    """Whether three in ten characters beyond ASCII are kana: two bytes of UTF-16 or GB18030 are hardly ever kana."""
    text = _decoded(head, name) or ""
    kana, others = len(_KANA.findall(text)), len(text) - len(_ASCII.findall(text))
    return kana >= 4 and kana * 10 >= 3 * others


def _plausibility(head: bytes, name: str) -> float:
    """Share of ordinary characters, with a bonus for the commonest Han characters or for none; 0 if it does not decode.

    Any two bytes of English are a Han character in UTF-16 of the wrong order, but hardly a common one.
    """
    text = _decoded(head, name)
    if not text:
        return 0.0
    han, common = len(_HAN.findall(text)), len(_COMMON_HAN.findall(text))
    if (han > 20 and common < 0.03 * han) or len(_LONE_HAN.findall(text)) > han / 2:
        return 0.0
    return len(_ORDINARY.findall(text)) / len(text) + (common / han if han else 0.5)


def _decodes(data: bytes, name: str) -> bool:
    return _decoded(data, name) is not None


def _decoded(data: bytes, name: str) -> str | None:
    """The text, a character cut at the end left out; None where the bytes are not of this encoding."""
    try:
        return codecs.getincrementaldecoder(name)("strict").decode(data, final=False)
    except UnicodeDecodeError:
        return None


def decoded_stream(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Decode chunks; bytes that the encoding does not allow become U+FFFD."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)
