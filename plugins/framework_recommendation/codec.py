"""The codec: a user or a history -> one call of the recommender graph -> items. No torch."""

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
from framework_recommendation.requests import parse_request, strip_ids

VERSION = 1
# Golden examples leave out the user id, and stay short: scores of the first items are furthest apart.
BRIEF = {"user": None, "k": 5}


class RecommendationCodec:
    """Turns requests into calls of the graph "recommender", and adds items by their texts."""

    version = VERSION

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        """settings: as `fitting` writes them. resources: holds the catalogue and the users."""
        self.k: int = settings["k"]
        """Items in an answer, unless the request says otherwise."""
        self.max_history: int = settings["max_history"]
        """Items of a history that the model reads, the newest ones, at most."""
        self.repeats: bool = settings["repeats"]
        """Whether items may be recommended to users who took them."""
        self.protocol: str = settings.get("protocol", "")
        """How the metrics of the run were measured, in a sentence."""
        self.strip_ids: bool = settings.get("strip_ids", False)
        """Whether spaces around ids are removed."""
        self.uses_attributes: bool = settings["uses_attributes"]
        """Whether the model reads attributes; otherwise only the fallback to popularity does."""
        self.fields = [Field(**field) for field in settings["fields"]]
        self.catalogue = Catalogue.load(resources)
        self.users = Users.load(resources)
        # settings["texts"] is None where items cannot be added
        self.additions = Additions(settings["texts"], resources, self.catalogue) if settings["texts"] else None

    def parse(self, request: Any) -> Request:
        """Checks a request and completes it with defaults. Raises InputError, also for filter values that no item has."""
        complete = parse_request(request, self.k, list(self.catalogue.postings), [field.name for field in self.fields])
        complete = strip_ids(complete) if self.strip_ids else complete
        for column, wanted in complete["filter"].items():
            values = self.catalogue.postings[column]
            for value in wanted:
                if value not in values:
                    raise InputError(f"filter: no item has {column} {value!r:.100}; {nearest(value, list(values), 'values')}")
        return complete

    def start(self, request: Request) -> Steps:
        """Makes one call of the graph; where the filter and the exclusions leave no item, no call, and the answer is empty."""
        history, unknown = self._history(request)
        attributes = self._attributes(request)
        excluded, unknown_excluded = self.catalogue.numbers_of(request["exclude"])
        unknown += unknown_excluded
        excluded += [] if self.repeats else history
        allowed = self.catalogue.matching(request["filter"]) if request["filter"] else None
        path = self._path(request, history, attributes)
        if allowed is not None and not allowed - set(excluded):
            return self._response(request, [], [], path, unknown)
        outputs = yield Call(
            "recommender",
            {
                "history": _row(self._learned_history(history)),
                "attributes": _row(attributes),
                "excluded": _row(sorted({0, *excluded})),
                "allowed": _row(sorted(allowed or [0])),
                "places": np.zeros((1, min(request["k"], len(self.catalogue))), np.int64),
            },
        )
        return self._response(request, outputs["ids"][0].tolist(), outputs["scores"][0].tolist(), path, unknown)

    def _history(self, request: Request) -> tuple[list[int], list[str]]:
        """Item numbers of the request's history, or else of the user's, and the ids that are not in the catalogue."""
        if request["history"] is not None:
            return self.catalogue.numbers_of(request["history"])
        history = self.users.history(request["user"]) if request["user"] is not None else None
        return history or [], []

    def taken(self, request: Request) -> list[int]:
        """Numbers of the items that an answer may not hold, because the user has them already."""
        return [] if self.repeats else self._history(request)[0]

    def _learned_history(self, history: Sequence[int]) -> list[int]:
        """The newest items as the network knows them: each added item is replaced by the learned item most like it."""
        learned = self.catalogue.learned
        like = self.additions.like if self.additions is not None else {}
        numbers = [number if number <= learned else like.get(number, 0) for number in history]
        return [number for number in numbers if number][-self.max_history :]

    def _attributes(self, request: Request) -> list[int]:
        """The value number of each field, 0 for unknown values: of the request's attributes, or else of the user's."""
        attributes = request["attributes"]
        stored = self.users.values(request["user"]) if request["user"] is not None and not attributes else None
        if stored is not None:
            return stored
        numbers: list[int] = encoded(self.fields, [attributes])[0].tolist()
        return numbers

    def _path(self, request: Request, history: Sequence[int], attributes: Sequence[int]) -> str:
        """What the answer is based on: the response's key "path"."""
        if history:
            return "history" if request["history"] is not None else "user"
        return "attributes" if any(attributes) else "popularity"

    def _response(
        self, request: Request, ids: Sequence[int], scores: Sequence[float], path: str, unknown: Sequence[str]
    ) -> Response:
        items = [{**self.catalogue.entry(n), "score": score} for n, score in zip(ids, scores, strict=True) if n]
        response: Response = {"items": items, "path": path, "unknown": list(dict.fromkeys(unknown))}
        if request["user"] is not None:
            response["known_user"] = request["user"] in self.users.numbers
        return response

    def flatten(self, response: Response) -> dict[str, str]:
        """The response as cells of a CSV row; lists are JSON, because ids may contain spaces."""
        ids = [item["item"] for item in response["items"]]
        names = ("path", "unknown")
        return {"items": json.dumps(ids, ensure_ascii=False)} | {n: json.dumps(response[n], ensure_ascii=False) for n in names}

    def interface(self) -> Interface:
        example = {"history": [self.catalogue.ids[place] for place in self.catalogue.by_popularity[:3]], "k": 5}
        columns = {name: list(values) for name, values in self.catalogue.postings.items()}
        fields = {field.name: () if field.edges else field.values for field in self.fields}
        request = request_schema(self.k, columns, fields)
        return Interface(request, response_schema(), example, DrawnRanking(), "recommend", golden_overrides=BRIEF)

    @staticmethod
    def odd_requests() -> list[Request]:
        """An empty request, an unknown user, unknown items, and more items than the catalogue has."""
        empty: Request = {"user": None, "history": None, "k": 10, "exclude": [], "filter": {}, "attributes": {}}
        strange = ["", " ", "no such item", "007", "naïve 😀"]
        return [empty, {**empty, "user": "nobody"}, {**empty, "history": strange}, {**empty, "history": [], "k": 1000}]

    # The methods below make this a `framework.Growing` codec.

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
    """(1, n) int64; a single zero for no numbers."""
    return np.array([list(numbers) or [0]], dtype=np.int64)
