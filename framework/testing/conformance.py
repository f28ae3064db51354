"""Test classes to inherit from: every task, candidate and exporter must pass them. They need pytest and the train extra."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from framework.contracts.data.table import Splits
from framework.contracts.exporter import Exporter, Variant
from framework.contracts.graph import Graph
from framework.contracts.serving.drawing import drawn_fields
from framework.contracts.task import Answers
from framework.data.loading import load_splits
from framework.errors import InputError
from framework.evaluation.judge import requests_of
from framework.evaluation.opened import Opened
from framework.evaluation.scoring import answer_and_score
from framework.export.parity import Parity, compare_shapes
from framework.export.writing import candidates, export, open_backend, paths
from framework.plugins import AnyTask, load_plugins
from framework.recipe.compose import compose_recipe
from framework.run.context import Run, begin_run
from framework.run.fits.fitting import fit_candidate
from framework.run.load import prepare_data
from framework.runtime.scheduler import Scheduler

HEAVY = ("torch", "pytorch_lightning", "transformers")
BLOCKED = f"import sys\nfor name in {HEAVY!r}:\n    sys.modules[name] = None\n"


class _Conformance:
    """The run of a small recipe that uses the plugin."""

    recipe: str
    """The name of the recipe."""
    candidate: ClassVar[str] = ""
    """The name of the tested candidate; empty: the last candidate that the recipe names."""

    def overrides(self, folder: Path) -> list[str]:
        """To override: returns overrides with which a run takes seconds, and writes the files that they name into `folder`."""
        return []

    @contextmanager
    def run(self, folder: Path, *more: str) -> Iterator[tuple[Run, Splits]]:
        """Yields a new run in `folder`, and its splits. more: further overrides."""
        config = compose_recipe(self.recipe, [*self.overrides(folder), *more])
        with begin_run(config, self.recipe, folder / "run") as run:
            yield run, load_splits(config.data, run.task, config.seed, run.options)

    def fit(self, run: Run, splits: Splits, **changes: Any) -> Opened:
        """Fits and opens the candidate. changes: fields of `FitContext`; `trainer` is merged with the recipe's section."""
        from framework.run.readiness import trainer_arguments

        candidate = run.candidates[self.candidate or run.competing[-1]]
        data = prepare_data(run.task, splits, run.options)
        trainer = {**trainer_arguments(run.config.trainer), **changes.pop("trainer", {})}
        return Opened.of(candidate, fit_candidate(run, candidate, data, trainer=trainer, **changes))


class TaskConformance(_Conformance):
    """The tests of a task and one of its candidates."""

    learned: ClassVar[float] = 0.95
    """The value of the metric that the candidate must reach on the eight rows that it was fitted on."""
    trains: ClassVar[bool] = True
    """Whether the candidate trains a LightningModule, with steps, epochs and checkpoints."""
    overfit: ClassVar[list[str]] = ["trainer.max_epochs=150", "model.learning_rate=3e-3"]
    """Overrides with which the candidate learns eight rows by heart."""

    def test_plugin_imports_stay_light(self, tmp_path: Path) -> None:
        """Modules of hooks, tasks and candidates, which a recipe imports, and of codecs, for serving, load without `HEAVY`."""
        code = (
            f"{BLOCKED}from framework.plugins import load_plugins\nplugins = load_plugins()\n"
            f"task = plugins.task({self._task(tmp_path).name!r})\nplugins.candidates_of(task.name)\n"
            "assert not plugins.broken, plugins.broken\nfor name in plugins.codecs:\n    plugins.codec(name)\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_modules_of_the_fit_can_be_imported(self, tmp_path: Path) -> None:
        for candidate in load_plugins().candidates_of(self._task(tmp_path).name).values():
            for module in candidate.fit_modules:
                import_module(module)

    def test_recipe_composes(self, tmp_path: Path) -> None:
        config = compose_recipe(self.recipe, self.overrides(tmp_path))
        assert config.task.name in load_plugins().tasks

    def test_unknown_option_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no_such_option"):
            compose_recipe(self.recipe, [*self.overrides(tmp_path), "task.no_such_option=1"])

    def test_missing_column_is_refused_by_name(self, tmp_path: Path) -> None:
        role = self._task(tmp_path).every_column[0].role
        with pytest.raises(InputError, match=r"no_such_column"), self.run(tmp_path, f"data.{role}=no_such_column"):
            pass

    def test_two_steps_train(self, tmp_path: Path) -> None:
        self._needs_training()
        with self.run(tmp_path, "trainer.max_steps=2") as (run, splits):
            before = _weights(self.fit(run, splits, trainer={"max_steps": 0, "max_epochs": None, "limit_val_batches": 0}))
        with self.run(tmp_path / "more", "trainer.max_steps=2") as (run, splits):
            after = _weights(self.fit(run, splits))
        assert any((before[name] != after[name]).any() for name in before)

    def test_eight_rows_can_be_learned_by_heart(self, tmp_path: Path) -> None:
        with self.run(tmp_path, "data.limit_rows=8", "trainer.limit_val_batches=0", *self.overfit) as (run, splits):
            fitted = self.fit(run, splits)
            rows = run.task.judged(splits.train)
            answers = _answers(run.task, fitted, rows)
            metrics = run.task.evaluate(answers, rows).metrics
        assert run.metric.gain(metrics[run.metric.name], self.learned) >= 0

    def test_interrupted_training_resumes_to_the_same_weights(self, tmp_path: Path) -> None:
        self._needs_training()
        two_epochs = ("trainer.max_epochs=2",)
        with self.run(tmp_path / "whole", *two_epochs) as (run, splits):
            whole = _weights(self.fit(run, splits))
        with self.run(tmp_path / "halves", *two_epochs) as (run, splits):
            with pytest.raises(KeyboardInterrupt):
                self.fit(run, splits, trainer={"callbacks": [_interrupt_before_epoch(1)]})
            resumed = _weights(self.fit(run, splits))
        assert all((whole[name] == resumed[name]).all() for name in whole)

    def test_a_fitted_folder_answers_the_same_bits_in_another_process(self, tmp_path: Path) -> None:
        with self.run(tmp_path, "trainer.max_steps=2") as (run, splits):
            fitted = self.fit(run, splits)
            rows = splits.validation.take(range(min(5, len(splits.validation))))
            here = _answers(run.task, fitted, rows)
            requests = [dict(request) for request in requests_of(run.task, fitted.codec(), rows)]
            name = fitted.name
        code = (
            "import json, sys\nfrom pathlib import Path\nfrom framework.evaluation.opened import Opened\n"
            "from framework.plugins import load_plugins\nfrom framework.runtime.scheduler import Scheduler\n"
            f"candidate = load_plugins().candidates_of({run.task.name!r})[{name!r}]\n"
            f"opened = Opened.of(candidate, Path({str(fitted.folder)!r}))\n"
            "scheduler = Scheduler(opened.codec(), opened.backend(), opened.graphs)\n"
            "print('ANSWERS' + json.dumps(scheduler.answer(json.loads(sys.stdin.read()))))\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", code], input=json.dumps(requests), capture_output=True, text=True, check=True
        )
        assert json.loads(ran.stdout.rpartition("ANSWERS")[2]) == json.loads(json.dumps(here.responses))

    def test_codec_answers_where_torch_cannot_be_imported(self, tmp_path: Path) -> None:
        """Runs the whole recipe, then opens its artifact in a process without torch."""
        from framework.run.pipeline import start

        config = compose_recipe(self.recipe, [*self.overrides(tmp_path), "trainer.max_epochs=1"])
        folder = start(config, self.recipe, tmp_path / "run")
        golden = [json.loads(line) for line in (folder / "artifact" / "golden.jsonl").read_text("utf-8").split("\n") if line]
        assert golden
        code = f"{BLOCKED}import framework\nframework.load({str(folder)!r}).replay_golden()\n"
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_the_example_and_every_response_are_what_the_interface_says(self, tmp_path: Path) -> None:
        from jsonschema import Draft4Validator

        with self.run(tmp_path, "trainer.max_steps=2") as (run, splits):
            fitted = self.fit(run, splits)
            codec = fitted.codec()
            interface = codec.interface()
            requests = [interface.example, *run.task.requests(splits.validation)]
            parsed = [codec.parse(request) for request in requests]
            responses = Scheduler(codec, fitted.backend(), fitted.graphs).answer(parsed)
        assert set(drawn_fields(interface.drawing)) <= set(responses[0]), "the interface's drawing names fields of responses"
        for schema, values in ((interface.request, [interface.example]), (interface.response, responses)):
            Draft4Validator.check_schema(schema)  # OpenAPI 3.0 allows a subset of it
            for value in values:
                Draft4Validator(schema).validate(json.loads(json.dumps(value)))

    def _needs_training(self) -> None:
        if not self.trains:
            pytest.skip("the model is fitted in closed form: no steps, no checkpoints")

    def _task(self, folder: Path) -> AnyTask:
        config = compose_recipe(self.recipe, self.overrides(folder))
        return load_plugins().task(config.task.name)


class ExporterConformance(_Conformance):
    """The tests of exporters."""

    exporters: ClassVar[list[str]]
    """Names of the tested exporters, in an order in which each comes after its base."""

    def test_files_agree_with_the_module_on_odd_shapes(self, tmp_path: Path) -> None:
        with self.run(tmp_path, "trainer.max_steps=2") as (run, splits):
            fitted = self.fit(run, splits)
            reference, variants, folder = fitted.backend(), dict[str, Variant](), tmp_path / "files"
            folder.mkdir()
            for exporter in map(load_plugins().exporter, self.exporters):
                write = export if exporter.exact else _first_candidate
                variant = write(fitted.graphs, exporter, exporter.options(), folder, variants.get(exporter.base or ""))
                variants[exporter.name] = variant
                parity = Parity()
                backend = open_backend(fitted.graphs, exporter, paths(folder, variant), fitted.fitted.tables)
                compare_shapes(parity, fitted.graphs, reference, backend)
                assert parity.shapes >= 3
                if exporter.exact:
                    parity.require(exporter.name)


def _answers(task: AnyTask, fitted: Opened, rows: Any) -> Answers:
    codec = fitted.codec()
    scheduler = Scheduler(codec, fitted.backend(), fitted.graphs)
    requests = requests_of(task, codec, rows)
    return Answers(codec, *answer_and_score(scheduler, requests, task.targets(rows)))


def _first_candidate(graphs: Sequence[Graph], exporter: Exporter, options: Any, folder: Path, base: Variant | None) -> Variant:
    calibration = {graph.name: [graph.traced_with()] for graph in graphs}
    return next(candidates(graphs, exporter, options, folder, base, calibration if exporter.calibrates else None))


def _weights(fitted: Opened) -> dict[str, np.ndarray]:
    """Copies of the parameters and buffers of every graph's module, by ``GRAPH.NAME``."""
    sources: list[tuple[str, Any]] = [(graph.name, graph.source) for graph in fitted.graphs]
    return {f"{graph}.{name}": value.numpy().copy() for graph, module in sources for name, value in module.state_dict().items()}


def _interrupt_before_epoch(epoch: int) -> Any:
    from pytorch_lightning.callbacks import Callback

    class Interrupt(Callback):
        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            if trainer.current_epoch == epoch:
                raise KeyboardInterrupt

    return Interrupt()
