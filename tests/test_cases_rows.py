"""The shared small files whose rows went wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framework.__main__ import main

CASES = Path(__file__).parents[2] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"no folder {CASES}")

ANSWERS = {
    "stray_quotes.tsv": 200,
    "quotes_are_text.tsv": 200,
    "predict_blank.csv": 7,
    "predict_typed.jsonl": 1,
    "predict_uneven.jsonl": 2,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_row_for_each_row(run_folder: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out.jsonl"
    assert main(["predict", str(run_folder), "--file", str(CASES / name), "--out", str(out)]) == 0
    rows = list(map(json.loads, out.read_text("utf-8").splitlines()))
    assert len(rows) == ANSWERS[name]
    assert all(row["predicted_label"] for row in rows)
    if name.endswith(".jsonl"):
        assert [
            row | json.loads(line) for row, line in zip(rows, (CASES / name).read_text("utf-8").splitlines(), strict=True)
        ] == rows


@pytest.mark.parametrize("name", ["stray_quotes.tsv", "quotes_are_text.tsv"])
def test_no_row_is_lost_in_training(small: list[str], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    others = [one for one in small if not one.startswith("data.train=")]
    assert main(["check", "recipe=sentiment", f"data.train={CASES / name}", *others]) == 0
    assert "its quotes were read as text; data.quote=standard" in capsys.readouterr().out


def test_a_ragged_row_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "recipe=sentiment", f"data.train={CASES / 'ragged.csv'}"]) == 2
    assert "ragged.csv, line 22: 1 fields where the header has 2" in capsys.readouterr().err
