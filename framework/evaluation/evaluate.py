"""``framework.evaluate``: judges a sealed artifact on labelled rows, with gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.contracts.data.table import Table
from framework.contracts.evaluation import Evaluation
from framework.data.joined import Columns
from framework.evaluation.gates import Gate, check_gates, gates_of
from framework.evaluation.labelled import LabelledOptions, answer_rows, read_rows
from framework.runtime.model import Model, load_model


@dataclass(frozen=True)
class EvaluatedArtifact:
    """The evaluation of an artifact on labelled rows, and its gates."""

    model: Model
    rows: int
    """The number of rows."""
    source: str
    """The file."""
    notes: tuple[str, ...]
    """What was inferred from the file and what was left out, a sentence each."""
    evaluation: Evaluation
    gates: tuple[Gate, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics by name; fractions, not per cent."""
        return self.evaluation.metrics

    @property
    def sealed(self) -> dict[str, float]:
        """The metrics of the artifact on the test rows of its run."""
        return sealed_metrics(self.model)

    @property
    def holds(self) -> bool:
        """Whether every gate holds."""
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

    artifact: an address as on the command line. minimum, maximum: the lowest and highest value allowed, by metric; None: no
    gates. columns: headers by role, for columns that are not recognised. encoding, quote, format_name: of the file; None:
    detected. variant: None: the default variant. Raises InputError for rows that cannot be judged, and for gates of unknown
    metrics.
    """
    gates = gates_of(minimum or {}, maximum or {})
    options = LabelledOptions(columns or {}, encoding, quote, format_name)
    return evaluate_model(load_model(artifact, variant), rows, gates, options)


def evaluate_model(
    model: Model, rows: str | Path | Table, gates: Sequence[Gate], options: LabelledOptions
) -> EvaluatedArtifact:
    """As `evaluate`, for a loaded model. Gates of metrics that the run did not compute are refused before rows are read."""
    check_gates(gates, sealed_metrics(model))
    table, notes = (rows, []) if isinstance(rows, Table) else read_rows(model, rows, options)
    evaluation = model.task.evaluate(answer_rows(model, table), table)
    check_gates(gates, evaluation.metrics)
    return EvaluatedArtifact(model, len(table), table.source, tuple(notes), evaluation, tuple(gates))


def sealed_metrics(model: Model) -> dict[str, float]:
    """The metrics of a sealed model on the test rows of the model's run."""
    return dict(model.manifest.evaluation.candidates[model.manifest.candidate])
