"""From interactions to a folder: a recommender, the tables it ranks by, and what its codec knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from framework import CodecSpec, FitContext, ModelFacts, Tensors, message, write_fitted
from framework_recommendation import TASK, Recommendation
from framework_recommendation.additions import EMBEDDINGS, PROJECTION, unpopular, vector_of
from framework_recommendation.catalogue import Catalogue, Users
from framework_recommendation.data import ItemVectors, RecommendationData
from framework_recommendation.encoder import TextEncoder
from framework_recommendation.models import ALGORITHMS, Side, Trained
from framework_recommendation.models.storage import save_network
from framework_recommendation.options import HybridOptions, ReadsTexts
from framework_recommendation.popularity import popularity_table
from framework_recommendation.readiness import check_texts, reads
from framework_text.tokenizer import write_tokenizer


def fit(name: str, data: RecommendationData, context: FitContext[Recommendation, Any]) -> None:
    """Fits an algorithm, and puts beside it what a served recommender needs. name: in `ALGORITHMS`."""
    torch.manual_seed(context.seed)
    if isinstance(context.options, HybridOptions):
        check_texts(data, context.options.encoder)
    encoder = _encoder(data, context.options)
    vectors = None if encoder is None else _vectors(data, encoder)
    judged = list(data.splits.validation.texts("user"))
    side = Side(None if vectors is None else vectors.learned, data.attributes(data.users), data.attributes(judged))
    trained = ALGORITHMS[name](data.train, data.held, context.options, context, side)
    _Recommender(data, trained, encoder, vectors).write(context.output)


def _encoder(data: RecommendationData, options: object) -> TextEncoder | None:
    """None where no text is known of any item, or nothing reads texts."""
    reading = isinstance(options, ReadsTexts) and reads(data, options.encoder)
    return TextEncoder.of(options.encoder) if reading and isinstance(options, ReadsTexts) else None


def _vectors(data: RecommendationData, encoder: TextEncoder) -> ItemVectors:
    """Texts are read once for all candidates that are fitted one after the other."""
    if encoder.folder not in data.vectors:
        texts = ["", *(data.texts.get(item, "") for item in data.items), *(data.texts[item] for item in data.new_items)]
        found = encoder.embed(texts)
        data.vectors[encoder.folder] = ItemVectors(found[: len(data.items) + 1], found[len(data.items) + 1 :])
    return data.vectors[encoder.folder]


@dataclass(frozen=True)
class _Recommender:
    """Everything there is, on its way into a folder.

    encoder, vectors: what reads texts, and what it made of those of all items; None: items cannot be added.
    """

    data: RecommendationData
    trained: Trained
    encoder: TextEncoder | None
    vectors: ItemVectors | None

    def write(self, output: Path) -> None:
        tables, like = self._tables()
        resources = write_fitted(output, CodecSpec(TASK, self._settings(like)), self._facts(), tables)
        save_network(self.trained.network, output)
        self._catalogue().save(resources)
        self._users().save(resources)
        if self.encoder is not None and self.vectors is not None:
            self.encoder.save(output)
            write_tokenizer(self.encoder.tokenizer, self.encoder.max_length, resources)
            np.save(resources / EMBEDDINGS, self.vectors.learned, allow_pickle=False)
            if self.trained.projection is not None:
                np.save(resources / PROJECTION, self.trained.projection, allow_pickle=False)

    @cached_property
    def items(self) -> list[str]:
        """Those that were taken, and behind them those that are known by their texts alone."""
        return [*self.data.items, *(self.data.new_items if self.vectors is not None else ())]

    def _tables(self) -> tuple[Tensors, list[tuple[int, int]]]:
        """What the graph ranks by, with rows for items that nobody took like those of items added later; and for each of these
        the learned item most like it.
        """
        data = self.data
        values = sum(len(field.values) for field in data.fields)
        tables: Tensors = {"popularity": popularity_table(data.train, data.attributes(data.users), values)}
        if self.trained.items is not None:
            tables["items"] = np.ascontiguousarray(self.trained.items, dtype=np.float32)
        if self.vectors is None or not len(self.vectors.new):
            return tables, []
        items, first = tables["items"], len(tables["items"])
        pairs = [vector_of(one, self.vectors.learned, items, self.trained.projection) for one in self.vectors.new]
        new = np.stack([vector for vector, _ in pairs]).astype(np.float32)
        least = np.repeat(unpopular(tables["popularity"])[None], len(new), axis=0)
        tables = {"popularity": np.concatenate([tables["popularity"], least]), "items": np.concatenate([items, new])}
        return tables, [(first + place, like) for place, (_, like) in enumerate(pairs)]

    def _settings(self, like: list[tuple[int, int]]) -> Mapping[str, Any]:
        task = self.data.options
        return {
            "k": task.k,
            "strip_ids": task.strip_ids,
            "max_history": self.trained.max_history,
            "repeats": task.repeats,
            "fields": [field.plain() for field in self.data.fields],
            "uses_attributes": self.trained.uses_attributes,
            "texts": None if self.encoder is None else {"like": like},
            "protocol": self.data.protocol,
        }

    def _facts(self) -> ModelFacts:
        source = None if self.encoder is None else self.encoder.source
        new = len(self.items) - len(self.data.items)
        counts = {message("items"): len(self.items), "new_items": new, "max_history": self.trained.max_history}
        return ModelFacts(
            backbone=None if source is None else source.name,
            licence=None if source is None else source.licence or "not stated (encoder.licence= records it)",
            parameters=self.trained.parameters,
            rows=len(self.data.train),
            training=self.trained.training,
            details={**counts, message("protocol"): self.data.protocol, **self.trained.facts},
        )

    def _catalogue(self) -> Catalogue:
        data, items = self.data, self.items
        numbers = {item: number for number, item in enumerate(items, start=1)}
        counts = data.train.counts()[1:].tolist()
        counts += [0] * (len(items) - len(counts))
        places = {
            column: {value: places for value, ids in own.items() if (places := [numbers[i] for i in ids if i in numbers])}
            for column, own in data.filters.items()
        }
        return Catalogue(items, [data.titles.get(item, "") for item in items], counts, len(data.items), places)

    def _users(self) -> Users:
        """Histories of training; those of whom only attributes are known have none."""
        train, everybody = self.data.train, self.data.everybody
        starts = np.concatenate([train.starts, np.full(len(everybody) - train.users, train.starts[-1])])
        return Users(everybody, starts, train.items, self.data.attributes(everybody))
