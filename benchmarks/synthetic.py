"""A CSV of made-up texts, always the same: English words, each about as frequent as in English, and three labels."""

from __future__ import annotations

import csv
import json
import random
from collections import deque
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from benchmarks.recipe import backbone

LABELS = ("negative", "neutral", "positive")
WORDS = (5, 30)  # of a text: about 100 characters
TELLING = (300, 360)  # ranks of the words that tell the labels apart
TWICE, NEARLY = 0.01, 0.02  # shares of texts that repeat one of the texts before them, to the letter or nearly
RECENT = 1000  # texts that may be repeated


def write_csv(path: Path, rows: int) -> None:
    """Columns id, text and label."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("id", "text", "label"))
        table.writerows((f"{number:07d}", text, label) for number, (text, label) in enumerate(_rows(rows)))


def _rows(count: int) -> Iterator[tuple[str, str]]:
    pick, words = random.Random(0), _words()
    shares = list(accumulate(1 / (rank + 3) for rank in range(len(words))))  # Zipf's law
    recent: deque[tuple[str, str]] = deque(maxlen=RECENT)
    for number in range(count):
        chance = pick.random()
        if recent and chance < TWICE + NEARLY:
            text, label = pick.choice(recent)
            row = (text if chance < TWICE else _nearly(text, pick), label)
        else:
            label = LABELS[number % len(LABELS)]
            chosen = pick.choices(words, cum_weights=shares, k=pick.randint(*WORDS))
            chosen[pick.randrange(len(chosen))] = pick.choice(words[slice(*TELLING)][number % len(LABELS) :: len(LABELS)])
            row = (_sentence(chosen, pick), label)
        recent.append(row)
        yield row


def _sentence(words: list[str], pick: random.Random) -> str:
    """With a capital letter, at times a comma, which a CSV has to quote, and an end."""
    place = pick.randrange(len(words))
    if pick.random() < 0.5:
        words[place] += ","
    return " ".join(words).capitalize() + pick.choice((".", "!", "", "?"))


def _nearly(text: str, pick: random.Random) -> str:
    """As a person or a program repeats it: a sign of a repost before it, another end, another case, a word missing."""
    words = text.split()
    del words[pick.randrange(len(words))]
    return pick.choice((f"RT {text}", f"{text}!!", text.upper(), " ".join(words)))


def _words() -> list[str]:
    """The whole words of the packaged backbone's vocabulary, which lists the frequent ones first."""
    content = json.loads((backbone() / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = content["model"]["vocab"]
    words = sorted(vocabulary, key=vocabulary.__getitem__)
    return [word for word in words if word.isascii() and word.isalpha() and len(word) > 1]
