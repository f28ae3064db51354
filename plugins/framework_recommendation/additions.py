"""Items that come after training: known by their texts, they get a row beside those that were learned. No torch."""

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
LONGEST = 20_000  # characters of a text
NEIGHBOURS = 10  # learned items that a new one is taken to be like
SHARPNESS = 20.0  # of the weights of neighbours: exp(SHARPNESS * cosine)
EMBEDDINGS, PROJECTION = "item-texts.npy", "item-projection.npy"


class Additions:
    """settings: max_length: tokens of a text. resources: the embeddings of the learned items' texts, and where the model was
    trained to read texts the projection from an embedding to a row of its item table.

    like: item number -> the learned item most like it, which stands for it in histories.
    """

    def __init__(self, settings: Mapping[str, Any], resources: Path, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.tokenizer = read_tokenizer(resources)
        self.embeddings: np.ndarray = np.load(resources / EMBEDDINGS, allow_pickle=False)
        tables = resources / "tables"
        self.items: np.ndarray = np.load(tables / "items.npy", mmap_mode="r", allow_pickle=False)
        self.popularity: np.ndarray = np.load(tables / "popularity.npy", mmap_mode="r", allow_pickle=False)
        projection = resources / PROJECTION
        self.projection: np.ndarray | None = np.load(projection, allow_pickle=False) if projection.exists() else None
        self.like: dict[int, int] = {int(new): int(old) for new, old in settings["like"]}

    def parse(self, entry: Any) -> Request:
        """Raises InputError, also for an item that is there already."""
        if not isinstance(entry, Mapping) or not {"item", "text"} <= entry.keys():
            raise InputError('an item is an object such as {"item": "1683", "text": "Title, genre, description"}')
        if unknown := [key for key in entry if key not in KEYS]:
            raise InputError(*(f"unknown key {key!r:.100}; {nearest(str(key), KEYS, 'keys')}" for key in unknown[:5]))
        item, text, values = entry["item"], entry["text"], entry.get("values", {})
        item = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
        title = entry.get("title", text)
        if not all(isinstance(one, str) and one.strip() for one in (item, text, title)):
            raise InputError("item, text and title are texts that are not empty")
        for where, one in (("item", item), ("text", text), ("title", title)):
            check_text(one, where)
        if len(text) > LONGEST:
            raise InputError(f"text has {len(text):,} characters where {LONGEST:,} are allowed")
        self.check_new(item)
        return {"item": item, "text": text, "title": title, "values": self._values(values)}

    def check_new(self, item: str) -> None:
        if item in self.catalogue.numbers:
            raise InputError(f"item {item!r:.100} is in the catalogue already")

    def _values(self, values: Any) -> dict[str, list[str]]:
        columns = list(self.catalogue.postings)
        if not isinstance(values, Mapping) or any(column not in columns for column in values):
            raise InputError(f"values is an object from columns to texts; the columns are {', '.join(columns) or 'none'}")
        found = {column: [one] if isinstance(one, str) else one for column, one in values.items()}
        if not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in found.values()):
            raise InputError("values: each column needs a text or a list of texts")
        for column, texts in found.items():
            for text in texts:
                check_text(text, column)
        return found

    def steps(self, entry: Request) -> Steps:
        ids = token_ids(self.tokenizer, entry["text"])
        feeds = {"input_ids": np.array([ids], np.int64), "attention_mask": np.ones((1, len(ids)), np.int64)}
        embedding = (yield Call("item_text", feeds))["text_vector"][0]
        vector, like = self.vector_of(embedding)
        kept = {key: entry[key] for key in ("item", "title", "values")}
        return {**kept, "vector": base64.b64encode(vector.astype("<f4").tobytes()).decode(), "like": like}

    def vector_of(self, embedding: np.ndarray) -> tuple[np.ndarray, int]:
        """A row of the item table for a text's embedding, and the number of the learned item most like it.

        What the model was trained to make of a text; else the mean of the rows of the items with the most similar texts, the
        more similar the heavier.
        """
        return vector_of(embedding, self.embeddings, self.items, self.projection)

    def rows(self, kept: Sequence[Response]) -> Tensors:
        """Raises InputError, KeyError, TypeError or ValueError for what `steps` did not make for this artifact."""
        vectors = [self._vector(one) for one in kept]
        if twice := [item for item, count in Counter(one["item"] for one in kept).items() if count > 1]:
            raise InputError(f"items stand there twice: {', '.join(map(repr, twice[:5]))}")
        least = np.repeat(unpopular(self.popularity)[None], len(kept), axis=0)
        return {"items": np.stack(vectors).astype(np.float32), "popularity": least}

    def _vector(self, one: Response) -> np.ndarray:
        if not all(isinstance(one[key], str) for key in ("item", "title")) or not isinstance(one["like"], int):
            raise ValueError("item and title are texts, like is a number")
        self.check_new(one["item"])
        self._values(one["values"])
        vector: np.ndarray = np.frombuffer(base64.b64decode(one["vector"]), "<f4")
        if vector.shape != self.items.shape[1:]:
            raise ValueError(f"vector has {len(vector)} numbers, not {self.items.shape[1]}")
        return vector

    def describe(self, kept: Sequence[Response]) -> None:
        for one in kept:
            self.catalogue.describe(one["item"], one["title"])

    def add(self, kept: Sequence[Response]) -> None:
        for one in kept:
            self.like[len(self.catalogue) + 1] = one["like"]  # before requests may name it
            self.catalogue.admit(one["values"])


def vector_of(
    embedding: np.ndarray, embeddings: np.ndarray, items: np.ndarray, projection: np.ndarray | None
) -> tuple[np.ndarray, int]:
    """embedding: (dimensions,) of length 1; embeddings: (learned + 1, dimensions), zeros where there is no text."""
    cosines = embeddings @ embedding
    cosines[0] = -1.0
    cosines[~embeddings.any(1)] = -1.0
    nearest_ones = np.argsort(-cosines, kind="stable")[:NEIGHBOURS]
    like = int(nearest_ones[0])
    if projection is not None:
        found: np.ndarray = embedding @ projection[:-1] + projection[-1]
        return found, like
    weights = np.exp(SHARPNESS * (cosines[nearest_ones] - cosines[like]))
    mean: np.ndarray = (weights / weights.sum()) @ items[nearest_ones]
    return mean, like


def unpopular(popularity: np.ndarray) -> np.ndarray:
    """The row of an item that nobody took: after all others where popularity decides, no better for anybody's attributes."""
    least: np.ndarray = np.zeros(popularity.shape[1], np.float32)
    least[0] = popularity[1:, 0].min(initial=0.0) - 1.0
    return least
