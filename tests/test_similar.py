"""Near-duplicates, in any language, never stand in two splits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from framework.data.splitting.duplicates import normal_form
from framework.data.splitting.similar import THRESHOLD, clusters, similarity
from tests.test_splits import load
from tests.tiny import rows, write_csv

BASE = "my flight to boston was delayed by three hours and nobody at the desk could tell me why"

CHINESE = "我的航班晚点了三个小时，柜台没有人能告诉我原因，真的非常失望"
JAPANESE = "飛行機が三時間も遅れて誰も理由を教えてくれなかったので本当に困りました"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (BASE, BASE.replace("three", "four")),
        (BASE, f"{BASE}!!! :("),
        (
            "我的航班晚点了三个小时，柜台没有人能告诉我原因，真的非常失望",
            "我的航班晚点了三个小时，柜台没人能告诉我原因，真的非常失望。",
        ),
        (
            "飛行機が三時間も遅れて誰も理由を教えてくれなかったので本当に困りました",
            "飛行機が三時間も遅れて誰も理由を教えてくれなかったので本当に困った",
        ),
    ],
)
def test_texts_that_nearly_repeat_each_other_are_one_group(first: str, second: str) -> None:
    other = "what a lovely crew on the way home, thank you so much for the free upgrade"
    assert clusters([normal_form(t) for t in (first, other, second)]).tolist() == [0, 1, 0]


def test_texts_that_say_something_else_are_not() -> None:
    texts = [f"{BASE} today", "the crew was lovely", "😀😀", "😡😡", "", "ok", "no"]
    assert clusters(texts).tolist() == list(range(len(texts)))


def test_every_pair_reported_is_similar_and_few_are_missed() -> None:
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefghijklmnop"), 6)) for _ in range(400)]
    texts = [" ".join(random.choice(words, 25)) for _ in range(300)]
    changed = [" ".join([*text.split()[:-1], "changed"]) for text in texts]
    close = [similarity(*pair) >= THRESHOLD for pair in zip(texts, changed, strict=True)]
    found = clusters([*texts, *changed])
    joined = found[300:] == np.arange(300)
    assert joined[np.array(close)].mean() > 0.97
    assert not joined[~np.array(close)].any()


def test_near_duplicates_stay_in_one_split_and_it_is_said(tmp_path: Path) -> None:
    pairs = [(f"{BASE} number {i // 3} {'abc'[i % 3]} {i // 3 * 7919}", "ab"[i // 3 % 2]) for i in range(90)]
    path = write_csv(tmp_path / "a.csv", [*pairs, *((text, "ab"[i % 2]) for i, (text, _) in enumerate(rows(60)))])
    splits = load(f"data.train={path}")
    place = {text: name for name, table in splits.named().items() for text in table.texts("text")}
    groups = clusters([normal_form(text) for text in place])
    names = list(place.values())
    spread = Counter(len({names[i] for i in np.flatnonzero(groups == group)}) for group in set(groups.tolist()))
    assert set(spread) == {1}
    assert "nearly repeat another: each of their" in "\n".join(splits.notes)


def test_training_rows_that_nearly_repeat_a_given_test_row_are_left_out(tmp_path: Path) -> None:
    train = write_csv(tmp_path / "a.csv", [*rows(60), (BASE, "negative")])
    test = write_csv(
        tmp_path / "b.csv", [(BASE.replace("three", "four"), "negative"), ("a kind crew", "positive"), ("paper", "neutral")]
    )
    splits = load(f"data.train={train}", f"data.test={test}")
    assert len(splits.test) == 3
    assert BASE not in [*splits.train.texts("text"), *splits.validation.texts("text")]
    assert "nearly repeat a row of a held-out split and were left out" in "\n".join(splits.notes)
