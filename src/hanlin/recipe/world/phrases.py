"""Phrases from Chinese into English and back: every word is taught, but not every pair of words."""

from __future__ import annotations

import itertools
import re

from hanlin.recipe.world.case import Case
from hanlin.recipe.world.tables import capitalised, data, fill
from hanlin.recipe.world.words import Words, is_held_out

WAS = re.compile(r"(?<=\b[Ww]e )was|(?<=\b[Yy]ou )was|(?<=\b[Tt]hey )was")

EVERYDAY_SHARE = 0.2
SMALL_SHARE = 0.5  # of English phrases begin with a small letter


def phrases(words: Words) -> Case:
    """A phrase and the request to translate it."""
    zh, en = pair(words)
    into = words.dice.choice(("zh", "en"))
    given, answer = (zh, en) if into == "en" else (_as_typed(words, en), zh)
    ask = words.pick(data("phrases")[f"ask_{into}"])
    return Case("phrases", words.lang, words.asked(ask, given), answer)


def _as_typed(words: Words, en: str) -> str:
    """Whoever asks for a few words seldom begins them with a capital letter."""
    is_small = words.dice.random() < SMALL_SHARE and en.split()[0] != "I"
    return en[:1].lower() + en[1:] if is_small else en


def pair(words: Words) -> tuple[str, str]:
    """A phrase in both languages, on this side of the split; of the taught ones some are known by heart."""
    table = data("phrases")
    if not words.held_out and words.dice.random() < EVERYDAY_SHARE:
        zh, _, en = words.dice.choice(table["everyday"]).partition("|")
        return zh, en
    while True:
        number = words.dice.randrange(len(table["pattern"]["zh"]))
        zh, en = (table["pattern"][lang][number] for lang in ("zh", "en"))
        slots = re.findall(r"{(\w+)}", zh)
        chosen = {slot: words.dice.choice(table[slot]).split("|") for slot in slots}
        kept_out = any(is_held_out(*two) for two in itertools.pairwise(sorted(word[1] for word in chosen.values())))
        if kept_out == words.held_out:
            first, second = ({slot: word[side] for slot, word in chosen.items()} for side in (0, 1))
            return fill(zh, **first), capitalised(WAS.sub("were", fill(en, **second)))
