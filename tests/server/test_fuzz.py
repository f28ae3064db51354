"""Requests that the interface allows, and such that it does not: none ends in a fault. benchmarks/serving_fuzz.py asks more."""

from __future__ import annotations

from benchmarks.serving_fuzz import fuzz
from tests.server.serving import Serving


def test_the_interface_withstands_whatever_is_sent(chatting: Serving) -> None:
    found = fuzz(chatting.url, 150)
    assert sum(int(str(row[1])) for row in found.rows) >= 150
    assert [row for row in found.rows if row[-1]] == []
    assert chatting.predict("the lovely flight").status_code == 200
