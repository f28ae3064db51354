"""What makes a text hard to read, in five numbers.

Published formulas count words per sentence, as Flesch-Kincaid does (Kincaid et al. 1975), letters per word (the Automated
Readability Index, Senter and Smith 1967) and long words (LIX, Björnsson 1968), with fixed weights; here weights are learned. In
Chinese every character counts as a word of one letter, so clauses and rare characters tell more.
"""

import re
from collections.abc import Sequence

import numpy as np

MEASURES = ("words_per_sentence", "words_per_clause", "letters_per_word", "long_words", "rare_characters")
HAN = "\u3400-\u4dbf\u4e00-\u9fff"
WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+(?:['’-][^\W_{HAN}]+)*")
PAUSE = re.compile(r"[,;:]\s|[，、；：—]")
PARAGRAPH = re.compile(r"\n\s*\n")
SENTENCE = re.compile(
    r"\S.*?(?:[。！？]+[”」』]*"
    r"|(?<![.!?…])[.!?…]++[\"'”’)]*(?=\s++[^a-z]|\s*+\Z)"  # not before a small letter or a digit: "e.g. this", "3.5"
    r"|\Z)",
    re.DOTALL,
)
LEVEL_1 = {"gb2312": (b"\xb0\xa1", b"\xd7\xf9"), "big5": (b"\xa4\x40", b"\xc6\x7e")}  # the common characters: first, last


def measures(text: str, long_word: int) -> np.ndarray:
    """(5,), in the order of `MEASURES`; the last two are shares of the words. The text has a word.

    long_word: letters from which on a word is long.
    """
    words = WORD.findall(text)
    ends = len(sentences(text))
    clauses = ends + len(PAUSE.findall(text))
    letters = np.array([len(word) for word in words])
    rare = _rare(re.findall(f"[{HAN}]", text)) / len(words)
    return np.array([len(words) / ends, len(words) / clauses, letters.mean(), (letters >= long_word).mean(), rare])


def sentences(text: str) -> list[str]:
    """Those that have a word. A paragraph ends a sentence too; a line does not."""
    return [part.strip() for paragraph in PARAGRAPH.split(text) for part in SENTENCE.findall(paragraph) if WORD.search(part)]


def _rare(characters: Sequence[str]) -> int:
    """How many Chinese characters are not common: not in level 1 of GB 2312, or of Big5 where more of them stand there."""
    codes = {charset: [one.encode(charset, "ignore") for one in characters] for charset in LEVEL_1}
    charset = max(codes, key=lambda name: sum(map(bool, codes[name])))
    first, last = LEVEL_1[charset]
    return sum(not first <= code <= last for code in codes[charset])
