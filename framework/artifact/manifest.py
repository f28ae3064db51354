"""The manifest of an artifact as typed data. Its JSON schema and the table in the docs are made from these classes."""

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
VERSION = 12  # characters of the seal that make the version
MANIFEST = "manifest.json"
RESOURCES = "resources"
GOLDEN = "golden.jsonl"


@dataclass(frozen=True)
class SealedCodec:
    """The codec, which turns a request into calls of graphs, and their outputs into a response."""

    name: str
    """The name that a plugin registers the codec under."""
    version: int
    """`Codec.version`; an installed codec of another version cannot open the artifact."""
    settings: Settings
    """The codec's settings, plain data."""


@dataclass(frozen=True)
class SealedVariant:
    """One way to run the model."""

    format: Literal["onnx", "torchscript", "codec"] | str
    """onnx runs without torch; codec has no graphs and answers alone."""
    files: Mapping[str, str]
    """Path of the file of each graph, relative to the artifact, by name of the graph."""
    precision: str
    """fp32, or the quantization."""
    facts: VariantFacts
    """Facts to show, such as the opset and what was quantized."""
    settings: Settings
    """Codec settings that replace those of `codec` for this variant."""
    bytes: int
    """Size of all files of the variant, in bytes."""
    metrics: Mapping[str, float]
    """Metrics on validation rows, as fractions, by name."""
    milliseconds: float
    """Median time to answer one request alone, on the machine that exported."""
    per_second: float
    """Requests answered a second, in batches, on the machine that exported."""
    decision: str
    """Whether the variant ships and why, in one sentence."""
    batch_effect: str
    """How answers change when requests are answered together instead of alone, in one sentence."""
    parity: ParitySummary | None
    """How far the outputs of an exact file are from those of the trained module; null for a lossy file and for a codec."""


@dataclass(frozen=True)
class Judged:
    """How good the model is on test rows, which no decision was based on."""

    rows: int
    split: Literal["test"]
    protocol: str
    """How the metrics were measured; empty where their names say it."""
    untested: tuple[str, ...]
    """Labels without test rows, about which the metrics say nothing."""
    candidates: Mapping[str, Mapping[str, float]]
    """Metrics by candidate: the candidate that ships, and the baselines."""


@dataclass(frozen=True)
class GoldenFacts:
    """The examples of golden.jsonl."""

    kind: Literal["rows", "synthetic"]
    """rows: validation rows with personal data masked; synthetic: requests without anything of the data."""
    tolerance: Mapping[str, float]
    """By variant, the largest difference that a number of a replayed answer may show."""


@dataclass(frozen=True)
class DataFacts:
    """The rows that the model was made from."""

    source: str
    licence: str
    columns: Mapping[str, str | tuple[str, ...]]
    """By role, the header of its column in the training file, or the headers of several columns that were joined."""
    classes: tuple[str, ...]
    """Labels as the training rows spell them; empty where the model predicts from no fixed set."""
    rows: Mapping[str, int]
    """Number of rows by split."""
    sha256: Mapping[str, str]
    """Fingerprint by split: equal fingerprints mean equal rows in equal order."""
    protocol: str = ""
    """How the rows were split, where the task splits them itself; else empty."""

    @property
    def names(self) -> dict[str, str | list[str]]:
        """`columns` in the form that readers of files take."""
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
    """Incremented with every change that readers of the previous format cannot read."""
    recipe: str
    """The name of the recipe; recipe.yaml holds the composed recipe."""
    created: str
    """ISO 8601, UTC."""
    task: str
    """As an installed plugin registers it."""
    candidate: str
    """The name of the candidate that ships."""
    title: str
    """The candidate's title for people."""
    codec: SealedCodec
    graphs: tuple[Graph, ...]
    """What the files compute: inputs, outputs, axes, tolerances. Empty where the codec answers alone."""
    features: str | None
    """GRAPH.OUTPUT that holds a feature vector of each request, where the candidate has such an output."""
    variants: Mapping[str, SealedVariant]
    """The variants that ship, by exporter."""
    default: str
    """The variant that answers unless a caller names another."""
    rejected: Mapping[str, SealedVariant]
    """Lossy files that were tried and did not ship."""
    verified: tuple[str, ...]
    """Checks of preprocessing, such as the tokenizer, that every validation row passed."""
    metric: Metric
    evaluation: Judged
    golden: GoldenFacts
    data: DataFacts
    model: ModelFacts
    versions: Mapping[str, str]
    """Versions of Python and of libraries, by name."""
    files: Mapping[str, SealedFile]
    """Every file of the artifact but manifest.json, by its path in it."""
    seal: str
    """sha256 of the manifest without this key, as JSON with sorted keys, ASCII, ', ' and ': ' between."""

    @property
    def version(self) -> str:
        """The first characters of the seal, which name the artifact."""
        return self.seal[:VERSION]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact. Raises InputError when it cannot be read, was altered or has another format.

    folder: the folder of the artifact.
    """
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
    """sha256 of the manifest without its seal, independent of the layout of the JSON file."""
    content = {key: value for key, value in manifest.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
