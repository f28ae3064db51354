"""Synthetic data, always the same: texts with three labels, whose words are about as frequent as in English; and logs of
interactions, in which few items and users make most of the rows.
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
TELLING = (300, 360)  # frequency ranks of the words that depend on the label
TWICE, NEARLY = 0.01, 0.02  # shares of texts that duplicate an earlier one, exactly or nearly
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
    """Words as a sentence, with a capital letter, a final sign, and sometimes a comma, which CSV must quote."""
    place = pick.randrange(len(words))
    if pick.random() < 0.5:
        words[place] += ","
    return " ".join(words).capitalize() + pick.choice((".", "!", "", "?"))


def _nearly(text: str, pick: random.Random) -> str:
    """A near duplicate: with a repost mark, another end, another case, or a word missing."""
    words = text.split()
    del words[pick.randrange(len(words))]
    return pick.choice((f"RT {text}", f"{text}!!", text.upper(), " ".join(words)))


def _words() -> list[str]:
    """The full words in the packaged backbone's vocabulary, most frequent first."""
    content = json.loads((backbone() / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = content["model"]["vocab"]
    words = sorted(vocabulary, key=vocabulary.__getitem__)
    return [word for word in words if word.isascii() and word.isalpha() and len(word) > 1]


def write_interactions(path: Path, rows: int, items: int = 100_000, users: int = 200_000) -> None:
    """Writes columns user, item, rating and time as CSV or Parquet, by the name of the file, in chunks.

    The item of rank r has a probability proportional to 1 / (r + 10) (Zipf's law, flattened at the head as in real catalogues);
    the activity of users is lognormal with sigma 1.2. Times increase from 2020 on.
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
    shares: np.ndarray = sums / sums[-1]
    return shares
