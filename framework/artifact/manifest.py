"""What a sealed artifact says of itself: a type, from which its JSON schema and the table in the docs are made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from framework.contracts.codec import Settings
from framework.contracts.evaluation import Metric
from framework.contracts.facts import ModelFacts, ParitySummary, VariantFacts
from framework.contracts.graph import Graph
from framework.contracts.plain import from_plain
from framework.errors import InputError

FORMAT = 2
VERSION = 12  # characters of the seal that name a version
MANIFEST = "manifest.json"
RESOURCES = "resources"
GOLDEN = "golden.jsonl"


@dataclass(frozen=True)
class SealedCodec:
    """What turns a request into calls of graphs, and their outputs into an answer."""

    name: str
    """An installed plugin must register it."""
    version: int
    """Of the codec's class; another one cannot open the artifact."""
    settings: Settings
    """The codec's own, plain data."""


@dataclass(frozen=True)
class SealedVariant:
    """One way to run the model."""

    format: Literal["onnx", "torchscript", "codec"] | str
    """onnx runs without torch; codec has no graphs and answers alone."""
    files: Mapping[str, str]
    """Graph to path in the artifact."""
    precision: str
    """Such as fp32, or which quantization was chosen."""
    facts: VariantFacts
    """The exporter's own, for people: opset, what was quantized."""
    settings: Settings
    """Codec settings that differ for this file."""
    bytes: int
    metrics: Mapping[str, float]
    """On validation, fractions."""
    milliseconds: float
    """Median of one request alone, on the machine that exported."""
    per_second: float
    """Requests in batches, on the machine that exported."""
    decision: str
    """Whether it ships and why, in one sentence."""
    batch_effect: str
    """What answering requests together instead of alone changed."""
    parity: ParitySummary | None
    """How far an exact file is from the trained model; null for a lossy one, which the gate judges."""


@dataclass(frozen=True)
class Judged:
    """How good the file that ships is, on rows that nothing was chosen on."""

    rows: int
    split: Literal["test"]
    protocol: str
    """How it was measured, where the same names mean other numbers elsewhere."""
    untested: tuple[str, ...]
    """Classes without test rows, of which the numbers say nothing."""
    candidates: Mapping[str, Mapping[str, float]]
    """Metrics by candidate: the one that ships, and the baselines beside it."""


@dataclass(frozen=True)
class GoldenFacts:
    """The examples of golden.jsonl."""

    kind: Literal["rows", "synthetic"]
    """Masked validation rows, or made-up requests."""
    tolerance: Mapping[str, float]
    """By variant, the largest difference of a number in an answer."""


@dataclass(frozen=True)
class DataFacts:
    """The rows that the model was made from."""

    source: str
    licence: str
    columns: Mapping[str, str | tuple[str, ...]]
    """Role to the name that the column had in the training file, or the names of several."""
    classes: tuple[str, ...]
    """Labels as training spelled them; none where nothing is predicted from a fixed set."""
    rows: Mapping[str, int]
    """By split."""
    sha256: Mapping[str, str]
    """By split: equal fingerprints mean equal rows in equal order."""
    protocol: str = ""
    """How rows were split, where the task splits them by itself."""

    @property
    def names(self) -> dict[str, str | list[str]]:
        """`columns` as readers of files take them."""
        return {role: name if isinstance(name, str) else list(name) for role, name in self.columns.items()}


@dataclass(frozen=True)
class SealedFile:
    """One file of an artifact."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """manifest.json."""

    format: int
    """Raised when a reader of the format before could not read what is written."""
    recipe: str
    """The recipe's name; the whole of it stands in recipe.yaml."""
    created: str
    """ISO 8601, UTC."""
    task: str
    """An installed plugin must register it."""
    candidate: str
    """The name of the candidate that ships."""
    title: str
    """The same for people."""
    codec: SealedCodec
    graphs: tuple[Graph, ...]
    """What the files compute: inputs, outputs, axes, tolerances. None where the codec answers alone."""
    features: str | None
    """GRAPH.OUTPUT that holds a vector of each request, where the candidate gives one."""
    variants: Mapping[str, SealedVariant]
    """By exporter, the ways to run the model that ship."""
    default: str
    """The variant that answers unless another is named."""
    rejected: Mapping[str, SealedVariant]
    """Lossy files that were tried and did not ship."""
    verified: tuple[str, ...]
    """Checks of what stands before the graphs, such as the tokenizer, that every row passed."""
    metric: Metric
    evaluation: Judged
    golden: GoldenFacts
    data: DataFacts
    model: ModelFacts
    versions: Mapping[str, str]
    """Of Python and libraries."""
    files: Mapping[str, SealedFile]
    """Every file of the artifact but manifest.json, by its path in it."""
    seal: str
    """sha256 of the manifest without this key, as JSON with sorted keys, ASCII, ', ' and ': ' between."""

    @property
    def version(self) -> str:
        return self.seal[:VERSION]


def read_manifest(folder: Path) -> Manifest:
    """Raises InputError when it cannot be read, was altered, or has another format."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        intact = isinstance(content["files"], dict) and content["seal"] == seal_of(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: {error}; copy the artifact again") from error
    if not intact:
        raise InputError(f"{path} was altered after sealing; copy the artifact again or run the recipe again")
    if content.get("format") != FORMAT:
        raise InputError(f"{folder} has format {content.get('format')}; this version reads format {FORMAT}")
    try:
        return from_plain(Manifest, content)
    except ValueError as error:
        raise InputError(f"{path} is no manifest of format {FORMAT}: {error}; run the recipe again") from error


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def seal_of(manifest: Mapping[str, Any]) -> str:
    """sha256 of the manifest without its seal, in a form that does not depend on layout."""
    content = {key: value for key, value in manifest.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
