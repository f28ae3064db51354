"""A sealed artifact as a function from requests to responses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

from framework.artifact.manifest import GOLDEN, RESOURCES, SealedCodec
from framework.artifact.sealed import Artifact, open_artifact
from framework.contracts.codec import Codec, Growing, Settings
from framework.contracts.data.columns import Column
from framework.contracts.graph import Request, Response
from framework.data.columns import none_of, plain_name
from framework.data.joined import Columns, parts_of, request_of
from framework.errors import FrameworkError, InputError, nearest
from framework.plugins import load_plugins
from framework.runtime.onnx import Device, open_onnx
from framework.runtime.overlay import Overlay, overlay_path
from framework.runtime.requests import each_request
from framework.runtime.scheduler import MAX_ELEMENTS, MAX_ROWS, RunFailedError, Scheduler
from framework.runtime.tables import Tables, TablesBackend

RUNNABLE = ("onnx", "codec")  # formats of variants that run without torch; a variant of the format codec has no files
CHUNK = 1024  # requests that `answer` reads and answers together


class Model:
    """Answers requests with one variant of an artifact.

    variant: a name; None: the default variant. device: None: the CPU. rows, elements: limits of one run, see `Scheduler`.
    Raises InputError for a variant that needs torch or that the artifact lacks, and where the installed codec has another
    version than the sealed one.
    """

    def __init__(
        self,
        artifact: Artifact,
        variant: str | None = None,
        device: Device | None = None,
        rows: int = MAX_ROWS,
        elements: int = MAX_ELEMENTS,
    ) -> None:
        self.artifact = artifact
        self.manifest = artifact.manifest
        self.variant = artifact.variant(variant)
        if self.variant.format not in RUNNABLE:
            raise InputError(f"the runtime opens ONNX variants; {self.variant.name} is {self.variant.format}")
        self.task = load_plugins().task(self.manifest.task)
        self.codec = _codec(self.manifest.codec, self.variant.settings, artifact.folder / RESOURCES)
        self.device = device or Device()
        graphs = artifact.graphs
        self.tables = Tables.load(graphs, artifact.folder / RESOURCES)
        backend = TablesBackend(open_onnx(graphs, artifact.paths(self.variant), self.device), graphs, self.tables)
        self.scheduler = Scheduler(self.codec, backend, graphs, self.tables.rows_per_run(rows), elements)
        self._overlay = Overlay(overlay_path(artifact.folder, artifact.version))
        self._growing = threading.Lock()
        self._can_grow = isinstance(self.codec, Growing)

    @property
    def growing_codec(self) -> Growing:
        """The codec as a `Growing`; to be used only where tables can grow."""
        return cast(Growing, self.codec)

    def catch_up(self) -> None:
        """Adds to codec and tables the items that any process has added to the artifact since the last call.

        Raises FrameworkError for items that do not fit the artifact.
        """
        if not (self._can_grow and self._overlay.grown()):
            return
        codec = self.growing_codec
        with self._growing, self._overlay.unread() as items:
            if not items:
                return
            try:
                rows = codec.rows(items)
            except (InputError, KeyError, TypeError, ValueError) as error:
                reason = error if isinstance(error, InputError) else f"{type(error).__name__} {error}"
                raise FrameworkError(f"{self._overlay.path} holds what this artifact cannot take in: {reason}") from error
            codec.describe(items)
            self.tables.append(rows)
            codec.add(items)

    def keep(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Stores items beside the artifact, for every process that serves the artifact, and adds them to codec and tables.

        items: kept items, as `Growing.adding` returns them. Raises InputError for an item that exists already, FrameworkError
        where the items cannot be stored.
        """
        with self._overlay.writing() as stream:
            self.catch_up()
            for item in items:
                self.growing_codec.check_new(item["item"])
            self._overlay.append(stream, items)
            self.catch_up()

    def predict(self, requests: Iterable[Any]) -> list[Response]:
        """The response to each request, in order. Raises InputError for an invalid request, and RunFailedError for a request on
        which the model cannot be run.

        requests: an iterable of requests, each a text or a mapping of the task's fields; a table, such as a DataFrame of
        pandas, with columns as in a file, see `column_names`; or one column of a table.
        """
        return list(self.stream(requests))

    def stream(self, requests: Iterable[Any]) -> Iterator[Response]:
        """As `predict`, but yields each response; the requests are read `CHUNK` at a time."""
        numbered = enumerate(each_request(requests, self.column_names), start=1)
        return self.answer(self._parse(number, request) for number, request in numbered)

    def answer(self, parsed: Iterable[Request]) -> Iterator[Response]:
        """As `stream`, for requests that `parse` returned. Raises RunFailedError; its number counts requests from 1."""
        self.catch_up()
        source, first = iter(parsed), 1
        while chunk := list(islice(source, CHUNK)):
            try:
                yield from self.scheduler.answer(chunk)
            except RunFailedError as error:
                raise RunFailedError(first + error.number - 1, error.error) from error.error
            first += len(chunk)

    def parse(self, request: Any) -> Any:
        """The request as `Codec.parse` returns it. Raises InputError.

        request: a role that was joined from several columns of the training data may be given as these columns.
        """
        return self.codec.parse(request_of(request, self.manifest.data.names))

    def _parse(self, number: int, request: Any) -> Any:
        try:
            return self.parse(request)
        except InputError as error:
            raise InputError(f"request {number}: {error}") from error

    def column_names(self, header: Sequence[str], chosen: Mapping[str, Columns] | None = None) -> dict[str, Columns]:
        """Role -> the header, or headers, of its columns in a file. Raises InputError for columns that are missing.

        A role is matched by its header in the training data, by the role itself, or by another name in `Column.names`. A role
        that was joined from several columns of the training data is matched by all their headers, or by one column with any of
        the other names. header: all headers of the file. chosen: role -> headers that the caller has decided on; these roles
        are not matched.
        """
        columns = dict(chosen or {})
        _check_chosen(columns, header)
        taken = [name for names in columns.values() for name in parts_of(names)]
        problems = []
        spelling = {plain_name(name): name for name in reversed(header) if name not in taken}
        for column in self.task.answered:
            if column.role in columns:
                continue
            trained = self.manifest.data.names.get(column.role, column.role)
            match = _take_match(column, trained, spelling)
            if match is not None:
                columns[column.role] = match
            elif not column.optional:
                name = _joined_name(trained)
                problems.append(f"no {column.role} column; it may be called {name}; {nearest(name, header, 'columns')}")
        if not columns and not problems:
            problems.append(none_of("the file", self.task.answered, header))
        if problems:
            raise InputError(*problems)
        return columns

    def replay_golden(self) -> None:
        """Answers the golden examples again, one at a time. Raises FrameworkError naming the first beyond the tolerance.

        Called before `catch_up`, since items added after sealing may change answers.
        """
        lines = (self.artifact.folder / GOLDEN).read_text(encoding="utf-8").split("\n")  # texts may hold other line breaks
        examples = [json.loads(line) for line in lines if line]
        tolerance = self.manifest.golden.tolerance[self.variant.name]
        for example in examples:
            response = self.scheduler.answer([self.codec.parse(example["request"])])[0]
            expected = example["responses"][self.variant.name]
            if difference(response, expected) > tolerance:
                raise FrameworkError(
                    f"golden example {example['request']} came out as {response}, sealed was {expected} "
                    f"(tolerance {tolerance}); this machine computes something else"
                )


def _check_chosen(columns: Mapping[str, Columns], header: Sequence[str]) -> None:
    missing = [
        f"no column {name!r} for {role}; {nearest(name, header, 'columns')}"
        for role, names in columns.items()
        for name in parts_of(names)
        if name not in header
    ]
    if missing:
        raise InputError(*missing)


def _take_match(column: Column, trained: Columns, spelling: dict[str, str]) -> Columns | None:
    """The header, or headers, of the file that match a column of the task, removed from `spelling`; None: there is no match.

    trained: the header, or headers, of the column in the training data. spelling: result of `plain_name` -> header of the file.
    """
    if isinstance(trained, list) and all(plain_name(name) in spelling for name in trained):
        return [spelling.pop(plain_name(name)) for name in trained]
    names = (_joined_name(trained), column.role, *column.names)
    return next((spelling.pop(plain_name(name)) for name in names if plain_name(name) in spelling), None)


def _joined_name(columns: Columns) -> str:
    return " + ".join(parts_of(columns))


def difference(response: Any, expected: Any) -> float:
    """The largest absolute difference of numbers at the same place of two responses; infinite when anything else differs."""
    if isinstance(response, Mapping) and isinstance(expected, Mapping) and response.keys() == expected.keys():
        return max((difference(response[key], expected[key]) for key in response), default=0.0)
    if isinstance(response, list) and isinstance(expected, list) and len(response) == len(expected):
        return max((difference(*pair) for pair in zip(response, expected, strict=True)), default=0.0)
    if isinstance(response, int | float) and isinstance(expected, int | float):
        return abs(response - expected)
    return 0.0 if response == expected else float("inf")


def _codec(sealed: SealedCodec, variant_settings: Settings, resources: Path) -> Codec:
    """The artifact's codec. variant_settings: replace sealed settings. Raises InputError if another version is installed."""
    codec = load_plugins().codec(sealed.name)
    if codec.version != sealed.version:
        raise InputError(
            f"the artifact was sealed with version {sealed.version} of the {sealed.name} codec; "
            f"version {codec.version} is installed"
        )
    return codec({**sealed.settings, **variant_settings}, resources)


def as_argument(request: Any) -> str:
    """A request as one argument of the verb `predict`: its text where the text is the only field, otherwise JSON."""
    values = list(request.values()) if isinstance(request, dict) else [request]
    if len(values) == 1 and isinstance(values[0], str) and not values[0].lstrip().startswith("{"):
        return values[0]
    return json.dumps(request, ensure_ascii=False)


def load_model(path: Path | str, variant: str | None = None) -> Model:
    """Opens an artifact. path: as for `find_artifact`. variant: as for `Model`. Raises InputError for an altered file."""
    return Model(open_artifact(path), variant)
