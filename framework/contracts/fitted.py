"""The folder of a fitted candidate: what every candidate writes beside its own files, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from framework.contracts.candidate import RESOURCES, Fitted
from framework.contracts.codec import CodecSpec
from framework.contracts.facts import ModelFacts, TrainingFacts
from framework.contracts.graph import Tensors

FITTED = "fitted.json"
TABLES = "tables"  # of the resources


def write_fitted(
    folder: Path, codec: CodecSpec, facts: ModelFacts | None = None, tables: Mapping[str, np.ndarray] | None = None
) -> Path:
    """Writes what `read_fitted` reads, and returns the folder of the codec's resources, which the caller fills.

    tables: arrays that graphs take as `Graph.tables`.
    """
    resources = folder / RESOURCES
    resources.mkdir(exist_ok=True)
    content = {"codec": asdict(codec), "facts": asdict(facts or ModelFacts())}
    (folder / FITTED).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    save_tables(tables or {}, resources)
    return resources


def read_fitted(folder: Path) -> Fitted:
    """What `write_fitted` wrote: a candidate without graphs, to which `Candidate.open` adds its own."""
    content = json.loads((folder / FITTED).read_text(encoding="utf-8"))
    training = content["facts"].pop("training")
    facts = ModelFacts(**content["facts"], training=TrainingFacts(**training) if training else None)
    return Fitted(CodecSpec(**content["codec"]), tables=load_tables(folder / RESOURCES), facts=facts)


def save_tables(tables: Mapping[str, np.ndarray], resources: Path) -> None:
    """Each as ``tables/NAME.npy``."""
    if tables:
        (resources / TABLES).mkdir(exist_ok=True)
    for name, array in tables.items():
        np.save(resources / TABLES / f"{name}.npy", array, allow_pickle=False)


def load_tables(resources: Path) -> Tensors:
    return {path.stem: np.load(path, allow_pickle=False) for path in sorted((resources / TABLES).glob("*.npy"))}
