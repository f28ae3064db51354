"""From the rows of a log to what is learned from and judged by, each by hand; and the numbers lists are judged with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from framework import InputError, Table
from framework.data.reading import read_table
from framework.data.sources import File
from framework_recommendation.cleaning import clean
from framework_recommendation.interactions import Interactions
from framework_recommendation.log import Log, read_log
from framework_recommendation.ranking_metrics import hits_of, novelty, popularity_groups, popularity_table, ranking_metrics
from framework_recommendation.splitting import Protocol, Split, by_user, split


def table(rows: Sequence[str], names: str = "user item time rating") -> Table:
    """Rows as words; `_` stands for nothing."""
    fields = [["" if word == "_" else word for word in row.split()] for row in rows]
    columns = {name: [row[i] for row in fields] for i, name in enumerate(names.split()) if all(len(row) > i for row in fields)}
    return Table(columns, range(2, len(rows) + 2), "log.csv")


def log(*rows: str) -> Log:
    return read_log(table(rows))


def pairs(found: Log) -> list[str]:
    return [f"{found.user_ids[u]} {found.item_ids[i]}" for u, i in zip(found.users, found.items, strict=True)]


def shown(found: Interactions, names: Sequence[str]) -> list[str]:
    return ["".join(names[item - 1] for item in history) for history in found]


# reading


def test_ids_stay_exactly_as_written(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item\n007, a b\n7,é 東\n007,1e3\n 7,1000\n", encoding="utf-8")
    found = read_log(read_table([File(path)]).table)
    assert (found.user_ids, found.item_ids) == (["007", "7", " 7"], [" a b", "é 東", "1e3", "1000"])
    assert (found.users.tolist(), found.items.tolist()) == ([0, 1, 0, 2], [0, 1, 2, 3])
    assert found.times is None


def test_a_missing_role_is_named() -> None:
    with pytest.raises(InputError, match=r"log.csv: no item column; name it with data.item=COLUMN"):
        read_log(Table({"user": ["a"]}, [2], "log.csv"))


def test_times_and_ratings_that_are_no_numbers_are_named_by_line() -> None:
    rows = [f"u i {time} {rating}" for time, rating in (("1", "5"), ("2024-01-02", "good"), ("_", "4"), ("inf", "_"))]
    with pytest.raises(InputError) as error:
        read_log(table(rows))
    assert list(error.value.problems) == [
        "log.csv, line 4: the time is '', no number",
        "log.csv, line 5: the time is 'inf', no number; times are numbers, or dates such as 2026-11-24 or "
        "2026-11-24T10:31:07; data.time=none takes the order of the file",
        "log.csv, line 3: the rating is 'good', no number",
        "log.csv, line 5: the rating is '', no number; ratings are numbers; data.rating=none counts every row",
    ]
    with pytest.raises(InputError, match="line 6: the time is 'x', no number and 3 more"):
        read_log(table(["u i x"] * 8))


def test_dates_are_times_too() -> None:
    found = read_log(table(["u a 2024-01-02", "u b 2024-01-02T00:00:01", "u c 2024-01-02T01:00:00+01:00", "u d 5"]))
    assert found.times is not None
    assert found.times.tolist() == [1704153600.0, 1704153601.0, 1704153600.0, 5.0]


def test_rows_without_a_user_or_an_item_are_left_out_and_said() -> None:
    said: list[str] = []
    found = read_log(table(["a x 1", "_ y 2", "b _ soon", "b x 3"]), said.append)
    assert (pairs(found), found.item_ids) == (["a x", "b x"], ["x"])
    assert said == ["2 rows without a user or an item were left out (log.csv, line 3, for example)"]


def test_columns_are_found_by_their_roles() -> None:
    found = read_log(table(["a x 5"], "who what when"), roles={"user": "who", "item": "what", "time": "when"})
    assert (pairs(found), found.ratings) == (["a x"], None)
    assert found.times is not None
    assert found.times.tolist() == [5]


# cleaning


def test_only_good_ratings_count_above_a_threshold() -> None:
    said: list[str] = []
    rows = log("a x 1 4", "a y 2 3.5", "b x 3 5", "b z 4 1")
    assert pairs(clean(rows, said.append, threshold=4)) == ["a x", "b x"]
    assert said[0] == "2 of 4 rows with a rating below 4 were left out"
    said.clear()
    assert len(clean(rows, said.append)) == 4
    assert said == ["every row counts as an interaction, whatever its rating"]
    with pytest.raises(InputError, match="no rating reaches 6; the highest is 5"):
        clean(rows, threshold=6)
    with pytest.raises(InputError, match="the data has no ratings"):
        clean(log("a x"), threshold=4)


def test_of_a_repeated_pair_the_last_is_kept() -> None:
    said: list[str] = []
    by_time = clean(log("a x 9", "a y 2", "a x 1", "b x 5", "b x 5"), said.append)
    assert pairs(by_time) == ["a x", "a y", "b x"]
    assert by_time.times is not None
    assert by_time.times.tolist() == [9, 2, 5]
    assert said[0] == "2 of 5 rows repeat a user and an item; the last of each, by time, was kept"
    said.clear()
    assert pairs(clean(log("a x", "a y", "a x"), said.append)) == ["a y", "a x"]
    assert said == ["1 of 3 rows repeat a user and an item; the last of each, in the order of the file, was kept"]
    assert pairs(clean(log("a x", "a y", "a x"), repeats=True)) == ["a x", "a y", "a x"]


def test_a_core_falls_until_it_is_stable() -> None:
    """Item z has one row; without it c has one; without that y has one; what stays is a and b, each with v and x."""
    rows = ["a v", "a x", "b v", "b x", "b y", "c y", "c z"]
    said: list[str] = []
    assert pairs(clean(log(*rows), said.append, core=2)) == rows[:4]
    assert said == [
        "3 of 7 rows of users or items with fewer than 2 interactions were left out, in 3 rounds: "
        "3 users and 4 items became 2 users and 2 items"
    ]
    kept = clean(log(*rows), core=2)
    assert (kept.user_ids, kept.item_ids, kept.items.tolist()) == (["a", "b"], ["v", "x"], [0, 1, 0, 1])
    with pytest.raises(
        InputError, match=r"no users and items with 3 interactions each are left of 7 rows \(3 users and 4 items\)"
    ):
        clean(log(*rows), core=3)


def test_users_with_one_interaction_are_counted() -> None:
    said: list[str] = []
    clean(log("a x", "a y", "b x", "c z"), said.append)
    assert said == ["2 of 3 users have one interaction; they are learned from, never judged by"]


def test_an_empty_log_is_refused() -> None:
    with pytest.raises(InputError, match="no row of the data has a user and an item"):
        clean(log("_ x 1", "a _ 2"))


# splitting

ROWS = ("a v 3", "b w 1", "a w 1", "a x 2", "c v 5", "b v 2", "a y 3", "d x 9")  # a: w x v y; b: w v; c: v; d: x


def test_a_log_by_user_stands_in_time_with_ties_in_the_order_of_the_file() -> None:
    found = by_user(log(*ROWS))
    assert shown(found, "vwxy") == ["wxvy", "wv", "v", "x"]
    assert found.times is not None
    assert found.times.tolist() == [1, 2, 3, 3, 1, 2, 5, 9]
    assert shown(by_user(log(*(row[:3] for row in ROWS))), "vwxy") == ["vwxy", "wv", "v", "x"]


def test_leave_one_out() -> None:
    found = split(log(*ROWS), "leave_one_out", seed=0)
    assert shown(found.train, "vwxy") == ["wx", "w", "v", "x"]
    assert (shown(found.validation.known, "vwxy"), shown(found.validation.relevant, "vwxy")) == (["wx"], ["v"])
    assert (shown(found.test.known, "vwxy"), shown(found.test.relevant, "vwxy")) == (["wxv", "w"], ["y", "v"])
    assert (found.validation_users.tolist(), found.test_users.tolist()) == ([0], [0, 1])
    assert found.protocol == "leave one out: the last item of each user by time, all items ranked, seen items left out"
    assert found.notes == ["1 of the 2 relevant items of the test were never seen in training; they count as missed"]
    without_times = split(log(*(row[:3] for row in ROWS)), "leave_one_out", seed=0)
    assert shown(without_times.test.relevant, "vwxy") == ["y", "v"]
    assert "in the order of the file" in without_times.protocol


def test_temporal() -> None:
    """Ten moments: eight train, one is validation, one the test."""
    rows = ["a v 0", "a w 1", "b v 2", "b w 3", "c v 4", "c x 5", "b x 6", "a x 7", "a y 8", "d v 8", "b z 9", "e v 9"]
    found = split(log(*rows), "temporal", seed=0, shares=(8, 2, 2))
    assert found.train.times is not None
    assert found.train.times.max() == 7
    assert (shown(found.validation.known, "vwxyz"), shown(found.validation.relevant, "vwxyz")) == (["vwx"], ["y"])
    assert (shown(found.test.known, "vwxyz"), shown(found.test.relevant, "vwxyz")) == (["vwx"], ["z"])
    assert (shown(found.cold.known, "vwxyz"), shown(found.cold.relevant, "vwxyz")) == ([""], ["v"])
    assert (found.test_users.tolist(), found.cold_users.tolist()) == ([1], [4])
    assert found.protocol == (
        "in time, 4:1:1 of all interactions, validation from 8, test from 9, all items ranked, seen items left out"
    )
    assert found.notes == [
        "1 users of the validation were never seen before it: not judged",
        "1 of the 1 relevant items of the validation were never seen in training; they count as missed",
        "1 users of the test were never seen before it: judged apart",
        "1 of the 1 relevant items of the test were never seen in training; they count as missed",
    ]


def test_what_a_user_took_during_validation_is_known_in_the_test() -> None:
    rows = ["a v 0", "b v 1", "a w 2", "b w 3", "a x 4", "b y 5"]
    found = split(log(*rows), "temporal", seed=0, shares=(4, 1, 1))
    assert (shown(found.validation.known, "vwxy"), shown(found.validation.relevant, "vwxy")) == (["vw"], ["x"])
    assert (shown(found.test.known, "vwxy"), shown(found.test.relevant, "vwxy")) == (["vw"], ["y"])
    rows[5] = "a y 5"
    assert shown(split(log(*rows), "temporal", seed=0, shares=(4, 1, 1)).test.known, "vwxy") == ["vwx"]


def recbole_counts(total: int, ratios: Sequence[float]) -> list[int]:
    """How many of a user's interactions train, are validation and test: the rounding of RecBole 1.2.1, one user at a time."""
    valid, test = int(ratios[1] * total), int(ratios[2] * total)
    train = total - valid - test
    if train > 1 and 0 < ratios[2] * total < 1:
        test, train = test + 1, train - 1
    if train > 1 and 0 < ratios[1] * total < 1:
        valid, train = valid + 1, train - 1
    return [train, valid, test]


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.1), (0.7, 0.1, 0.2)])
def test_random_rounds_as_recbole_does(shares: tuple[float, float, float]) -> None:
    lengths = [*range(1, 45), 100, 101]
    rows = [f"u{n} i{i} {i}" for n in lengths for i in range(n)]
    found = split(log(*rows), "random", seed=3, shares=shares)
    expected = np.array([recbole_counts(n, [s / sum(shares) for s in shares]) for n in lengths])
    assert found.train.lengths().tolist() == expected[:, 0].tolist()
    assert found.validation.relevant.lengths().tolist() == [n for n in expected[:, 1] if n]
    assert found.test.relevant.lengths().tolist() == [n for n in expected[:, 2] if n]
    for user, row in enumerate(found.test_users):
        everything = [*found.test.known[user], *found.test.relevant[user]]
        assert sorted(everything) == list(range(1, lengths[row] + 1))
        assert found.test.known[user].tolist() == sorted(found.test.known[user])  # in time
        assert set(found.train[int(row)]) <= set(found.test.known[user])
    assert (
        found.protocol
        == f"random per user {'8:1:1' if shares[1] == shares[2] else '7:1:2'}, all items ranked, seen items left out"
    )


def test_random_draws_every_place_alike_and_the_same_with_the_same_seed() -> None:
    rows = log(*[f"u{n} i{i} {i}" for n in range(2000) for i in range(10)])
    found = split(rows, "random", seed=1)
    drawn = np.bincount(found.test.relevant.items, minlength=11)[1:]
    assert drawn.sum() == 2000
    assert 140 < drawn.min() <= drawn.max() < 260  # 200 expected, standard deviation 13
    np.testing.assert_array_equal(found.test.relevant.items, split(rows, "random", seed=1).test.relevant.items)
    assert (found.test.relevant.items != split(rows, "random", seed=2).test.relevant.items).any()


@pytest.mark.parametrize("protocol", ["leave_one_out", "temporal", "random"])
def test_no_protocol_loses_or_repeats_a_row(protocol: Protocol) -> None:
    random = np.random.default_rng(0)
    taken = sorted({(int(u), int(i)) for u, i in random.integers(0, 40, (900, 2))})
    rows = clean(log(*[f"u{u} i{i} {random.integers(0, 500)}" for u, i in taken]))
    found = split(rows, protocol, seed=0)
    for user, row in enumerate(found.test_users):
        mine = [*found.test.known[user], *found.test.relevant[user]]
        assert len(mine) == len(set(mine)) == sum(u == row for u in rows.users)
    if protocol == "temporal":
        bounds = (found.train.times, found.validation.relevant.times, found.test.relevant.times)
        earliest, latest = ([float(f(times)) for times in bounds if times is not None] for f in (np.min, np.max))
        assert latest[0] < earliest[1] <= latest[1] < earliest[2]


def test_many_users_are_judged_by_a_drawn_part() -> None:
    rows = log(*[f"u{n} i{i} {i}" for n in range(50) for i in range(4)])
    found = split(rows, "leave_one_out", seed=0, judged=10)
    again = split(rows, "leave_one_out", seed=1, judged=10)
    assert (found.test.known.users, found.validation.known.users, found.train.users) == (10, 10, 50)
    assert found.test_users.tolist() == sorted(set(found.test_users.tolist()))
    assert found.test_users.tolist() != again.test_users.tolist()
    assert found.notes[0] == "10 of the 50 users of the validation are judged, drawn with seed 0"
    assert found.test.known.lengths().tolist() == [3] * 10


def test_where_items_repeat_they_stay_in_the_order_and_are_relevant_once() -> None:
    rows = log("a x 1", "a y 2", "a x 3", "a z 4", "a z 5", "b x 1", "b x 4.5", "b y 6")
    found: Split = split(rows, "temporal", seed=0, shares=(3, 1, 4), repeats=True)
    assert (found.train.users, shown(found.train, "xyz")) == (2, ["xy", "x"])
    assert (shown(found.test.relevant, "xyz"), shown(found.test.known, "xyz")) == (["z", "xy"], ["xyx", "x"])
    assert found.protocol.endswith("all items ranked, seen items too")


@pytest.mark.parametrize(
    ("protocol", "rows", "message"),
    [
        ("temporal", ["a x", "a y", "a z"], "needs times; data.time=COLUMN"),
        ("temporal", ["a x 1", "a y 1", "a z 1"], "leaves train and validation without interactions: too many .* same time"),
        ("leave_one_out", ["a x", "b y"], "leaves validation and test without interactions: users with one or two"),
        ("random", ["a x", "b y"], "leaves validation and test without"),
        (
            "temporal",
            [*(f"a i{n} {n}" for n in range(8)), "b x 8", "c x 9"],
            "nobody of the validation took anything before it",
        ),
    ],
)
def test_what_cannot_be_split_says_why(protocol: Protocol, rows: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split(log(*rows), protocol, seed=0)


# metrics


def plainly(lists: Sequence[Sequence[int]], relevant: Sequence[Sequence[int]]) -> dict[str, float]:
    """Recall, NDCG, MRR and hit rate, a user and a place at a time."""
    sums = dict.fromkeys(("recall", "ndcg", "mrr", "hit_rate"), 0.0)
    for listed, wanted in zip(lists, relevant, strict=True):
        places = [place for place, item in enumerate(listed, start=1) if item in wanted]
        best = sum(1 / math.log2(place + 1) for place in range(1, min(len(listed), len(wanted)) + 1))
        sums["recall"] += len(places) / len(wanted)
        sums["ndcg"] += sum(1 / math.log2(place + 1) for place in places) / best
        sums["mrr"] += 1 / places[0] if places else 0
        sums["hit_rate"] += bool(places)
    return {name: total / len(lists) for name, total in sums.items()}


@pytest.mark.parametrize("k", [1, 3, 10])
def test_metrics_are_those_of_their_formulas(k: int) -> None:
    random = np.random.default_rng(k)
    catalogue, users = 30, 200
    relevant = [random.permutation(catalogue)[: random.integers(1, 25)] + 1 for _ in range(users)]
    lists = np.array([random.permutation(catalogue)[:k] + 1 for _ in range(users)])
    lists[::7, k // 2 :] = 0  # shorter lists
    counts = np.array([0, *random.integers(0, 50, catalogue)])
    found = ranking_metrics(lists, Interactions.of(relevant, catalogue), counts)
    expected = plainly(lists.tolist(), [row.tolist() for row in relevant])
    assert {name: found.means[f"{name}@{k}"] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert found.means[f"coverage@{k}"] == len({*lists.reshape(-1).tolist()} - {0}) / catalogue
    bits = [[-math.log2(max(counts[i], 1) / counts.sum()) for i in row if i] for row in lists.tolist()]
    assert found.means[f"novelty@{k}"] == pytest.approx(np.mean([np.mean(row) for row in bits if row]))
    assert found.users[f"recall@{k}"].shape == (users,)


def test_ndcg_is_that_of_sklearn() -> None:
    random = np.random.default_rng(0)
    catalogue, k = 40, 5
    scores = random.random((60, catalogue))
    wanted = random.random((60, catalogue)) < 0.2
    wanted[:, 0] = True
    lists = np.argsort(-scores, axis=1)[:, :k] + 1
    relevant = Interactions.of([np.flatnonzero(row) + 1 for row in wanted], catalogue)
    found = ranking_metrics(lists, relevant, np.ones(catalogue + 1, dtype=np.int64))
    assert found.means[f"ndcg@{k}"] == pytest.approx(ndcg_score(wanted, scores, k=k), abs=1e-6)


def test_lists_with_nothing_to_find_nothing_listed_and_the_same_item_twice() -> None:
    relevant = Interactions.of([[1, 2], [], [3]], 4)
    lists = np.array([[1, 1, 4], [1, 2, 3], [0, 0, 0]])
    found = ranking_metrics(lists, relevant, np.array([0, 1, 1, 1, 1]))
    assert found.users["recall@3"].tolist() == [0.5, 0.0]  # the user without relevant items is not averaged
    assert found.means["hit_rate@3"] == 0.5
    assert hits_of(lists, relevant).tolist() == [[True, False, False], [False] * 3, [False] * 3]
    nobody = ranking_metrics(np.zeros((0, 3), dtype=np.int64), Interactions.of([], 4), np.zeros(5, dtype=np.int64))
    assert nobody.means == {f"{n}@3": 0.0 for n in ("recall", "ndcg", "mrr", "hit_rate", "coverage", "novelty")}


def test_novelty_is_measured_in_bits() -> None:
    counts = np.array([0, 4, 2, 1, 1, 0])
    assert novelty(np.array([[1, 2], [3, 0]]), counts) == pytest.approx(((1 + 2) / 2 + 3) / 2)
    assert novelty(np.array([[5]]), counts) == 3


def test_groups_of_popularity_share_the_interactions() -> None:
    counts = np.array([0, 1, 30, 20, 20, 20, 9, 0])  # of 100: item 2 reaches 20 %, items 3 to 5 reach 80 %
    assert popularity_groups(counts).tolist() == [-1, 2, 0, 1, 1, 1, 2, 2]
    assert popularity_groups(np.array([0, 20, 20, 20, 20, 20])).tolist() == [-1, 0, 1, 1, 1, 2]
    relevant = Interactions.of([[2, 3], [1, 4], [7]], 7)
    found = popularity_table(np.array([[2, 4], [2, 4], [2, 0]]), relevant, counts)
    assert [list(row) for row in found.rows] == [
        ["popular", "1", "20.0%", "60.0%", "1.0000"],
        ["middle", "3", "40.0%", "40.0%", "0.5000"],
        ["rare", "3", "40.0%", "0.0%", "0.0000"],
    ]
