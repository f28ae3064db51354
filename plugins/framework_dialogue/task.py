"""The tasks dialogue and generation."""

from __future__ import annotations

from typing import ClassVar

from framework import Answers, Column, Evaluation, Metric, Say, Splits, Table, Task
from framework_dialogue import DIALOGUE, GENERATION, Dialogue, Generation, conversations, prompts
from framework_dialogue.data import DialogueData, answers

CHRF, ROUGE_L = Metric("chrf"), Metric("rouge_l")


class DialogueTask(Task[Dialogue, DialogueData]):
    """From a conversation to the next answer."""

    name: ClassVar[str] = DIALOGUE
    options: ClassVar[type] = Dialogue
    every_column: ClassVar[tuple[Column, ...]] = conversations.COLUMNS
    shaped: ClassVar[tuple[Column, ...]] = conversations.SHAPED
    metrics: ClassVar[tuple[Metric, ...]] = (CHRF, ROUGE_L)
    loss: ClassVar[str | None] = "perplexity"
    competing: ClassVar[tuple[str, ...]] = ("writer",)

    def shape(self, table: Table, options: Dialogue, say: Say) -> Table:
        return conversations.shape(table, options, say)

    def judged(self, table: Table) -> Table:
        return answers(table)

    def prepare(self, splits: Splits, options: Dialogue) -> DialogueData:
        return DialogueData(splits)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        from framework_dialogue.evaluation import evaluate

        return evaluate(answers.merged(), rows)


class GenerationTask(DialogueTask):
    """Dialogues of one question and one answer, with columns for prompt and text."""

    name: ClassVar[str] = GENERATION
    options: ClassVar[type] = Generation
    every_column: ClassVar[tuple[Column, ...]] = prompts.COLUMNS
    metrics: ClassVar[tuple[Metric, ...]] = (ROUGE_L, CHRF)

    def shape(self, table: Table, options: Dialogue, say: Say) -> Table:
        return prompts.shape(table, options, say)
