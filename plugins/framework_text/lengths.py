"""The lengths of texts in each split. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from framework import Lines, Section, Series, Splits, message

QUANTILES = (0.05, 0.5, 0.95, 1.0)
BINS = 30


def lengths_section(splits: Splits, role: str) -> Section:
    """Quantiles and distribution of the texts' lengths in characters, for each split. role: the column."""
    lengths = {name: list(map(len, table.texts(role))) for name, table in splits.named().items() if len(table)}
    rows = [(f"{q:.0%}", *(f"{int(np.quantile(values, q)):,}" for values in lengths.values())) for q in QUANTILES]
    chart = histogram(message("Characters of {role}", role=role), message("characters"), lengths)
    title = message("Length of {role} in characters", role=role)
    return Section(title, (message("quantile"), *lengths), rows, charts=(chart,))


def histogram(title: str, unit: str, lengths: Mapping[str, Sequence[int] | np.ndarray]) -> Lines:
    """A chart of the share of rows by length, up to the 99th percentile of all rows. lengths: by split, in `unit`."""
    pooled = np.concatenate([np.asarray(values) for values in lengths.values()])
    low, high = int(pooled.min()), int(np.quantile(pooled, 0.99)) + 1
    edges = np.unique(np.linspace(low, high, min(BINS, high - low) + 1).round().astype(int))
    series = []
    for name, values in lengths.items():
        counts = np.histogram(values, bins=edges)[0]
        shares = [*(100 * counts / len(values)), 0.0]
        series.append(Series(name, [round(float(share), 2) for share in shares], [float(edge) for edge in edges]))
    longer = float((pooled > high).mean())
    axis = message("{unit} ({share:.1%} of the rows are longer)", unit=unit, share=longer) if longer else unit
    return Lines(title, axis, message("% of rows"), series, steps=True)
