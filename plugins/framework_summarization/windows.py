"""Where a text that is longer than a window is divided. No torch."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

AFTER_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]|\n+")
SLACK = 4  # a window ends at a sentence as long as that moves its end by at most one of so many parts


def windows(text: str, ends: Sequence[int], longest: int, most: int) -> list[tuple[int, int]]:
    """Begin and end of each window, in tokens: nearly equal parts of the text, each of at most `longest` tokens, ended at
    sentences where the windows that are left still take all that follows.

    ends: of each token, the character after it. most: windows; what is behind the last is not read. With one it is the
    beginning of the text.
    """
    count = len(ends)
    if count <= longest or most == 1:
        return [(0, min(count, longest))]
    sentences = sorted({bisect_right(ends, found.end()) for found in AFTER_SENTENCE.finditer(text)})
    found, begin = list[tuple[int, int]](), 0
    while begin < count and len(found) < most:
        left = count - begin
        even = begin + -(-left // -(-left // longest))
        spare = (most - len(found)) * longest - left  # tokens by which windows may fall short, if the text fits at all
        least = begin + max(1, longest - spare if spare >= 0 else 1)
        near = [place for place in sentences if least <= place <= begin + longest and abs(place - even) <= longest // SLACK]
        end = count if left <= longest else min(near, key=lambda place: abs(place - even), default=even)
        found.append((begin, end))
        begin = end
    return found
