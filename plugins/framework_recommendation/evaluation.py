"""How well rankings find what was held out, over all items; the protocol stands beside the numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework import Evaluation, Response, Section, Table, Text
from framework_recommendation.catalogue import Catalogue
from framework_recommendation.data import CUTOFF
from framework_recommendation.interactions import Interactions
from framework_recommendation.ranking_metrics import coverage, popularity_table, ranking_metrics

SHOWN = 5  # users whose recommendations are shown
NEWEST = 3  # items of each that are shown
WARM = ("user", "history")  # what an answer rests on where somebody's history is known


def evaluate(responses: Sequence[Response], table: Table, facts: Mapping[str, Any]) -> Evaluation:
    """ndcg@10, recall@10, mrr@10, hit_rate@10, coverage@10 and novelty@10 of users with a history.

    Those without one are judged apart, as cold_ndcg@10 and cold_recall@10, and so is what nobody took in training, as
    new_recall@10, where there is any. facts["protocol"] says how the rows were held out.
    """
    catalogue: Catalogue = responses[0]["catalogue"]
    lists, relevant = _lists(responses, catalogue), _relevant(table, catalogue)
    counts = np.array([0, *catalogue.counts, *[0] * (relevant.catalogue - len(catalogue))])
    warm = np.array([response["path"] in WARM for response in responses])
    everybody = np.arange(len(responses))
    judged = everybody[warm] if warm.any() else everybody
    lists_judged, relevant_judged = lists[judged], _of(relevant, judged)
    metrics = ranking_metrics(lists_judged, relevant_judged, counts).means
    metrics[f"coverage@{CUTOFF}"] = coverage(lists_judged, len(catalogue))
    if warm.any() and not warm.all():
        cold = ranking_metrics(lists[~warm], _of(relevant, everybody[~warm]), counts).means
        metrics |= {f"cold_{name}": cold[name] for name in (f"ndcg@{CUTOFF}", f"recall@{CUTOFF}")}
    metrics |= _of_new_items(lists, relevant, counts)
    about = f"protocol: {facts['protocol']}" if "protocol" in facts else ""
    by_popularity = popularity_table(lists_judged, relevant_judged, counts)
    counted = f"{len(judged):,} users with a history, {len(everybody) - len(judged):,} without"
    note = "; ".join(filter(None, [about, counted]))
    rows = [(name, f"{value:.4f}") for name, value in metrics.items()]
    judgement = Section("How it was judged", ("metric", "value"), rows, note)
    return Evaluation(metrics, [judgement, by_popularity, _shown(responses, table, catalogue)], about)


def _lists(responses: Sequence[Response], catalogue: Catalogue) -> np.ndarray:
    found = np.zeros((len(responses), CUTOFF), dtype=np.int64)
    for row, response in enumerate(responses):
        numbers = [catalogue.numbers[item["item"]] for item in response["items"][:CUTOFF]]
        found[row, : len(numbers)] = numbers
    return found


def _relevant(table: Table, catalogue: Catalogue) -> Interactions:
    """By numbers; items that are not in the catalogue have numbers behind it, and are never found."""
    rows = [catalogue.known(json.loads(value)) for value in table.columns["relevant"]]
    most = max((len(unknown) for _, unknown in rows), default=0)
    numbers = [[*known, *range(len(catalogue) + 1, len(catalogue) + 1 + len(unknown))] for known, unknown in rows]
    return Interactions.of(numbers, len(catalogue) + most)


def _of(interactions: Interactions, users: np.ndarray) -> Interactions:
    return Interactions.of([interactions[int(user)] for user in users], interactions.catalogue)


def _of_new_items(lists: np.ndarray, relevant: Interactions, counts: np.ndarray) -> dict[str, float]:
    """Recall over all users of what is wanted and was never taken in training, where the catalogue knows it by its text."""
    pairs = [(row, item) for row, own in enumerate(relevant) for item in own.tolist() if not counts[item]]
    found = sum(item in lists[row] for row, item in pairs)
    return {f"new_recall@{CUTOFF}": found / len(pairs)} if pairs else {}


def _shown(responses: Sequence[Response], table: Table, catalogue: Catalogue) -> Section:
    def titles(items: Sequence[str]) -> Text:
        numbers, unknown = catalogue.known(items)
        return Text(", ".join([*(catalogue.titles[n - 1] or catalogue.ids[n - 1] for n in numbers), *unknown]))

    rows = []
    for row in range(min(SHOWN, len(responses))):
        history, relevant = (json.loads(table.columns[name][row] or "[]") for name in ("history", "relevant"))
        answer = [item["item"] for item in responses[row]["items"][:NEWEST]]
        rows.append((titles(history[-NEWEST:]), titles(answer), titles(relevant[:NEWEST])))
    return Section("Recommendations of test rows", ("took, the newest last", "recommended", "took next"), rows)
