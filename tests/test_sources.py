"""Where rows come from: several files, globs, Hugging Face data sets; how they lie in memory does not change them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from framework.contracts.data.table import Splits, Table
from framework.data.formats import arrow
from framework.data.formats.reading import read_table
from framework.data.loading import load_splits
from framework.data.sources import File, locate_all
from framework.errors import FrameworkError, InputError
from framework.plugins import load_plugins
from framework.recipe.compose import compose_recipe
from tests.tiny import rows, write_csv

NAMES = ["negative", "neutral", "positive"]


def load(*overrides: str) -> Splits:
    config = compose_recipe("sentiment", list(overrides))
    return load_splits(config.data, load_plugins().task("classification"), config.seed)


@pytest.mark.parametrize("given", ["{0}/*.csv", "[{0}/a.csv,{0}/b.csv]", "[{0}/a.csv,{0}/*.csv]", "{0}/**/*.csv"])
def test_several_files_are_read_as_one_each_once(tmp_path: Path, given: str) -> None:
    pairs = rows(60)
    folder = tmp_path / ("long" * 30)  # an address is recorded whole
    folder.mkdir()
    write_csv(folder / "a.csv", pairs[:20])
    write_csv(folder / "b.csv", [(label, text) for text, label in pairs[20:]], ("label", "text"))
    splits = load(f"data.train={given.format(folder)}")
    found = {pair for t in splits.named().values() for pair in zip(t.columns["text"], t.columns["label"], strict=True)}
    assert found == set(pairs)
    assert splits.about["source"] == given.format(folder).strip("[]").replace(",", ", ")


def test_a_row_of_several_files_is_found_by_its_file_and_line(tmp_path: Path) -> None:
    pairs = rows(10)
    write_csv(tmp_path / "a.csv", pairs[:4])
    pq.write_table(pa.table({"text": [t for t, _ in pairs[4:]], "label": [x for _, x in pairs[4:]]}), tmp_path / "b.parquet")
    table = read_table(locate_all([tmp_path / "a.csv", tmp_path / "b.parquet"])).table.take([9, 3])
    assert table.columns["text"] == [pairs[9][0], pairs[3][0]]
    assert [table.where(0), table.where(1)] == [f"{tmp_path}/b.parquet, row 6", f"{tmp_path}/a.csv, line 5"]


def test_a_glob_within_an_installed_distribution_imports_nothing() -> None:
    found = [file.path.name for file in locate_all("package://hydra-core/hydra/conf/hydra/env/*.yaml")]
    assert found == ["default.yaml"]
    with pytest.raises(FrameworkError, match=r"hydra-core [\d.]+ has no hydra/\*\.csv"):
        locate_all("package://hydra-core/hydra/*.csv")


def test_files_with_other_columns_are_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", rows(30))
    write_csv(tmp_path / "b.csv", rows(30, seed=1), ("text", "lable"))
    with pytest.raises(InputError, match=r"b\.csv: no column 'label' as in a\.csv; did you mean lable\?"):
        load(f"data.train={tmp_path}/*.csv")


def test_integer_and_text_labels_are_read_alike_from_every_format(tmp_path: Path) -> None:
    texts, numbers = [t for t, _ in rows(3)], [3, 10, 3]
    columns = {
        "int": pa.array(numbers, pa.int8()),
        "float": pa.array([3.0, 10.0, 3.0]),
        "text": pa.array(["3", "10", "3"]),
        "dictionary": pa.array(["3", "10", "3"]).dictionary_encode(),
        "decimal": pa.array(numbers).cast(pa.decimal128(21, 2)),
    }
    for name, column in columns.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table({"text": texts, "label": column}), path)
        assert read_table([File(path)]).table.columns["label"] == ["3", "10", "3"]
    pq.write_table(
        pa.table({"x": pa.array([0.5, None, float("nan")]), "y": pa.array([True, None, False])}), tmp_path / "x.parquet"
    )
    assert read_table([File(tmp_path / "x.parquet")]).table.columns == {"x": ["0.5", "", ""], "y": ["true", "", "false"]}


def test_lists_of_texts_in_parquet_are_json_text(tmp_path: Path) -> None:
    turns = [[{"role": "user", "content": "¿Sí?", "at": 1}, {"role": "bot", "content": None, "at": None}], [], None]
    pq.write_table(pa.table({"turns": turns, "vector": [[0.5], [1.0], None]}), tmp_path / "x.parquet")
    table = read_table([File(tmp_path / "x.parquet")]).table
    assert table.columns == {"turns": [json.dumps(one, ensure_ascii=False) if one is not None else "" for one in turns]}


def test_where_rows_lie_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory, and in chunks of temporary files, of which nothing is left."""
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(f'{{"text": "text {i}"{", " + chr(34) + "late" + chr(34) + ": 1" if i > 50 else ""}}}\n' for i in range(100))
    )
    small = read_table([File(path)]).table
    monkeypatch.setattr(arrow, "ROWS", 7)
    monkeypatch.setattr(arrow, "IN_MEMORY", 500)
    spooled = tmp_path / "spooled"
    spooled.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spooled))
    table = read_table([File(path)]).table
    lists = Table({name: list(values) for name, values in small.columns.items()}, list(small.lines), "lists")
    order = np.random.default_rng(0).permutation(100)
    for made in (table, small):
        assert made.digest() == lists.digest()
        assert made.take(order).take(order[:30].tolist()).digest() == lists.take(order).take(order[:30]).digest()
        assert (made.columns["text"][-1], made.columns["text"][97:]) == ("text 99", ["text 97", "text 98", "text 99"])
        assert list(made.columns["late"]) == [""] * 51 + ["1"] * 49
    assert not list(spooled.iterdir())


def data_set(folder: Path, splits: dict[str, int], labels: bool = True) -> Path:
    """A data set as the hub keeps it: Parquet files whose labels are integers with names."""
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)})
    for seed, (split, count) in enumerate(splits.items()):
        pairs = rows(count, seed=seed)
        numbers = [NAMES.index(label) if labels or split != "test" else -1 for _, label in pairs]
        made = datasets.Dataset.from_dict({"text": [text for text, _ in pairs], "label": numbers}, features=features)
        made.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def test_a_data_set_brings_its_own_splits_and_names(tmp_path: Path) -> None:
    folder = data_set(tmp_path, {"train": 90, "validation": 30, "test": 31})
    splits = load(f"data.train=hf://{folder}")
    assert (len(splits.validation), len(splits.test)) == (30, 31)
    assert set(splits.train.columns["label"]) == set(NAMES)
    assert f"validation and test rows are the data set's own: hf://{folder}:validation, hf://{folder}:test" in splits.notes


def test_one_split_of_a_data_set_can_be_named(tmp_path: Path) -> None:
    folder = data_set(tmp_path, {"train": 30, "test": 60})
    splits = load(f"data.train=hf://{folder}:test")
    assert sum(splits.rows().values()) == 60
    with pytest.raises(InputError, match=r"has no split 'dev'; .*its splits: test, train"):
        load(f"data.train=hf://{folder}:dev")


def test_a_test_split_without_labels_is_not_used(tmp_path: Path) -> None:
    folder = data_set(tmp_path, {"train": 90, "validation": 30, "test": 30}, labels=False)
    splits = load(f"data.train=hf://{folder}")
    assert f"hf://{folder}:test has no labels and is not used" in splits.notes
    assert len(splits.validation) == 30
    assert len(splits.train) + len(splits.test) == 90


def test_a_data_set_of_csv_files_keeps_values_and_takes_names_from_its_card(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: small\n  data_files:\n  - {split: train, path: s.csv}\n"
        "- config_name: large\n  data_files:\n  - {split: train, path: l.csv}\n"
        "dataset_info:\n- config_name: small\n  features:\n  - {name: text, dtype: string}\n  - name: label\n"
        "    dtype: {class_label: {names: {'0': negative, '1': positive}}}\n---\n"
    )
    pairs = [(f"00{i} NA", str(i % 2)) for i in range(60)]
    write_csv(tmp_path / "s.csv", pairs)
    write_csv(tmp_path / "l.csv", pairs)
    splits = load(f"data.train=hf://{tmp_path}/small")
    assert set(splits.train.columns["label"]) == {"negative", "positive"}
    assert set(splits.train.columns["text"]) <= {text for text, _ in pairs}
    assert "was read in its configuration 'small'; hf://owner/name/CONFIG chooses large" in "\n".join(
        load(f"data.train=hf://{tmp_path}").notes
    )


def test_a_data_set_of_several_configurations_names_them(tmp_path: Path) -> None:
    for name in ("small", "large"):
        data_set(tmp_path / name, {"train": 30})
    configs = "".join(f"- config_name: {name}\n  data_files: {name}/data/*.parquet\n" for name in ("small", "large"))
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    with pytest.raises(InputError, match=r"Config name is missing.*small.*large"):
        load(f"data.train=hf://{tmp_path}")


def test_without_a_network_a_data_set_comes_from_the_cache_or_ends_in_one_message(tmp_path: Path) -> None:
    cached = tmp_path / "hub" / "datasets--acme--reviews"
    data_set(cached / "snapshots" / "abc123", {"train": 90, "test": 30})
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc123")
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "hub")}
    code = (
        "import sys; from tests.test_sources import load; from framework.errors import FrameworkError\n"
        "assert len(load('data.train=hf://acme/reviews').test) == 30\n"
        "try: load('data.train=hf://acme/unknown')\n"
        "except FrameworkError as error: sys.exit(f'{error.exit_code} {error}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].startswith(
        "1 hf://acme/unknown: the Hugging Face hub cannot be reached and the data set"
    )
