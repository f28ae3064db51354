"""The sealed folder: written in one piece, opened only when every file is as it was sealed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from framework.contracts import Variant
from framework.errors import InputError
from framework.graphs import Graph, State, Tensor

FORMAT = 1
VERSION = 12  # characters of the seal that name a version
MANIFEST = "manifest.json"
RESOURCES = "resources"
GOLDEN = "golden.jsonl"


class Draft:
    """An artifact in the making, in a hidden folder beside its final place; renamed when it is whole."""

    def __init__(self, final: Path) -> None:
        self.final = final
        self.kept: Path | None = None  # where the artifact went that had the final name before
        self.folder = final.with_name(f".{final.name}-unfinished")
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / RESOURCES).mkdir(parents=True)

    @property
    def resources(self) -> Path:
        return self.folder / RESOURCES

    def drop(self, name: str) -> None:
        """Removes a folder that will not ship."""
        shutil.rmtree(self.folder / name)

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def seal(self, manifest: Mapping[str, Any]) -> None:
        """Writes the manifest with the checksum of every file and of itself."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        entries = {
            path.relative_to(self.folder).as_posix(): {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in files
        }
        content = {"format": FORMAT, **manifest, "files": entries}
        content["seal"] = _seal(content)
        (self.folder / MANIFEST).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")

    def publish(self) -> Path:
        """Gives the sealed folder its final name; an artifact that has it is kept as NAME-1, NAME-2, ..."""
        if not self.final.exists():
            return self.folder.rename(self.final)
        names = (self.final.with_name(f"{self.final.name}-{number}") for number in count(1))
        self.kept = next(path for path in names if not path.exists())
        self.final.rename(self.kept)
        try:
            return self.folder.rename(self.final)
        except BaseException:
            self.kept.rename(self.final)
            raise


@dataclass(frozen=True)
class Artifact:
    """A sealed artifact whose checksums hold."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def version(self) -> str:
        return str(self.manifest["seal"])[:VERSION]

    @property
    def graphs(self) -> list[Graph]:
        return [_graph(entry) for entry in self.manifest["graphs"]]

    def variant(self, name: str | None = None) -> Variant:
        """A variant by name; without one, the one the run decided to ship."""
        variants = self.manifest["variants"]
        chosen = name or self.manifest["default"]
        if chosen not in variants:
            raise InputError(f"{self.folder} has no variant {chosen!r}; it has: {', '.join(variants)}")
        return Variant(name=chosen, **{key: variants[chosen][key] for key in ("format", "files", "facts", "settings")})

    def paths(self, variant: Variant) -> dict[str, Path]:
        return {graph: self.folder / file for graph, file in variant.files.items()}


def find_artifact(path: Path | str) -> Path:
    """The artifact folder for what a person names: an artifact, a run, or the `latest` link of a recipe."""
    given = Path(path)
    for folder in (given, given / "artifact", given / "latest" / "artifact"):
        if (folder / MANIFEST).is_file():
            return folder
    if not given.exists():
        raise InputError(f"no artifact at {given}; a run leaves one at runs/RECIPE/latest")
    raise InputError(
        f"{given} holds no artifact: no {MANIFEST} in it, and no artifact/ folder. Did the run fail? See its run.log"
    )


@dataclass(frozen=True)
class Place:
    """An artifact that is still to be opened. version: as its manifest says, unproven."""

    folder: Path
    version: str


def locate_artifact(address: Path | str) -> Place:
    """What `find_artifact` finds, links followed: ``latest`` may point elsewhere a moment later."""
    folder = find_artifact(address).resolve()
    return Place(folder, str(read_manifest(folder)["seal"])[:VERSION])


def read_manifest(folder: Path) -> Any:
    """Raises InputError when it cannot be read, or was altered."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        sealed = manifest["seal"]
        intact = isinstance(manifest["files"], dict) and sealed == _seal(manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / MANIFEST} is damaged: {error}; copy the artifact again") from error
    if not intact:
        raise InputError(f"{folder / MANIFEST} was altered after sealing; copy the artifact again or run the recipe again")
    return manifest


def open_artifact(path: Path | str) -> Artifact:
    """Reads the manifest and checks every file against it. Raises InputError naming each that does not match."""
    folder = find_artifact(path)
    manifest = read_manifest(folder)
    if manifest.get("format") != FORMAT:
        raise InputError(f"{folder} has format {manifest.get('format')}; this version reads format {FORMAT}")
    files = {file for variant in manifest["variants"].values() for file in variant["files"].values()}
    problems = [f"{folder / MANIFEST} names {file}, which was not sealed" for file in files - manifest["files"].keys()]
    with ThreadPoolExecutor() as pool:
        problems += [
            problem for problem in pool.map(lambda entry: _problem(folder, *entry), manifest["files"].items()) if problem
        ]
    if problems:
        raise InputError(*problems, "the artifact is not as it was sealed; copy it again or run the recipe again")
    return Artifact(folder, manifest)


def _problem(folder: Path, name: str, entry: Mapping[str, Any]) -> str | None:
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts:
        return f"{folder / MANIFEST} names {name}, which is outside the artifact"
    path = folder / name
    if not path.is_file():
        return f"{path} is missing"
    size = path.stat().st_size
    if size != entry["bytes"]:
        return f"{path} has {size:,} bytes where {entry['bytes']:,} were sealed"
    return f"{path} was altered: its sha256 differs from the sealed one" if _sha256(path) != entry["sha256"] else None


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _seal(manifest: Mapping[str, Any]) -> str:
    """sha256 of the manifest without its seal, in a form that does not depend on layout."""
    content = {key: value for key, value in manifest.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def describe_graphs(graphs: Sequence[Graph]) -> list[dict[str, Any]]:
    """Graphs as plain data, without what runs them."""
    keys = ("name", "inputs", "outputs", "axes", "tolerance", "unscaled", "decides", "ranks", "state", "tables")
    return [{key: _plain(getattr(graph, key)) for key in keys} for graph in graphs]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Tensor | State):
        return {key: _plain(item) for key, item in asdict(value).items()}
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _graph(entry: Mapping[str, Any]) -> Graph:
    return Graph(
        entry["name"],
        inputs=_tensors(entry["inputs"]),
        outputs=_tensors(entry["outputs"]),
        axes={axis: (low, high) for axis, (low, high) in entry["axes"].items()},
        tolerance=entry["tolerance"],
        unscaled=tuple(entry.get("unscaled", ())),
        decides=entry["decides"],
        ranks=None if entry.get("ranks") is None else tuple(entry["ranks"]),
        state=tuple(State(**state) for state in entry["state"]),
        tables=_tensors(entry.get("tables", ())),
    )


def _tensors(entries: Sequence[Mapping[str, Any]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(entry["name"], entry["dtype"], tuple(entry["axes"]), entry["pad"]) for entry in entries)
