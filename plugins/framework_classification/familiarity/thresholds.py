"""The familiarity below which a text is called unfamiliar, chosen on rows that the distance was not fitted to. No torch."""

from __future__ import annotations

import numpy as np

NEVER = 0.0  # the threshold where rows are too few for the share: no text is unfamiliar


def familiarity_threshold(refuses: float, known: np.ndarray, never: float = NEVER) -> float:
    """The largest threshold below which, on average over such rows, at most the share `refuses` of known texts lies.

    known: familiarities of known texts, (rows,). It is the k-th smallest of them, k = refuses x (rows + 1) rounded down (split
    conformal prediction, Vovk et al. 2005); `never` where k is 0.
    """
    rank = int(np.floor(refuses * (len(known) + 1) + 1e-9))
    return float(np.sort(known)[rank - 1]) if rank else never


def best_share(refuses: float, known: np.ndarray, unknown: np.ndarray) -> float:
    """The share of known texts to refuse, at most `refuses`, that tells known and unknown texts apart best.

    It maximises Youden's J (1950): the share of unknown texts that are refused minus that of known ones. The smallest such
    share wins. known, unknown: familiarities, (rows,) each.
    """
    ordered = np.sort(known)
    most = int(np.floor(refuses * (len(known) + 1) + 1e-9))
    if not most:
        return refuses
    ranks = np.arange(1, most + 1)
    refused = np.searchsorted(np.sort(unknown), ordered[:most], side="left") / len(unknown)
    gains = refused - ranks / (len(known) + 1)
    return float(ranks[gains.argmax()] / (len(known) + 1))
