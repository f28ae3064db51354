"""The candidates one after the other, the cheap ones first; validation chooses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from framework import FitContext, InputError, Section
from framework_recommendation.interactions import Held, Interactions
from framework_recommendation.models.ranking import quality
from framework_recommendation.models.trained import Side, Trained
from framework_recommendation.options import CLOSED, TRAINED, Recommender

Fit = Callable[[Interactions, Held, Recommender, FitContext, Side], Trained]
LAST = "checkpoints/last.ckpt"


def choose(
    algorithms: dict[str, Fit], train: Interactions, held: Held, options: Recommender, context: FitContext, side: Side
) -> tuple[Trained, Section]:
    """The candidate with the best NDCG@10 on validation, the cheaper of equals, and the table of all.

    What a candidate refuses (memory, missing texts) stands in the table. Each that trains does so in a folder of its own, with
    an equal share of the minutes that are left. Raises InputError where every candidate refuses.
    """
    names = [name for name in (*CLOSED, *TRAINED) if name in options.candidates]
    deadline = time.monotonic() + 60 * options.minutes if options.minutes is not None else None
    best, rows = None, []
    for place, name in enumerate(names):
        started = time.perf_counter()
        learning = name in TRAINED
        share = _share(deadline, len(names) - place) if learning else options.minutes
        try:
            fitted = algorithms[name](
                train,
                held,
                replace(options, algorithm=name, minutes=share),
                _within(context, name) if learning else context,
                side,
            )
        except InputError as refusal:
            rows.append((name, "", "", str(refusal)))
            continue
        score = quality(fitted, held, context.seed, side)
        rows.append((name, f"{score:.4f}", f"{time.perf_counter() - started:.1f}", ""))
        if best is None or score > best[1]:
            best = fitted, score, name
    if best is None:
        raise InputError("no candidate can be fitted: " + "; ".join(f"{name}: {why}" for name, _, _, why in rows))
    fitted, score, name = best
    table = Section("Candidates on validation", ("algorithm", "ndcg@10", "seconds", "refused"), rows, f"{name} is taken")
    tried = {row[0]: float(row[1]) for row in rows if row[1]}
    return replace(fitted, facts={"algorithm": name, **fitted.facts, "tried": tried}), table


def _share(deadline: float | None, candidates: int) -> float | None:
    """Minutes for one of those that are left, at least some seconds."""
    return None if deadline is None else max(0.1, (deadline - time.monotonic()) / 60 / candidates)


def _within(context: FitContext, name: str) -> FitContext:
    """A folder of its own; what was trained there before an interruption is gone on from."""
    folder = context.folder / name
    return replace(context, folder=folder, resume=folder / LAST if (folder / LAST).is_file() else None)
