"""Ranking quality of each recommender on MovieLens 100K, by two common protocols, and the cost of the whole recipe.

    python benchmarks/recommendation.py
    python benchmarks/recommendation.py --seeds 0 --only mult_vae hybrid --no-recipe

random: RecBole's protocol: each user's interactions are split 8:1:1 at random, every rating counts, and all items are ranked
except those of training and validation; means over the seeds. Each recommender has two rows: with the training and validation
rows as the user's history, as in serving, and with the training rows alone, as in RecBole. leave one out: the last item of
each user, with all earlier ones as the history. All numbers are of the test rows, on which nothing is chosen.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.machine import heading
from benchmarks.process import command
from framework import FitContext, Section, Text
from framework.artifact.manifest import read_manifest
from framework.data.loading import load_splits
from framework.plugins import load_plugins
from framework.recipe.candidates import options_for
from framework.recipe.compose import compose_recipe
from framework.recipe.validation import options_of
from framework.report.console import as_text
from framework_recommendation import Recommendation
from framework_recommendation.data import RecommendationData, prepare
from framework_recommendation.encoder import TextEncoder
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models import ALGORITHMS, SideInformation, Trained
from framework_recommendation.models.rows import padded, pairs
from framework_recommendation.options import NetworkOptions
from framework_recommendation.ranking_metrics import ranking_metrics

K = 10
CANDIDATES = load_plugins().candidates_of("recommendation")
TRAINED = tuple(name for name, candidate in CANDIDATES.items() if issubclass(candidate.options, NetworkOptions))
RANDOM, LEAVE_ONE_OUT = "random", "leave_one_out"
SERVED, TRAINED_ON = "all that is known", "training alone"
NDCG, RECALL, CLOSE, FITTED, WHOLE = 0.33, 0.265, 0.95, 2.0, 300  # targets; CLOSE: of EASE's NDCG, the last two in seconds

QUIET = ("trainer.enable_progress_bar=false", "tracker=none")


@dataclass(frozen=True)
class Experiment:
    """MovieLens 100K, split by one protocol and seed."""

    train: Interactions
    held_out: HeldOutUsers
    """Validation users."""
    side: SideInformation
    test: HeldOutUsers
    fed: Mapping[str, Interactions]
    """Histories of the test users, by `SERVED` and `TRAINED_ON`."""
    attributes: np.ndarray
    """Of the test users."""
    options: Mapping[str, Any]
    """Of each candidate, by name."""


class Scores(NamedTuple):
    """NDCG@10, Recall@10 and the seconds of the fit."""

    ndcg: float
    recall: float
    seconds: float


Results = dict[tuple[str, str], list[Scores]]  # by algorithm and kind of history, one for each seed


def main() -> None:
    names = tuple(CANDIDATES)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the random split (default 0 1 2)")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these algorithms of the random split")
    parser.add_argument("--minutes", type=float, default=1.0, help="of training at most, for each that trains (default 1)")
    parser.add_argument("--no-recipe", action="store_true", help="leaves out the run of the whole recipe")
    options = parser.parse_args()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    print(heading(), flush=True)
    print(as_text(random_split(evaluate(RANDOM, options.seeds, options.only, options.minutes))) + "\n", flush=True)
    results = evaluate(LEAVE_ONE_OUT, options.seeds[:1], ("popularity", "item_knn", "ease", "sasrec"), options.minutes)
    print(as_text(leave_one_out(results)) + "\n", flush=True)
    if not options.no_recipe:
        print(as_text(recipe()), flush=True)


def evaluate(protocol: str, seeds: Sequence[int], algorithms: Sequence[str], minutes: float) -> Results:
    """Fits each algorithm with each seed, and scores it on the test rows."""
    results: Results = defaultdict(list)
    for seed in seeds:
        experiment = experiment_of(protocol, seed)
        for name in algorithms:
            options, started = experiment.options[name], time.perf_counter()
            if isinstance(options, NetworkOptions):
                options = replace(options, minutes=minutes)
            with tempfile.TemporaryDirectory() as folder:
                context = context_of(options, seed, Path(folder))
                trained = ALGORITHMS[name](experiment.train, experiment.held_out, options, context, experiment.side)
            seconds = time.perf_counter() - started
            for fed, histories in experiment.fed.items():
                results[name, fed].append(Scores(*rank(trained, experiment, histories), seconds))
    return results


def experiment_of(protocol: str, seed: int) -> Experiment:
    """The recipe's files, read, split and encoded as a run does."""
    competing = f"candidates=[{','.join(CANDIDATES)}]"
    config = compose_recipe("recommendation", [f"task.protocol={protocol}", f"seed={seed}", competing])
    task = load_plugins().task(config.task.name)
    settings: Recommendation = options_of(config.task, Recommendation)
    data: RecommendationData = prepare(load_splits(config.data, task, seed, settings), settings)
    numbers = {item: number for number, item in enumerate(data.items, start=1)}
    rows = data.splits.test
    users, places = list(rows.texts("user")), {user: place for place, user in enumerate(data.users)}

    def read(column: str) -> Interactions:
        return Interactions.of([[numbers[i] for i in row if i in numbers] for row in rows.lists(column)], len(numbers))

    test = HeldOutUsers(read("history"), read("relevant"))
    fed = {SERVED: test.history}
    if protocol == RANDOM:
        fed[TRAINED_ON] = data.train.take(np.array([places[user] for user in users]))
    options = {name: options_for(config, candidate) for name, candidate in CANDIDATES.items()}
    texts = TextEncoder.of(options["hybrid"].encoder).embed(["", *(data.texts.get(item, "") for item in data.items)])
    side = SideInformation(texts, data.attributes(data.users), data.attributes(list(data.splits.validation.texts("user"))))
    return Experiment(data.train, data.held_out, side, test, fed, data.attributes(users), options)


def context_of(options: object, seed: int, folder: Path) -> FitContext[Any, Any]:
    trainer = {"accelerator": "cpu", "enable_progress_bar": False}
    metric = load_plugins().task("recommendation").metrics[0]
    return FitContext(None, options, metric, seed, folder, folder, lambda section: None, trainer=trainer)


def rank(trained: Trained, experiment: Experiment, histories: Interactions) -> tuple[float, float]:
    """NDCG@10 and Recall@10 of the test users, whose earlier items are not ranked."""
    scores = trained.scores(torch.from_numpy(padded(histories, trained.max_history)), torch.from_numpy(experiment.attributes))
    rows, items = pairs(experiment.test.history)
    scores[torch.from_numpy(rows), torch.from_numpy(items)] = -torch.inf
    scores[:, 0] = -torch.inf
    top = scores.topk(K, dim=1).indices.numpy()
    metrics = ranking_metrics(top, experiment.test.relevant, experiment.train.counts()).means
    return metrics[f"ndcg@{K}"], metrics[f"recall@{K}"]


def means(results: Results, name: str, fed: str = SERVED) -> Scores:
    return Scores(*np.mean(results[name, fed], axis=0).tolist())


def random_split(results: Results) -> Section:
    names = list(dict.fromkeys(name for name, _ in results))
    ease = means(results, "ease") if "ease" in names else None
    neural = max((name for name in names if name in TRAINED), key=lambda name: means(results, name).ndcg, default=None)
    rows = []
    for name, fed in results:
        mean, target = means(results, name, fed), ""
        if fed == SERVED and name == "ease":
            reached = mean.ndcg >= NDCG and mean.recall >= RECALL
            target = f">= {NDCG} and >= {RECALL}: {_verdict(reached)}; fit < {FITTED:.0f} s: {_verdict(mean.seconds < FITTED)}"
        if fed == SERVED and name == neural and ease is not None:
            target = f"the best neural model >= {CLOSE} of EASE: {mean.ndcg / ease.ndcg:.3f}, "
            target += _verdict(mean.ndcg >= CLOSE * ease.ndcg)
        spread = np.std([scores.ndcg for scores in results[name, fed]])
        rows.append((name, fed, f"{mean.ndcg:.4f}", f"{spread:.4f}", f"{mean.recall:.4f}", f"{mean.seconds:.1f}", Text(target)))
    note = f"{len(results[names[0], SERVED])} seeds. The fit of ease holds the search of its regularization on validation."
    header = ("", "history", f"ndcg@{K}", "its spread", f"recall@{K}", "seconds to fit", "target")
    return Section("RecBole's protocol: random 8:1:1 per user, all items ranked", header, rows, note)


def leave_one_out(results: Results) -> Section:
    scores = {name: means(results, name) for name, _ in results}
    rows = [(name, f"{mean.ndcg:.4f}", f"{mean.recall:.4f}", f"{mean.seconds:.1f}") for name, mean in scores.items()]
    title, header = "Leave one out: the last item of each user by time", ("", f"ndcg@{K}", f"recall@{K}", "seconds to fit")
    return Section(title, header, rows)


def recipe() -> Section:
    """A run of the whole recipe: all competing candidates, evaluation, both exports, verification and the report."""
    with tempfile.TemporaryDirectory() as folder:
        cost = command(
            "recipe=recommendation", f"hydra.run.dir={folder}/run", "trainer.enable_progress_bar=false", "tracker=none"
        )
        manifest = read_manifest(Path(folder) / "run" / "artifact")
    metrics = manifest.evaluation.candidates[manifest.candidate]
    row = (
        f"{cost.seconds:.0f}",
        f"{cost.peak / 1e6:,.0f}",
        f"{metrics[f'ndcg@{K}']:.4f}",
        f"<= {WHOLE} s: {_verdict(cost.seconds <= WHOLE)}",
    )
    return Section(
        f"recipe=recommendation, the whole of it: {manifest.title} ships", ("seconds", "peak MB", f"ndcg@{K}", "target"), [row]
    )


def _verdict(reached: bool) -> str:
    return "reached" if reached else "missed"


if __name__ == "__main__":
    main()
