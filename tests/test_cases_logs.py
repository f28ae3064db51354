"""Small logs in the shapes that real ones have: what each is read as."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.__main__ import main

CASES = Path(__file__).parents[1] / "../shared/cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"the folder {CASES} of cases is missing")


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        (
            "retail_orders.csv",
            [
                "item of retail_orders.csv is the column 'StockCode'",
                "time of retail_orders.csv is the column 'InvoiceDate'",
                "217 of 900 rows were left out as no interactions: 217 with a negative quantity (returns)",
                "by time",
            ],
        ),
        ("shown_and_clicked.csv", ["interactions are '1' (222 rows); left out as none: '0' (678 rows)"]),
        ("ids_with_spaces.csv", ["59 of 119 user ids differ", "40 of 80 item ids differ", "task.strip_ids=true"]),
        ("one_day.csv", ["the times are not used", "every row has the same time", "protocol: random per user"]),
        ("times_utc.csv", ["protocol: leave one out: the last item of each user by time"]),
    ],
)
def test_a_log_is_read_as_it_is_meant(file: str, parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "recipe=recommendation", f"data.train={CASES / file}", "candidates=[ease]"]) == 0
    said = capsys.readouterr().out
    assert [part for part in parts if part not in said] == []
