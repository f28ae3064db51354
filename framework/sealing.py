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
from framework.contracts import Evaluation, Fitted
from framework.data.table import Splits
from framework.disk import whole
from framework.job import Job
from framework.plugins import resolve
from framework.runtime.model import difference, load_model
from framework.runtime.scheduler import Scheduler
from framework.schema import Golden
from framework.variants import Measured, Variants

LIBRARIES = ("recipe-framework", "torch", "transformers", "pytorch-lightning", "tokenizers", "onnx", "onnxruntime", "numpy")
EXACT_TOLERANCE = 1e-3  # of a golden answer's numbers: other CPUs round differently
LOSSY_TOLERANCE = 0.05  # and quantized kernels differ more
CANDIDATES = 200  # validation rows looked at for golden examples


def seal(job: Job, splits: Splits, fitted: Fitted, scores: Mapping[str, Evaluation], variants: Variants) -> Path:
    """Writes what stands beside the graphs, seals, saves the trained module, and replays the sealed artifact."""
    folder = job.draft.folder
    OmegaConf.save(job.config, folder / "recipe.yaml", resolve=True)
    tolerance = _write_golden(job, fitted, variants, folder / GOLDEN)
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
        "golden": {"kind": job.config.artifact.golden.name, "tolerance": tolerance},
        "data": dict(splits.about),
        "model": dict(fitted.facts),
        "versions": library_versions(),
    }
    if fitted.save is not None:
        with whole(job.folder / "torch") as unfinished:
            unfinished.mkdir()
            fitted.save(unfinished)
    job.draft.seal(manifest)
    for measured in variants.shipped:
        if measured.variant is not None and measured.variant.format == "onnx":
            load_model(job.draft.folder, measured.name).replay_golden()
    return job.draft.publish()


def _variant(measured: Measured) -> dict[str, Any]:
    assert measured.variant is not None
    variant = measured.variant
    return {"format": variant.format, "files": dict(variant.files), "facts": dict(variant.facts), **measured.facts()}


def _write_golden(job: Job, fitted: Fitted, variants: Variants, path: Path) -> dict[str, float]:
    """Examples whose answers differ between variants in numbers only, and the tolerance of each variant.

    Each is answered alone: a quantized answer depends on the batch it is in.
    """
    assert variants.default is not None
    codec = job.codec(fitted)
    schedulers = {m.name: Scheduler(codec, m.backend, fitted.graphs) for m in variants.shipped if m.backend is not None}
    synthetic, rows = job.config.artifact.golden == Golden.synthetic, job.config.artifact.golden_rows
    lines: list[str] = []
    for request in job.odd_requests() if synthetic else variants.requests[:CANDIDATES]:
        answers = {name: scheduler.answer([request])[0] for name, scheduler in schedulers.items()}
        expected = answers[variants.default.name]
        if all(difference(answer, expected) < float("inf") for answer in answers.values()):
            lines.append(json.dumps({"request": dict(request), "responses": answers}, ensure_ascii=False))
        if len(lines) == rows:
            break
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return {m.name: EXACT_TOLERANCE if m.exact else LOSSY_TOLERANCE for m in variants.shipped}


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
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name, target_is_directory=True)
    fresh.replace(link)
    return link
