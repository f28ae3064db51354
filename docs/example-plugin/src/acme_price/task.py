"""The rows as this task sees them, and how answers are judged."""

from dataclasses import dataclass

import numpy as np

from framework import Answers, Column, Evaluation, InputError, Metric, Section, Splits, Table, Task


@dataclass
class Price:
    """Options of `task: price`."""

    currency: str = "EUR"


@dataclass(frozen=True)
class PriceData:
    splits: Splits

    def sections(self) -> list[Section]:
        prices = numbers(self.splits.train, "price")
        return [Section("Prices", ("lowest", "median", "highest"), [(prices.min(), np.median(prices), prices.max())])]


class PriceTask(Task[Price, PriceData]):
    name = "price"
    options = Price
    every_column = (
        Column("size", ("size", "area", "square_metres"), "number"),
        Column("price", ("price", "cost"), "number", target=True),
    )
    metrics = (Metric("mean_absolute_error", maximize=False),)
    competing = ("least_squares",)

    def prepare(self, splits: Splits, options: Price) -> PriceData:
        for table in splits.named().values():
            numbers(table, "size"), numbers(table, "price")
        return PriceData(splits)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        prices = np.array([response["price"] for response in answers.responses])
        return Evaluation({"mean_absolute_error": float(np.abs(prices - numbers(rows, "price")).mean())})


def numbers(table: Table, role: str) -> np.ndarray:
    """A column as float64 (rows,). Raises InputError naming the line that holds no number."""
    for i, value in enumerate(table.columns[role]):
        try:
            float(value)
        except ValueError as error:
            raise InputError(f"{table.where(i)}: {role} {value!r} is not a number") from error
    return np.array([float(value) for value in table.columns[role]])
