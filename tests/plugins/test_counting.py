"""TF-IDF without scikit-learn: the same numbers, for any text, also after a while on disk."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from framework_classification.counting import Counting
from framework_classification.linear import tfidf
from tests.tiny import rows

ODD = [
    "Straße",
    "ΣΑΣ ",
    "İ",
    "好的",
    "谢谢，",
    "😀",
    "👩\u200d👧",
    "é",
    "e\u0301",
    "\x00",
    "\x1c",
    "\x85",
    "\u2028",
    "\n",
    "\t ",
    "  ",
]
PIECES = [*ODD, "the ", "The", "flight", "'s", "…", "?!", "_", "1.5", "-", "a", "loooooooooooooooooooooooooooooooooooooong"]


def texts(count: int, seed: int = 0) -> list[str]:
    pick = random.Random(seed)
    return ["", " ", "a", *("".join(pick.choices(PIECES, k=pick.randint(1, 40))) for _ in range(count - 3))]


@cache
def fitted() -> tuple[object, Counting]:
    features = tfidf(3).fit([text for text, _ in rows()] + texts(200, seed=1))
    return features, Counting.of(features)


def test_features_equal_those_of_scikit_learn_for_any_text(tmp_path: Path) -> None:
    features, counting = fitted()
    counting.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["idf.npy", "ngrams.txt"]
    counting = Counting.load(tmp_path)
    some = texts(500)
    expected = features.transform(some).toarray()  # type: ignore[attr-defined]
    dense = np.zeros((len(some), len(counting) + 1))
    for row, text in enumerate(some):
        ids, weights = counting.features(text)
        assert (str(ids.dtype), str(weights.dtype), len(ids)) == ("int64", "float32", len(weights))
        assert len(np.unique(ids)) == len(ids)
        dense[row, ids] = weights
    assert np.abs(dense[:, :-1] - expected).max() < 1e-6
    assert not dense[:, -1].any()


@pytest.mark.parametrize("text", ["", " \n", "ЖЖЖ"])
def test_a_text_without_a_known_ngram_has_one_feature_that_weighs_nothing(text: str) -> None:
    counting = fitted()[1]
    ids, weights = counting.features(text)
    assert (ids.tolist(), weights.tolist()) == ([len(counting)], [0.0])


def test_of_a_text_with_more_features_than_are_allowed_the_heaviest_stay() -> None:
    counting = fitted()[1]
    ids, weights = counting.features("the lovely flight, the awful phone")
    kept, heavy = counting.features("the lovely flight, the awful phone", most=5)
    assert set(kept) < set(ids)
    assert sorted(heavy) == sorted(weights)[-5:]


def test_of_many_classes_fewer_ngrams_are_learned() -> None:
    sizes = [
        [vectorizer.max_features for _, vectorizer in tfidf(classes).transformer_list] for classes in (2, 77, 1000, 100_000)
    ]
    assert sizes[0] == sizes[1] == [200_000, 40_000]
    assert all(sum(size) * classes <= 64_000_000 for size, classes in zip(sizes[2:], (1000, 100_000), strict=True))


def test_counting_wants_neither_scikit_learn_nor_torch() -> None:
    code = (
        "import sys; sys.modules |= dict.fromkeys(['torch', 'sklearn', 'scipy', 'transformers']);"
        "from framework_classification.linear_codec import ConstantCodec, LinearCodec"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
