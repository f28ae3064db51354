"""Makes a tiny run in a folder: ``python -m tests.make_artifact FOLDER``. CI predicts with it where torch is not installed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import framework
from tests.tiny import LENGTH, rows, tiny_model, write_csv


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)
        data, model = write_csv(here / "reviews.csv", rows()), tiny_model(here / "model")
        framework.run("sentiment", f"data.train={data}", f"model.name={model}", f"task.max_length={LENGTH}", folder=folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
