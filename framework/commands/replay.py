"""``replay``: fits the winner of a run again, with the settings that its search found."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from framework.errors import InputError
from framework.recipe.compose import recompose
from framework.run.folder import RunState, find_run
from framework.run.search.replay import WINNER

EXAMPLES = """examples:
  python -m framework replay runs/auto/latest
  python -m framework replay runs/auto/latest --folder runs/again

Runs RUN/winner.yaml: the recipe of the run with the winner alone, its settings, and the trials that led to it one after the
other. A training that time ended is repeated step by step, so the metrics are those of the run, on the same kind of machine.
The folder of the run is read for that and must stay; the data are read again from their files. A run has a winner.yaml where
it had a budget, or search.trials=, and its winner declares what may be varied."""


def main(verb: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"python -m framework {verb}",
        description="Fits the winner of a run again.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, its artifact, a latest link, or the folder runs/RECIPE")
    parser.add_argument("--folder", help="of the new run; by default runs/RECIPE/DATE")
    options = parser.parse_args(arguments)
    folder = find_run(options.run)
    if not (folder / WINNER).is_file():
        raise InputError(f"{options.run} has no {WINNER}: it had neither a budget nor search.trials=, or nothing may be varied")
    config, recipe = recompose(folder / WINNER), RunState.read(folder).recipe
    from framework.run.pipeline import start

    start(config, recipe, Path(options.folder or f"runs/{recipe}/{datetime.now():%Y-%m-%dT%H-%M-%S}"))
    return 0
