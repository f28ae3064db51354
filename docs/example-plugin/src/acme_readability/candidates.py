"""Two candidates: the mean grade, which needs no graph, and a weight for each measure in closed form."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from acme_readability.measures import MEASURES, measures
from acme_readability.task import GradedTexts, Readability, grades
from framework import (
    Candidate,
    CodecSpec,
    FitContext,
    Fitted,
    Graph,
    NoOptions,
    Range,
    Section,
    Space,
    Tensor,
    message,
    messages,
    read_fitted,
    write_fitted,
)


class MeanGrade(Candidate[Readability, GradedTexts, NoOptions]):
    name = "mean"
    title = message("mean grade")
    role = "baseline"

    def fit(self, data: GradedTexts, context: FitContext[Readability, NoOptions]) -> None:
        mean = float(grades(data.splits.train).mean())
        write_fitted(context.output, CodecSpec("acme_readability", {"long_word": context.task.long_word, "grade": mean}))

    def open(self, folder: Path) -> Fitted:
        return read_fitted(folder)


@dataclass
class Ridge:
    """Options of `candidates: least_squares`."""

    ridge: float = 1.0  # draws weights to zero, so that few rows do not decide too much (Hoerl and Kennard 1970)


class LeastSquares(Candidate[Readability, GradedTexts, Ridge]):
    name = "least_squares"
    title = message("least squares")
    options = Ridge

    def problems(self, task: Readability, options: Ridge) -> list[str]:
        long_word = [] if task.long_word > 0 else [f"task.long_word={task.long_word} must be at least 1"]
        ridge = [] if options.ridge >= 0 else [f"candidates.least_squares.ridge={options.ridge} must be at least 0"]
        return long_word + ridge

    def space(self, data: GradedTexts, task: Readability, options: Ridge, trainer: Mapping[str, object]) -> Space:
        return Space({"ridge": Range(0.01, 100.0, log=True)}, task={"long_word": Range(4, 10)})

    def fit(self, data: GradedTexts, context: FitContext[Readability, Ridge]) -> None:
        train, long_word = data.splits.train, context.task.long_word
        inputs, targets = np.array([measures(text, long_word) for text in train.texts("text")]), grades(train)
        spread = inputs.std(axis=0)
        spread[spread < 1e-6] = np.inf  # a measure that is the same for all texts gets the weight 0
        scaled = (inputs - inputs.mean(axis=0)) / spread
        normal = scaled.T @ scaled + context.options.ridge * np.eye(len(MEASURES))
        weights = np.linalg.lstsq(normal, scaled.T @ (targets - targets.mean()))[0] / spread
        formula = np.array([*weights, targets.mean() - weights @ inputs.mean(axis=0)])
        write_fitted(context.output, CodecSpec("acme_readability", {"long_word": long_word}))
        np.save(context.output / "formula.npy", formula)
        rows = list(zip((*MEASURES, message("constant")), formula.round(3).tolist(), strict=True))
        context.show(Section(message("Formula"), messages("measure", "grades for each"), rows))

    def open(self, folder: Path) -> Fitted:
        return replace(read_fitted(folder), graphs=(graph(np.load(folder / "formula.npy")),))


def graph(formula: np.ndarray) -> Graph:
    """formula: (6,), a weight for each of `MEASURES` and the constant."""
    import torch

    module = torch.nn.Linear(len(MEASURES), 1)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(formula[:-1]))
        module.bias.fill_(formula[-1])
    return Graph(
        "formula",
        inputs=(Tensor("input", "float32", ("batch", len(MEASURES))),),  # the name of the module's argument
        outputs=(Tensor("grade", "float32", ("batch", 1)),),
        axes={},
        tolerance={"grade": 1e-3},
        unscaled=("grade",),  # the tolerance is a share: a text of one endless sentence has a grade in the thousands
        source=module,
        example=lambda sizes: {"input": np.full((sizes["batch"], len(MEASURES)), 5, dtype=np.float32)},
    )
