"""``resume`` and ``export``: a run's folder is entered again, and the steps of a run are gone through as before."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from framework.artifact.sealed import open_artifact
from framework.errors import InputError
from framework.machine.disk import shown
from framework.recipe.compose import recompose
from framework.run.folder import CONFIG, RunState, find_run, find_unfinished, locked
from framework.run.job import Job
from framework.run.sealing import link_latest

RESUME = """examples:
  python -m framework resume runs/sentiment/2026-11-24T10-31-07
  python -m framework resume runs/sentiment                        its newest run that has not finished

Whatever stopped the run, it goes on from the last whole epoch, in the same folder, with the recipe in its config.yaml,
and ends with the metrics it would have ended with. Data files must be as they were."""
EXPORT = """examples:
  python -m framework export runs/sentiment/latest "export=[onnx,torchscript]"
  python -m framework export runs/sentiment/latest export.onnx_int8.max_drop=0.02
  python -m framework export runs/sentiment/latest artifact.golden=synthetic

Evaluates, exports, proves and seals once more, from the weights in the run's checkpoints. Only export, artifact and
report can change; everything else is as in config.yaml, which stays as it is. The artifact takes the place of the one
before it when it is sealed, not earlier; the one before it is kept beside it as artifact-1, artifact-2, ..."""


def main(verb: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"python -m framework {verb}",
        description="Goes on with a run that was stopped."
        if verb == "resume"
        else "Makes the files of a trained run again, or others.",
        epilog=RESUME if verb == "resume" else EXPORT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, its artifact, a latest link, or the folder runs/RECIPE")
    if verb == "export":
        parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help="export=[...], export.NAME.KEY=, artifact.KEY=")
    options = parser.parse_args(arguments)
    return resume(options.run) if verb == "resume" else export(options.run, options.changes)


def resume(address: str) -> int:
    folder = find_unfinished(address)
    run, state = shown(folder), RunState.read(folder)
    if state.finished:
        print(f"{run} is finished; there is nothing to go on with.\nTo make its files again: python -m framework export {run} "
              f"KEY=VALUE\nTo train again:          python -m framework recipe={state.recipe} ...")  # fmt: skip
    elif (folder / "artifact").exists():  # stopped between its last two steps
        with locked(folder):
            open_artifact(folder)
            state.note(folder, finished=True)
            print(f"{run} is finished: its artifact was sealed already; {shown(link_latest(folder))} points at it")
    else:
        from framework.run.pipeline import run_job

        run_job(Job.enter(recompose(folder / CONFIG), folder, trains=True))
    return 0


def export(address: str, changes: Sequence[str]) -> int:
    words = [change for change in changes if "=" not in change]
    if words:
        raise InputError(f"{' '.join(words)}: write KEY=VALUE, such as export=[onnx]; see export --help")
    folder = find_run(address)
    config = recompose(folder / CONFIG, changes)
    from framework.run.pipeline import run_job

    run_job(Job.enter(config, folder, trains=False))
    return 0
