"""From rows of a log to interactions, users to judge by, and what is known of items and users. No torch."""

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
from framework_recommendation.interactions import Held, Interactions
from framework_recommendation.log import Log, read_log
from framework_recommendation.overview import users_as_seen, what_is_learned_from
from framework_recommendation.signals import check_events, interactions
from framework_recommendation.splitting import Protocol, Split, by_user, in_time
from framework_recommendation.splitting import split as split_log

CUTOFF = 10  # items of an answer that is judged
PROTOCOL = "protocol"


def split(
    tables: Mapping[str, Table], options: Recommendation, shares: Shares, seed: int, say: Callable[[str], None]
) -> Splits:
    """The log of all files given, cleaned and split as the options say."""
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
    parts = (1 - shares.validation_fraction - shares.test_fraction, shares.validation_fraction, shares.test_fraction)
    usual: Protocol = "leave_one_out" if in_time(log) else "random"
    protocol = usual if options.protocol == "auto" else cast(Protocol, options.protocol)
    found = split_log(log, protocol, seed=seed, shares=parts, judged=shares.held_out_rows or len(log), repeats=options.repeats)
    if shares.limit_rows is not None and shares.limit_rows < len(found.train):
        say(
            message(
                "training on {count:,} of {all:,} interactions, those of users drawn at random; data.limit_rows=null takes all",
                count=shares.limit_rows,
                all=len(found.train),
            )
        )
    for note in (message("protocol: {protocol}", protocol=found.protocol), *found.notes, *_unused(tables)):
        say(note)
    return Splits(
        _interactions(_limited(found.train, shares.limit_rows, seed), log, tables["train"]),
        _judged(found.validation, found.validation_users, log),
        _test(found, log),
        about={PROTOCOL: found.protocol},
        whole=_interactions(by_user(log), log, tables["train"]),
    )


def _unused(tables: Mapping[str, Table]) -> list[str]:
    names = [name for name in tables if name != "train"]
    return [
        message("the {split} file is not read: the log is split by task.protocol, and `evaluate` takes a later log", split=name)
        for name in names
    ]


def _interactions(found: Interactions, log: Log, table: Table) -> Table:
    """Rows of users and items again, by user and time."""
    users = np.repeat(np.arange(found.users, dtype=np.int32), found.lengths())
    columns = {"user": coded(users, log.user_ids), "item": coded(found.items - 1, log.item_ids)}
    return Table(columns, range(1, len(found) + 1), table.source)


def _limited(train: Interactions, most: int | None, seed: int) -> Interactions:
    """Of so many interactions at most: those of users drawn with the seed; the others have none."""
    if most is None or len(train) <= most:
        return train
    drawn = np.random.default_rng(seed).permutation(train.users)
    kept = drawn[np.cumsum(train.lengths()[drawn]) <= most] if len(drawn) else drawn
    lengths = np.zeros(train.users, dtype=np.int64)
    lengths[kept] = train.lengths()[kept]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Interactions(starts, train.take(np.sort(kept)).items, train.catalogue)


def _judged(held: Held, users: np.ndarray, log: Log) -> Table:
    def ids(found: Interactions) -> list[list[str]]:
        return [[log.item_ids[n - 1] for n in row.tolist()] for row in found]

    return judged_table([log.user_ids[u] for u in users.tolist()], ids(held.known), ids(held.relevant))


def judged_table(users: Sequence[str], histories: Sequence[Sequence[str] | None], relevant: Sequence[Sequence[str]]) -> Table:
    """histories: ids, the newest last; None: what the artifact knows of the user."""
    columns = {"user": users, "history": histories, "k": [CUTOFF] * len(users), "relevant": relevant}
    return Table(columns, range(1, len(users) + 1), "the log")


def _test(found: Split, log: Log) -> Table:
    """Those without any history stand at the end; they are judged apart."""
    warm, cold = _judged(found.test, found.test_users, log), _judged(found.cold, found.cold_users, log)
    histories, relevant = ([*warm.lists(name), *cold.lists(name)] for name in ("history", "relevant"))
    return judged_table([*warm.texts("user"), *cold.texts("user")], histories, relevant)


def later(table: Table, options: Recommendation, say: Callable[[str], None]) -> Table:
    """What a sealed artifact is judged on: what each user took in a file, by the rules that its log was read with."""
    columns = {name: values for name, values in table.columns.items() if name != "time"}  # all of it is to be found
    events = options.events if "event" in columns else None
    log = read_log(interactions(replace(table, columns=columns), events, say), say, strip_ids=options.strip_ids)
    log = well_rated(log, options.min_rating if log.ratings is not None else None, say)
    return of_users(_interactions(by_user(log), log, table))


def of_users(table: Table) -> Table:
    """A row for each user: what they took is to be found, and their history is what the artifact knows of them."""
    relevant: dict[str, list[str]] = {}
    for user, item in zip(table.texts("user"), table.texts("item"), strict=True):
        relevant.setdefault(user, []).append(item)
    taken = [list(dict.fromkeys(items)) for items in relevant.values()]
    return replace(judged_table(list(relevant), [None] * len(relevant), taken), source=table.source)


@dataclass(frozen=True)
class ItemVectors:
    """What an encoder makes of the texts of items.

    learned: (items + 1, dimensions) float32 by number, row 0 zeros, as is that of an item without a text. new: (new items,
    dimensions), in their order.
    """

    learned: np.ndarray
    new: np.ndarray


@dataclass(frozen=True)
class RecommendationData:
    """items: ids by number, from 1 on, of what was taken in training. train: by users in the order of `users`.

    vectors: of the items' texts, by the folder of the encoder that read them; the first candidate that needs them adds them.
    """

    splits: Splits
    options: Recommendation
    items: Sequence[str]
    users: Sequence[str]
    train: Interactions
    vectors: dict[Path, ItemVectors] = field(default_factory=dict, compare=False, repr=False)

    def sections(self) -> list[Section]:
        return [what_is_learned_from(self), users_as_seen(self)]

    @property
    def protocol(self) -> str:
        protocol = self.splits.about.get(PROTOCOL, "")
        assert isinstance(protocol, str)
        return protocol

    @cached_property
    def held(self) -> Held:
        """The users of the validation. Items that nobody took in training cannot be found, and are left out."""
        numbers = {item: number for number, item in enumerate(self.items, start=1)}

        def read(column: str) -> Interactions:
            rows = self.splits.validation.lists(column)
            return Interactions.of([[numbers[i] for i in row if i in numbers] for row in rows], len(self.items))

        return Held(read("history"), read("relevant"))

    @cached_property
    def titles(self) -> dict[str, str]:
        """Of the items that the further file names."""
        table = self.splits.tables.get("items")
        if table is None or "title" not in table.columns:
            return {}
        return dict(zip(table.texts("item_id"), table.texts("title"), strict=True))

    @cached_property
    def texts(self) -> dict[str, str]:
        """What is known of an item in words: title, description, and the values it is filtered by."""
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
        """Those of whom a text is known, and that nobody took in training."""
        learned = set(self.items)
        return [item for item in self.texts if item not in learned]

    @cached_property
    def filters(self) -> dict[str, dict[str, list[str]]]:
        """Column -> value -> the ids of the items that have it."""
        table = self.splits.tables.get("items")
        if table is None:
            return {}
        own = ("item_id", "title", "item_text")
        chosen = [name for name in table.columns if name not in own and self.options.wants(self.options.filters, name)]
        ids = list(table.texts("item_id"))
        found = {name: postings(list(table.texts(name))) for name in chosen}
        return {n: {v: [ids[place] for place in places] for v, places in p.items()} for n, p in found.items() if p}

    @cached_property
    def fields(self) -> list[Field]:
        return fields_of(self._about_users, self.options.attributes)

    @cached_property
    def _about_users(self) -> dict[str, list[str]]:
        table = self.splits.tables.get("users")
        return {} if table is None else {name: list(table.texts(name)) for name in table.columns if name != "user_id"}

    @cached_property
    def _user_rows(self) -> dict[str, int]:
        table = self.splits.tables.get("users")
        return {} if table is None else {user: row for row, user in enumerate(table.texts("user_id"))}

    def attributes(self, users: Sequence[str]) -> np.ndarray:
        """(users, fields) int64: see `fields.encoded`."""
        columns, rows = self._about_users, [self._user_rows.get(user) for user in users]
        described = [{} if row is None else {f.name: columns[f.name][row] for f in self.fields} for row in rows]
        return encoded(self.fields, described)

    @cached_property
    def everybody(self) -> list[str]:
        """Those who took something, and those of whom only attributes are known."""
        return list(dict.fromkeys([*self.users, *self._user_rows]))


def _stripped(table: Table, role: str) -> Table:
    return replace(table, columns={**table.columns, role: [name.strip() for name in table.texts(role)]})


def prepare(splits: Splits, options: Recommendation) -> RecommendationData:
    if options.strip_ids:
        roles = {"items": "item_id", "users": "user_id"}
        splits = replace(splits, tables={name: _stripped(table, roles[name]) for name, table in splits.tables.items()})
    items, ids = codes(splits.train.texts("item"))
    users, names = codes(splits.train.texts("user"))  # numbered as they stand: by user
    starts = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=len(names)))]).astype(np.int64)
    return RecommendationData(splits, options, ids, names, Interactions(starts, items + np.int32(1), len(ids)))


def complete(splits: Splits, resources: Path) -> None:
    """The histories that a served artifact goes on from end with what was held out to judge it."""
    assert splits.whole is not None
    users, catalogue = Users.load(resources), _numbers_of(resources)
    user_codes, user_ids = codes(splits.whole.texts("user"))
    item_codes, item_ids = codes(splits.whole.texts("item"))
    items = np.array([catalogue.get(item, 0) for item in item_ids], np.int32)[item_codes]
    places = np.array([users.numbers.get(user, -1) for user in user_ids])[user_codes]
    kept = (items > 0) & (places >= 0)
    order = np.argsort(places[kept], kind="stable")
    counts = np.bincount(places[kept], minlength=len(users.ids))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    Users(users.ids, starts, items[kept][order], users.attributes).save(resources)


def _numbers_of(resources: Path) -> Mapping[str, int]:
    return Catalogue.load(resources).numbers
