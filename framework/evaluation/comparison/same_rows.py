"""Checks that two artifacts can be compared, and picks the rows whose label both have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from framework.contracts.data.cells import labels_in
from framework.contracts.data.table import Table
from framework.data.labelled import roles_of
from framework.errors import InputError, some
from framework.runtime.model import Model


def check_alike(a: Model, b: Model, *, shared_labels: bool) -> None:
    """Raises InputError if the tasks or labels differ, naming these. shared_labels: whether labels may differ if both artifacts
    have some of them.
    """
    if a.manifest.task != b.manifest.task:
        raise InputError(
            f"A is of the task {a.manifest.task} and B of {b.manifest.task}: there is no metric that is about both of them"
        )
    labels_a, labels_b = labels_of(a), labels_of(b)
    if labels_a == labels_b:
        return
    extra = (("A", labels_a - labels_b), ("B", labels_b - labels_a))
    sentences = [f"{name} alone knows {some(sorted(labels))}" for name, labels in extra if labels]
    problem = f"A and B have different labels: {'; '.join(sentences)}"
    shared = labels_a & labels_b
    if not shared:
        raise InputError(f"{problem}; there is nothing that both could be asked")
    if roles_of(a.task).balanced is None:
        raise InputError(f"{problem}; their metrics are about different things: compare artifacts with the same labels")
    if not shared_labels:
        raise InputError(
            f"{problem}; --shared-labels (shared_labels=True) compares them on the rows of the {len(shared)} that both know, "
            "where an answer with another label counts as wrong"
        )


def shared_rows(models: tuple[Model, Model], table: Table) -> Table:
    """The rows whose label, or all of whose labels, both models have; all rows for a task without a label column. Raises
    InputError if there are no such rows.
    """
    role = roles_of(models[0].task).balanced
    if role is None:
        return table
    shared = labels_of(models[0]) & labels_of(models[1])
    rows = [row for row, cell in enumerate(table.columns[role]) if shared.issuperset(labels_in(cell))]
    if not rows:
        raise InputError(f"{table.source} has no row with a label that both know: {some(sorted(shared))}")
    return table.take(rows)


def labels_of(model: Model) -> frozenset[str]:
    """The labels of the model: those of training, else those that its response schema lists; empty if it has none."""
    if model.manifest.data.classes:
        return frozenset(model.manifest.data.classes)
    return frozenset(_enum_values(model.codec.interface().response))


def _enum_values(schema: Any) -> Iterator[str]:
    """Every value of an ``enum`` in a JSON Schema, as a text."""
    if isinstance(schema, Mapping):
        yield from (str(value) for value in schema.get("enum", ()))
        for part in schema.values():
            yield from _enum_values(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _enum_values(part)
