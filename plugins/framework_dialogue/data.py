"""Dialogues as the task sees them: whole ones to learn from, one row an answer to judge by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import framework
from framework import Section, Splits, Table
from framework_dialogue.repairs import examples
from framework_text.generation.templates import Message
from framework_text.lengths import lengths_section


def answers(table: Table) -> Table:
    """One row for each answer that is to be learned: what was said before it, and the answer."""
    found = [(row, pair) for row, messages in enumerate(table.records("messages")) for pair in examples(messages)]
    rows = table.take([row for row, _ in found])
    columns = {
        "messages": [history for _, (history, _) in found],
        "answer": [answer["content"] for _, (_, answer) in found],
    }
    return replace(rows, columns=columns)


@dataclass(frozen=True)
class DialogueData:
    splits: Splits

    def pairs(self, name: str) -> list[tuple[list[Message], str]]:
        """(what was said before, answer) of every answer of a split."""
        table = self.splits.named()[name]
        judged = table if "answer" in table.columns else answers(table)
        return [(list(said), answer) for said, answer in zip(judged.records("messages"), judged.texts("answer"), strict=True)]

    def sections(self) -> list[Section]:
        turns = Counter(min(len(messages), 10) for messages in self.splits.train.records("messages"))
        rows = [(f"{count}" if count < 10 else framework.message("10 or more"), f"{turns[count]:,}") for count in sorted(turns)]
        note = framework.message("Of validation and test, each answer of a dialogue is a row.")
        judged = replace(self.splits, train=answers(self.splits.train))
        header = framework.messages("turns", "dialogues")
        turns_table = Section(framework.message("Turns of training dialogues"), header, rows, note)
        return [turns_table, lengths_section(judged, "answer")]
