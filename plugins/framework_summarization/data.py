"""The data of the task: texts and their summaries."""

from __future__ import annotations

from dataclasses import dataclass

from framework import Problem, Section, Splits, joined, message
from framework_summarization.codec import as_text, references
from framework_text.lengths import lengths_section


@dataclass(frozen=True)
class SummarizationData:
    """The splits of a summarization task."""

    splits: Splits

    def pairs(self, name: str) -> list[tuple[str, str]]:
        """(text, summary) of each row of the split `name`; of a row with several summaries, the first."""
        table = self.splits.named()[name]
        columns = zip(table.texts("text"), table.texts("summary"), strict=True)
        return [(as_text(text), references(summary)[0]) for text, summary in columns]

    def sections(self) -> list[Section]:
        longer = self.count_longer()
        several = sum(len(references(summary)) > 1 for summary in self.splits.test.texts("summary"))
        notes = []
        if longer:
            notes.append(
                message(
                    "warning: {count:,} training summaries are longer than their texts; are the columns exchanged?",
                    count=longer,
                )
            )
        if several:
            notes.append(message("{rows:,} test rows have several summaries; the best match counts", rows=several))
        lengths = [lengths_section(self.splits, "text"), lengths_section(self.splits, "summary")]
        return [*lengths, Section(message("Summaries"), note=joined(notes))] if notes else lengths

    def count_longer(self) -> int:
        """The number of training summaries that have more characters than their texts."""
        return sum(len(summary) > len(text) for text, summary in self.pairs("train"))

    def problems(self) -> list[Problem]:
        count = self.count_longer()
        what = f"{count:,} summaries are longer than their texts"
        return [Problem(what, "are the columns exchanged? data.text= and data.summary= name them")] if count else []
