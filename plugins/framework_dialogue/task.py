"""The tasks dialogue and generation."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from framework import Answers, Claim, Column, Evaluation, FileSample, Metric, Say, Splits, Sure, Table, Task
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
    recipe: ClassVar[str | None] = "dialogue"

    def claims(self, sample: FileSample) -> Claim | None:
        """As `Task.claims`, but at most possible for a file without messages and without questions and answers: a column of
        texts in which speakers take turns may be something else.
        """
        claim = super().claims(sample)
        sure = "messages" in sample.headers or {"question", "answer"} <= sample.headers.keys()
        return claim if claim is None or sure else replace(claim, sure=Sure.POSSIBLE)

    def shape(self, table: Table, options: Dialogue, say: Say) -> Table:
        return conversations.shape(table, options, say)

    def judged(self, table: Table) -> Table:
        return answers(table)

    def prepare(self, splits: Splits, options: Dialogue) -> DialogueData:
        return DialogueData(splits)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        from framework_dialogue.evaluation import evaluate

        return evaluate(answers.merged(), rows)


PROMPTS = ("prompt", "instruction", "topic", "keywords", "outline", "brief")  # headers that only prompts have


class GenerationTask(DialogueTask):
    """Dialogues of one question and one answer, with columns for prompt and text."""

    name: ClassVar[str] = GENERATION
    options: ClassVar[type] = Generation
    every_column: ClassVar[tuple[Column, ...]] = prompts.COLUMNS
    metrics: ClassVar[tuple[Metric, ...]] = (ROUGE_L, CHRF)
    recipe: ClassVar[str | None] = "generation"

    def claims(self, sample: FileSample) -> Claim | None:
        """Claims files whose headers name both columns; only possible where the header of the prompts is not in `PROMPTS`, such
        as title or description, which may be something else.
        """
        claim = Task.claims(self, sample)
        named = str(sample.headers["prompt"]).lower() in PROMPTS
        if claim is None or sample.guessed:
            return None
        return claim if named else replace(claim, sure=Sure.POSSIBLE)

    def shape(self, table: Table, options: Dialogue, say: Say) -> Table:
        return prompts.shape(table, options, say)
