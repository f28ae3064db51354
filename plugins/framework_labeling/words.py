"""Splits texts into words with character offsets, and joins words to texts, for training rows and for requests."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

Offsets = list[tuple[int, int]]  # for each word, the index of its first character, and of the character after its last

# Scripts without spaces between words: a character with its marks is a word, because word boundaries are not marked.
_UNSPACED = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Japanese syllables
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
_JOINERS = "\u200c\u200d"  # stand inside words of Persian and Hindi, and inside emoji
_LAST_MARK = 0x1F000  # the marks beyond it are variation selectors


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """Matches a run of letters and digits with their marks, or any other single character but a space, with its marks.

    Marks, such as the vowels of Hindi, are part of words, but `re` counts few of them among the letters.
    """
    codes = [code for code in range(0x300, _LAST_MARK) if unicodedata.category(chr(code))[0] == "M"]
    marks = _ranges(codes) + "\U000e0100-\U000e01ef"
    letter = rf"[^\W_{_UNSPACED}{marks}]"
    return re.compile(rf"{letter}(?:{letter}|[{marks}{_JOINERS}])*|[^\s][{marks}]*")


def _ranges(codes: Sequence[int]) -> str:
    """The ranges of a regular expression's character class for these ascending code points."""
    starts = [code for before, code in zip([-1, *codes], codes, strict=False) if code != before + 1]
    ends = [code for code, after in zip(codes, [*codes[1:], -1], strict=True) if after != code + 1]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


def split_words(text: str) -> tuple[list[str], Offsets]:
    """The words of a text and their offsets. No word holds a space, and every character but spaces is in a word."""
    matches = list(_pattern().finditer(text))
    return [match[0] for match in matches], [match.span() for match in matches]


def join_words(words: Sequence[str]) -> tuple[str, Offsets]:
    """The words joined by spaces, and their offsets in that text."""
    offsets: Offsets = []
    start = 0
    for word in words:
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return " ".join(words), offsets
