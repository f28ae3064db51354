"""``resume``: continues a run that was stopped, after the last stage that it finished."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence

from framework.artifact.sealed import open_artifact
from framework.machine.disk import shown
from framework.recipe.compose import recompose
from framework.run.folder import CONFIG, RunState, find_unfinished, link_latest, locked

EXAMPLES = """examples:
  python -m framework resume runs/sentiment/2026-11-24T10-31-07
  python -m framework resume runs/sentiment                        its newest run that has not finished

Whatever stopped the run, it goes on after the last stage that it finished, and a training from its last whole epoch, in the
same folder, with the recipe in its config.yaml, and ends with the metrics it would have ended with. The rows are those that
it read when it began."""


def main(verb: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"python -m framework {verb}",
        description="Goes on with a run that was stopped.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, its artifact, a latest link, or the folder runs/RECIPE")
    folder = find_unfinished(parser.parse_args(arguments).run)
    run, state = shown(folder), RunState.read(folder)
    if state.finished:
        print(f"{run} is finished; there is nothing to go on with.\nTo make its files again: python -m framework export {run} "
              f"KEY=VALUE\nTo train again:          python -m framework recipe={state.recipe} ...")  # fmt: skip
    elif (folder / "artifact").exists():  # stopped after sealing, before the run was marked as finished
        with locked(folder):
            open_artifact(folder)
            shutil.rmtree(folder / "export", ignore_errors=True)  # the artifact has the files
            state.note(folder, finished=True)
            print(f"{run} is finished: its artifact was sealed already; {shown(link_latest(folder))} points at it")
    else:
        from framework.run import pipeline

        pipeline.resume(recompose(folder / CONFIG), folder)
    return 0
