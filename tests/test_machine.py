"""What the process may use, and what tables show of texts."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from framework import Text
from framework.commands.requests import _table
from framework.contracts.data.table import Row
from framework.errors import FrameworkError
from framework.machine.memory import available_memory
from framework.report.privacy import Disclosure


def test_a_memory_limit_of_any_parent_group_counts(tmp_path: Path) -> None:
    groups, own, meminfo = tmp_path / "cgroup", tmp_path / "own", tmp_path / "meminfo"
    group = groups / "slice" / "service"
    group.mkdir(parents=True)
    own.write_text("0::/slice/service\nnot a line of groups\n")
    meminfo.write_text("MemAvailable: 1000 kB\n")
    assert available_memory(meminfo, groups, own) == 1_024_000
    (groups / "slice" / "memory.max").write_text("500000\n")
    (groups / "slice" / "memory.current").write_text("100000\n")
    assert available_memory(meminfo, groups, own) == 400_000


def test_an_address_at_the_end_of_what_is_read_is_not_shown_in_half() -> None:
    link = f"https://example.com/{'a' * 1965}"  # which masking shortens, so that the end of what is read is shown
    text = f"{link} someone.at.home@example.com and more"
    assert (len(link) < 2000, Disclosure().cell(Text(link)) != link) == (True, True)
    assert "someone" not in str(Disclosure().cell(Text(text)))


def test_an_answer_with_a_column_that_the_header_lacks_is_an_error() -> None:
    write = _table(io.StringIO(), ["text"], ".csv")
    write(Row(2, {"text": "a"}), {"label": "x"})
    with pytest.raises(FrameworkError, match=r"line 3 is answered with the column 'more'.*--out NAME\.jsonl"):
        write(Row(3, {"text": "b"}), {"label": "x", "more": "y"})
