"""Masks of whole words: which tokens belong to one word, and which words to hide.

Masking single tokens lets a model guess the rest of a word from its other pieces; masking whole words does not (BERT's
second release; Cui et al. 2021 for Chinese, where a word is several characters and words come from a segmenter).
Nothing here needs a model or a vocabulary: words are places in a text (`segment.word_spans`), and so are tokens.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

Span = tuple[int, int]


def whole_words(words: Sequence[Span], tokens: Sequence[Span]) -> list[list[int]]:
    """Return the numbers of the tokens of each word, words without a token left out.

    `words` and `tokens` are places in one text, in order. A token that reaches over several words joins them, since
    none can be hidden without the others; a token of spaces or marks alone is of no word. Tokens that are parts of one
    character have the same place and stay together.
    """
    groups: list[list[int]] = []
    first = 0
    ends = 0  # of the words in the last group
    for number, (start, end) in enumerate(tokens):
        while first < len(words) and words[first][1] <= start:
            first += 1
        last = first
        while last < len(words) and words[last][0] < end:
            last += 1
        if last == first or start == end:
            continue
        if groups and words[first][0] < ends:
            groups[-1].append(number)
        else:
            groups.append([number])
        ends = max(ends, words[last - 1][1])
    return groups


def choose_words(groups: Sequence[Sequence[int]], *, share: float, seed: int) -> list[int]:
    """Return the numbers of the tokens to hide, in order: whole groups, drawn at random, until they make up `share` of
    all tokens in groups. At least one group is hidden where there is any; a long last one is taken only if that comes
    nearer to the share.
    """
    order = list(range(len(groups)))
    random.Random(seed).shuffle(order)
    wanted = share * sum(len(group) for group in groups)
    hidden: list[int] = []
    for which in order:
        over = len(hidden) + len(groups[which]) - wanted
        if hidden and over > wanted - len(hidden):
            continue
        hidden += groups[which]
        if len(hidden) >= wanted:
            break
    return sorted(hidden)
