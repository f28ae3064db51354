"""Stages "shortlist" and "select": which of the competing candidates ships, and why the others do not."""

from framework.run.selection.opening import fitted_codec, open_candidate
from framework.run.selection.result import Ranked, Selection
from framework.run.selection.stages import select, shortlist

__all__ = ["Ranked", "Selection", "fitted_codec", "open_candidate", "select", "shortlist"]
