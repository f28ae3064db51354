"""Fits a recommender and writes the fitted folder: network, tables of the graph, and resources of the codec."""

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
from framework_recommendation.models import ALGORITHMS, SideInformation, Trained
from framework_recommendation.models.storage import save_network
from framework_recommendation.options import HybridOptions, ReadsTexts
from framework_recommendation.popularity import popularity_table
from framework_recommendation.readiness import check_texts, has_texts_and_encoder
from framework_text.tokenizer import write_tokenizer


def fit(name: str, data: RecommendationData, context: FitContext[Recommendation, Any]) -> None:
    """Fits the algorithm `name` of `ALGORITHMS`, and writes the fitted folder `context.output`."""
    torch.manual_seed(context.seed)
    if isinstance(context.options, HybridOptions):
        check_texts(data, context.options.encoder)
    encoder = _encoder(data, context.options)
    vectors = None if encoder is None else _vectors(data, encoder)
    validation = list(data.splits.validation.texts("user"))
    texts = None if vectors is None else vectors.learned
    side = SideInformation(texts, data.attributes(data.users), data.attributes(validation))
    trained = ALGORITHMS[name](data.train, data.held_out, context.options, context, side)
    _Recommender(data, trained, encoder, vectors).write(context.output)


def _encoder(data: RecommendationData, options: object) -> TextEncoder | None:
    """The encoder of the texts of items; None where no item has a text, or the candidate does not read texts."""
    if isinstance(options, ReadsTexts) and has_texts_and_encoder(data, options.encoder):
        return TextEncoder.of(options.encoder)
    return None


def _vectors(data: RecommendationData, encoder: TextEncoder) -> ItemVectors:
    """Embeddings of all texts; computed once, and shared by the candidates of the run."""
    if encoder.folder not in data.vectors:
        texts = ["", *(data.texts.get(item, "") for item in data.items), *(data.texts[item] for item in data.new_items)]
        vectors, learned = encoder.embed(texts), len(data.items) + 1
        data.vectors[encoder.folder] = ItemVectors(vectors[:learned], vectors[learned:])
    return data.vectors[encoder.folder]


@dataclass(frozen=True)
class _Recommender:
    """A fitted recommender with everything that its folder holds."""

    data: RecommendationData
    trained: Trained
    encoder: TextEncoder | None
    """None: items cannot be added."""
    vectors: ItemVectors | None
    """The embeddings of the texts of all items by `encoder`; None without an encoder."""

    def write(self, output: Path) -> None:
        """Writes the fitted folder."""
        tables, like = self._tables(self.trained.items)
        before = self.trained.held_out_items
        held_out = {} if before is None else {"items": self._tables(before)[0]["items"]}
        resources = write_fitted(output, CodecSpec(TASK, self._settings(like)), self._facts(), tables, held_out)
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
        """Ids of the items of training, then of items that are known by their texts alone."""
        return [*self.data.items, *(self.data.new_items if self.vectors is not None else ())]

    def _tables(self, learned: np.ndarray | None) -> tuple[Tensors, list[tuple[int, int]]]:
        """The tables of the graph, and for each item known by its text alone its number and the learned item most like it.

        Items known by their texts alone get rows as items do that are added after training. learned: see `Trained.items`.
        """
        data = self.data
        values = sum(len(field.values) for field in data.fields)
        tables: Tensors = {"popularity": popularity_table(data.train, data.attributes(data.users), values)}
        if learned is not None:
            tables["items"] = np.ascontiguousarray(learned, dtype=np.float32)
        if self.vectors is None or not len(self.vectors.new):
            return tables, []
        items, first = tables["items"], len(tables["items"])
        pairs = [vector_of(text, self.vectors.learned, items, self.trained.projection) for text in self.vectors.new]
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
        postings = {
            column: {
                value: items_with for value, ids in values.items() if (items_with := [numbers[i] for i in ids if i in numbers])
            }
            for column, values in data.filters.items()
        }
        return Catalogue(items, [data.titles.get(item, "") for item in items], counts, len(data.items), postings)

    def _users(self) -> Users:
        """Histories of training; empty for users of whom only attributes are known."""
        train, users = self.data.train, self.data.all_users
        starts = np.concatenate([train.starts, np.full(len(users) - train.users, train.starts[-1])])
        return Users(users, starts, train.items, self.data.attributes(users))
