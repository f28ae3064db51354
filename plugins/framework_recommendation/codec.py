"""Who asks, or what they took -> one run of the recommender -> items. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework import Call, DrawnRanking, InputError, Interface, Request, Response, Steps, Tensors, nearest
from framework_recommendation.additions import Additions
from framework_recommendation.catalogue import Catalogue, Users
from framework_recommendation.fields import Field, encoded
from framework_recommendation.interface import request_schema, response_schema
from framework_recommendation.requests import parsed, stripped

VERSION = 1
BRIEF = {"user": None, "k": 5}  # of golden examples: who it was does not matter, and the first few are furthest apart


class RecommendationCodec:
    """settings: k: items of an answer unless a request says otherwise; max_history: newest items that the model reads;
    repeats: whether items may be recommended to those who took them; strip_ids: whether spaces around ids mean nothing;
    fields: attributes of users, each with its values; uses_attributes: whether the model reads them, or only the fallback;
    texts: how items are added, None: not at all; protocol: how the rows of its run were held out, for people.
    """

    version = VERSION

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.k: int = settings["k"]
        self.max_history: int = settings["max_history"]
        self.repeats: bool = settings["repeats"]
        self.protocol: str = settings.get("protocol", "")
        self.strip_ids: bool = settings.get("strip_ids", False)
        self.uses_attributes: bool = settings["uses_attributes"]
        self.fields = [Field(**one) for one in settings["fields"]]
        self.catalogue = Catalogue.load(resources)
        self.users = Users.load(resources)
        self.additions = Additions(settings["texts"], resources, self.catalogue) if settings["texts"] else None

    def parse(self, request: Any) -> Request:
        """Raises InputError, also for filter values that no item has."""
        asked = parsed(request, self.k, list(self.catalogue.postings), [field.name for field in self.fields])
        asked = stripped(asked) if self.strip_ids else asked
        for column, wanted in asked["filter"].items():
            there = self.catalogue.postings[column]
            for value in wanted:
                if value not in there:
                    raise InputError(f"filter: no item has {column} {value!r:.100}; {nearest(value, list(there), 'values')}")
        return asked

    def start(self, request: Request) -> Steps:
        """One call. What filter and exclusions leave nothing of is answered with no items, without one."""
        history, unknown = self._history(request)
        attributes = self._attributes(request)
        excluded, more = self.catalogue.known(request["exclude"])
        unknown += more
        excluded += [] if self.repeats else history
        allowed = self.catalogue.allowed(request["filter"]) if request["filter"] else None
        path = self._path(request, history, attributes)
        if allowed is not None and not allowed - set(excluded):
            return self._response(request, [], [], path, unknown)
        read = self._read(history)
        found = yield Call(
            "recommender",
            {
                "history": _row(read),
                "attributes": _row(attributes),
                "excluded": _row(sorted({0, *excluded})),
                "allowed": _row(sorted(allowed or [0])),
                "places": np.zeros((1, min(request["k"], len(self.catalogue))), np.int64),
            },
        )
        return self._response(request, found["ids"][0].tolist(), found["scores"][0].tolist(), path, unknown)

    def _history(self, request: Request) -> tuple[list[int], list[str]]:
        """What the request says was taken; without it what is known of the user."""
        if request["history"] is not None:
            return self.catalogue.known(request["history"])
        found = self.users.history(request["user"]) if request["user"] is not None else None
        return found or [], []

    def taken(self, request: Request) -> list[int]:
        """Numbers of the items that an answer may not hold, for who asks has them already."""
        return [] if self.repeats else self._history(request)[0]

    def _read(self, history: Sequence[int]) -> list[int]:
        """As the network takes it: of items it does not know those most like them."""
        learned = self.catalogue.learned
        like = self.additions.like if self.additions is not None else {}
        numbers = [number if number <= learned else like.get(number, 0) for number in history]
        return [number for number in numbers if number][-self.max_history :]

    def _attributes(self, request: Request) -> list[int]:
        """The number of the value of each field, 0 where it is unknown."""
        given = request["attributes"]
        known = self.users.values(request["user"]) if request["user"] is not None and not given else None
        if known is not None:
            return known
        numbers: list[int] = encoded(self.fields, [given])[0].tolist()
        return numbers

    def _path(self, request: Request, history: Sequence[int], attributes: Sequence[int]) -> str:
        """What the answer rests on."""
        if history:
            return "history" if request["history"] is not None else "user"
        return "attributes" if any(attributes) else "popularity"

    def _response(
        self, request: Request, ids: Sequence[int], scores: Sequence[float], path: str, unknown: Sequence[str]
    ) -> Response:
        items = [{**self.catalogue.about(n), "score": score} for n, score in zip(ids, scores, strict=True) if n]
        found: Response = {"items": items, "path": path, "unknown": list(dict.fromkeys(unknown))}
        if request["user"] is not None:
            found["known_user"] = request["user"] in self.users.numbers
        return found

    def flatten(self, response: Response) -> dict[str, str]:
        """Ids between spaces would not hold ids with spaces: JSON."""
        ids = [item["item"] for item in response["items"]]
        names = ("path", "unknown")
        return {"items": json.dumps(ids, ensure_ascii=False)} | {n: json.dumps(response[n], ensure_ascii=False) for n in names}

    def interface(self) -> Interface:
        example = {"history": [self.catalogue.ids[place] for place in self.catalogue.by_popularity[:3]], "k": 5}
        columns = {name: list(found) for name, found in self.catalogue.postings.items()}
        fields = {field.name: () if field.edges else field.values for field in self.fields}
        request = request_schema(self.k, columns, fields)
        return Interface(request, response_schema(), example, DrawnRanking(), "recommend", golden_overrides=BRIEF)

    @staticmethod
    def odd_requests() -> list[Request]:
        """Nothing known; nobody known; one unknown item; more than there is."""
        whole: Request = {"user": None, "history": None, "k": 10, "exclude": [], "filter": {}, "attributes": {}}
        strange = ["", " ", "no such item", "007", "naïve 😀"]
        return [whole, {**whole, "user": "nobody"}, {**whole, "history": strange}, {**whole, "history": [], "k": 1000}]

    # tables that grow: see `framework.Growing`

    def check_new(self, item: str) -> None:
        self._additions().check_new(item)

    def find(self, text: str, most: int) -> list[Response]:
        return self.catalogue.find(text, most)

    def parse_addition(self, entry: Any) -> Request:
        return self._additions().parse(entry)

    def adding(self, entry: Request) -> Steps:
        return self._additions().steps(entry)

    def rows(self, kept: Sequence[Response]) -> Tensors:
        return self._additions().rows(kept)

    def describe(self, kept: Sequence[Response]) -> None:
        self._additions().describe(kept)

    def add(self, kept: Sequence[Response]) -> None:
        self._additions().add(kept)

    def _additions(self) -> Additions:
        if self.additions is None:
            raise InputError(
                "this artifact cannot take new items: it was made without texts of items (data.items=FILE with a title, "
                "encoder.name= a sentence encoder), or its model keeps no vectors of items (item_knn)"
            )
        return self.additions


def _row(numbers: Sequence[int]) -> np.ndarray:
    """(1, n) int64, a zero where there is nothing."""
    return np.array([list(numbers) or [0]], dtype=np.int64)
