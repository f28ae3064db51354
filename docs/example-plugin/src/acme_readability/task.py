"""The rows as this task sees them, and how answers are judged."""

from dataclasses import dataclass

import numpy as np

from acme_readability.measures import WORD
from framework import (
    Answers,
    Column,
    Evaluation,
    InputError,
    Metric,
    Section,
    Splits,
    Table,
    Task,
    Text,
    message,
    messages,
    numbers,
)


@dataclass
class Readability:
    """Options of `task: readability`."""

    long_word: int = 7  # letters from which on a word is long; seven, as LIX has it


@dataclass(frozen=True)
class GradedTexts:
    splits: Splits

    def sections(self) -> list[Section]:
        lowest, median, highest = np.quantile(grades(self.splits.train), (0, 0.5, 1)).tolist()
        return [Section(message("Grades"), messages("lowest", "median", "highest"), [(lowest, median, highest)])]


class ReadabilityTask(Task[Readability, GradedTexts]):
    name = "readability"
    options = Readability
    every_column = (
        Column("text", ("text", "passage", "文本"), "text"),
        Column("grade", ("grade", "level", "school_year", "年级"), "number", target=True),
    )
    metrics = (Metric("mean_absolute_error", maximize=False), Metric("within_one_grade"))
    competing = ("least_squares",)
    recipe = "readability"

    def prepare(self, splits: Splits, options: Readability) -> GradedTexts:
        for table in splits.named().values():
            grades(table)
            for row, text in enumerate(table.texts("text")):
                if not WORD.search(text):
                    raise InputError(f"{table.where(row)}: the text has no words; write some or remove the row")
        return GradedTexts(splits)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        answered = np.array([response["grade"] for response in answers.responses])
        errors = np.abs(answered - grades(rows))
        within = float((errors <= 1).mean())
        metrics = {"mean_absolute_error": float(errors.mean()), "within_one_grade": within}
        return Evaluation(metrics, [furthest_off(answered, rows, np.argsort(-errors)[:5].tolist(), within)])


def furthest_off(answered: np.ndarray, rows: Table, worst: list[int], within: float) -> Section:
    expected, texts = grades(rows), rows.texts("text")
    return Section(
        message("Furthest off"),
        messages("grade", "answered", "text"),
        [(expected[row], answered[row], Text(texts[row])) for row in worst],
        note=message("{share:.0%} of the answers are at most one grade off.", share=within),
        about=worst,
    )


def grades(table: Table) -> np.ndarray:
    """(rows,) float64. Raises InputError naming the line that holds no number."""
    values, wrong = numbers(table.texts("grade"))
    if len(wrong):
        grade = table.texts("grade")[wrong[0]]
        raise InputError(f"{table.where(wrong[0])}: the grade {grade!r} is no number; write a school year or a level, 7 or 7.5")
    return values
