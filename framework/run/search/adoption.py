"""Puts the best trial's files where later stages read a candidate, so that a kill at any moment loses no fitted candidate."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from framework.run.fits.process import ORDER, OUTPUT, RESULT, TOLD
from framework.run.folder import ANSWERS, FITTED, STATE, RunFolder
from framework.run.search.record import FIRST, RECORD, SAMPLES, STUDY, read_record
from framework.training.records import CHECKPOINTS

HEAVY = (CHECKPOINTS, FITTED)  # in the order in which they move
LARGEST = 1_000_000  # bytes of a file that is kept of a trial that lost
OF_A_TRIAL = ("sections", "run.log", STATE, ORDER, RESULT, OUTPUT, TOLD, SAMPLES)


def keep_first(folder: Path) -> Path:
    """Copies what the first fit left, without model and checkpoints, into the folder of trial 0. Returns that folder."""
    kept = folder / str(FIRST)
    kept.mkdir(exist_ok=True)
    _copy(folder, kept)
    return kept


def adopt_best(folders: RunFolder, candidate: str) -> None:
    """Puts the model, checkpoints and records of the best trial in the place of those before it, unless they are there.

    The record names the best trial before its files move, and the fitted folder moves last, so that a killed process has either
    not begun or is made up for by the next call. Does nothing where there was no search.
    """
    folder = folders.trial(candidate)
    record = read_record(folder)
    if record is None or not (folder / str(record.best) / FITTED).is_dir():
        return
    trial = folder / str(record.best)
    (folder / ANSWERS).unlink(missing_ok=True)
    _copy(trial, folder)
    sections = trial / "sections" / f"fit-{candidate}.json"
    if sections.is_file():
        shutil.copyfile(sections, folders.sections / sections.name)
    for name in HEAVY:
        shutil.rmtree(folder / name, ignore_errors=True)
        if (trial / name).is_dir():
            (trial / name).replace(folder / name)


def discard(trial: Path) -> None:
    """Removes the model, the checkpoints and everything else that is large of a trial that lost."""
    for path in list(trial.iterdir()):
        if path.is_dir() and path.name not in ("logs", "sections"):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_file() and path.stat().st_size > LARGEST:
            path.unlink()


def _copy(source: Path, target: Path) -> None:
    for path in _light(source):
        if path.is_dir():
            shutil.copytree(path, target / path.name, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, target / path.name)


def _light(folder: Path) -> Iterator[Path]:
    """What a fit left in a folder, such as its options, plan and logs, without model and checkpoints."""
    for path in folder.iterdir():
        of_others = path.name in (*HEAVY, *OF_A_TRIAL, RECORD) or path.name.startswith((".", STUDY))
        if not of_others and not path.name.isdecimal():
            yield path
