"""Two candidates: the mean price, which needs no graph, and a line through the points in closed form."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from acme_price.task import Price, PriceData, numbers
from framework import Candidate, CodecSpec, FitContext, Fitted, Graph, NoOptions, Tensor, read_fitted, write_fitted


class MeanPrice(Candidate[Price, PriceData, NoOptions]):
    name = "mean"
    title = "mean price"
    role = "baseline"

    def fit(self, data: PriceData, context: FitContext[Price, NoOptions]) -> None:
        price = float(numbers(data.splits.train, "price").mean())
        write_fitted(context.output, CodecSpec("acme_price", {"currency": context.task.currency, "price": price}))

    def open(self, folder: Path) -> Fitted:
        return read_fitted(folder)


class LeastSquares(Candidate[Price, PriceData, NoOptions]):
    name = "least_squares"
    title = "least squares"

    def fit(self, data: PriceData, context: FitContext[Price, NoOptions]) -> None:
        train = data.splits.train
        line = np.polyfit(numbers(train, "size"), numbers(train, "price"), deg=1)
        write_fitted(context.output, CodecSpec("acme_price", {"currency": context.task.currency}))
        np.save(context.output / "line.npy", line)

    def open(self, folder: Path) -> Fitted:
        return replace(read_fitted(folder), graphs=(graph(*np.load(folder / "line.npy")),))


def graph(slope: float, intercept: float) -> Graph:
    import torch

    line = torch.nn.Linear(1, 1)
    with torch.no_grad():
        line.weight.fill_(slope)
        line.bias.fill_(intercept)
    return Graph(
        "line",
        inputs=(Tensor("input", "float32", ("batch", 1)),),
        outputs=(Tensor("price", "float32", ("batch", 1)),),
        axes={},
        tolerance={"price": 1e-2},
        source=line,
        example=lambda sizes: {"input": np.linspace(0, 100, sizes["batch"], dtype=np.float32)[:, None]},
    )
