"""The candidates, from the popularity baseline to networks that read texts, cheap ones first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from framework import Candidate, FitContext, Fitted, Inspection, message
from framework_recommendation import Recommendation
from framework_recommendation.data import RecommendationData
from framework_recommendation.options import (
    BprOptions,
    EaseOptions,
    HybridOptions,
    ItemKnnOptions,
    MultVaeOptions,
    PopularityOptions,
    ReadsTexts,
    SasrecOptions,
)

Options = TypeVar("Options")


class Recommender(Candidate[Recommendation, RecommendationData, Options], Generic[Options]):
    """A candidate whose `name` is that of an algorithm in `models.ALGORITHMS`, and which ranks items in one graph."""

    def problems(self, task: Recommendation, options: Options) -> list[str]:
        from framework_recommendation.readiness import folder_problems
        from framework_recommendation.validation import option_problems, task_problems

        encoder = folder_problems(options.encoder) if isinstance(options, ReadsTexts) else []
        return [*task_problems(task), *option_problems(self.name, options), *encoder]

    def refuses(
        self, data: RecommendationData, task: Recommendation, options: Options, trainer: Mapping[str, object]
    ) -> list[str]:
        from framework_recommendation.readiness import refusals

        return refusals(data, options)

    def fit(self, data: RecommendationData, context: FitContext[Recommendation, Options]) -> None:
        from framework_recommendation.fitting import fit

        fit(self.name, data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_recommendation.opening import open_fitted

        return open_fitted(folder)


class Popularity(Recommender[PopularityOptions]):
    name: ClassVar[str] = "popularity"
    title: ClassVar[str] = message("popularity")
    options: ClassVar[type] = PopularityOptions
    role = "baseline"


class ItemKnn(Recommender[ItemKnnOptions]):
    name: ClassVar[str] = "item_knn"
    title: ClassVar[str] = "item-kNN"
    options: ClassVar[type] = ItemKnnOptions
    role = "baseline"


class Ease(Recommender[EaseOptions]):
    name: ClassVar[str] = "ease"
    title: ClassVar[str] = "EASE"
    options: ClassVar[type] = EaseOptions

    def inspect(self, data: RecommendationData, task: Recommendation, options: EaseOptions) -> Inspection:
        from framework_recommendation.preview import memory_for_ease

        return Inspection([memory_for_ease(data)])


class Hybrid(Recommender[HybridOptions]):
    name: ClassVar[str] = "hybrid"
    title: ClassVar[str] = message("matrix factorisation with texts")
    options: ClassVar[type] = HybridOptions


class Bpr(Recommender[BprOptions]):
    name: ClassVar[str] = "bpr"
    title: ClassVar[str] = "BPR"
    options: ClassVar[type] = BprOptions


class MultVae(Recommender[MultVaeOptions]):
    name: ClassVar[str] = "mult_vae"
    title: ClassVar[str] = "Mult-VAE"
    options: ClassVar[type] = MultVaeOptions


class Sasrec(Recommender[SasrecOptions]):
    name: ClassVar[str] = "sasrec"
    title: ClassVar[str] = "SASRec"
    options: ClassVar[type] = SasrecOptions
