"""Whether two artifacts answer the same questions, and the rows that both can be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from framework.contracts.data.table import Table
from framework.data.labelled import roles_of
from framework.errors import InputError, some
from framework.runtime.model import Model


def check_alike(a: Model, b: Model, *, shared_labels: bool) -> None:
    """Raises InputError naming what differs: the task, or the labels. shared_labels: these may, if they have some in common."""
    if a.manifest.task != b.manifest.task:
        raise InputError(
            f"A is of the task {a.manifest.task} and B of {b.manifest.task}: there is no metric that is about both of them"
        )
    labels_a, labels_b = labels_of(a), labels_of(b)
    if labels_a == labels_b:
        return
    alone = (("A", labels_a - labels_b), ("B", labels_b - labels_a))
    only = [f"{name} alone knows {some(sorted(labels))}" for name, labels in alone if labels]
    problem = f"A and B have different labels: {'; '.join(only)}"
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
    """The rows whose label both know. Raises InputError where there are none."""
    role = roles_of(models[0].task).balanced
    if role is None:
        return table
    shared = labels_of(models[0]) & labels_of(models[1])
    rows = [row for row, label in enumerate(table.texts(role)) if label in shared]
    if not rows:
        raise InputError(f"{table.source} has no row with a label that both know: {some(sorted(shared))}")
    return table.take(rows)


def labels_of(model: Model) -> frozenset[str]:
    """What the model may answer with, where that is a fixed set: as training spelled it, or as the interface lists it."""
    if model.manifest.data.classes:
        return frozenset(model.manifest.data.classes)
    return frozenset(_listed(model.codec.interface().response))


def _listed(schema: Any) -> Iterator[str]:
    """Every text that stands in an ``enum`` of a JSON Schema."""
    if isinstance(schema, Mapping):
        yield from (str(value) for value in schema.get("enum", ()))
        for part in schema.values():
            yield from _listed(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _listed(part)
