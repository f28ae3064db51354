"""Arrays that graphs get beside what a request feeds."""

from __future__ import annotations

import numpy as np
import pytest

from framework.runtime.tables import PAIRS, Tables


@pytest.mark.parametrize(("length", "at_once"), [(0, 32), (1682, 32), (PAIRS // 32, 32), (PAIRS // 8, 8), (3 * PAIRS, 1)])
def test_fewer_rows_run_together_where_a_table_is_long(length: int, at_once: int) -> None:
    tables = Tables({"short": np.zeros((3, 2)), "long": np.empty((length, 0))})
    assert tables.rows_per_run(32) == at_once


def test_without_tables_as_many_rows_run_together_as_are_allowed() -> None:
    assert Tables({}).rows_per_run(32) == 32
