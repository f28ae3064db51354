"""The data of the task: whole dialogues for training, one row for each answer in evaluation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import framework
from framework import Section, Splits, Table
from framework_dialogue.repairs import examples
from framework_text.generation.templates import Message
from framework_text.lengths import lengths_section


def answers(table: Table) -> Table:
    """A table with one row for each answer to learn: the messages before it, and the answer."""
    pairs = [(row, pair) for row, messages in enumerate(table.records("messages")) for pair in examples(messages)]
    rows = table.take([row for row, _ in pairs])
    columns = {
        "messages": [history for _, (history, _) in pairs],
        "answer": [answer["content"] for _, (_, answer) in pairs],
    }
    return replace(rows, columns=columns)


@dataclass(frozen=True)
class DialogueData:
    """The splits of a dialogue task."""

    splits: Splits

    def pairs(self, name: str) -> list[tuple[list[Message], str]]:
        """(messages before, answer) for every answer of a split."""
        table = self.splits.named()[name]
        judged = table if "answer" in table.columns else answers(table)
        columns = zip(judged.records("messages"), judged.texts("answer"), strict=True)
        return [(list(history), answer) for history, answer in columns]

    def sections(self) -> list[Section]:
        turns = Counter(min(len(messages), 10) for messages in self.splits.train.records("messages"))
        rows = [(f"{count}" if count < 10 else framework.message("10 or more"), f"{turns[count]:,}") for count in sorted(turns)]
        note = framework.message("Of validation and test, each answer of a dialogue is a row.")
        judged = replace(self.splits, train=answers(self.splits.train))
        header = framework.messages("turns", "dialogues")
        turns_table = Section(framework.message("Turns of training dialogues"), header, rows, note)
        return [turns_table, lengths_section(judged, "answer")]
