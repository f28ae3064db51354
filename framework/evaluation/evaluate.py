"""``framework.evaluate``: a sealed artifact judged on labelled rows, and held to bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.contracts.data.table import Table
from framework.contracts.evaluation import Evaluation
from framework.data.joined import Columns
from framework.evaluation.gates import Gate, check_gates, gates_of
from framework.evaluation.labelled import Reading, answer_rows, read_rows
from framework.runtime.model import Model, load_model


@dataclass(frozen=True)
class EvaluatedArtifact:
    """How good an artifact is on rows, and whether its gates hold."""

    model: Model
    rows: int
    source: str
    """The file."""
    notes: tuple[str, ...]
    """What was inferred of the file and left out, a sentence each."""
    evaluation: Evaluation
    """The task's own."""
    gates: tuple[Gate, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """By name; fractions, not per cent."""
        return self.evaluation.metrics

    @property
    def sealed(self) -> dict[str, float]:
        """The metrics on the test rows of its own run."""
        return sealed_metrics(self.model)

    @property
    def holds(self) -> bool:
        """Whether every gate does."""
        return all(gate.holds(self.metrics[gate.metric]) for gate in self.gates)


def evaluate(
    artifact: str | Path,
    rows: str | Path | Table,
    *,
    minimum: Mapping[str, float] | None = None,
    maximum: Mapping[str, float] | None = None,
    columns: Mapping[str, Columns] | None = None,
    encoding: str | None = None,
    quote: str | None = None,
    format_name: str | None = None,
    variant: str | None = None,
) -> EvaluatedArtifact:
    """Judges an artifact on a file of labelled rows, or on a table of the task's columns, with onnxruntime.

        framework.evaluate("registry/support@champion", "labelled.csv", minimum={"macro_f1": 0.75}).holds

    artifact: an address as on the command line. minimum, maximum: gates by metric. columns: names by role, where they are not
    to be found by themselves. Raises InputError for rows that cannot be judged and metrics that there are not.
    """
    gates = gates_of(minimum or {}, maximum or {})
    return evaluate_model(load_model(artifact, variant), rows, gates, Reading(columns or {}, encoding, quote, format_name))


def evaluate_model(model: Model, rows: str | Path | Table, gates: Sequence[Gate], reading: Reading) -> EvaluatedArtifact:
    """As `evaluate`, of a model that is open. Gates of metrics that there are not are refused before rows are read."""
    check_gates(gates, sealed_metrics(model))
    table, notes = (rows, []) if isinstance(rows, Table) else read_rows(model, rows, reading)
    evaluation = model.task.evaluate(answer_rows(model, table), table)
    check_gates(gates, evaluation.metrics)
    return EvaluatedArtifact(model, len(table), table.source, tuple(notes), evaluation, tuple(gates))


def sealed_metrics(model: Model) -> dict[str, float]:
    """The metrics on the test rows of its own run, of the candidate that was sealed."""
    return dict(model.manifest.evaluation.candidates[model.manifest.candidate])
