"""Confident learning (Northcutt, Jiang and Chuang 2021): finds wrong labels by out-of-fold probabilities."""

from __future__ import annotations

import numpy as np


def suspicious_rows(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The rows whose label is probably wrong, the surest first.

    targets: (rows,) class numbers, every class among them. probabilities: (rows, classes), of models that had not seen the row.
    cleanlab finds them where it is installed.
    """
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        flagged = confident_learning(targets, probabilities)
    else:
        flagged = find_label_issues(targets, probabilities, n_jobs=1)
    rows = np.flatnonzero(flagged)
    lead = probabilities[rows].max(1) - probabilities[rows, targets[rows]]
    ordered: np.ndarray = rows[np.argsort(-lead, kind="stable")]
    return ordered


def confident_learning(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(rows,) bool: whether a label is probably wrong, by "prune by noise rate". Shapes as in `suspicious_rows`.

    A row counts for the likeliest class among those whose probability is at least its mean over the rows of that class. The
    counts estimate how many rows with label i belong to class j; so many of them, where j leads i the most, are flagged.
    """
    rows, classes = probabilities.shape
    sizes = np.bincount(targets, minlength=classes)
    thresholds = np.bincount(targets, probabilities[np.arange(rows), targets], classes) / sizes
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    counted = confident.max(1) >= 0
    joint = np.zeros((classes, classes))
    np.add.at(joint, (targets[counted], confident[counted].argmax(1)), 1)
    joint[np.diag_indices(classes)] = joint.diagonal().clip(1)  # as in cleanlab: a label is right at least once
    joint *= (sizes / joint.sum(1))[:, None]
    flagged = np.zeros(rows, bool)
    for label, other in np.argwhere(joint.round() > 0):
        if label != other:
            members = np.flatnonzero(targets == label)
            lead = probabilities[members, other] - probabilities[members, label]
            flagged[members[np.argsort(-lead, kind="stable")[: round(joint[label, other])]]] = True
    differs: np.ndarray = probabilities.argmax(1) != targets
    flagged &= differs
    return flagged
