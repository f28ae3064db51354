"""Divides texts that are longer than a window. No torch."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

AFTER_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]|\n+")
SLACK = 4  # a window may end with a sentence, if that end is at most 1 / SLACK of a window away from an even division


def windows(text: str, ends: Sequence[int], longest: int, most: int) -> list[tuple[int, int]]:
    """(begin, end) of each window, in tokens.

    Windows are nearly equal and end at sentences, unless the remaining windows could not hold the rest of the text.

    ends: for each token the place in the text after it. longest: tokens of a window at most. most: number of windows at most;
    text after the last one is not covered.
    """
    count = len(ends)
    if count <= longest or most == 1:
        return [(0, min(count, longest))]
    sentences = sorted({bisect_right(ends, match.end()) for match in AFTER_SENTENCE.finditer(text)})
    places, begin = list[tuple[int, int]](), 0
    while begin < count and len(places) < most:
        remaining = count - begin
        even = begin + -(-remaining // -(-remaining // longest))
        spare = (most - len(places)) * longest - remaining  # tokens that windows may leave unused, if the text fits at all
        least = begin + max(1, longest - spare if spare >= 0 else 1)
        near = [place for place in sentences if least <= place <= begin + longest and abs(place - even) <= longest // SLACK]
        end = count if remaining <= longest else min(near, key=lambda place: abs(place - even), default=even)
        places.append((begin, end))
        begin = end
    return places
