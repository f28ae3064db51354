"""Fits the baseline of each token's most frequent tag."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from framework import CodecSpec, ModelFacts, message, write_fitted
from framework_labeling.baseline import most_frequent_tags, overall_tag
from framework_labeling.codec import write_table
from framework_labeling.data import LabelingData


def fit(data: LabelingData, output: Path) -> None:
    """Fills the fitted folder with the table of tags, which the codec looks up."""
    train = data.sentences["train"]
    table = most_frequent_tags(train)
    settings = {"tags": data.tags, "plain": data.plain, "scheme": asdict(data.scheme), "unseen": list(overall_tag(train))}
    facts = ModelFacts(rows=len(train), details={message("tokens"): len(table)})
    write_table(table, write_fitted(output, CodecSpec("labeling_most_frequent", settings), facts))
