"""From interactions to what is exported: a recommender, the tables it ranks by, and what its codec knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from framework import FitContext, Fitted, Tensors
from framework_recommendation.additions import EMBEDDINGS, PROJECTION, unpopular, vector_of
from framework_recommendation.catalogue import Catalogue, Users
from framework_recommendation.data import RecommendationData
from framework_recommendation.encoder import TextEncoder
from framework_recommendation.graph import graph
from framework_recommendation.models import Side, Trained
from framework_recommendation.models import fit as fit_recommender
from framework_recommendation.options import Recommender
from framework_recommendation.popularity import popularity_table
from framework_recommendation.readiness import check_texts
from framework_text.options import BackboneSource
from framework_text.tokenizer import write_tokenizer


def popularity(context: FitContext) -> Fitted:
    return _baseline(context, "popularity")


def item_knn(context: FitContext) -> Fitted:
    return _baseline(context, "item_knn")


def _baseline(context: FitContext, algorithm: str) -> Fitted:
    """Without reading texts: items that nobody took come last."""
    data, model = context.data, replace(context.model, algorithm=algorithm)
    side = _side(data, None)
    trained = fit_recommender(data.train, data.held, model, context, side)
    return _Whole(data, trained, model.text_encoder, None, None, side).fitted()


def fit(context: FitContext) -> Fitted:
    """Fits the algorithm of the recipe, or the best of several, and puts beside it what a served recommender needs."""
    data: RecommendationData = context.data
    model: Recommender = context.model
    encoder = _encoder(data, model)
    embeddings = None
    if encoder is not None:
        embeddings = encoder.embed(["", *(data.texts.get(item, "") for item in data.items)])
    side = _side(data, embeddings)
    trained = fit_recommender(data.train, data.held, model, context, side)
    return _Whole(data, trained, model.text_encoder, encoder, embeddings, side).fitted()


def _side(data: RecommendationData, embeddings: np.ndarray | None) -> Side:
    judged = list(data.splits.validation.texts("user"))
    return Side(embeddings, data.attributes(data.users), data.attributes(judged))


def _encoder(data: RecommendationData, model: Recommender) -> TextEncoder | None:
    """None where no text is known of any item, or no encoder is named."""
    check_texts(data, model)
    return TextEncoder.of(model.text_encoder) if data.texts and model.text_encoder.name else None


@dataclass(frozen=True)
class _Whole:
    """Everything there is, on its way to a `Fitted`."""

    data: RecommendationData
    trained: Trained
    source: BackboneSource
    encoder: TextEncoder | None
    embeddings: np.ndarray | None
    side: Side

    @property
    def grows(self) -> bool:
        """Whether items can be added by their texts."""
        return self.encoder is not None and self.trained.items is not None

    def fitted(self) -> Fitted:
        data, trained = self.data, self.trained
        assert self.side.attributes is not None
        values = sum(len(field.values) for field in data.fields)
        tables: Tensors = {"popularity": popularity_table(data.train, self.side.attributes, values)}
        if trained.items is not None:
            tables["items"] = np.ascontiguousarray(trained.items, dtype=np.float32)
        added, like = self._added(tables)
        graphs = [graph(trained, tables, len(data.items), len(data.fields))]
        if self.grows and self.encoder is not None:
            graphs.append(self.encoder.graph())
        return Fitted(
            settings={
                "k": data.options.k,
                "strip_ids": data.options.strip_ids,
                "max_history": trained.max_history,
                "repeats": data.options.repeats,
                "fields": [field.plain() for field in data.fields],
                "uses_attributes": trained.uses_attributes,
                "texts": {"like": like} if self.grows else None,
            },
            graphs=tuple(graphs),
            tables=tables,
            write_resources=partial(self._write, [*data.items, *added]),
            save=self._save,
            facts={"items": len(data.items) + len(added), "protocol": data.protocol, **self._about(added), **trained.facts},
        )

    def _about(self, added: Sequence[str]) -> dict[str, Any]:
        source = self.source
        backbone = {"backbone": source.name, "licence": source.licence or "not stated (model.encoder.licence= records it)"}
        return {"new_items": len(added), "max_history": self.trained.max_history, **(backbone if self.grows else {})}

    def _added(self, tables: Tensors) -> tuple[list[str], list[tuple[int, int]]]:
        """Items that nobody took in training, known by their texts: they get rows like those added later."""
        learned = set(self.data.items)
        new = [item for item in self.data.texts if item not in learned] if self.source.name else []
        if not new:
            return [], []
        vectors, like = self._vectors(new, tables)
        first = len(tables["popularity"])
        rows: Tensors = {"popularity": np.repeat(unpopular(tables["popularity"])[None], len(new), axis=0)}
        if vectors is not None:
            rows["items"] = vectors.astype(np.float32)
        tables.update({name: np.concatenate([tables[name], more]) for name, more in rows.items()})
        return new, [(first + place, one) for place, one in enumerate(like)]

    def _vectors(self, new: Sequence[str], tables: Tensors) -> tuple[np.ndarray | None, list[int]]:
        """Rows of the item table, and for each the learned item most like it; without an encoder rows that rank last."""
        items = tables.get("items")
        if items is None or self.encoder is None or self.embeddings is None:
            return None if items is None else np.repeat(items.min(0, keepdims=True) - 1, len(new), axis=0), []
        texts = self.encoder.embed([self.data.texts[item] for item in new])
        found = [vector_of(one, self.embeddings, items, self.trained.projection) for one in texts]
        return np.stack([vector for vector, _ in found]), [like for _, like in found]

    def _write(self, items: Sequence[str], folder: Path) -> None:
        data = self.data
        numbers = {item: number for number, item in enumerate(items, start=1)}
        counts = data.train.counts()[1:].tolist()
        counts += [0] * (len(items) - len(counts))
        places = {
            column: {value: found for value, ids in own.items() if (found := [numbers[i] for i in ids if i in numbers])}
            for column, own in data.filters.items()
        }
        titles = [data.titles.get(item, "") for item in items]
        Catalogue(list(items), titles, counts, len(data.items), places).save(folder)
        self._users().save(folder)
        if self.grows and self.encoder is not None and self.embeddings is not None:
            np.save(folder / EMBEDDINGS, self.embeddings, allow_pickle=False)
            write_tokenizer(self.encoder.tokenizer, self.encoder.max_length, folder)
            if self.trained.projection is not None:
                np.save(folder / PROJECTION, self.trained.projection, allow_pickle=False)

    def _users(self) -> Users:
        """Histories of training; those of whom only attributes are known have none."""
        train, everybody = self.data.train, self.data.everybody
        starts = np.concatenate([train.starts, np.full(len(everybody) - train.users, train.starts[-1])])
        return Users(everybody, starts, train.items, self.data.attributes(everybody))

    def _save(self, folder: Path) -> None:
        """The network's weights and the tables, for people who go on in Python."""
        from safetensors.torch import save_file

        tensors = {f"network.{name}": value.contiguous().clone() for name, value in self.trained.network.state_dict().items()}
        if self.trained.items is not None:
            tensors["items"] = torch.from_numpy(self.trained.items).contiguous()
        save_file(tensors, folder / "recommender.safetensors")
