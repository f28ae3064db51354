"""What an artifact knows beside its model: items, their titles and values to filter by, and who took what. No torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

ITEMS, USERS = "items.json", "users.json"
TITLE = 200  # characters of a title that are shown


@dataclass
class Catalogue:
    """Items by number, from 1 on. It may grow: what is there stays where it is.

    ids, titles: number n stands at n - 1. counts: how often each was taken in training. learned: how many of the items, from
    the first on, the network knows. postings: column -> value -> the items that have it.
    """

    ids: list[str]
    titles: list[str]
    counts: list[int]
    learned: int
    postings: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.numbers = {item: number for number, item in enumerate(self.ids, start=1)}
        self.total = max(1, sum(self.counts))
        self.by_popularity = sorted(range(len(self.ids)), key=lambda place: -self.counts[place])

    def __len__(self) -> int:
        """Items that requests may name."""
        return len(self.numbers)

    def describe(self, item: str, title: str) -> None:
        """A new item, which nobody took yet: answers may hold it from here on."""
        self.titles.append(title)
        self.counts.append(0)
        self.ids.append(item)

    def admit(self, values: Mapping[str, Sequence[str]]) -> None:
        """The first of those described that requests may not name yet: from here on they may."""
        number = len(self.numbers) + 1
        self.by_popularity.append(number - 1)
        for column, found in values.items():
            for value in found:
                self.postings.setdefault(column, {}).setdefault(value, []).append(number)
        self.numbers[self.ids[number - 1]] = number  # last

    def known(self, items: Iterable[str]) -> tuple[list[int], list[str]]:
        """Numbers, in order, and the ids that are none of this catalogue's."""
        pairs = [(item, self.numbers.get(item)) for item in items]
        return [number for _, number in pairs if number is not None], [item for item, number in pairs if number is None]

    def allowed(self, wanted: Mapping[str, Sequence[str]]) -> set[int]:
        """Items that have one of the values in each of the columns."""
        found = [{n for value in values for n in self.postings[column].get(value, ())} for column, values in wanted.items()]
        return set.intersection(*found)

    def about(self, number: int) -> dict[str, Any]:
        """popularity: the share of all that was taken in training."""
        place = number - 1
        title = {"title": self.titles[place][:TITLE]} if self.titles[place] else {}
        return {"item": self.ids[place], **title, "popularity": self.counts[place] / self.total}

    def find(self, text: str, most: int) -> list[dict[str, Any]]:
        """The item of that id, then those whose title or id holds the text, whatever its case, the most popular first."""
        wanted = text.casefold()
        holding = (
            place + 1
            for place in self.by_popularity
            if self.ids[place] != text and (wanted in self.titles[place].casefold() or wanted in self.ids[place].casefold())
        )
        same = [self.numbers[text]] if text in self.numbers else []
        return [self.about(number) for number in islice(chain(same, holding), most)]

    def save(self, folder: Path) -> None:
        names = ("ids", "titles", "counts", "learned", "postings")
        (folder / ITEMS).write_text(json.dumps({name: getattr(self, name) for name in names}, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        return cls(**json.loads((folder / ITEMS).read_text("utf-8")))


@dataclass
class Users:
    """The items that each user took, in the order of time. attributes: (users, fields) numbers of values, 0 unknown."""

    ids: list[str]
    starts: np.ndarray
    items: np.ndarray
    attributes: np.ndarray

    def __post_init__(self) -> None:
        self.numbers = {user: number for number, user in enumerate(self.ids)}

    def history(self, user: str) -> list[int] | None:
        """None for somebody unknown."""
        number = self.numbers.get(user)
        if number is None:
            return None
        found: list[int] = self.items[self.starts[number] : self.starts[number + 1]].tolist()
        return found

    def values(self, user: str) -> list[int] | None:
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
