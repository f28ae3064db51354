"""Items that are added after training by their texts: each gets a row in the tables of the graph. No torch."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework import Call, InputError, Request, Response, Steps, Tensors, nearest
from framework_recommendation.catalogue import Catalogue
from framework_recommendation.requests import check_text
from framework_text.tokenizer import read_tokenizer, token_ids

KEYS = ("item", "text", "title", "values")
LONGEST = 20_000  # characters of a text, at most
NEIGHBOURS = 10  # learned items whose rows are averaged for a new item, at most
SHARPNESS = 20.0  # a neighbour weighs exp(SHARPNESS * cosine)
EMBEDDINGS, PROJECTION = "item-texts.npy", "item-projection.npy"


class Additions:
    """Makes rows for new items from the embeddings of their texts, and enters the items in the catalogue."""

    def __init__(self, settings: Mapping[str, Any], resources: Path, catalogue: Catalogue) -> None:
        """settings: "like" holds pairs of item numbers: an item that was added by its text when the candidate was fitted, and
        the learned item with the most similar text.

        resources: holds the tokenizer, the embeddings of the learned items' texts and the tables of the graph; where the model
        was trained to read texts also the projection from an embedding to a row of its item table.
        """
        self.catalogue = catalogue
        self.tokenizer = read_tokenizer(resources)
        self.embeddings: np.ndarray = np.load(resources / EMBEDDINGS, allow_pickle=False)
        tables = resources / "tables"
        self.items: np.ndarray = np.load(tables / "items.npy", mmap_mode="r", allow_pickle=False)
        self.popularity: np.ndarray = np.load(tables / "popularity.npy", mmap_mode="r", allow_pickle=False)
        projection = resources / PROJECTION
        self.projection: np.ndarray | None = np.load(projection, allow_pickle=False) if projection.exists() else None
        self.like: dict[int, int] = {int(new): int(old) for new, old in settings["like"]}
        """Number of an added item -> the learned item most like it, which replaces it in histories."""

    def parse(self, entry: Any) -> Request:
        """Checks an addition, as the user writes it. Raises InputError, also for an item that is already in the catalogue."""
        if not isinstance(entry, Mapping) or not {"item", "text"} <= entry.keys():
            raise InputError('an item is an object such as {"item": "1683", "text": "Title, genre, description"}')
        if unknown := [key for key in entry if key not in KEYS]:
            raise InputError(*(f"unknown key {key!r:.100}; {nearest(str(key), KEYS, 'keys')}" for key in unknown[:5]))
        item, text, values = entry["item"], entry["text"], entry.get("values", {})
        item = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
        title = entry.get("title", text)
        if not all(isinstance(value, str) and value.strip() for value in (item, text, title)):
            raise InputError("item, text and title are texts that are not empty")
        for key, value in (("item", item), ("text", text), ("title", title)):
            check_text(value, key)
        if len(text) > LONGEST:
            raise InputError(f"text has {len(text):,} characters where {LONGEST:,} are allowed")
        self.check_new(item)
        return {"item": item, "text": text, "title": title, "values": self._values(values)}

    def check_new(self, item: str) -> None:
        """Raises InputError for an item that is in the catalogue already."""
        if item in self.catalogue.numbers:
            raise InputError(f"item {item!r:.100} is in the catalogue already")

    def _values(self, values: Any) -> dict[str, list[str]]:
        """Filter column -> values of the item. Raises InputError for other columns, and for values that are not texts."""
        columns = list(self.catalogue.postings)
        if not isinstance(values, Mapping) or any(column not in columns for column in values):
            raise InputError(f"values is an object from columns to texts; the columns are {', '.join(columns) or 'none'}")
        lists = {column: [texts] if isinstance(texts, str) else texts for column, texts in values.items()}
        if not all(isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in lists.values()):
            raise InputError("values: each column needs a text or a list of texts")
        for column, texts in lists.items():
            for text in texts:
                check_text(text, column)
        return lists

    def steps(self, entry: Request) -> Steps:
        """Encodes the text of a parsed entry; returns the record that is stored of the item, as plain data."""
        ids = token_ids(self.tokenizer, entry["text"])
        feeds = {"input_ids": np.array([ids], np.int64), "attention_mask": np.ones((1, len(ids)), np.int64)}
        embedding = (yield Call("item_text", feeds))["text_vector"][0]
        vector, like = self.vector_of(embedding)
        description = {key: entry[key] for key in ("item", "title", "values")}
        return {**description, "vector": base64.b64encode(vector.astype("<f4").tobytes()).decode(), "like": like}

    def vector_of(self, embedding: np.ndarray) -> tuple[np.ndarray, int]:
        """See the function `vector_of`."""
        return vector_of(embedding, self.embeddings, self.items, self.projection)

    def rows(self, records: Sequence[Response]) -> Tensors:
        """The rows that new items append to the tables of the graph; changes nothing.

        records: as `steps` returns them. Raises InputError, KeyError, TypeError or ValueError for other records, and for those
        of another artifact.
        """
        vectors = [self._vector(record) for record in records]
        if twice := [item for item, count in Counter(record["item"] for record in records).items() if count > 1]:
            raise InputError(f"items stand there twice: {', '.join(map(repr, twice[:5]))}")
        least = np.repeat(unpopular(self.popularity)[None], len(records), axis=0)
        return {"items": np.stack(vectors).astype(np.float32), "popularity": least}

    def _vector(self, record: Response) -> np.ndarray:
        """The (dimensions,) row of the item table in a record, after checking the record; for the errors see `rows`."""
        if not all(isinstance(record[key], str) for key in ("item", "title")) or not isinstance(record["like"], int):
            raise ValueError("item and title are texts, like is a number")
        self.check_new(record["item"])
        self._values(record["values"])
        vector: np.ndarray = np.frombuffer(base64.b64decode(record["vector"]), "<f4")
        if vector.shape != self.items.shape[1:]:
            raise ValueError(f"vector has {len(vector)} numbers, not {self.items.shape[1]}")
        return vector

    def describe(self, records: Sequence[Response]) -> None:
        """Lets answers hold these items."""
        for record in records:
            self.catalogue.describe(record["item"], record["title"])

    def add(self, records: Sequence[Response]) -> None:
        """Lets requests name these items; to be called after `describe`."""
        for record in records:
            self.like[len(self.catalogue) + 1] = record["like"]  # before requests may name the item
            self.catalogue.admit(record["values"])


def vector_of(
    embedding: np.ndarray, embeddings: np.ndarray, items: np.ndarray, projection: np.ndarray | None
) -> tuple[np.ndarray, int]:
    """The row of the item table for a new text, (width,), and the number of the learned item with the most similar text.

    The row is the projection of the embedding where the model was trained to read texts. Otherwise it is the mean of the rows
    of the items with the most similar texts, weighted by exp(SHARPNESS * cosine).

    embedding: (dimensions,) of length 1. embeddings: (learned + 1, dimensions) of the learned items, zeros where there is no
    text. items: (learned + 1, width). projection: (dimensions + 1, width), its last row the bias; None where the model was not
    trained to read texts.
    """
    cosines = embeddings @ embedding
    cosines[0] = -1.0
    cosines[~embeddings.any(1)] = -1.0
    neighbours = np.argsort(-cosines, kind="stable")[:NEIGHBOURS]
    like = int(neighbours[0])
    if projection is not None:
        projected: np.ndarray = embedding @ projection[:-1] + projection[-1]
        return projected, like
    weights = np.exp(SHARPNESS * (cosines[neighbours] - cosines[like]))
    mean: np.ndarray = (weights / weights.sum()) @ items[neighbours]
    return mean, like


def unpopular(popularity: np.ndarray) -> np.ndarray:
    """(values + 1,) the row of the popularity table for an item without interactions: below every other item for all users."""
    least: np.ndarray = np.zeros(popularity.shape[1], np.float32)
    least[0] = popularity[1:, 0].min(initial=0.0) - 1.0
    return least
