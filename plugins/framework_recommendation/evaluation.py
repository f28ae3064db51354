"""Judges answers: how well the rankings of all items find the relevant items of each user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from framework import Answers, Evaluation, InputError, Response, Section, Table, Text, joined, message, messages
from framework_recommendation.catalogue import Catalogue
from framework_recommendation.codec import RecommendationCodec
from framework_recommendation.data import CUTOFF
from framework_recommendation.interactions import Interactions
from framework_recommendation.ranking_metrics import coverage, popularity_table, ranking_metrics

SHOWN = 5  # users in the table of recommendations, at most
NEWEST = 3  # items in a cell of that table, at most
WARM = ("user", "history")  # values of an answer's "path" for users with a history


@dataclass(frozen=True)
class Relevant:
    """The relevant items of each user, and how many pairs of user and item were left out."""

    items: Interactions
    """Item numbers by user. In the test rows of a run, items that are not in the catalogue have larger numbers, and are never
    found.
    """
    seen: int = 0
    """Pairs that were left out because the user has the item already."""
    unknown: int = 0
    """Pairs that were left out because the item is not in the catalogue."""

    def sentences(self) -> list[str]:
        """A sentence on the pairs that were left out; no sentence where there are none."""
        reasons = []
        if self.seen:
            reasons.append(
                message("{count:,} whose user has the item already, for nothing is recommended again", count=self.seen)
            )
        if self.unknown:
            reasons.append(message("{count:,} with items that are not in the catalogue", count=self.unknown))
        if not reasons:
            return []
        return [
            message(
                "{pairs:,} of {all:,} pairs of user and item were left out: {reasons}; {users:,} users took nothing else",
                pairs=self.seen + self.unknown,
                all=self.seen + self.unknown + len(self.items),
                reasons=joined(reasons, ", "),
                users=int((self.items.lengths() == 0).sum()),
            )
        ]


def evaluate(answers: Answers, table: Table) -> Evaluation:
    """ndcg@10, recall@10, mrr@10, hit_rate@10, coverage@10 and novelty@10 of users with a history.

    Users without a history are judged apart, as cold_ndcg@10 and cold_recall@10, and items without interactions in training as
    new_recall@10, where there are any. Raises InputError where no item of a file can be recommended to the user who took it.
    """
    assert isinstance(answers.codec, RecommendationCodec)
    codec, responses = answers.codec, answers.responses
    catalogue = codec.catalogue
    of_file = all(history is None for history in table.columns["history"])  # histories are those in the artifact
    wanted = _relevant_of_file(codec, table) if of_file else Relevant(_relevant_of_test(table, catalogue))
    relevant = wanted.items
    judgeable = relevant.lengths() > 0
    warm = judgeable & np.array([response["path"] in WARM for response in responses])
    judged = np.flatnonzero(warm if warm.any() else judgeable)
    lists, counts = _lists(responses, catalogue), _counts(catalogue, relevant)
    metrics = _metrics(lists, relevant, counts, judged, np.flatnonzero(judgeable & ~warm), len(catalogue))
    protocol = _protocol_of_file(codec) if of_file else codec.protocol
    about = message("protocol: {protocol}", protocol=protocol) if protocol else ""
    users = message(
        "{warm:,} users with a history, {cold:,} without", warm=int(warm.sum()), cold=int((judgeable & ~warm).sum())
    )
    note = joined(filter(None, [about, users, *wanted.sentences()]))
    rows = [(name, f"{value:.4f}") for name, value in metrics.items()]
    judgement = Section(message("How it was judged"), messages("metric", "value"), rows, note)
    by_popularity = popularity_table(lists[judged], relevant.take(judged), counts)
    shown = _shown(responses, table, catalogue, np.flatnonzero(judgeable)[:SHOWN].tolist())
    return Evaluation(metrics, [judgement, by_popularity, shown], about)


def _metrics(
    lists: np.ndarray, relevant: Interactions, counts: np.ndarray, judged: np.ndarray, cold: np.ndarray, items: int
) -> dict[str, float]:
    """The metrics by name. lists, relevant, counts: see `ranking_metrics`.

    judged: rows of users with a history, or of all users where none has a history. cold: rows of users without a history.
    items: number of items in the catalogue.
    """
    metrics = ranking_metrics(lists[judged], relevant.take(judged), counts).means
    metrics[f"coverage@{CUTOFF}"] = coverage(lists[judged], items)
    if 0 < len(cold) < len(np.union1d(judged, cold)):
        means = ranking_metrics(lists[cold], relevant.take(cold), counts).means
        metrics |= {f"cold_{name}": means[name] for name in (f"ndcg@{CUTOFF}", f"recall@{CUTOFF}")}
    return metrics | _of_new_items(lists, relevant, counts)


def _counts(catalogue: Catalogue, relevant: Interactions) -> np.ndarray:
    """Interactions in training by item number; 0 for relevant items that are not in the catalogue."""
    return np.array([0, *catalogue.counts, *[0] * (relevant.catalogue - len(catalogue))])


def _protocol_of_file(codec: RecommendationCodec) -> str:
    return message(
        "all that each user took in the file is to be found at once, their history is what the artifact knows, "
        "all items ranked, {seen}, items that came later left out",
        seen=message("seen items too") if codec.repeats else message("seen items left out"),
    )


def _lists(responses: Sequence[Response], catalogue: Catalogue) -> np.ndarray:
    """(users, CUTOFF) int64 item numbers of the answers; 0 fills short lists."""
    lists = np.zeros((len(responses), CUTOFF), dtype=np.int64)
    for row, response in enumerate(responses):
        numbers = [catalogue.numbers[item["item"]] for item in response["items"][:CUTOFF]]
        lists[row, : len(numbers)] = numbers
    return lists


def _relevant_of_test(table: Table, catalogue: Catalogue) -> Interactions:
    """Relevant items by user; items that are not in the catalogue get larger numbers, and are never found."""
    rows = [catalogue.numbers_of(ids) for ids in table.lists("relevant")]
    most = max((len(unknown) for _, unknown in rows), default=0)
    extended = [[*numbers, *range(len(catalogue) + 1, len(catalogue) + 1 + len(unknown))] for numbers, unknown in rows]
    return Interactions.of(extended, len(catalogue) + most)


def _relevant_of_file(codec: RecommendationCodec, table: Table) -> Relevant:
    """Relevant items by user: items of the catalogue that the user may be recommended. Raises InputError where none is left."""
    catalogue = codec.catalogue
    rows = [catalogue.numbers_of(ids) for ids in table.lists("relevant")]
    taken = [set(codec.taken(codec.parse({"user": user}))) for user in table.texts("user")]
    unseen = [[item for item in items if item not in history] for (items, _), history in zip(rows, taken, strict=True)]
    seen = sum(len(items) for items, _ in rows) - sum(map(len, unseen))
    wanted = Relevant(Interactions.of(unseen, len(catalogue)), seen, sum(len(unknown) for _, unknown in rows))
    if not len(wanted.items):
        raise InputError(
            f"{table.source}: nothing of it can be recommended, so that there is nothing to judge: "
            f"{'; '.join(wanted.sentences())}; give a log of what was taken after training, its ids written as they were there"
        )
    return wanted


def _of_new_items(lists: np.ndarray, relevant: Interactions, counts: np.ndarray) -> dict[str, float]:
    """Recall, over all users together, of relevant items without interactions in training; empty where there are none."""
    pairs = [(row, item) for row, items in enumerate(relevant) for item in items.tolist() if not counts[item]]
    hits = sum(item in lists[row] for row, item in pairs)
    return {f"new_recall@{CUTOFF}": hits / len(pairs)} if pairs else {}


def _shown(responses: Sequence[Response], table: Table, catalogue: Catalogue, users: Sequence[int]) -> Section:
    """A table of a few users: newest items of the history, recommendations, relevant items. users: rows of `table`."""

    def titles(items: Sequence[str]) -> Text:
        numbers, unknown = catalogue.numbers_of(items)
        return Text(", ".join([*(catalogue.titles[n - 1] or catalogue.ids[n - 1] for n in numbers), *unknown]))

    rows = []
    for row in users:
        history, relevant = (table.lists(name)[row] or [] for name in ("history", "relevant"))
        answer = [item["item"] for item in responses[row]["items"][:NEWEST]]
        rows.append((titles(history[-NEWEST:]), titles(answer), titles(relevant[:NEWEST])))
    header = messages("took, the newest last", "recommended", "took next")
    return Section(message("Recommendations of test rows"), header, rows)
