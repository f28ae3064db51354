"""The rows as this task sees them, and how its answers are judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from acme_price import Price
from framework import Evaluation, InputError, Response, Section, Splits, Table


@dataclass(frozen=True)
class PriceData:
    splits: Splits

    def sections(self) -> list[Section]:
        prices = numbers(self.splits.train, "price")
        return [Section("Prices", ("lowest", "median", "highest"), [(prices.min(), np.median(prices), prices.max())])]


def prepare(splits: Splits, options: Price) -> PriceData:
    for table in splits.named().values():
        numbers(table, "size"), numbers(table, "price")
    return PriceData(splits)


def numbers(table: Table, role: str) -> np.ndarray:
    """A column as float64 (rows,). Raises InputError naming the line that holds no number."""
    for i, value in enumerate(table.columns[role]):
        try:
            float(value)
        except ValueError as error:
            raise InputError(f"{table.where(i)}: {role} {value!r} is not a number") from error
    return np.array([float(value) for value in table.columns[role]])


def evaluate(responses: Sequence[Response], table: Table, facts: Mapping[str, Any]) -> Evaluation:
    found = np.array([response["price"] for response in responses])
    return Evaluation({"mean_absolute_error": float(np.abs(found - numbers(table, "price")).mean())})
