"""The recommender as one graph: histories in, the best items out; exclusions and filters are applied inside the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import nn

from framework import Graph, ModuleBackend, Tensor, Tensors
from framework_recommendation.models.trained import Trained

NAME = "recommender"
LOWEST = float(torch.finfo(torch.float32).min)
RELATIVE = 1e-5  # tolerance of scores, relative to the largest score
MORE = 13  # items added, excluded or allowed in the largest example
RANKED = 10  # items of an answer in the largest example


class Ranking(nn.Module):
    """Ranks all items by ``network(history, attributes) @ items.T``; without a history, by popularity.

    Inputs, int64: history (batch, length), item numbers, the newest last, then zeros. attributes (batch, fields), value
    numbers, 0 for unknown values. excluded, allowed (batch, n), item numbers and zeros; a row of `allowed` that is all zeros
    allows every item. places (batch, k), of which only the shape matters: k items are wanted.
    Tables, float32: items (catalogue + 1, dimensions), popularity (catalogue + 1, values + 1).

    Outputs: ids (batch, k) int64, 0 where fewer than k items remain; scores (batch, k) float32.
    """

    def __init__(self, network: nn.Module, uses_attributes: bool, values: int) -> None:
        super().__init__()
        self.network, self.uses_attributes, self.values = network, uses_attributes, values

    def forward(
        self,
        history: torch.Tensor,
        attributes: torch.Tensor,
        excluded: torch.Tensor,
        allowed: torch.Tensor,
        places: torch.Tensor,
        items: torch.Tensor,
        popularity: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        scores = self.network(history, attributes) @ items.T
        return self.rank(scores, history, attributes, excluded, allowed, places, popularity)

    def rank(
        self,
        scores: torch.Tensor,
        history: torch.Tensor,
        attributes: torch.Tensor,
        excluded: torch.Tensor,
        allowed: torch.Tensor,
        places: torch.Tensor,
        popularity: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The outputs, from the network's scores (batch, catalogue + 1). Other arguments: the inputs of the graph."""
        personal = (history > 0).any(1, keepdim=True)
        if self.uses_attributes:
            personal = personal | (attributes > 0).any(1, keepdim=True)
        scores = torch.where(personal, scores, self.fallback(attributes, popularity))
        blocked = torch.zeros_like(scores).scatter(1, excluded, 1.0)
        wanted = torch.zeros_like(scores).scatter(1, allowed, 1.0)
        unfiltered = (allowed > 0).any(1, keepdim=True).logical_not()
        eligible = (blocked < 0.5) & ((wanted > 0.5) | unfiltered)
        best, ids = torch.where(eligible, scores, LOWEST).topk(places.shape[1], dim=1)
        filled = best > LOWEST / 2
        return torch.where(filled, ids, 0), torch.where(filled, best, 0.0)

    def fallback(self, attributes: torch.Tensor, popularity: torch.Tensor) -> torch.Tensor:
        """(batch, catalogue + 1) scores without a history: log popularity, plus the terms of the user's attribute values."""
        shape = (attributes.shape[0], self.values + 1)
        chosen = torch.zeros(shape, dtype=popularity.dtype, device=attributes.device).scatter(1, attributes, 1.0)
        always = torch.cat([torch.ones_like(chosen[:, :1]), chosen[:, 1:]], dim=1)
        return always @ popularity.T


class RankingOfScores(Ranking):
    """`Ranking` for networks that return the scores of all items, without a table of items."""

    def forward(  # type: ignore[override]
        self,
        history: torch.Tensor,
        attributes: torch.Tensor,
        excluded: torch.Tensor,
        allowed: torch.Tensor,
        places: torch.Tensor,
        popularity: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        scores = self.network(history, attributes)
        scores = nn.functional.pad(scores, (0, popularity.shape[0] - scores.shape[1]))  # items behind those of training score 0
        return self.rank(scores, history, attributes, excluded, allowed, places, popularity)


def graph(trained: Trained, tables: Tensors, learned: int, fields: int) -> Graph:
    """The graph of a fitted recommender.

    tables: "popularity" (catalogue + 1, values + 1) and, unless the network scores items itself, "items" (catalogue + 1,
    dimensions). learned: number of items of training, the first of the catalogue. fields: number of attributes of users.
    """
    popularity, items = tables["popularity"], tables.get("items")
    catalogue, values = len(popularity) - 1, popularity.shape[1] - 1
    kind = Ranking if items is not None else RankingOfScores
    wide = () if items is None else (Tensor("items", "float32", ("items", items.shape[1])),)
    growing: Mapping[str, tuple[int, int]] = {} if items is None else {"items": (catalogue + 1, catalogue + 1 + MORE)}
    rows = "items" if growing else catalogue + 1
    ranking = Graph(
        NAME,
        inputs=(
            Tensor("history", "int64", ("batch", "history")),
            Tensor("attributes", "int64", ("batch", max(1, fields))),
            Tensor("excluded", "int64", ("batch", "excluded")),
            Tensor("allowed", "int64", ("batch", "allowed")),
            Tensor("places", "int64", ("batch", "k")),
        ),
        tables=(*wide, Tensor("popularity", "float32", (rows, values + 1))),
        outputs=(Tensor("ids", "int64", ("batch", "k")), Tensor("scores", "float32", ("batch", "k"))),
        axes={
            "history": (1, trained.max_history),
            "excluded": (1, MORE),
            "allowed": (1, MORE),
            "k": (1, min(RANKED, catalogue)),
            **growing,
        },
        tolerance={},
        ranks=("ids", "scores"),
        source=kind(trained.network, trained.uses_attributes, values).eval(),
        example=partial(example, learned=learned, fields=max(1, fields), values=values, tables=tables),
    )
    return replace(ranking, tolerance={"scores": RELATIVE * max(1.0, _largest_score(ranking))})


def _largest_score(ranking: Graph) -> float:
    """The largest absolute score of the largest example: the rounding error of a sum grows with its size."""
    assert ranking.example is not None
    feeds = ranking.example({"batch": 3, **{axis: high for axis, (_, high) in ranking.axes.items()}})
    return float(np.abs(ModuleBackend([ranking]).run(NAME, feeds)["scores"]).max())


def example(sizes: Mapping[str, int], learned: int, fields: int, values: int, tables: Tensors) -> Tensors:
    """Random feeds; every third history is empty. Tables get as many rows as `sizes` says: their first rows are repeated.

    learned, fields, values: numbers of items of training, of attributes, and of attribute values.
    """
    batch, rows = sizes["batch"], sizes.get("items", len(tables["popularity"]))
    random = np.random.default_rng(sum(size * 31**place for place, size in enumerate(sizes.values())) % 2**32)

    def numbers(width: int, most: int) -> np.ndarray:
        return random.integers(0, most, (batch, width), dtype=np.int64, endpoint=True)

    history = numbers(sizes["history"], min(learned, rows - 1))
    history[2::3] = 0
    allowed = numbers(sizes["allowed"], rows - 1)
    allowed[1::2] = 0
    repeated = np.arange(rows) % len(tables["popularity"])
    return {
        "history": history,
        "attributes": numbers(fields, values) if values else np.zeros((batch, fields), np.int64),
        "excluded": np.concatenate([np.zeros((batch, 1), np.int64), numbers(sizes["excluded"] - 1, rows - 1)], axis=1),
        "allowed": allowed,
        "places": np.zeros((batch, sizes["k"]), np.int64),
        **{name: table[repeated] if len(table) != rows else table for name, table in tables.items()},
    }
