"""Writes the sets of benchmarks/auto.py as CSV files, from banking77, clinc150 and VADER's ground truth.

    python benchmarks/auto_sets.py data sets

The first folder holds banking77/{train,test}.csv (CC BY 4.0), clinc150/data_{full,small}.json (CC BY 3.0) and
vader_groundtruth/*_GroundTruth.txt (MIT); those that are missing are left out. The second gets NAME/train.csv and
NAME/test.csv. Texts of VADER are positive or negative where people scored them 0.2 or more, or -0.2 or less, on average; a
fifth of them are test rows.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

Row = tuple[str, str]  # text, label
FEW = (5, 10, 64)  # rows a class of the small parts of banking77
CERTAIN = 0.2  # mean score from which on a text has a side
VADER = {
    "tweets": "vader-tweets",
    "amazonReviewSnippets": "amazon",
    "movieReviewSnippets": "movies",
    "nytEditorialSnippets": "news",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the sets as they are published")
    parser.add_argument("sets", type=Path, help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of the rows that are drawn (default 0)")
    options = parser.parse_args()
    for name, train, test in sets(options.data, random.Random(options.seed)):
        for part, rows in (("train", train), ("test", test)):
            path = options.sets / name / f"{part}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerows([("text", "label"), *rows])
        print(f"{options.sets / name}: {len(train):,} training and {len(test):,} test rows", flush=True)


def sets(data: Path, drawn: random.Random) -> Iterator[tuple[str, list[Row], list[Row]]]:
    """Name, training rows and test rows of each set."""
    if (data / "banking77").is_dir():
        train, test = (list(banking(data / "banking77" / f"{part}.csv")) for part in ("train", "test"))
        yield "banking77", train, test
        for count in FEW:
            yield f"banking77-{count}", a_few(train, count, drawn), test
    for size in ("full", "small"):
        if (path := data / "clinc150" / f"data_{size}.json").is_file():
            parts = json.loads(path.read_text(encoding="utf-8"))
            rows = {part: [(text, label) for text, label in parts[part]] for part in ("train", "test", "oos_test")}
            yield f"clinc150-{size}", rows["train"], rows["test"]
            yield f"clinc150-{size}-oos", rows["train"], rows["test"] + rows["oos_test"]
    for source, name in VADER.items():
        if (path := data / "vader_groundtruth" / f"{source}_GroundTruth.txt").is_file():
            scored = list(sides(path))
            drawn.shuffle(scored)
            yield name, scored[len(scored) // 5 :], scored[: len(scored) // 5]


def banking(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        yield from ((row["text"], row["category"]) for row in csv.DictReader(stream))


def a_few(rows: Iterable[Row], count: int, drawn: random.Random) -> list[Row]:
    """`count` rows of each class, or all where a class has fewer."""
    classes = defaultdict(list)
    for row in rows:
        classes[row[1]].append(row)
    return [row for members in classes.values() for row in drawn.sample(members, min(count, len(members)))]


def sides(path: Path) -> Iterator[Row]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        _, score, text = line.split("\t", 2)
        if abs(float(score)) >= CERTAIN:
            yield text, "positive" if float(score) > 0 else "negative"


if __name__ == "__main__":
    main()
