"""How well rankings find what was held out, over all items; the protocol stands beside the numbers."""

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

SHOWN = 5  # users whose recommendations are shown
NEWEST = 3  # items of each that are shown
WARM = ("user", "history")  # what an answer rests on where somebody's history is known


@dataclass(frozen=True)
class Wanted:
    """What each user took that can be recommended to them, by numbers; of a run's own test rows also items that are not in the
    catalogue: their numbers are behind it, and they are never found.

    seen, unknown: pairs of user and item that were left out, because the user has the item, or the catalogue has not.
    """

    relevant: Interactions
    seen: int = 0
    unknown: int = 0

    def sentences(self) -> list[str]:
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
                all=self.seen + self.unknown + len(self.relevant),
                reasons=joined(reasons, ", "),
                users=int((self.relevant.lengths() == 0).sum()),
            )
        ]


def evaluate(answers: Answers, table: Table) -> Evaluation:
    """ndcg@10, recall@10, mrr@10, hit_rate@10, coverage@10 and novelty@10 of users with a history.

    Those without one are judged apart, as cold_ndcg@10 and cold_recall@10, and so is what nobody took in training, as
    new_recall@10, where there is any. Raises InputError where none of a file's items may be recommended to those who took them.
    """
    assert isinstance(answers.codec, RecommendationCodec)
    codec, responses = answers.codec, answers.responses
    catalogue = codec.catalogue
    later = all(history is None for history in table.columns["history"])  # a file, judged with what the artifact knows of users
    wanted = _of_file(codec, table) if later else Wanted(_relevant(table, catalogue))
    relevant = wanted.relevant
    there = relevant.lengths() > 0
    warm = there & np.array([response["path"] in WARM for response in responses])
    judged = np.flatnonzero(warm if warm.any() else there)
    lists, counts = _lists(responses, catalogue), _counts(catalogue, relevant)
    metrics = _metrics(lists, relevant, counts, judged, np.flatnonzero(there & ~warm), len(catalogue))
    protocol = _later(codec) if later else codec.protocol
    about = message("protocol: {protocol}", protocol=protocol) if protocol else ""
    users = message("{warm:,} users with a history, {cold:,} without", warm=int(warm.sum()), cold=int((there & ~warm).sum()))
    note = joined(filter(None, [about, users, *wanted.sentences()]))
    rows = [(name, f"{value:.4f}") for name, value in metrics.items()]
    judgement = Section(message("How it was judged"), messages("metric", "value"), rows, note)
    by_popularity = popularity_table(lists[judged], _of(relevant, judged), counts)
    shown = _shown(responses, table, catalogue, np.flatnonzero(there)[:SHOWN].tolist())
    return Evaluation(metrics, [judgement, by_popularity, shown], about)


def _metrics(
    lists: np.ndarray, relevant: Interactions, counts: np.ndarray, judged: np.ndarray, cold: np.ndarray, items: int
) -> dict[str, float]:
    """judged: rows of users with a history, or everybody where nobody has one. cold: rows of those without."""
    metrics = ranking_metrics(lists[judged], _of(relevant, judged), counts).means
    metrics[f"coverage@{CUTOFF}"] = coverage(lists[judged], items)
    if 0 < len(cold) < len(np.union1d(judged, cold)):
        means = ranking_metrics(lists[cold], _of(relevant, cold), counts).means
        metrics |= {f"cold_{name}": means[name] for name in (f"ndcg@{CUTOFF}", f"recall@{CUTOFF}")}
    return metrics | _of_new_items(lists, relevant, counts)


def _counts(catalogue: Catalogue, relevant: Interactions) -> np.ndarray:
    """How often each number was taken in training, also those behind the catalogue."""
    return np.array([0, *catalogue.counts, *[0] * (relevant.catalogue - len(catalogue))])


def _later(codec: RecommendationCodec) -> str:
    return message(
        "all that each user took in the file is to be found at once, their history is what the artifact knows, "
        "all items ranked, {seen}, items that came later left out",
        seen=message("seen items too") if codec.repeats else message("seen items left out"),
    )


def _lists(responses: Sequence[Response], catalogue: Catalogue) -> np.ndarray:
    found = np.zeros((len(responses), CUTOFF), dtype=np.int64)
    for row, response in enumerate(responses):
        numbers = [catalogue.numbers[item["item"]] for item in response["items"][:CUTOFF]]
        found[row, : len(numbers)] = numbers
    return found


def _relevant(table: Table, catalogue: Catalogue) -> Interactions:
    """By numbers; items that are not in the catalogue have numbers behind it, and are never found."""
    rows = [catalogue.known(ids) for ids in table.lists("relevant")]
    most = max((len(unknown) for _, unknown in rows), default=0)
    numbers = [[*known, *range(len(catalogue) + 1, len(catalogue) + 1 + len(unknown))] for known, unknown in rows]
    return Interactions.of(numbers, len(catalogue) + most)


def _of_file(codec: RecommendationCodec, table: Table) -> Wanted:
    """Raises InputError where nothing can be recommended."""
    catalogue = codec.catalogue
    pairs = [catalogue.known(ids) for ids in table.lists("relevant")]
    taken = [set(codec.taken(codec.parse({"user": user}))) for user in table.texts("user")]
    left = [[item for item in known if item not in own] for (known, _), own in zip(pairs, taken, strict=True)]
    seen = sum(len(known) for known, _ in pairs) - sum(map(len, left))
    wanted = Wanted(Interactions.of(left, len(catalogue)), seen, sum(len(unknown) for _, unknown in pairs))
    if not len(wanted.relevant):
        raise InputError(
            f"{table.source}: nothing of it can be recommended, so that there is nothing to judge: "
            f"{'; '.join(wanted.sentences())}; give a log of what was taken after training, its ids written as they were there"
        )
    return wanted


def _of(interactions: Interactions, users: np.ndarray) -> Interactions:
    return Interactions.of([interactions[int(user)] for user in users], interactions.catalogue)


def _of_new_items(lists: np.ndarray, relevant: Interactions, counts: np.ndarray) -> dict[str, float]:
    """Recall over all users of what is wanted and was never taken in training, where the catalogue knows it by its text."""
    pairs = [(row, item) for row, own in enumerate(relevant) for item in own.tolist() if not counts[item]]
    found = sum(item in lists[row] for row, item in pairs)
    return {f"new_recall@{CUTOFF}": found / len(pairs)} if pairs else {}


def _shown(responses: Sequence[Response], table: Table, catalogue: Catalogue, users: Sequence[int]) -> Section:
    def titles(items: Sequence[str]) -> Text:
        numbers, unknown = catalogue.known(items)
        return Text(", ".join([*(catalogue.titles[n - 1] or catalogue.ids[n - 1] for n in numbers), *unknown]))

    rows = []
    for row in users:
        history, relevant = (table.lists(name)[row] or [] for name in ("history", "relevant"))
        answer = [item["item"] for item in responses[row]["items"][:NEWEST]]
        rows.append((titles(history[-NEWEST:]), titles(answer), titles(relevant[:NEWEST])))
    header = messages("took, the newest last", "recommended", "took next")
    return Section(message("Recommendations of test rows"), header, rows)
