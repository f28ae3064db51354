"""Texts and their summaries, as the task sees them."""

from __future__ import annotations

from dataclasses import dataclass

from framework import Section, Splits, Table
from framework_summarization import Summarization
from framework_summarization.codec import as_text, references
from framework_text.lengths import lengths_section


@dataclass(frozen=True)
class SummarizationData:
    splits: Splits

    def pairs(self, table: Table) -> list[tuple[str, str]]:
        """(text, summary) of each row; of several summaries the first is learned."""
        columns = zip(table.texts("text"), table.texts("summary"), strict=True)
        return [(as_text(text), references(summary)[0]) for text, summary in columns]

    def sections(self) -> list[Section]:
        train = self.pairs(self.splits.train)
        longer = sum(len(summary) > len(text) for text, summary in train)
        several = sum(len(references(summary)) > 1 for summary in self.splits.test.texts("summary"))
        notes = [
            *(
                [f"warning: {longer:,} training summaries are longer than their texts; are the columns exchanged?"]
                * bool(longer)
            ),
            *([f"{several:,} test rows have several summaries; the best match counts"] * bool(several)),
        ]
        texts = lengths_section(self.splits, "text")
        return [texts, lengths_section(self.splits, "summary"), *([Section("Summaries", note="\n".join(notes))] * bool(notes))]


def prepare(splits: Splits, options: Summarization) -> SummarizationData:
    return SummarizationData(splits)
