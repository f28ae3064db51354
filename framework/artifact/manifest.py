"""What a sealed artifact says of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from framework.contracts.graph import Graph, State, Tensor
from framework.errors import InputError

FORMAT = 1


VERSION = 12  # characters of the seal that name a version


MANIFEST = "manifest.json"
RESOURCES = "resources"
GOLDEN = "golden.jsonl"


def read_manifest(folder: Path) -> Any:
    """Raises InputError when it cannot be read, or was altered."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        sealed = manifest["seal"]
        intact = isinstance(manifest["files"], dict) and sealed == seal_of(manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / MANIFEST} is damaged: {error}; copy the artifact again") from error
    if not intact:
        raise InputError(f"{folder / MANIFEST} was altered after sealing; copy the artifact again or run the recipe again")
    return manifest


def describe_graphs(graphs: Sequence[Graph]) -> list[dict[str, Any]]:
    """Graphs as plain data, without what runs them."""
    keys = ("name", "inputs", "outputs", "axes", "tolerance", "unscaled", "decides", "ranks", "state", "tables")
    return [{key: _plain(getattr(graph, key)) for key in keys} for graph in graphs]


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def seal_of(manifest: Mapping[str, Any]) -> str:
    """sha256 of the manifest without its seal, in a form that does not depend on layout."""
    content = {key: value for key, value in manifest.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Tensor | State):
        return {key: _plain(item) for key, item in asdict(value).items()}
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def graph_of(entry: Mapping[str, Any]) -> Graph:
    return Graph(
        entry["name"],
        inputs=_tensors(entry["inputs"]),
        outputs=_tensors(entry["outputs"]),
        axes={axis: (low, high) for axis, (low, high) in entry["axes"].items()},
        tolerance=entry["tolerance"],
        unscaled=tuple(entry.get("unscaled", ())),
        decides=entry["decides"],
        ranks=None if entry.get("ranks") is None else tuple(entry["ranks"]),
        state=tuple(State(**state) for state in entry["state"]),
        tables=_tensors(entry.get("tables", ())),
    )


def _tensors(entries: Sequence[Mapping[str, Any]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(entry["name"], entry["dtype"], tuple(entry["axes"]), entry["pad"]) for entry in entries)
