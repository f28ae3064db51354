"""From the rows of a log to what is learned from and judged by, each by hand; and the numbers lists are judged with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from framework import InputError, Table
from framework.data.formats.reading import read_table
from framework.data.sources import File
from framework_recommendation.cleaning import clean
from framework_recommendation.interactions import Interactions
from framework_recommendation.log import Log, read_log
from framework_recommendation.ranking_metrics import hits_of, novelty, popularity_groups, popularity_table, ranking_metrics
from framework_recommendation.signals import check_events, interactions
from framework_recommendation.splitting import Protocol, Split, by_user, split


def table(rows: Sequence[str], names: str = "user item time rating") -> Table:
    """Rows as words; `_` stands for nothing."""
    fields = [["" if word == "_" else word for word in row.split()] for row in rows]
    columns = {name: [row[i] for row in fields] for i, name in enumerate(names.split()) if all(len(row) > i for row in fields)}
    return Table(columns, range(2, len(rows) + 2), "log.csv")


def log(*rows: str) -> Log:
    return read_log(table(rows))


def log_of(columns: dict[str, list[str]], said: list[str], **how: Any) -> Log:
    return read_log(Table(columns, range(2, 2 + len(columns["user"])), "log.csv"), said.append, **how)


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
        "log.csv, line 4: the time is '', no time that is known",
        "log.csv, line 5: the time is 'inf', no time that is known; times are numbers, or dates such as 2026-11-24 or "
        '2026-11-24T10:31:07; task.time_format="%d/%m/%Y %H:%M", for example, says how others are written, and data.time=none '
        "takes the order of the file",
        "log.csv, line 3: the rating is 'good', no number",
        "log.csv, line 5: the rating is '', no number; ratings are numbers; data.rating=none counts every row",
    ]
    with pytest.raises(InputError, match="line 6: the time is 'x', no time that is known and 3 more"):
        read_log(table(["u i x"] * 8))


def test_dates_are_times_too() -> None:
    found = read_log(table(["u a 2024-01-02", "u b 2024-01-02T00:00:01", "u c 2024-01-02T01:00:00+01:00"]))
    assert found.times is not None
    assert found.times.tolist() == [1704153600.0, 1704153601.0, 1704153600.0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["2023-11-14 22:31:14 UTC", "2023-11-14 22:31:14.5 UTC"], "2023-11-14T22:31:14"),
        (["12/1/2010 8:26", "12/13/2010 8:26"], "2010-12-01T08:26"),
        (["1/12/2010 8:26 PM", "13/12/2010 8:26 AM"], "2010-12-01T20:26"),
        (["14/11/2023", "15/11/2023"], "2023-11-14"),
        (["01.02.2024 10:00", "02.02.2024 10:00"], "2024-02-01T10:00"),
        (["20231114", "20231115"], "2023-11-14"),
        (["202311142231", "202311142232"], "2023-11-14T22:31"),
        (["20231114223114", "20231114223115"], "2023-11-14T22:31:14"),
        (["2023/11/14 22:31", "2023/11/15 22:31"], "2023-11-14T22:31"),
        (["2023年11月14日 22:31", "2023年11月15日 1:02"], "2023-11-14T22:31"),
        (["Tue, 14 Nov 2023 22:31:14 GMT", "Wed, 15 Nov 2023 22:31:14 GMT"], "2023-11-14T22:31:14"),
        (["Tue Nov 14 22:31:14 +0000 2023", "Tue Nov 14 22:31:15 +0000 2023"], "2023-11-14T22:31:14"),
        (["14/Nov/2023:22:31:14 +0100", "15/Nov/2023:22:31:14 +0100"], "2023-11-14T21:31:14"),
        (["09 13, 2009", "10 1, 2009"], "2009-09-13"),
        (["Nov 14, 2023", "November 15, 2023"], "2023-11-14"),
        (["31.12.99", "01.01.00"], "1999-12-31"),
    ],
)
def test_dates_are_read_in_the_spellings_that_files_have(written: list[str], meant: str) -> None:
    found = read_log(Table({"user": ["u", "u"], "item": ["a", "b"], "time": written}, [2, 3], "log.csv"))
    assert found.times is not None
    assert found.times[0] == datetime.fromisoformat(meant).replace(tzinfo=UTC).timestamp()
    assert found.times[1] > found.times[0] or "AM" in written[1]


def test_days_and_months_that_cannot_be_told_apart_are_asked_for() -> None:
    times = {"user": ["u", "u"], "item": ["a", "b"], "time": ["1/2/2024 10:00", "3/4/2024 11:00"]}
    with pytest.raises(InputError, match=r'no row shows which; write task.time_format="%d/%m/%Y %H:%M" or "%m/%d/%Y %H:%M"'):
        read_log(Table(times, [2, 3], "log.csv"))
    found = read_log(Table(times, [2, 3], "log.csv"), time_format="%d/%m/%Y %H:%M")
    assert found.times is not None
    assert found.times[0] == datetime(2024, 2, 1, 10, tzinfo=UTC).timestamp()
    with pytest.raises(InputError, match=r"line 3: the time is '3/4/2024 11:00', no time that is known; .*task.time_format"):
        read_log(Table(times, [2, 3], "log.csv"), time_format="%d/%m/%Y %H:%M:%S")
    with pytest.raises(InputError, match=r"some times begin with the day \(.13/2/2024.\), others with the month"):
        read_log(Table({**times, "time": ["13/2/2024", "2/13/2024"]}, [2, 3], "log.csv"))


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (["5", "5", "5"], "every row has the same time"),
        (["2024-05-01"] * 3, "every row has the same time"),
        (["1700000000", "1700000001000", "1700000002"], "different units: 2 look like seconds, 1 look like milliseconds"),
        (["1700000000000", "1700000001000000", "1700000002000"], "2 look like milliseconds, 1 look like microseconds"),
        (["1700000000", "0", "1700000002"], "different units: 2 look like seconds, 1 are 0"),
        (["1700000000", "-1", "1700000002"], "1 of 3 times are negative numbers"),
        (["2024-01-02", "5", "2024-01-03"], "1 of 3 times are numbers, the others are dates"),
    ],
)
def test_times_that_are_no_order_are_said_and_nothing_is_by_time(written: list[str], why: str) -> None:
    said: list[str] = []
    rows = log_of({"user": ["u"] * 3, "item": ["a", "b", "c"], "time": written}, said)
    assert rows.times is None
    [note] = said
    assert note.startswith("the times are not used, for they do not say what came before what: ")
    assert why in note
    assert "in the order of the file" in split(rows, "leave_one_out", seed=0).protocol
    with pytest.raises(InputError, match="the temporal split needs times; those of the data are not used: "):
        split(rows, "temporal", seed=0)


@pytest.mark.parametrize("written", [["1700000000000", "1700000001000"], ["1", "2"], ["1960-01-01", "1961-01-01"]])
def test_one_unit_an_order_and_dates_before_1970_are_times(written: list[str]) -> None:
    said: list[str] = []
    assert log_of({"user": ["u", "u"], "item": ["a", "b"], "time": written}, said).times is not None
    assert said == []


def test_ids_that_differ_in_spaces_are_said_and_one_on_demand() -> None:
    columns = {"user": ["u1", "u1 ", "u2", "u1"], "item": ["a", " a", "b ", "c"]}
    said: list[str] = []
    assert len(log_of(columns, said).user_ids) == 3
    assert said[0] == (
        "1 of 3 user ids differ from another only in the spaces around them ('u1' and 'u1 ', for example) and count as "
        "different; task.strip_ids=true makes them one"
    )
    assert said[1].startswith("1 of 4 item ids differ")
    merged = log_of(columns, said := [], strip_ids=True)
    assert (merged.user_ids, merged.item_ids, said) == (["u1", "u2"], ["a", "b", "c"], [])
    assert merged.users.tolist() == [0, 0, 1, 0]


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


def test_thumbs_down_are_no_interactions() -> None:
    for ratings, kept in ((["1", "0"], 1), (["1", "-1"], 1), (["0.5", "0"], 1), (["7", "-3.5", "-9", "0"], 1)):
        said: list[str] = []
        rows = log(*(f"u i{n} {n} {rating}" for n, rating in enumerate(ratings)))
        assert len(clean(rows, said.append)) == kept
        assert said[0] == (
            f"{len(ratings) - kept} of {len(ratings)} rows with a rating of 0 or less were left out as no interactions; "
            "data.rating=none counts every row"
        )
        assert len(clean(rows, threshold=-10)) == len(ratings)
    with pytest.raises(InputError, match="no rating is above 0; the highest is 0"):
        clean(log("a x 1 0"))


@pytest.mark.parametrize("lowest", ["0", "-1"])
def test_a_zero_below_a_scale_of_ratings_is_asked_about(lowest: str) -> None:
    rows = log("a x 1 5", f"a y 2 {lowest}", "a z 3 1")
    with pytest.raises(InputError, match=rf"from 1 to 5, and 1 of 3 rows have {lowest}: disliked, or .*task.min_rating=1 to"):
        clean(rows)
    assert len(clean(rows, threshold=1)) == 2


# what is no interaction


def counted(said: list[str], events: list[str] | None = None, **columns: list[str]) -> list[str]:
    """The items whose rows count, of i0, i1, ..."""
    rows = len(next(iter(columns.values())))
    items = [f"i{row}" for row in range(rows)]
    named = {"user": ["u"] * rows, "item": items, **columns}
    return list(interactions(Table(named, range(2, rows + 2), "log.csv"), events, said.append).texts("item"))


@pytest.mark.parametrize(
    ("role", "values", "kept"),
    [
        ("feedback", ["1", "0", "1"], ["i0", "i2"]),
        ("feedback", ["True", "False", "true"], ["i0", "i2"]),
        ("feedback", ["up", "down", "Thumbs up"], ["i0", "i2"]),
        ("feedback", ["2", "-1", "1.0"], ["i0", "i2"]),
        ("rating", ["like", "dislike", "like"], ["i0", "i2"]),
        ("rating", ["Recommended", "Not Recommended", "Recommended"], ["i0", "i2"]),
        ("event", ["view", "remove_from_cart", "purchase"], ["i0", "i2"]),
        ("event", ["addtocart", "return", "transaction"], ["i0", "i2"]),
        ("event", ["点击", "曝光", "购买"], ["i0", "i2"]),
        ("event", ["kind a"] * 3, ["i0", "i1", "i2"]),
        ("quantity", ["3", "-1", "some"], ["i0", "i2"]),
        ("quantity", ["3", "0", "1"], ["i0", "i2"]),
    ],
)
def test_what_says_in_plain_words_that_nothing_was_taken_is_left_out_and_counted(
    role: str, values: list[str], kept: list[str]
) -> None:
    said: list[str] = []
    assert counted(said, **{role: values}) == kept
    assert role in said[0]
    assert "1 of 3 rows" in said[0] or f"{values[1]!r} (1 rows)" in said[0] or len(kept) == 3


def test_what_counted_is_said_by_value_and_can_be_chosen() -> None:
    said: list[str] = []
    events = ["view", "view", "cart", "remove_from_cart"]
    assert counted(said, event=events) == ["i0", "i1", "i2"]
    assert said == [
        "by the event, interactions are 'view' (2 rows), 'cart' (1 rows); left out as none: 'remove_from_cart' (1 rows); "
        "task.events=[...] chooses others"
    ]
    assert counted([], ["Cart", "remove_from_cart"], event=events) == ["i2", "i3"]
    with pytest.raises(InputError, match=r"task.events: no row has the event 'carts'; did you mean cart"):
        check_events(Table({"event": events}, range(2, 6)), ["carts"])
    with pytest.raises(InputError, match=r"has no column of events; data.event=COLUMN names it"):
        counted([], ["cart"], item=["x"])


@pytest.mark.parametrize(
    ("role", "values", "question"),
    [
        (
            "event",
            ["0", "1", "1"],
            r"the event are interactions and .* is not clear: '1' \(2 rows\), '0' \(1 rows\)",
        ),
        (
            "event",
            ["view", "xyz"],
            r"'view' \(1 rows\), 'xyz' \(1 rows\); write task.events=\[...\] with those .* or data.event",
        ),
        ("feedback", ["a", "b"], r"write data.event=COLUMN \(this column\) task.events=\[...\] .* or data.feedback=none"),
        ("feedback", ["1", ""], "is not clear"),
        ("feedback", ["0", "0"], "by its feedback no row is an interaction; data.ROLE=none counts every row"),
    ],
)
def test_what_does_not_tell_is_asked_about(role: str, values: list[str], question: str) -> None:
    with pytest.raises(InputError, match=question):
        counted([], **{role: values})


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
    assert (shown(found.validation.history, "vwxy"), shown(found.validation.relevant, "vwxy")) == (["wx"], ["v"])
    assert (shown(found.test.history, "vwxy"), shown(found.test.relevant, "vwxy")) == (["wxv", "w"], ["y", "v"])
    assert (found.validation_users.tolist(), found.test_users.tolist()) == ([0], [0, 1])
    assert found.protocol == "leave one out: the last item of each user by time, all items ranked, seen items left out"
    assert found.notes == [
        "the last two interactions of 1 of 2 users have the same time: the order of the file says which is the last",
        "1 of the 2 relevant items of the test were never seen in training; they count as missed",
    ]
    without_times = split(log(*(row[:3] for row in ROWS)), "leave_one_out", seed=0)
    assert shown(without_times.test.relevant, "vwxy") == ["y", "v"]
    assert "in the order of the file" in without_times.protocol


def test_temporal() -> None:
    """Ten moments: eight train, one is validation, one the test."""
    rows = ["a v 0", "a w 1", "b v 2", "b w 3", "c v 4", "c x 5", "b x 6", "a x 7", "a y 8", "d v 8", "b z 9", "e v 9"]
    found = split(log(*rows), "temporal", seed=0, shares=(8, 2, 2))
    assert found.train.times is not None
    assert found.train.times.max() == 7
    assert (shown(found.validation.history, "vwxyz"), shown(found.validation.relevant, "vwxyz")) == (["vwx"], ["y"])
    assert (shown(found.test.history, "vwxyz"), shown(found.test.relevant, "vwxyz")) == (["vwx"], ["z"])
    assert (shown(found.cold.history, "vwxyz"), shown(found.cold.relevant, "vwxyz")) == ([""], ["v"])
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
    assert (shown(found.validation.history, "vwxy"), shown(found.validation.relevant, "vwxy")) == (["vw"], ["x"])
    assert (shown(found.test.history, "vwxy"), shown(found.test.relevant, "vwxy")) == (["vw"], ["y"])
    rows[5] = "a y 5"
    assert shown(split(log(*rows), "temporal", seed=0, shares=(4, 1, 1)).test.history, "vwxy") == ["vwx"]


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
        everything = [*found.test.history[user], *found.test.relevant[user]]
        assert sorted(everything) == list(range(1, lengths[row] + 1))
        assert found.test.history[user].tolist() == sorted(found.test.history[user])  # in time
        assert set(found.train[int(row)]) <= set(found.test.history[user])
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
        mine = [*found.test.history[user], *found.test.relevant[user]]
        assert len(mine) == len(set(mine)) == sum(u == row for u in rows.users)
    if protocol == "temporal":
        bounds = (found.train.times, found.validation.relevant.times, found.test.relevant.times)
        earliest, latest = ([float(f(times)) for times in bounds if times is not None] for f in (np.min, np.max))
        assert latest[0] < earliest[1] <= latest[1] < earliest[2]


def test_many_users_are_judged_by_a_drawn_part() -> None:
    rows = log(*[f"u{n} i{i} {i}" for n in range(50) for i in range(4)])
    found = split(rows, "leave_one_out", seed=0, judged=10)
    again = split(rows, "leave_one_out", seed=1, judged=10)
    assert (found.test.history.users, found.validation.history.users, found.train.users) == (10, 10, 50)
    assert found.test_users.tolist() == sorted(set(found.test_users.tolist()))
    assert found.test_users.tolist() != again.test_users.tolist()
    assert found.notes[0] == "10 of the 50 users of the validation are judged, drawn with seed 0"
    assert found.test.history.lengths().tolist() == [3] * 10


def test_where_items_repeat_they_stay_in_the_order_and_are_relevant_once() -> None:
    rows = log("a x 1", "a y 2", "a x 3", "a z 4", "a z 5", "b x 1", "b x 4.5", "b y 6")
    found: Split = split(rows, "temporal", seed=0, shares=(3, 1, 4), repeats=True)
    assert (found.train.users, shown(found.train, "xyz")) == (2, ["xy", "x"])
    assert (shown(found.test.relevant, "xyz"), shown(found.test.history, "xyz")) == (["z", "xy"], ["xyx", "x"])
    assert found.protocol.endswith("all items ranked, seen items too")


@pytest.mark.parametrize(
    ("protocol", "rows", "message"),
    [
        ("temporal", ["a x", "a y", "a z"], "needs times; data.time=COLUMN"),
        ("temporal", ["a x 1", "a y 1", "a z 1"], "needs times; those of the data are not used: every row has the same time"),
        ("temporal", ["a x 1", "a y 1", "a z 1", "a w 0"], "leaves validation without interactions: too many .* same time"),
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
