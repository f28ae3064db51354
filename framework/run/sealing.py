"""From a proven draft to a sealed artifact, tried once more as a user would open it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from framework.artifact.manifest import GOLDEN, describe_graphs
from framework.contracts.candidate import Fitted
from framework.contracts.evaluation import Evaluation
from framework.contracts.graph import stateful
from framework.contracts.table import Splits
from framework.export.measurement import Measured
from framework.export.variants import Variants
from framework.machine.disk import shown, whole
from framework.machine.memory import give_back
from framework.machine.versions import library_versions
from framework.plugins import resolve
from framework.recipe.schema import Golden
from framework.run.job import Job
from framework.runtime.model import difference, load_model
from framework.runtime.scheduler import Scheduler

EXACT_TOLERANCE = 1e-3  # of a golden answer's numbers: other CPUs round differently
LOSSY_TOLERANCE = 0.05  # and quantized kernels differ more
CANDIDATES = 200  # validation rows looked at for golden examples


def seal(job: Job, splits: Splits, fitted: Fitted, scores: Mapping[str, Evaluation], variants: Variants) -> Path:
    """Writes what stands beside the graphs, seals, saves the trained module, and replays the sealed artifact."""
    folder = job.draft.folder
    if job.task.complete is not None:
        resolve(job.task.complete)(splits, job.draft.resources)
    OmegaConf.save(job.config, folder / "recipe.yaml", resolve=True)
    tolerance = _write_golden(job, splits, fitted, variants, folder / GOLDEN)
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
        "evaluation": {
            "rows": len(splits.test),
            "split": "test",
            "protocol": scores[job.task.model.name].protocol,
            "untested": list(scores[job.task.model.name].untested),
            "candidates": {n: s.metrics for n, s in scores.items()},
        },
        "golden": {"kind": job.config.artifact.golden.name, "tolerance": tolerance},
        "data": dict(splits.about),
        "model": dict(fitted.facts),
        "versions": library_versions(),
    }
    if fitted.save is not None:
        _save_module(fitted.save, job.folder / "torch")
    job.draft.seal(manifest)
    for measured in variants.all:
        measured.backend = None  # what is opened next takes as much memory
    give_back()
    for measured in variants.shipped:
        if measured.variant is not None and measured.variant.format == "onnx":
            load_model(job.draft.folder, measured.name).replay_golden()
    return job.draft.publish()


def _save_module(save: Callable[[Path], None], folder: Path) -> None:
    """Once: a run that is entered again has the same weights."""
    if not folder.exists():
        with whole(folder) as unfinished:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            save(unfinished)


def _variant(measured: Measured) -> dict[str, Any]:
    assert measured.variant is not None
    variant = measured.variant
    own = {"files": dict(variant.files), "facts": dict(variant.facts), "settings": dict(variant.settings)}
    return {"format": variant.format, **own, **measured.facts()}


def _write_golden(job: Job, splits: Splits, fitted: Fitted, variants: Variants, path: Path) -> dict[str, float]:
    """Examples whose answers differ between variants in numbers only, and the tolerance of each variant.

    Each is answered alone: a quantized answer depends on the batch it is in. Personal data is masked before it is answered.
    """
    assert variants.default is not None
    codec = job.codec(fitted)
    schedulers = {m.name: _scheduler(job, fitted, m) for m in variants.shipped}
    synthetic, rows = job.config.artifact.golden == Golden.synthetic, job.config.artifact.golden_rows
    lines: list[str] = []
    validation = job.task.requests(splits.validation.take(range(min(CANDIDATES, len(splits.validation)))))
    brief = codec.interface().brief
    storable = [{**codec.parse(job.without_personal_data(request)), **brief} for request in validation]
    shorter = brief if stateful(fitted.graphs) else {}
    odd = [{**request, **shorter} for request in job.odd_requests()]
    for request in odd if synthetic else storable:
        answers = {name: scheduler.answer([request])[0] for name, scheduler in schedulers.items()}
        expected = answers[variants.default.name]
        if all(difference(answer, expected) < float("inf") for answer in answers.values()):
            lines.append(json.dumps({"request": dict(request), "responses": answers}, ensure_ascii=False))
        if len(lines) == rows:
            break
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return {m.name: EXACT_TOLERANCE if m.exact else LOSSY_TOLERANCE for m in variants.shipped}


def _scheduler(job: Job, fitted: Fitted, measured: Measured) -> Scheduler:
    """Answers with a variant, and with the codec settings that are its own."""
    assert measured.variant is not None
    assert measured.backend is not None
    codec = job.codec(replace(fitted, settings={**fitted.settings, **measured.variant.settings}))
    return Scheduler(codec, measured.backend, fitted.graphs)


def finish(job: Job) -> Path:
    """Marks the run as finished and returns its address: ``latest``, unless files were made again for an older run."""
    if job.draft.kept is not None:
        job.console.say(f"the artifact before this one is kept: {shown(job.draft.kept)}")
    address = job.folder if job.state.finished else link_latest(job.folder)
    job.state.note(job.folder, finished=True)
    return address


def link_latest(folder: Path) -> Path:
    """Points ``latest``, beside the run's folder, at it, in one step."""
    link, fresh = folder.parent / "latest", folder.parent / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name, target_is_directory=True)
    fresh.replace(link)
    return link
