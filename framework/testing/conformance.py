"""What every task and every exporter must do, as tests to inherit. They need pytest and the train extra."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from framework.contracts.candidate import Fitted
from framework.contracts.exporter import Exporter, Variant
from framework.contracts.graph import Graph
from framework.contracts.table import Splits
from framework.data.loading import load_splits
from framework.data.splitting.independent import judged
from framework.errors import InputError
from framework.evaluation.scoring import judge_rows
from framework.export.module_backend import fitted_backend
from framework.export.parity import Parity, compare_shapes
from framework.export.writing import candidates, export, open_backend, paths
from framework.plugins import load_plugins, resolve
from framework.recipe.compose import compose_recipe
from framework.run.fitting import fit_candidate
from framework.run.job import Job
from framework.runtime.scheduler import Scheduler

HEAVY = ("torch", "pytorch_lightning", "transformers")
BLOCKED = f"import sys\nfor name in {HEAVY!r}:\n    sys.modules[name] = None\n"


class _Conformance:
    """recipe: a recipe that uses the plugin. `overrides` makes it small: seconds, not minutes."""

    recipe: str

    def overrides(self, folder: Path) -> list[str]:
        """Overrides for a tiny run; files they name are written into `folder`."""
        return []

    @contextmanager
    def job(self, folder: Path, *more: str) -> Iterator[tuple[Job, Splits]]:
        config = compose_recipe(self.recipe, [*self.overrides(folder), *more])
        with Job.start(config, self.recipe, folder / "run") as job:
            yield job, load_splits(config.data, job.task, config.seed, job.options)

    def fit(self, job: Job, splits: Splits, **changes: Any) -> Fitted:
        trainer = {**job.trainer(), **changes.pop("trainer", {})}
        return fit_candidate(job, job.task.model, splits, trainer=trainer, **changes)


class TaskConformance(_Conformance):
    """overfit: overrides with which the model can learn eight rows by heart, to the value `learned` of its metric.

    trains: the model is a LightningModule, with steps, epochs and checkpoints.
    """

    learned: ClassVar[float] = 0.95
    trains: ClassVar[bool] = True
    overfit: ClassVar[list[str]] = ["trainer.max_epochs=150", "model.learning_rate=3e-3"]

    def test_plugin_imports_stay_light(self, tmp_path: Path) -> None:
        """Hook modules are imported at every start of the command line."""
        candidates = self._task(tmp_path).candidates
        modules = sorted({candidate.fit.partition(":")[0].partition(".")[0] for candidate in candidates})
        code = f"{BLOCKED}import importlib\nfor name in {modules!r}:\n    importlib.import_module(name)\n"
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_recipe_composes(self, tmp_path: Path) -> None:
        config = compose_recipe(self.recipe, self.overrides(tmp_path))
        assert config.task.name in load_plugins().tasks

    def test_unknown_option_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no_such_option"):
            compose_recipe(self.recipe, [*self.overrides(tmp_path), "task.no_such_option=1"])

    def test_missing_column_is_refused_by_name(self, tmp_path: Path) -> None:
        role = self._task(tmp_path).columns[0].role
        with pytest.raises(InputError, match=r"no_such_column"), self.job(tmp_path, f"data.{role}=no_such_column"):
            pass

    def test_two_steps_train(self, tmp_path: Path) -> None:
        self._needs_training()
        with self.job(tmp_path, "trainer.max_steps=2") as (job, splits):
            before = _weights(self.fit(job, splits, trainer={"max_steps": 0, "max_epochs": None, "limit_val_batches": 0}))
        with self.job(tmp_path / "more", "trainer.max_steps=2") as (job, splits):
            after = _weights(self.fit(job, splits))
        assert any((before[name] != after[name]).any() for name in before)

    def test_eight_rows_can_be_learned_by_heart(self, tmp_path: Path) -> None:
        with self.job(tmp_path, "data.limit_rows=8", "trainer.limit_val_batches=0", *self.overfit) as (job, splits):
            fitted = self.fit(job, splits)
            codec = job.codec(fitted)
            rows = judged(job.task, splits.train)
            scheduler = Scheduler(codec, fitted_backend(fitted), fitted.graphs)
            responses = judge_rows(job.task, scheduler, job.requests(codec, rows), rows)
            metrics = resolve(job.task.evaluate)(responses, rows, fitted.facts).metrics
        assert job.task.metric.gain(metrics[job.task.metric.name], self.learned) >= 0

    def test_interrupted_training_resumes_to_the_same_weights(self, tmp_path: Path) -> None:
        self._needs_training()
        two_epochs = ("trainer.max_epochs=2",)
        with self.job(tmp_path / "whole", *two_epochs) as (job, splits):
            whole = _weights(self.fit(job, splits))
        with self.job(tmp_path / "halves", *two_epochs) as (job, splits):
            with pytest.raises(KeyboardInterrupt):
                self.fit(job, splits, trainer={"callbacks": [_interrupt_before_epoch(1)]})
            last = job.folder / "checkpoints" / "last.ckpt"
            resumed = _weights(self.fit(job, splits, resume=last))
        assert all((whole[name] == resumed[name]).all() for name in whole)

    def test_codec_answers_where_torch_cannot_be_imported(self, tmp_path: Path) -> None:
        """The whole run, then its artifact in a process without torch."""
        from framework.run.pipeline import start

        config = compose_recipe(self.recipe, [*self.overrides(tmp_path), "trainer.max_epochs=1"])
        folder = start(config, self.recipe, tmp_path / "run")
        golden = [json.loads(line) for line in (folder / "artifact" / "golden.jsonl").read_text("utf-8").split("\n") if line]
        assert golden
        code = f"{BLOCKED}import framework\nframework.load({str(folder)!r}).replay_golden()\n"
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_the_example_and_every_response_are_what_the_interface_says(self, tmp_path: Path) -> None:
        from jsonschema import Draft4Validator

        with self.job(tmp_path, "trainer.max_steps=2") as (job, splits):
            fitted = self.fit(job, splits)
            codec = job.codec(fitted)
            interface = codec.interface()
            requests = [interface.example, *job.task.requests(splits.validation)]
            parsed = [codec.parse(request) for request in requests]
            responses = Scheduler(codec, fitted_backend(fitted), fitted.graphs).answer(parsed)
        for schema, found in ((interface.request, [interface.example]), (interface.response, responses)):
            Draft4Validator.check_schema(schema)  # what OpenAPI 3.0 takes is a part of it
            for value in found:
                Draft4Validator(schema).validate(json.loads(json.dumps(value)))

    def _needs_training(self) -> None:
        if not self.trains:
            pytest.skip("the model is fitted in closed form: no steps, no checkpoints")

    def _task(self, folder: Path) -> Any:
        config = compose_recipe(self.recipe, self.overrides(folder))
        return load_plugins().task(config.task.name)


class ExporterConformance(_Conformance):
    """exporters: names in the order they are run, each base before what starts from it."""

    exporters: ClassVar[list[str]]

    def test_files_agree_with_the_module_on_odd_shapes(self, tmp_path: Path) -> None:
        with self.job(tmp_path, "trainer.max_steps=2") as (job, splits):
            fitted = self.fit(job, splits)
            variants: dict[str, Any] = {}
            for exporter in map(load_plugins().exporter, self.exporters):
                folder, base = job.draft.folder, variants.get(exporter.base or "")
                write = export if exporter.exact else _first_candidate
                variant = write(fitted.graphs, exporter, exporter.options(), folder, base)
                variants[exporter.name] = variant
                parity = Parity()
                backend = open_backend(fitted.graphs, exporter, paths(folder, variant), fitted.tables)
                compare_shapes(parity, fitted.graphs, fitted_backend(fitted), backend)
                assert parity.shapes >= 3
                if exporter.exact:
                    parity.require(exporter.name)


def _first_candidate(graphs: Sequence[Graph], exporter: Exporter, options: Any, folder: Path, base: Variant | None) -> Variant:
    calibration = {graph.name: [graph.traced_with()] for graph in graphs}
    return next(candidates(graphs, exporter, options, folder, base, calibration if exporter.calibrates else None))


def _weights(fitted: Fitted) -> dict[str, Any]:
    """Copies, so that a later fit cannot change them."""
    return {
        f"{graph.name}.{name}": value.clone() for graph in fitted.graphs for name, value in graph.module.state_dict().items()
    }


def _interrupt_before_epoch(epoch: int) -> Any:
    from pytorch_lightning.callbacks import Callback

    class Interrupt(Callback):
        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            if trainer.current_epoch == epoch:
                raise KeyboardInterrupt

    return Interrupt()
