"""What an artifact holds beside its model: items with titles and filter values, and the histories of users. No torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

ITEMS, USERS = "items.json", "users.json"
MAX_TITLE = 200  # characters of a title that are shown, at most


@dataclass
class Catalogue:
    """The items, numbered from 1. New items are appended; existing items keep their numbers."""

    ids: list[str]
    """The id of item number n stands at n - 1."""
    titles: list[str]
    """In the order of `ids`; empty for items without a title."""
    counts: list[int]
    """Interactions of each item in training, in the order of `ids`."""
    learned: int
    """How many of the items, from the first on, are part of the trained network."""
    postings: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    """Filter column -> value -> numbers of the items that have it."""

    def __post_init__(self) -> None:
        self.numbers = {item: number for number, item in enumerate(self.ids, start=1)}
        self.total = max(1, sum(self.counts))
        self.by_popularity = sorted(range(len(self.ids)), key=lambda place: -self.counts[place])

    def __len__(self) -> int:
        """Number of items that requests may name; of items being added, only those that `admit` was called for."""
        return len(self.numbers)

    def describe(self, item: str, title: str) -> None:
        """Appends an item without interactions: answers may hold it from here on, requests may name it after `admit`."""
        self.titles.append(title)
        self.counts.append(0)
        self.ids.append(item)

    def admit(self, values: Mapping[str, Sequence[str]]) -> None:
        """Lets requests name the first described item that they may not name yet. values: filter column -> its values."""
        number = len(self.numbers) + 1
        self.by_popularity.append(number - 1)
        for column, column_values in values.items():
            for value in column_values:
                self.postings.setdefault(column, {}).setdefault(value, []).append(number)
        self.numbers[self.ids[number - 1]] = number  # last: requests are answered meanwhile

    def numbers_of(self, items: Iterable[str]) -> tuple[list[int], list[str]]:
        """The numbers of the ids that are in the catalogue, in order, and the ids that are not."""
        pairs = [(item, self.numbers.get(item)) for item in items]
        return [number for _, number in pairs if number is not None], [item for item, number in pairs if number is None]

    def matching(self, wanted: Mapping[str, Sequence[str]]) -> set[int]:
        """Numbers of the items that have one of the wanted values in each of the columns."""
        matches = [{n for value in values for n in self.postings[column].get(value, ())} for column, values in wanted.items()]
        return set.intersection(*matches)

    def entry(self, number: int) -> dict[str, Any]:
        """An item as answers show it. popularity: the item's share of all interactions in training."""
        place = number - 1
        title = {"title": self.titles[place][:MAX_TITLE]} if self.titles[place] else {}
        return {"item": self.ids[place], **title, "popularity": self.counts[place] / self.total}

    def find(self, text: str, most: int) -> list[dict[str, Any]]:
        """At most `most` items: the item with the id `text`, then items whose title or id contains `text` in any case, the most
        popular first.
        """
        wanted = text.casefold()
        containing = (
            place + 1
            for place in self.by_popularity
            if self.ids[place] != text and (wanted in self.titles[place].casefold() or wanted in self.ids[place].casefold())
        )
        exact = [self.numbers[text]] if text in self.numbers else []
        return [self.entry(number) for number in islice(chain(exact, containing), most)]

    def save(self, folder: Path) -> None:
        names = ("ids", "titles", "counts", "learned", "postings")
        (folder / ITEMS).write_text(json.dumps({name: getattr(self, name) for name in names}, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        return cls(**json.loads((folder / ITEMS).read_text("utf-8")))


@dataclass
class Users:
    """The history and the attributes of each user."""

    ids: list[str]
    starts: np.ndarray
    """(users + 1,) int64; user u took ``items[starts[u]:starts[u + 1]]``."""
    items: np.ndarray
    """(interactions,) int32 item numbers, by user and time."""
    attributes: np.ndarray
    """(users, fields) int64 value numbers, 0 for unknown values: see `fields.encoded`."""

    def __post_init__(self) -> None:
        self.numbers = {user: number for number, user in enumerate(self.ids)}

    def history(self, user: str) -> list[int] | None:
        """The item numbers of a user, the newest last; None for an unknown user."""
        number = self.numbers.get(user)
        if number is None:
            return None
        history: list[int] = self.items[self.starts[number] : self.starts[number + 1]].tolist()
        return history

    def values(self, user: str) -> list[int] | None:
        """The value numbers of a user's attributes; None for an unknown user."""
        number = self.numbers.get(user)
        return None if number is None else self.attributes[number].tolist()

    def save(self, folder: Path) -> None:
        (folder / USERS).write_text(json.dumps(self.ids, ensure_ascii=False), "utf-8")
        for name in ("starts", "items", "attributes"):
            np.save(folder / f"users-{name}.npy", getattr(self, name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Users:
        arrays = [np.load(folder / f"users-{name}.npy", allow_pickle=False) for name in ("starts", "items", "attributes")]
        return cls(json.loads((folder / USERS).read_text("utf-8")), *arrays)
