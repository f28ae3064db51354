"""Puts the best trial's files where later stages read a candidate, so that a kill at any moment loses no fitted candidate."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from framework.run.fit import FITTED
from framework.run.folder import STATE, RunFolder, read_json, write_json
from framework.run.search.process import ORDER, OUTPUT, RESULT
from framework.run.search.record import FIRST, RECORD, SAMPLES, STUDY
from framework.training.records import CHECKPOINTS

ADOPTING = "adopting.json"  # in the folder of a candidate's trials, while the files of a trial move
HEAVY = (FITTED, CHECKPOINTS)
LARGEST = 1_000_000  # bytes of a file that is kept of a trial that lost
OF_A_TRIAL = ("sections", "run.log", STATE, ORDER, RESULT, OUTPUT, SAMPLES)
OF_THE_SEARCH = (RECORD, ADOPTING)


@dataclass(frozen=True)
class Adoption:
    """The trial whose files move."""

    number: int


def keep_first(folder: Path) -> Path:
    """Copies what the first fit left, without model and checkpoints, into the folder of trial 0. Returns that folder."""
    kept = folder / str(FIRST)
    kept.mkdir(exist_ok=True)
    _copy(folder, kept)
    return kept


def adopt(folders: RunFolder, candidate: str, number: int) -> None:
    """Puts a trial's model, checkpoints and records in the place of the best before it, which are removed."""
    write_json(folders.trial(candidate) / ADOPTING, Adoption(number))
    finish_adoption(folders, candidate)


def finish_adoption(folders: RunFolder, candidate: str) -> None:
    """Ends an adoption that was begun, in this process or in one that was killed; does nothing where none was."""
    folder = folders.trial(candidate)
    adoption = read_json(Adoption, folder / ADOPTING)
    if adoption is None:
        return
    trial = folder / str(adoption.number)
    for name in HEAVY:
        if (trial / name).exists():
            shutil.rmtree(folder / name, ignore_errors=True)
            (trial / name).replace(folder / name)
    _copy(trial, folder)
    sections = trial / "sections" / f"fit-{candidate}.json"
    if sections.is_file():
        shutil.copyfile(sections, folders.sections / sections.name)
    (folder / ADOPTING).unlink()


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
        of_others = path.name in (*HEAVY, *OF_A_TRIAL, *OF_THE_SEARCH) or path.name.startswith((".", STUDY))
        if not of_others and not path.name.isdecimal():
            yield path
