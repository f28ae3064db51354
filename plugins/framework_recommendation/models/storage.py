"""Networks as files: weights, and the name of the network's class in `NETWORKS`; a file can name no other class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from framework_recommendation.models.bpr import Factors
from framework_recommendation.models.ease import MultiHot
from framework_recommendation.models.hybrid import Pooled
from framework_recommendation.models.item_knn import Neighbours
from framework_recommendation.models.mult_vae import MultVAE
from framework_recommendation.models.popularity import Ones
from framework_recommendation.models.sasrec import SASRec
from framework_recommendation.models.trained import Rebuildable

NETWORKS: Mapping[str, type[Rebuildable]] = {
    "popularity": Ones,
    "item_knn": Neighbours,
    "ease": MultiHot,
    "hybrid": Pooled,
    "bpr": Factors,
    "mult_vae": MultVAE,
    "sasrec": SASRec,
}
WEIGHTS, NETWORK = "network.safetensors", "network.json"


def save_network(network: Rebuildable, folder: Path) -> None:
    """Writes the weights, the name of the network's class, and the arguments of the constructor."""
    name = next(name for name, kind in NETWORKS.items() if type(network) is kind)
    (folder / NETWORK).write_text(json.dumps({"network": name, "numbers": network.numbers}), encoding="utf-8")
    save_file(weights(network), folder / WEIGHTS)


def load_network(folder: Path) -> Rebuildable:
    """The network that `save_network` wrote, in eval mode. Weights are not initialized at random before they are read."""
    content = json.loads((folder / NETWORK).read_text(encoding="utf-8"))
    with torch.device("meta"):
        network = NETWORKS[content["network"]](**content["numbers"])
    aligned = {
        name: value.clone() for name, value in load_file(folder / WEIGHTS).items()
    }  # in unaligned memory sums round differently
    network.load_state_dict(aligned, assign=True)
    return network.requires_grad_(False).eval()


def weights(network: Rebuildable) -> dict[str, torch.Tensor]:
    """Copies of the network's weights by name."""
    return {name: value.detach().contiguous().clone() for name, value in network.state_dict().items()}
