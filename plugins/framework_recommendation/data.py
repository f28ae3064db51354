"""From rows of a log to interactions, held-out users, and the descriptions of items and users. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np

from framework import Section, Shares, Splits, Table, coded, codes, message
from framework_recommendation import Recommendation
from framework_recommendation.catalogue import Catalogue, Users
from framework_recommendation.cleaning import clean, well_rated
from framework_recommendation.fields import Field, encoded, fields_of, postings
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.log import Log, read_log
from framework_recommendation.overview import interactions_section, users_section
from framework_recommendation.signals import check_events, interactions
from framework_recommendation.splitting import Protocol, Split, by_user, has_order
from framework_recommendation.splitting import split as split_log

CUTOFF = 10  # the k of the metrics: items of an answer that are judged
PROTOCOL = "protocol"  # key of the protocol in `Splits.about`


def split(
    tables: Mapping[str, Table], options: Recommendation, shares: Shares, seed: int, say: Callable[[str], None]
) -> Splits:
    """Cleans the log and splits it as the options say.

    The training rows have a row per interaction, validation and test rows a row per user: see `judged_table`.
    """
    if options.events is not None:
        check_events(tables["train"], options.events)
    table = interactions(tables["train"], options.events, say)
    log = clean(
        read_log(table, say, time_format=options.time_format, strip_ids=options.strip_ids),
        say,
        threshold=options.min_rating,
        repeats=options.repeats,
        core=options.core,
    )
    fractions = (1 - shares.validation_fraction - shares.test_fraction, shares.validation_fraction, shares.test_fraction)
    default: Protocol = "leave_one_out" if has_order(log) else "random"
    protocol = default if options.protocol == "auto" else cast(Protocol, options.protocol)
    most = shares.held_out_rows or len(log)
    parts = split_log(log, protocol, seed=seed, shares=fractions, judged=most, repeats=options.repeats)
    if shares.limit_rows is not None and shares.limit_rows < len(parts.train):
        say(
            message(
                "training on {count:,} of {all:,} interactions, those of users drawn at random; data.limit_rows=null takes all",
                count=shares.limit_rows,
                all=len(parts.train),
            )
        )
    for note in (message("protocol: {protocol}", protocol=parts.protocol), *parts.notes, *_unused(tables)):
        say(note)
    return Splits(
        _interactions(_limited(parts.train, shares.limit_rows, seed), log, tables["train"]),
        _judged(parts.validation, parts.validation_users, log),
        _test(parts, log),
        about={PROTOCOL: parts.protocol},
        whole=_interactions(by_user(log), log, tables["train"]),
    )


def _unused(tables: Mapping[str, Table]) -> list[str]:
    """A note for each file besides the log."""
    names = [name for name in tables if name != "train"]
    return [
        message("the {split} file is not read: the log is split by task.protocol, and `evaluate` takes a later log", split=name)
        for name in names
    ]


def _interactions(histories: Interactions, log: Log, table: Table) -> Table:
    """A row per interaction with the ids of user and item, ordered by user and time."""
    users = np.repeat(np.arange(histories.users, dtype=np.int32), histories.lengths())
    columns = {"user": coded(users, log.user_ids), "item": coded(histories.items - 1, log.item_ids)}
    return Table(columns, range(1, len(histories) + 1), table.source)


def _limited(train: Interactions, most: int | None, seed: int) -> Interactions:
    """At most `most` interactions: the histories of users drawn with the seed; the histories of the other users become empty.

    most: None: all interactions.
    """
    if most is None or len(train) <= most:
        return train
    drawn = np.random.default_rng(seed).permutation(train.users)
    chosen = drawn[np.cumsum(train.lengths()[drawn]) <= most] if len(drawn) else drawn
    lengths = np.zeros(train.users, dtype=np.int64)
    lengths[chosen] = train.lengths()[chosen]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Interactions(starts, train.take(np.sort(chosen)).items, train.catalogue)


def _judged(held_out: HeldOutUsers, users: np.ndarray, log: Log) -> Table:
    def ids(histories: Interactions) -> list[list[str]]:
        return [[log.item_ids[number - 1] for number in row.tolist()] for row in histories]

    return judged_table([log.user_ids[u] for u in users.tolist()], ids(held_out.history), ids(held_out.relevant))


def judged_table(users: Sequence[str], histories: Sequence[Sequence[str] | None], relevant: Sequence[Sequence[str]]) -> Table:
    """A row per user that answers are judged by.

    histories: item ids, the newest last; None: the history in the artifact. relevant: the item ids that an answer should hold.
    """
    columns = {"user": users, "history": histories, "k": [CUTOFF] * len(users), "relevant": relevant}
    return Table(columns, range(1, len(users) + 1), "the log")


def _test(parts: Split, log: Log) -> Table:
    """Test rows; the users without a history, which are judged apart, come last."""
    warm, cold = _judged(parts.test, parts.test_users, log), _judged(parts.cold, parts.cold_users, log)
    histories, relevant = ([*warm.lists(name), *cold.lists(name)] for name in ("history", "relevant"))
    return judged_table([*warm.texts("user"), *cold.texts("user")], histories, relevant)


def rows_of_file(table: Table, options: Recommendation, say: Callable[[str], None]) -> Table:
    """The rows of a file of interactions that a sealed artifact is judged on, read by the rules of the training log."""
    columns = {name: values for name, values in table.columns.items() if name != "time"}  # every interaction is relevant
    events = options.events if "event" in columns else None
    log = read_log(interactions(replace(table, columns=columns), events, say), say, strip_ids=options.strip_ids)
    log = well_rated(log, options.min_rating if log.ratings is not None else None, say)
    return rows_by_user(_interactions(by_user(log), log, table))


def rows_by_user(table: Table) -> Table:
    """A row per user of an interaction table: all items of the user are relevant, the history is the one in the artifact."""
    relevant: dict[str, list[str]] = {}
    for user, item in zip(table.texts("user"), table.texts("item"), strict=True):
        relevant.setdefault(user, []).append(item)
    distinct = [list(dict.fromkeys(items)) for items in relevant.values()]
    return replace(judged_table(list(relevant), [None] * len(relevant), distinct), source=table.source)


@dataclass(frozen=True)
class ItemVectors:
    """Embeddings of the texts of items."""

    learned: np.ndarray
    """(items + 1, dimensions) float32 of the items of training, by number; zeros in row 0 and for items without a text."""
    new: np.ndarray
    """(new items, dimensions) float32 in the order of `RecommendationData.new_items`."""


@dataclass(frozen=True)
class RecommendationData:
    """What every candidate is fitted on."""

    splits: Splits
    options: Recommendation
    items: Sequence[str]
    """Ids of the items of training; item number n stands at n - 1."""
    users: Sequence[str]
    """Ids of the users of training."""
    train: Interactions
    """Histories in the order of `users`."""
    vectors: dict[Path, ItemVectors] = field(default_factory=dict, compare=False, repr=False)
    """Embeddings by the folder of their encoder, added by the first candidate that needs them and shared by the others."""

    def sections(self) -> list[Section]:
        return [interactions_section(self), users_section(self)]

    @property
    def protocol(self) -> str:
        protocol = self.splits.about.get(PROTOCOL, "")
        assert isinstance(protocol, str)
        return protocol

    @cached_property
    def held_out(self) -> HeldOutUsers:
        """The validation users. Items without interactions in training are left out, because no candidate can rank them."""
        numbers = {item: number for number, item in enumerate(self.items, start=1)}

        def read(column: str) -> Interactions:
            rows = self.splits.validation.lists(column)
            return Interactions.of([[numbers[i] for i in row if i in numbers] for row in rows], len(self.items))

        return HeldOutUsers(read("history"), read("relevant"))

    @cached_property
    def titles(self) -> dict[str, str]:
        """Item id -> title, from the items file."""
        table = self.splits.tables.get("items")
        if table is None or "title" not in table.columns:
            return {}
        return dict(zip(table.texts("item_id"), table.texts("title"), strict=True))

    @cached_property
    def texts(self) -> dict[str, str]:
        """Item id -> text: the title, the description, and the values of the filter columns."""
        table = self.splits.tables.get("items")
        if table is None:
            return {}
        names = [name for name in ("title", "item_text") if name in table.columns]
        names += [name for name in table.columns if name in self.filters]
        if not names:
            return {}
        rows = zip(*(table.texts(name) for name in names), strict=True)
        joined = (", ".join(value.strip() for value in row if value.strip()) for row in rows)
        return {item: text for item, text in zip(table.texts("item_id"), joined, strict=True) if text}

    @cached_property
    def new_items(self) -> list[str]:
        """Ids of items that have a text and no interactions in training."""
        learned = set(self.items)
        return [item for item in self.texts if item not in learned]

    @cached_property
    def filters(self) -> dict[str, dict[str, list[str]]]:
        """Column -> value -> the ids of the items that have it."""
        table = self.splits.tables.get("items")
        if table is None:
            return {}
        roles = ("item_id", "title", "item_text")
        chosen = [name for name in table.columns if name not in roles and self.options.wants(self.options.filters, name)]
        ids = list(table.texts("item_id"))
        rows_of = {name: postings(list(table.texts(name))) for name in chosen}
        return {
            name: {value: [ids[row] for row in rows] for value, rows in by_value.items()}
            for name, by_value in rows_of.items()
            if by_value
        }

    @cached_property
    def fields(self) -> list[Field]:
        """Attributes of users."""
        return fields_of(self._user_columns, self.options.attributes)

    @cached_property
    def _user_columns(self) -> dict[str, list[str]]:
        table = self.splits.tables.get("users")
        return {} if table is None else {name: list(table.texts(name)) for name in table.columns if name != "user_id"}

    @cached_property
    def _user_rows(self) -> dict[str, int]:
        table = self.splits.tables.get("users")
        return {} if table is None else {user: row for row, user in enumerate(table.texts("user_id"))}

    def attributes(self, users: Sequence[str]) -> np.ndarray:
        """(users, fields) int64: see `fields.encoded`."""
        columns, rows = self._user_columns, [self._user_rows.get(user) for user in users]
        described = [{} if row is None else {f.name: columns[f.name][row] for f in self.fields} for row in rows]
        return encoded(self.fields, described)

    @cached_property
    def all_users(self) -> list[str]:
        """Ids of the users of training, then of users of whom only attributes are known."""
        return list(dict.fromkeys([*self.users, *self._user_rows]))


def _stripped(table: Table, role: str) -> Table:
    return replace(table, columns={**table.columns, role: [name.strip() for name in table.texts(role)]})


def prepare(splits: Splits, options: Recommendation) -> RecommendationData:
    """Numbers the users and items of the training rows."""
    if options.strip_ids:
        roles = {"items": "item_id", "users": "user_id"}
        splits = replace(splits, tables={name: _stripped(table, roles[name]) for name, table in splits.tables.items()})
    items, ids = codes(splits.train.texts("item"))
    users, names = codes(splits.train.texts("user"))  # rows are ordered by user, so numbers ascend
    starts = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=len(names)))]).astype(np.int64)
    return RecommendationData(splits, options, ids, names, Interactions(starts, items + np.int32(1), len(ids)))


def complete(splits: Splits, resources: Path) -> None:
    """Rewrites the histories in the artifact to hold every interaction of the log, the held-out ones included."""
    assert splits.whole is not None
    users, numbers = Users.load(resources), Catalogue.load(resources).numbers
    user_codes, user_ids = codes(splits.whole.texts("user"))
    item_codes, item_ids = codes(splits.whole.texts("item"))
    items = np.array([numbers.get(item, 0) for item in item_ids], np.int32)[item_codes]
    places = np.array([users.numbers.get(user, -1) for user in user_ids])[user_codes]
    served = (items > 0) & (places >= 0)  # neither the user nor the item is missing from the artifact
    order = np.argsort(places[served], kind="stable")
    counts = np.bincount(places[served], minlength=len(users.ids))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    Users(users.ids, starts, items[served][order], users.attributes).save(resources)
