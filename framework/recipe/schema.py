"""The typed sections of a recipe that the framework itself owns; `task:`, `candidates:`, `export:`, `tracker:` and what
candidates share come from plugins.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, make_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Optional, Union

from framework.contracts.data.columns import Column
from framework.contracts.data.format import Quote
from framework.contracts.options import AS_WRITTEN, NAMES_AS_WRITTEN
from framework.errors import FrameworkError
from framework.plugins import AnyTask

FILES: Mapping[str, str] = {"as_written": "files"}  # names or addresses of files: a list too, unless a file has that very name


@dataclass
class DataSource:
    """Files that come as a whole: replaced altogether when `data.train` is given."""

    # path, glob, package://distribution/path or hf://owner/name, or a list of them
    train: Any = field(default=None, metadata=FILES)
    validation: Any = field(default=None, metadata=FILES)
    test: Any = field(default=None, metadata=FILES)
    format: Optional[str] = None  # of all files, such as csv; None: found out for each
    encoding: Optional[str] = None  # None: detected
    quote: Optional[Quote] = None  # what quotes are in delimited text; None: auto
    licence: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    description: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    # what pip is told to get the distribution of a package:// address
    install: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    # a column whose values each stay in one split, such as customer_id
    group: Optional[str] = field(default=None, metadata=AS_WRITTEN)


class Duplicates(Enum):
    """What happens to all but the first of rows whose texts say the same and have the same label."""

    drop = "drop"
    keep = "keep"


class LabelCombinations(Enum):
    """What happens where rows have several labels: the run is refused, or each combination is a class."""

    refuse = "refuse"
    keep = "keep"


@dataclass
class DataConfig(DataSource):
    """The `data:` section. One more field for each role of the task names that role's column, or columns."""

    limit_rows: Optional[int] = None  # training rows used at most; None: all
    validation_fraction: float = 0.1  # of all rows, where no file is given
    test_fraction: float = 0.1
    held_out_rows: Optional[int] = 20_000  # at most so many in each of them; None: no limit
    test_rows: Optional[int] = None  # of a test file so many are judged at most, drawn at random; None: all
    merge_spellings: bool = True  # of labels that differ only in case or spaces, or as 1 and 1.0 do
    duplicates: Duplicates = Duplicates.drop
    label_combinations: LabelCombinations = LabelCombinations.refuse


class Golden(Enum):
    """Where golden examples come from: validation rows, or requests that hold nothing of the data."""

    rows = "rows"
    synthetic = "synthetic"


@dataclass
class ArtifactConfig:
    """The `artifact:` section."""

    golden: Golden = Golden.rows
    golden_rows: int = 16


class PersonalData(Enum):
    """What happens to e-mail addresses, phone numbers, handles, links and account numbers in texts that are shown or stored."""

    mask = "mask"
    keep = "keep"


class ReportLanguage(Enum):
    """Of report.html. With auto it is Chinese where most of the training texts are."""

    auto = "auto"
    en = "en"
    zh = "zh"


@dataclass
class ReportConfig:
    """The `report:` section. But for the language it is about the run's output and log too."""

    language: ReportLanguage = ReportLanguage.auto
    texts: bool = True  # false: no text of the data is shown
    personal_data: PersonalData = PersonalData.mask
    hourly_price: Optional[float] = None  # of this machine, in any currency: what 1,000 answers cost


def recipe_schema(shared: Iterable[str]) -> type:
    """The root of every recipe: a key that is not here is refused wherever it is written.

    shared: names of the sections that candidates of any task share.
    """
    trainer = trainer_schema()
    return make_dataclass(
        "Recipe",
        [
            ("seed", int, field(default=42)),
            ("metric", Optional[str], field(default=None)),  # of the task, by which candidates are judged; None: its own
            ("budget", Optional[str], field(default=None)),  # of the whole run, 10m or 1h; None: as long as it takes
            ("automatic", bool, field(default=False)),  # the recipe was found by recipe=auto
            ("trainer", trainer, field(default_factory=trainer)),
            ("artifact", ArtifactConfig, field(default_factory=ArtifactConfig)),
            ("report", ReportConfig, field(default_factory=ReportConfig)),
            ("export", dict[str, Any], field(default_factory=dict)),
            ("tracker", dict[str, Any], field(default_factory=dict)),
            ("candidates", dict[str, Any], field(default_factory=dict)),
            *((name, Any, field(default=None)) for name in ("task", "data", *sorted(set(shared)))),
        ],
    )


def data_schema(task: AnyTask) -> type:
    """`DataConfig` with a field for each of the task's roles and further files, in itself and in its `source`."""
    columns = [*task.every_column, *(column for table in task.tables for column in table.columns)]
    roles: list[Any] = [
        (column.role, Any if column.composes else Optional[str], field(default=None, metadata=_names(column)))
        for column in columns
    ]
    roles += [(table.name, Any, field(default=None, metadata=FILES)) for table in task.tables]
    source = make_dataclass("DataSource", roles, bases=(DataSource,))
    nested = ("source", source, field(default_factory=source))
    return make_dataclass("DataConfig", [*roles, nested], bases=(DataConfig,))


def _names(column: Column) -> Mapping[str, str]:
    """Several columns can make one role of some; everything else is one column, whose name may have brackets of its own."""
    return NAMES_AS_WRITTEN if column.composes else AS_WRITTEN


OWN_TRAINER_ARGUMENTS = {"use_distributed_sampler"}  # set by the framework; a recipe cannot change them
_PRIMITIVES = {"int": int, "float": float, "str": str, "bool": bool}


def trainer_schema() -> type:
    """A dataclass with the arguments, types and defaults of the installed `pytorch_lightning.Trainer`.

    They are read from its source text: importing it takes seconds, and composing a recipe must not.
    """
    fields: list[Any] = []
    for name, annotation, default in _trainer_signature():
        if name not in OWN_TRAINER_ARGUMENTS:
            fields.append((name, _omega_type(annotation), field(default=default)))
    return make_dataclass("Trainer", fields)


def _trainer_signature() -> Iterator[tuple[str, ast.expr | None, Any]]:
    package = importlib.util.find_spec("pytorch_lightning")
    if package is None or package.origin is None:
        raise FrameworkError("training needs pytorch-lightning: pip install 'recipe-framework[train]'")
    path = Path(package.origin).parent / "trainer" / "trainer.py"
    module = ast.parse(path.read_text(encoding="utf-8"))
    trainer = next(node for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Trainer")
    init = next(node for node in trainer.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
        yield argument.arg, argument.annotation, None if default is None else ast.literal_eval(default)


def _omega_type(annotation: ast.expr | None) -> Any:
    """The part of an annotation that a YAML file can hold; Any where it includes lists or mappings.

    Lightning's names with an underscore stand for unions of literals.
    """
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)} if annotation else set()
    literals = [node for node in ast.walk(annotation) if isinstance(node, ast.Constant)] if annotation else []
    known = {_PRIMITIVES[name] for name in names & _PRIMITIVES.keys()}
    if any(isinstance(node.value, str) for node in literals) or any(name.startswith("_") for name in names):
        known |= {str, int}
    if not known or names & {"list", "List", "dict", "Dict", "Iterable", "Logger", "Callback", "Strategy"}:
        return Any
    return Optional[Union[tuple(known)]]
