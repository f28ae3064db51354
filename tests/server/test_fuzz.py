"""Requests that the interface allows, and such that it does not: none ends in a fault. benchmarks/serving_fuzz.py asks more."""

from __future__ import annotations

import pytest

from benchmarks.serving_fuzz import fuzz
from tests.server.serving import Serving


@pytest.mark.parametrize("models", ["chatting", "recommending"])
def test_the_interface_withstands_whatever_is_sent(models: str, request: pytest.FixtureRequest) -> None:
    server: Serving = request.getfixturevalue(models)
    found = fuzz(server.url, 150)
    assert sum(int(str(row[1])) for row in found.rows) >= 150
    assert [row for row in found.rows if row[-1]] == []
    assert server.predict("the lovely flight").status_code == 200
