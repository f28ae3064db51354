"""Latency and memory of the top 10 for one user, in-process: for a run, and for a catalogue of a million random items.

    python benchmarks/recommendation_serving.py runs/recommendation/latest

The large artifact is not trained: its vectors are random, but its graph is exported and its folder sealed as by a run. Each
artifact is opened in a process of its own and answers one request at a time, through `framework.load(...).predict`. Requests
name a known user, or a random history of `LENGTH` items.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import heading
from framework import CodecSpec, Graph, Metric, ModelFacts, Request, Section, Settings, Variant, write_fitted
from framework.artifact.draft import Draft
from framework.artifact.manifest import (
    FORMAT,
    RESOURCES,
    DataFacts,
    GoldenFacts,
    Judged,
    Manifest,
    SealedCodec,
    SealedVariant,
)
from framework.artifact.sealed import find_artifact
from framework.export.writing import export
from framework.plugins import load_plugins
from framework.report.console import as_text
from framework_recommendation.catalogue import ITEMS as ITEMS_FILE
from framework_recommendation.catalogue import USERS as USERS_FILE
from framework_recommendation.catalogue import Catalogue, Users
from framework_recommendation.codec import VERSION
from framework_recommendation.graph import graph
from framework_recommendation.interactions import Interactions
from framework_recommendation.models.bpr import Factors
from framework_recommendation.models.trained import Trained
from framework_recommendation.popularity import popularity_table

MANY, DIMENSIONS, USERS, LENGTH = 1_000_000, 64, 1000, 50
PAIRS = 50  # of requests, a known user and a history each
FAST, SLOW, MEMORY = 1.5, 60.0, 1500.0  # targets: ms for MovieLens, ms for a million items, MB


@dataclass(frozen=True)
class Cost:
    """What one process needed to answer requests."""

    opened: float
    """Seconds to open the artifact."""
    median: float
    """Milliseconds of a request."""
    ninth: float
    """Milliseconds, 90th percentile."""
    resident: float
    """MB after the last request."""
    peak: float
    """MB at most."""
    torch: bool
    """Whether torch was imported."""
    items: int
    """Size of the catalogue."""


# Runs in a process of its own, so that it imports only what `framework.load` needs.
PROGRAM = """
import json, re, sys, time
from pathlib import Path
import framework

folder, count = sys.argv[1], int(sys.argv[2])
started = time.perf_counter()
model = framework.load(folder)
opened = time.perf_counter() - started
requests = json.loads(sys.stdin.read())
for request in requests[:20]:
    model.predict([request])
took = []
for turn in range(count):
    request = requests[turn % len(requests)]
    started = time.perf_counter()
    [answer] = model.predict([request])
    took.append(1000 * (time.perf_counter() - started))
    assert len(answer["items"]) == 10, answer
took.sort()
status = Path("/proc/self/status").read_text()
resident, peak = (int(re.search(name + r":\\s*(\\d+) kB", status)[1]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
print(json.dumps({"opened": opened, "median": took[count // 2], "ninth": took[9 * count // 10], "resident": resident,
                  "peak": peak, "torch": "torch" in sys.modules}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", help="finished runs of the recommendation recipe")
    parser.add_argument("--items", type=int, default=MANY, help="of the random catalogue (default 1,000,000; 0: none)")
    parser.add_argument("--requests", type=int, default=300, help="timed for each artifact (default 300)")
    options = parser.parse_args()
    print(heading(), flush=True)
    rows = [row(run, FAST, measure(find_artifact(run), options.requests)) for run in options.runs]
    if options.items:
        with tempfile.TemporaryDirectory() as place:
            rows.append(row("random vectors", SLOW, measure(make_artifact(Path(place), options.items), options.requests)))
    print(as_text(table(rows)))


def make_artifact(place: Path, items: int) -> Path:
    """A sealed artifact of as many items, each with an id and a title, and of a thousand users."""
    random = np.random.default_rng(0)
    network = Factors(items, DIMENSIONS, dropout=0.0, negatives=1).eval()
    with torch.no_grad():
        vectors = network.matrix().numpy()
    trained = Trained(network, vectors, max_history=1000)
    histories = random.integers(1, items + 1, (USERS, LENGTH))
    train = Interactions.of([*histories], items)
    tables = {"popularity": popularity_table(train, np.zeros((USERS, 0), np.int64), 0), "items": vectors}
    graphs = [graph(trained, tables, items, 0)]
    draft, onnx = Draft(place / "artifact"), load_plugins().exporter("onnx")
    variant = export(graphs, onnx, onnx.options(), draft.folder, None)
    settings = {"k": 10, "max_history": 1000, "repeats": False, "fields": [], "uses_attributes": False, "texts": None}
    fitted = place / "fitted"
    fitted.mkdir()
    shutil.copytree(write_fitted(fitted, CodecSpec("recommendation", settings), tables=tables), draft.resources)
    ids = [f"{number:08d}" for number in range(1, items + 1)]
    titles = [f"An item with the number {number:,}" for number in range(1, items + 1)]
    Catalogue(ids, titles, train.counts()[1:].tolist(), items).save(draft.resources)
    Users([str(user) for user in range(USERS)], train.starts, train.items, np.zeros((USERS, 0), np.int64)).save(draft.resources)
    draft.seal(manifest(variant, graphs, settings))
    return draft.publish()


def manifest(variant: Variant, graphs: Sequence[Graph], settings: Settings) -> Manifest:
    """The manifest of a model that was neither trained nor evaluated."""
    sealed = SealedVariant(
        variant.format, variant.files, variant.precision, variant.facts, {}, 0, {}, 0.0, 0.0, "not judged", "", None
    )
    return Manifest(
        format=FORMAT,
        recipe="random vectors",
        created="",
        task="recommendation",
        candidate="bpr",
        title="random vectors",
        codec=SealedCodec("recommendation", VERSION, settings),
        graphs=tuple(graphs),
        features=None,
        variants={variant.name: sealed},
        default=variant.name,
        rejected={},
        verified=(),
        metric=Metric("ndcg@10"),
        evaluation=Judged(0, "test", "", (), {}),
        golden=GoldenFacts("synthetic", {}),
        data=DataFacts("", "", {}, (), {}, {}),
        model=ModelFacts(),
        versions={},
        files={},
        seal="",
    )


def measure(folder: Path, count: int) -> Cost:
    """Answers `count` requests, of known users and of histories alternately, in a process of its own."""
    users = json.loads((folder / RESOURCES / USERS_FILE).read_text("utf-8"))
    ids = json.loads((folder / RESOURCES / ITEMS_FILE).read_text("utf-8"))["ids"]
    random = np.random.default_rng(1)
    requests: list[Request] = []
    for _ in range(PAIRS):
        requests.append({"user": users[random.integers(len(users))]})
        requests.append({"history": [ids[place] for place in random.choice(len(ids), LENGTH, replace=False)]})
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), str(count)],
        input=json.dumps(requests), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return Cost(**json.loads(done.stdout), items=len(ids))


def row(name: str, target: float, cost: Cost) -> tuple[str, ...]:
    reached = cost.median < target and cost.resident < MEMORY and not cost.torch
    return (
        name,
        f"{cost.items:,}",
        f"{cost.opened:.1f}",
        f"{cost.median:.2f}",
        f"{cost.ninth:.2f}",
        f"{cost.resident:,.0f}",
        f"{cost.peak:,.0f}",
        "imported" if cost.torch else "not imported",
        f"< {target} ms, < {MEMORY:,.0f} MB: {'reached' if reached else 'missed'}",
    )


def table(rows: Sequence[tuple[str, ...]]) -> Section:
    header = ("", "items", "s to open", "ms, median", "ms, 9 of 10", "MB resident", "MB at most", "torch", "target")
    note = f"The 10 best items for one user at a time; {DIMENSIONS} dimensions of random vectors."
    return Section("A served top 10", header, rows, note)


if __name__ == "__main__":
    main()
