"""Stage "seal": puts everything that ships into a sealed folder, and replays the golden examples from that folder alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from framework.artifact.draft import Draft
from framework.artifact.manifest import (
    FORMAT,
    GOLDEN,
    DataFacts,
    GoldenFacts,
    Judged,
    Manifest,
    SealedCodec,
    SealedVariant,
)
from framework.contracts.codec import Codec
from framework.contracts.data.table import Splits
from framework.contracts.graph import Request, stateful
from framework.contracts.plain import from_plain, to_plain
from framework.contracts.task import Finalizes
from framework.evaluation.opened import Opened
from framework.export.reports import ExportReport, VariantReport
from framework.machine.disk import shown, whole
from framework.machine.memory import give_back
from framework.machine.versions import library_versions
from framework.plugins import load_plugins
from framework.recipe.schema import Golden
from framework.run.context import Run
from framework.run.folder import link_latest
from framework.run.judging import Judgement, shipped_backend
from framework.run.selection import open_candidate
from framework.runtime.model import RUNNABLE, difference, load_model
from framework.runtime.scheduler import Scheduler

EXACT_TOLERANCE = 1e-3  # tolerance for numbers in golden answers, because CPUs round differently
LOSSY_TOLERANCE = 0.05  # the same for lossy variants; larger, because quantized kernels differ more between CPUs
GOLDEN_POOL = 200  # validation rows from which golden examples are chosen, at most
TORCH = "torch"  # folder in the run's folder that holds the winner in the format of the winner's library


@dataclass(frozen=True)
class Shipment:
    """The winner, its exported files, and the judgement of these files on test."""

    candidate: Opened
    report: ExportReport
    files: Path
    """The folder of the exported files."""
    judgement: Judgement


def seal(run: Run, splits: Splits, report: ExportReport, judgement: Judgement) -> Path:
    """Writes and seals the artifact, replays its golden examples, publishes it, and returns its folder.

    report, judgement: of the winner. Raises FrameworkError if a replayed answer differs.
    """
    candidate = open_candidate(run, report.candidate)
    shipment = Shipment(candidate, report, run.folder.export(report.candidate), judgement)
    draft = Draft(run.folder.artifact)
    try:
        _fill(run, splits, shipment, draft)
        tolerance = _write_golden(run, splits, shipment, draft)
        draft.seal(_manifest(run, splits, shipment, GoldenFacts(run.config.artifact.golden.name, tolerance)))
        if candidate.fitted.save is not None:
            _save_module(candidate, run.folder.path / TORCH)
        del candidate, shipment  # frees the memory that the replay needs
        give_back()
        replay(draft.folder, report)
        artifact = draft.publish()
    finally:
        draft.discard()
    if draft.replaced is not None:
        run.console.say(f"the artifact before this one is kept: {shown(draft.replaced)}")
    return artifact


def replay(folder: Path, report: ExportReport) -> None:
    """Replays the golden examples with every variant that the runtime can open. Raises FrameworkError if an answer differs.

    folder: that of the artifact.
    """
    for variant in report.shipped:
        if variant.variant.format in RUNNABLE:
            load_model(folder, variant.name).replay_golden()


def finish(run: Run) -> Path:
    """Marks the run as finished. Returns the link ``latest``, or the run's folder if the run was finished before."""
    address = run.folder.path if run.state.finished else link_latest(run.folder.path)
    shutil.rmtree(run.folder.path / "export", ignore_errors=True)  # the artifact has the files
    run.state.note(run.folder.path, seconds=run.budget.elapsed(), finished=True)
    return address


def _fill(run: Run, splits: Splits, shipment: Shipment, draft: Draft) -> None:
    """Writes the files of the variants, the codec's resources in their final state, and the recipe."""
    shutil.copytree(shipment.candidate.resources, draft.resources)
    if isinstance(run.task, Finalizes):
        run.task.complete(splits, draft.resources)
    for variant in shipment.report.shipped:
        if variant.variant.files:
            shutil.copytree(shipment.files / variant.name, draft.folder / variant.name, copy_function=_link)
    OmegaConf.save(run.config, draft.folder / "recipe.yaml", resolve=True)


def _link(source: str, target: str) -> None:
    """Makes a hard link `target` to the file `source`; copies the file where no hard link can be made."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _manifest(run: Run, splits: Splits, shipment: Shipment, golden: GoldenFacts) -> Manifest:
    fitted, report, judgement = shipment.candidate.fitted, shipment.report, shipment.judgement
    metrics = {judgement.candidate: judgement.model.metrics}
    metrics |= {name: numbers.metrics for name, numbers in judgement.baselines.items()}
    return Manifest(
        format=FORMAT,
        recipe=run.recipe,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        task=run.task.name,
        candidate=report.candidate,
        title=shipment.candidate.title,
        codec=SealedCodec(fitted.codec.name, load_plugins().codec(fitted.codec.name).version, fitted.codec.settings),
        graphs=fitted.graphs,
        features=fitted.features,
        variants={variant.name: _sealed(variant) for variant in report.shipped},
        default=report.default.name,
        rejected={variant.name: _sealed(variant) for variant in report.variants if not variant.shipped},
        verified=report.checks,
        metric=run.metric,
        evaluation=Judged(judgement.rows, "test", judgement.model.protocol, judgement.model.untested, metrics),
        golden=golden,
        data=from_plain(DataFacts, to_plain(splits.about)),
        model=fitted.facts,
        versions=library_versions(),
        files={},
        seal="",
    )


def _sealed(report: VariantReport) -> SealedVariant:
    variant, measured = report.variant, report.measurement
    return SealedVariant(
        format=variant.format,
        files=variant.files,
        precision=variant.precision,
        facts=variant.facts,
        settings=variant.settings,
        bytes=measured.bytes,
        metrics=measured.metrics,
        milliseconds=round(measured.milliseconds, 3),
        per_second=round(measured.per_second, 1),
        decision=report.decision,
        batch_effect=measured.batch_effect,
        parity=report.parity,
    )


def _write_golden(run: Run, splits: Splits, shipment: Shipment, draft: Draft) -> dict[str, float]:
    """Writes golden examples whose answers differ between variants in numbers only. Returns the tolerance of each variant.

    Each request is answered alone, because quantized answers depend on the batch. Personal data is masked first.
    """
    report, default = shipment.report, shipment.report.default.name
    schedulers = {variant.name: _scheduler(shipment, variant, draft) for variant in report.shipped}
    lines: list[str] = []
    for request in _golden_requests(run, splits, shipment.candidate):
        answers: dict[str, Any] = {name: scheduler.answer([request])[0] for name, scheduler in schedulers.items()}
        if all(difference(answer, answers[default]) < float("inf") for answer in answers.values()):
            lines.append(json.dumps({"request": dict(request), "responses": answers}, ensure_ascii=False))
        if len(lines) == run.config.artifact.golden_rows:
            break
    (draft.folder / GOLDEN).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return {variant.name: EXACT_TOLERANCE if variant.exact else LOSSY_TOLERANCE for variant in report.shipped}


def _golden_requests(run: Run, splits: Splits, candidate: Opened) -> Iterator[Request]:
    codec = candidate.codec()
    overrides = codec.interface().golden_overrides
    if run.config.artifact.golden == Golden.synthetic:
        shorter = overrides if stateful(candidate.graphs) else {}
        yield from ({**request, **shorter} for request in codec.odd_requests())
        return
    rows: Sequence[Request] = run.task.requests(splits.validation.take(range(min(GOLDEN_POOL, len(splits.validation)))))
    yield from ({**codec.parse(run.storable(request)), **overrides} for request in rows)


def _scheduler(shipment: Shipment, report: VariantReport, draft: Draft) -> Scheduler:
    """A scheduler for a variant, with its codec settings and the artifact's final resources."""
    candidate, variant = shipment.candidate, report.variant
    codec: Codec = load_plugins().codec(candidate.fitted.codec.name)(
        {**candidate.fitted.codec.settings, **variant.settings}, draft.resources
    )
    return Scheduler(codec, _backend(shipment, variant), candidate.graphs)


def _backend(shipment: Shipment, variant: Any) -> Any:
    if variant.format in RUNNABLE:
        return shipped_backend(shipment.candidate, variant, shipment.files)
    from framework.export.writing import open_backend, paths

    exporter = load_plugins().exporter(variant.name)
    tables = shipment.candidate.fitted.tables
    return open_backend(shipment.candidate.graphs, exporter, paths(shipment.files, variant), tables)


def _save_module(candidate: Opened, folder: Path) -> None:
    """Saves the winner in the format of its library, unless the folder exists: then it has the same weights already."""
    if folder.exists() or candidate.fitted.save is None:
        return
    with whole(folder) as unfinished:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        candidate.fitted.save(unfinished)
