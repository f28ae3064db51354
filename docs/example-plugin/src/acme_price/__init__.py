"""A task of its own: a price from a size. Copy this distribution to start yours."""

from collections.abc import Callable
from dataclasses import dataclass

from framework import Candidate, Column, Metric, NoOptions, Task, hookimpl


@dataclass
class Price:
    """Options of `task: price`."""

    currency: str = "EUR"


@hookimpl
def register_tasks(register: Callable[[Task], None]) -> None:
    register(
        Task(
            "price",
            options=Price,
            columns=(
                Column("size", ("size", "area", "square_metres"), "number"),
                Column("price", ("price", "cost"), "number", target=True),
            ),
            metric=Metric("mean_absolute_error", maximize=False),
            data="acme_price.data:prepare",
            evaluate="acme_price.data:evaluate",
            codec="acme_price.codec:PriceCodec",
            candidates=(
                Candidate("mean price", fit="acme_price.fit:mean_price", baseline=True),
                Candidate("least squares", fit="acme_price.fit:least_squares", options=NoOptions),
            ),
        )
    )


@hookimpl
def register_recipes(register: Callable[[str], None]) -> None:
    register("pkg://acme_price.recipes")
