"""Between core and plugins mypy checks what a plugin promises: a wrong one is an error before anything runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from framework.plugins import load_plugins

ROOT = Path(__file__).parent.parent

RIGHT = """
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from framework import (
    Answers, Candidate, Codec, CodecSpec, Column, Evaluation, Exchange, FitContext, Fitted, Interface, Metric, NoOptions,
    Reply, Request, Response, Route, Section, Splits, Steps, Surface, Table, Task, read_fitted, write_fitted,
)


@dataclass(frozen=True)
class Data:
    splits: Splits

    def sections(self) -> list[Section]:
        return []


class Length(Task[NoOptions, Data]):
    name: ClassVar[str] = "length"
    every_column: ClassVar[tuple[Column, ...]] = (Column("text", (), "text"), Column("length", (), "category", target=True))
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("accuracy"),)
    competing: ClassVar[tuple[str, ...]] = ("counted",)

    def prepare(self, splits: Splits, options: NoOptions) -> Data:
        return Data(splits)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        return Evaluation({"accuracy": 1.0})


class Counted(Candidate[NoOptions, Data, NoOptions]):
    name: ClassVar[str] = "counted"
    title: ClassVar[str] = "counted"

    def fit(self, data: Data, context: FitContext[NoOptions, NoOptions]) -> None:
        write_fitted(context.output, CodecSpec("length"))

    def open(self, folder: Path) -> Fitted:
        return read_fitted(folder)


class LengthCodec:
    version = 1

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None: ...

    def parse(self, request: Any) -> Request:
        return {"text": str(request)}

    def start(self, request: Request) -> Steps:
        yield from ()
        return {"length": len(request["text"])}

    def flatten(self, response: Response) -> dict[str, str]:
        return {"length": str(response["length"])}

    def interface(self) -> Interface:
        return Interface({}, {}, "a text")

    @staticmethod
    def odd_requests() -> list[Request]:
        return [{"text": ""}]


codec: type[Codec] = LengthCodec


class Longest(Surface):
    name: ClassVar[str] = "longest"

    def serves(self, codec: Codec) -> bool:
        return isinstance(codec, LengthCodec)

    def routes(self) -> Sequence[Route]:
        return [Route("POST", "/v1/longest", self.answer)]

    async def answer(self, exchange: Exchange) -> Reply:
        return {"length": max(answer["length"] for answer in await exchange.answers(exchange.model(), ["a"]))}
"""

FIT = "def fit(self, data: Data, context: FitContext[NoOptions, NoOptions]) -> None:"

# What is wrong: in RIGHT this, there that; what mypy says of it.
WRONG = {
    "evaluate_takes_one_more": (
        "evaluate(self, answers: Answers, rows: Table)", "evaluate(self, answers: Answers, rows: Table, facts: Fitted)",
        'Signature of "evaluate" incompatible with supertype "framework.contracts.task.Task"',
    ),
    "evaluate_takes_another": (
        "evaluate(self, answers: Answers, rows: Table)", "evaluate(self, answers: list[Response], rows: Table)",
        'Argument 1 of "evaluate" is incompatible with supertype "framework.contracts.task.Task"',
    ),
    "evaluate_gives_numbers": (
        "rows: Table) -> Evaluation:\n        return Evaluation({\"accuracy\": 1.0})",
        "rows: Table) -> dict[str, float]:\n        return {\"accuracy\": 1.0}",
        'Return type "dict[str, float]" of "evaluate" incompatible with return type "Evaluation" in supertype',
    ),
    "prepare_gives_other_data": (
        "-> Data:\n        return Data(splits)", "-> Splits:\n        return splits",
        'Return type "Splits" of "prepare" incompatible with return type "Data" in supertype',
    ),
    "data_without_sections": (
        "def sections(self)", "def tables(self)", 'Type argument "Data" of "Task" must be a subtype of "TaskData"',
    ),
    "fit_returns_something": (
        FIT, FIT.replace("-> None", "-> Path"),
        'Return type "Path" of "fit" incompatible with return type "None" in supertype',
    ),
    "fit_wants_another_task": (
        FIT, FIT.replace("FitContext[NoOptions, NoOptions]", "FitContext[Data, NoOptions]"),
        'Argument 2 of "fit" is incompatible with supertype "framework.contracts.candidate.Candidate"',
    ),
    "fitted_opens_a_codec": (
        "-> Fitted:\n        return read_fitted(folder)", "-> CodecSpec:\n        return read_fitted(folder).codec",
        'Return type "CodecSpec" of "open" incompatible with return type "Fitted" in supertype',
    ),
    "codec_without_flatten": (
        "def flatten(self", "def flat(self",
        'Incompatible types in assignment (expression has type "type[LengthCodec]", variable has type "type[Codec]")',
    ),
    "surface_answers_a_text": (
        "exchange: Exchange) -> Reply:\n        return {", "exchange: Exchange) -> set[str]:\n        return {",
        'Argument 3 to "Route" has incompatible type "Callable[[Exchange], Coroutine[Any, Any, set[str]]]"',
    ),
    "surface_serves_models": (
        "serves(self, codec: Codec)", "serves(self, codec: Interface)",
        'Argument 1 of "serves" is incompatible with supertype "framework.contracts.serving.surface.Surface"',
    ),
    "codec_starts_with_a_text": (
        "def start(self, request: Request) -> Steps:", "def start(self, request: str) -> Steps:",
        'Incompatible types in assignment (expression has type "type[LengthCodec]", variable has type "type[Codec]")',
    ),
}  # fmt: skip


@pytest.fixture
def cache(request: pytest.FixtureRequest) -> Path:
    """Kept between sessions: what the core imports takes mypy most of a minute, once."""
    kept = request.config.cache
    assert kept is not None
    return Path(kept.mkdir("mypy"))


def mypy(cache: Path, *arguments: object) -> tuple[int, str]:
    """Exit status and output, with the settings that the whole project is checked with."""
    line = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        ROOT / "pyproject.toml",
        "--cache-dir",
        cache,
        *arguments,
    ]
    done = subprocess.run([str(word) for word in line], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def errors(output: str, module: str) -> list[str]:
    """What is said of a module."""
    return [line.partition("error: ")[2] for line in output.splitlines() if f"{module}.py:" in line and "error: " in line]


def test_a_plugin_that_does_not_keep_to_the_contract_is_an_error_and_a_right_one_is_not(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    for name, (right, wrong, _) in WRONG.items():
        assert right in RIGHT, name
        (tmp_path / f"{name}.py").write_text(RIGHT.replace(right, wrong))
    status, output = mypy(cache, *sorted(tmp_path.glob("*.py")))
    assert status == 1
    assert errors(output, "right") == []
    said = {name: errors(output, name) for name in WRONG}
    assert {
        name: message for name, (_, _, message) in WRONG.items() if not any(message in line for line in said[name])
    } == {}, said


def test_every_codec_that_the_plugins_register_is_one(tmp_path: Path, cache: Path) -> None:
    lines = ["from framework import Codec"]
    for number, path in enumerate(load_plugins().codecs.values()):
        module, _, name = path.partition(":")
        lines += [f"from {module} import {name} as Codec{number}", f"codec{number}: type[Codec] = Codec{number}"]
    (tmp_path / "registered.py").write_text("\n".join(lines))
    assert mypy(cache, tmp_path / "registered.py")[1].startswith("Success")


def test_a_parameter_of_evaluate_cannot_change_without_every_task(tmp_path: Path, cache: Path) -> None:
    contract = ROOT / "framework" / "contracts" / "task.py"
    (tmp_path / "task.py").write_text(contract.read_text("utf-8").replace("answers: Answers, rows: Table)", "table: Table)"))
    modules = {path.partition(":")[0] for path in load_plugins().tasks.values()}
    files = [ROOT / "plugins" / f"{module.replace('.', '/')}.py" for module in sorted(modules)]
    output = mypy(cache / "changed", "--shadow-file", contract, tmp_path / "task.py", *files)[1]
    said = {file: errors(output, f"{file.parent.name}/{file.stem}") for file in files}
    assert len(said) >= 5
    assert [file for file in files if not any('"evaluate" incompatible with supertype' in line for line in said[file])] == [], (
        output
    )
