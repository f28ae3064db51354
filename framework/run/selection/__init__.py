"""Stages "shortlist" and "select": which of the competing candidates ships, and why the others do not."""

from framework.run.selection.opening import fitted_codec, open_candidate
from framework.run.selection.result import Ranked, Selection
from framework.run.selection.stages import select, shortlist
from framework.run.selection.validation import answered_before

__all__ = ["Ranked", "Selection", "answered_before", "fitted_codec", "open_candidate", "select", "shortlist"]
