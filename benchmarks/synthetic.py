"""Made-up data, always the same: texts of English words, each about as frequent as in English, with three labels; logs of
who took what, where few items and users make most of the rows.
"""

from __future__ import annotations

import csv
import json
import random
from collections import deque
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np

from benchmarks.recipe import backbone

LABELS = ("negative", "neutral", "positive")
WORDS = (5, 30)  # of a text: about 100 characters
TELLING = (300, 360)  # ranks of the words that tell the labels apart
TWICE, NEARLY = 0.01, 0.02  # shares of texts that repeat one of the texts before them, to the letter or nearly
CHUNK = 500_000  # interactions made at a time
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


def write_interactions(path: Path, rows: int, items: int = 100_000, users: int = 200_000) -> None:
    """Columns user, item, rating and time, as CSV or Parquet by the name of the file, made and written in blocks.

    The item of rank r is taken as often as 1 / (r + 10) says (Zipf's law, its head cut as in real catalogues), and users
    differ in how much they take as a lognormal law with sigma 1.2 says. Times rise from 2020 on: a log is in time.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    random = np.random.default_rng(0)
    popular, active = _cumulated(1 / (np.arange(items) + 10)), _cumulated(random.lognormal(0, 1.2, users))
    names = [random.permutation(count) for count in (items, users)]
    kinds = {"user": pa.int32(), "item": pa.int32(), "rating": pa.int8(), "time": pa.int64()}
    schema = pa.schema(list(kinds.items()))
    parquet_file = path.suffix == ".parquet"
    with parquet.ParquetWriter(path, schema) if parquet_file else arrow_csv.CSVWriter(path, schema) as out:
        for start in range(0, rows, CHUNK):
            count = min(CHUNK, rows - start)
            columns = {
                "user": names[1][np.searchsorted(active, random.random(count))] + 1,
                "item": names[0][np.searchsorted(popular, random.random(count))] + 1,
                "rating": random.integers(1, 6, count),
                "time": 1_577_836_800 + 5 * np.arange(start, start + count) + random.integers(0, 5, count),
            }
            out.write_table(pa.table({name: pa.array(values).cast(kinds[name]) for name, values in columns.items()}))


def _cumulated(weights: np.ndarray) -> np.ndarray:
    sums: np.ndarray = np.cumsum(weights)
    found: np.ndarray = sums / sums[-1]
    return found
