"""A whole run of a recipe, from its data to the sealed artifact: time of each step, peak memory, and results.

    python benchmarks/whole_run.py summarization
    python benchmarks/whole_run.py dialogue --folder runs/dialogue/timed "export=[onnx,onnx_int4]"

Targets of generators on two cores: 20 minutes in all, 8 for the step that exports and verifies, 8 GB.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.machine import heading
from benchmarks.process import Cost, command, run_folder
from framework import Section
from framework.artifact.manifest import Manifest
from framework.artifact.sealed import open_artifact
from framework.report.console import LOG, STEP, as_text


class Watch(threading.Thread):
    """Records when each step of a run begins, by reading its log."""

    def __init__(self, log: Path) -> None:
        super().__init__(daemon=True)
        self.log = log
        self.begun = [("start", time.perf_counter())]

    def run(self) -> None:
        while True:
            lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
            steps = [line.removeprefix(STEP) for line in lines if line.startswith(STEP)]
            self.begun += [(step, time.perf_counter()) for step in steps[len(self.begun) - 1 :]]
            time.sleep(0.1)

    def seconds(self) -> list[tuple[str, float]]:
        """Each step with its seconds; the last step's until now."""
        return [(step, end - begin) for (step, begin), (_, end) in pairwise([*self.begun, ("", time.perf_counter())])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--folder", metavar="RUN", type=Path, help="keeps the run there; default: it is removed")
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="of the recipe; default: none")
    options = parser.parse_args()
    print(heading(), flush=True)
    with run_folder(options.folder) as folder:
        watch = Watch(folder / LOG)
        watch.start()
        cost = command(f"recipe={options.recipe}", f"hydra.run.dir={folder}", *options.overrides)
        steps = watch.seconds()
        manifest = open_artifact(folder).manifest
    for section in (costs(cost, steps), scores(manifest), files(manifest)):
        print(as_text(section) + "\n")


def costs(cost: Cost, steps: Sequence[tuple[str, float]]) -> Section:
    rows = [(step, f"{seconds:,.0f}", f"{seconds / 60:.1f}") for step, seconds in [*steps, ("in all", cost.seconds)]]
    note = f"At most {cost.peak / 1e9:.2f} GB of memory."
    return Section("The whole run, from the data to the sealed artifact", ("step", "seconds", "minutes"), rows, note)


def scores(manifest: Manifest) -> Section:
    """Metrics of the shipped candidate and of the baselines."""
    candidates = manifest.evaluation.candidates
    names = list(dict.fromkeys(name for metrics in candidates.values() for name in metrics))
    rows = [
        (who, *(f"{metrics[name]:.4f}" if name in metrics else "" for name in names)) for who, metrics in candidates.items()
    ]
    return Section(f"On {manifest.evaluation.rows:,} test rows: {manifest.title} ships", ("", *names), rows)


def files(manifest: Manifest) -> Section:
    rows = [(name, f"{variant.bytes / 1e6:,.0f}", variant.decision) for name, variant in manifest.variants.items()]
    return Section("Files that ship", ("", "MB", ""), rows)


if __name__ == "__main__":
    main()
