"""Opens a folder that `fitting.fit` wrote: the graph that ranks items, and the graph that encodes texts of items."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from framework import Fitted, read_fitted
from framework_recommendation import encoder
from framework_recommendation.codec import RecommendationCodec
from framework_recommendation.encoder import TextEncoder
from framework_recommendation.graph import graph
from framework_recommendation.models.storage import load_network, weights
from framework_recommendation.models.trained import Rebuildable, Trained


def open_fitted(folder: Path) -> Fitted:
    fitted = read_fitted(folder)
    codec = RecommendationCodec(fitted.codec.settings, folder / "resources")
    network, learned = load_network(folder), codec.catalogue.learned
    items = fitted.tables.get("items")
    trained = Trained(network, items, codec.max_history, uses_attributes=codec.uses_attributes)
    graphs = [graph(trained, fitted.tables, learned, len(codec.fields))]
    if (folder / encoder.FILE).exists():
        graphs.append(TextEncoder.load(folder).graph())
    return replace(fitted, graphs=tuple(graphs), save=partial(_save, network, None if items is None else items[: learned + 1]))


def _save(network: Rebuildable, items: np.ndarray | None, folder: Path) -> None:
    """Writes the network's weights and the vectors of learned items, for use in Python without the framework.

    items: (learned items + 1, dimensions) float32; None: the network has no such vectors.
    """
    tensors = {f"network.{name}": value for name, value in weights(network).items()}
    if items is not None:
        tensors["items"] = torch.from_numpy(np.ascontiguousarray(items))
    save_file(tensors, folder / "recommender.safetensors")
