"""From a proven draft to a sealed artifact, tried once more as a user would open it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from framework.artifact import GOLDEN, describe_graphs
from framework.contracts import Evaluation, Fitted, Request, Response
from framework.data.table import Splits
from framework.job import Job
from framework.plugins import resolve
from framework.runtime.model import difference, load_model
from framework.variants import Measured, Variants

LIBRARIES = ("recipe-framework", "torch", "transformers", "pytorch-lightning", "tokenizers", "onnx", "onnxruntime", "numpy")
EXACT_TOLERANCE = 1e-3  # of a golden answer's numbers: other CPUs round differently
LOSSY_TOLERANCE = 0.05  # and quantized kernels differ more
CANDIDATES = 200  # validation rows looked at for golden examples


def seal(job: Job, splits: Splits, fitted: Fitted, scores: Mapping[str, Evaluation], variants: Variants) -> Path:
    """Writes what stands beside the graphs, seals, saves the trained module, and replays the sealed artifact."""
    folder = job.draft.folder
    OmegaConf.save(job.config, folder / "recipe.yaml", resolve=True)
    tolerance = _write_golden(job, variants, folder / GOLDEN)
    assert variants.default is not None, "a recipe without an ONNX variant is refused when it is composed"
    manifest = {
        "recipe": job.recipe,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": job.task.name,
        "codec": {"version": resolve(job.task.codec).version, "settings": dict(fitted.settings)},
        "graphs": describe_graphs(fitted.graphs),
        "variants": {m.name: _variant(m) for m in variants.shipped},
        "default": variants.default.name,
        "rejected": {m.name: m.facts() for m in variants.all if not m.shipped},
        "verified": variants.checks,
        "metric": {"name": job.task.metric.name, "maximize": job.task.metric.maximize},
        "evaluation": {"rows": len(splits.test), "split": "test", "candidates": {n: s.metrics for n, s in scores.items()}},
        "golden": {"kind": job.config.artifact.golden, "tolerance": tolerance},
        "data": dict(splits.about),
        "model": dict(fitted.facts),
        "versions": library_versions(),
    }
    if fitted.save is not None:
        (job.folder / "torch").mkdir()
        fitted.save(job.folder / "torch")
    final = job.draft.seal(manifest)
    load_model(final).replay_golden()
    return final


def _variant(measured: Measured) -> dict[str, Any]:
    assert measured.variant is not None
    variant = measured.variant
    return {"format": variant.format, "files": dict(variant.files), "facts": dict(variant.facts), **measured.facts()}


def _write_golden(job: Job, variants: Variants, path: Path) -> dict[str, float]:
    """Examples on which every shipped variant gives the default variant's answer; the tolerance of each variant."""
    assert variants.default is not None
    assert variants.default.trace is not None
    count = len(variants.requests)
    rows = range(min(CANDIDATES, count))
    if job.config.artifact.golden == "synthetic":
        rows = range(count, len(variants.default.trace.responses))
    requests: list[Request] = [*variants.requests, *job.odd_requests()]
    examples: list[dict[str, Any]] = []
    tolerance = {m.name: EXACT_TOLERANCE if m.exact else LOSSY_TOLERANCE for m in variants.shipped}
    for row in rows:
        answers: dict[str, Response] = {m.name: m.trace.responses[row] for m in variants.shipped if m.trace}
        expected = answers[variants.default.name]
        apart = {name: difference(answer, expected) for name, answer in answers.items()}
        if len(examples) < job.config.artifact.golden_rows and max(apart.values()) < float("inf"):
            examples.append({"request": dict(requests[row]), "response": expected})
            tolerance = {name: max(tolerance[name], 2 * apart[name]) for name in tolerance}
    path.write_text("".join(json.dumps(example, ensure_ascii=False) + "\n" for example in examples), encoding="utf-8")
    return tolerance


def library_versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def link_latest(folder: Path) -> Path:
    """Points ``latest``, beside the run's folder, at it, in one step."""
    link, fresh = folder.parent / "latest", folder.parent / f".latest-{os.getpid()}"
    fresh.symlink_to(folder.name, target_is_directory=True)
    fresh.replace(link)
    return link
