"""The framework's own typed sections of a recipe. Plugins type `task:`, `candidates:`, `export:`, `tracker:` and the sections
that candidates share.
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

FILES: Mapping[str, str] = {"as_written": "files"}
"""Metadata of an option that holds the name or address of a file, or, unless a file has that name, a list of them, [a,b]."""


@dataclass
class DataSource:
    """The files of a data set and how to read them. The recipe's `data.source` is used unless the user sets `data.train`."""

    train: Any = field(default=None, metadata=FILES)
    """A path, a glob, package://distribution/path or hf://owner/name, or a list of them; so are `validation` and `test`."""
    validation: Any = field(default=None, metadata=FILES)
    test: Any = field(default=None, metadata=FILES)
    format: Optional[str] = None
    """Format of all files, such as csv; None: detected for each."""
    encoding: Optional[str] = None
    """Encoding of all files; None: detected for each."""
    quote: Optional[Quote] = None
    """The meaning of quotes in delimited text; None: `Quote.auto`."""
    licence: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    description: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    install: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    """The pip command that installs the distribution of a package:// address; the error for a missing distribution shows it."""
    label_separator: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    """What stands between the labels of a row, for tasks that learn several; None: found."""
    group: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    """A column, such as customer_id: rows with the same value stay in one split."""


class Duplicates(Enum):
    """What happens to rows with the same normalized text and label as an earlier row."""

    drop = "drop"
    keep = "keep"


class LabelCombinations(Enum):
    """What happens where rows have several labels: the run is refused, or each combination is a class."""

    refuse = "refuse"
    keep = "keep"


@dataclass
class DataConfig(DataSource):
    """The `data:` section. `data_schema` adds a field for each role of the task, which names the role's column or columns."""

    exclude: Any = field(default=None, metadata=FILES)
    """Files that name training rows to leave out: a CSV with the columns file and line, or lines FILE:LINE."""
    limit_rows: Optional[int] = None
    """The largest number of training rows to use; None: all."""
    validation_fraction: float = 0.1
    """Share of all rows that is held out for validation, unless there is a validation file."""
    test_fraction: float = 0.1
    """Share of all rows that is held out for test, unless there is a test file."""
    held_out_rows: Optional[int] = 20_000
    """The largest number of rows to hold out for validation, and for test; None: no limit."""
    test_rows: Optional[int] = None
    """The largest number of rows of a test file to judge, drawn at random; None: all."""
    merge_spellings: bool = True
    """Whether labels that differ only in case or spaces, or as 1 and 1.0 do, are the same."""
    duplicates: Duplicates = Duplicates.drop
    label_combinations: LabelCombinations = LabelCombinations.refuse


class Golden(Enum):
    """The origin of golden examples: validation rows, or synthetic requests without anything of the data."""

    rows = "rows"
    synthetic = "synthetic"


@dataclass
class ArtifactConfig:
    """The `artifact:` section."""

    golden: Golden = Golden.rows
    golden_rows: int = 16
    """The largest number of golden examples."""


class PersonalData(Enum):
    """What happens to e-mail addresses, phone numbers, handles, links and account numbers in texts shown or stored."""

    mask = "mask"
    keep = "keep"


class ReportLanguage(Enum):
    """The language of report.html. With auto it is Chinese if most training texts are, else English."""

    auto = "auto"
    en = "en"
    zh = "zh"


@dataclass
class ReportConfig:
    """The `report:` section. Except for the language, it also applies to the console and the log."""

    language: ReportLanguage = ReportLanguage.auto
    texts: bool = True
    """Whether texts of the data may be shown."""
    personal_data: PersonalData = PersonalData.mask
    hourly_price: Optional[float] = None
    """Price of an hour on this machine, in any currency, from which the report computes the cost of 1,000 answers."""


@dataclass
class SelectConfig:
    """The `select:` section: how the candidate that ships is chosen."""

    tolerance: float = 0.01
    """The most of the metric that a candidate may lose against the best and ship because it is cheaper to serve: the 95 %
    interval of its loss on validation ends here or below. 0: the best score always ships."""


@dataclass
class TargetConfig:
    """The `target:` section: the most that the file that ships should take on this machine; see `Targets`."""

    latency_ms: Optional[float] = None
    """Milliseconds of one request alone, the median; None: no target."""
    size_mb: Optional[float] = None
    """Megabytes of the files; None: no target."""


@dataclass
class SearchConfig:
    """The `search:` section."""

    trials: Optional[int] = None
    """The largest number of fits of one candidate with other settings than the recipe's; None: as many as the budget allows,
    and none without a budget."""
    lineage: list[Any] = field(default_factory=list)
    """In place of a search: fits, each with settings by full key, that continue the one before or, where they say so, begin
    anew (`begins_anew`) or are averaged with it (`averaged`), as winner.yaml has them."""


def recipe_schema(shared: Iterable[str]) -> type:
    """The dataclass of a whole recipe; Hydra refuses any other key. shared: names of sections that candidates share."""
    trainer = trainer_schema()
    return make_dataclass(
        "Recipe",
        [
            ("seed", int, field(default=42)),
            ("metric", Optional[str], field(default=None)),  # the metric that decides, by name; None: the task's default
            ("budget", Optional[str], field(default=None)),  # wall clock of the whole run, 10m or 1h; None: no limit
            ("automatic", bool, field(default=False)),  # whether recipe=auto chose the recipe
            ("trainer", trainer, field(default_factory=trainer)),
            ("select", SelectConfig, field(default_factory=SelectConfig)),
            ("target", TargetConfig, field(default_factory=TargetConfig)),
            ("artifact", ArtifactConfig, field(default_factory=ArtifactConfig)),
            ("search", SearchConfig, field(default_factory=SearchConfig)),
            ("report", ReportConfig, field(default_factory=ReportConfig)),
            ("export", dict[str, Any], field(default_factory=dict)),
            ("tracker", dict[str, Any], field(default_factory=dict)),
            ("candidates", dict[str, Any], field(default_factory=dict)),
            *((name, Any, field(default=None)) for name in ("task", "data", *sorted(set(shared)))),
        ],
    )


def data_schema(task: AnyTask) -> type:
    """`DataConfig` with a field for each role and further file of the task, also in its nested section `source`."""
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
    """The metadata of a role's field: a list of headers where columns can be combined, otherwise one header."""
    return NAMES_AS_WRITTEN if column.composes else AS_WRITTEN


OWN_TRAINER_ARGUMENTS = {"use_distributed_sampler"}  # set by the framework; no keys of a recipe
_PRIMITIVES = {"int": int, "float": float, "str": str, "bool": bool}


def trainer_schema() -> type:
    """A dataclass with the arguments, types and defaults of the installed `pytorch_lightning.Trainer`.

    They are parsed from its source, because an import takes seconds and composing a recipe must not. Raises FrameworkError
    where pytorch-lightning is not installed.
    """
    arguments: list[Any] = []
    for name, annotation, default in _trainer_signature():
        if name not in OWN_TRAINER_ARGUMENTS:
            arguments.append((name, _omega_type(annotation), field(default=default)))
    return make_dataclass("Trainer", arguments)


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
    """The scalar types of an annotation, for OmegaConf; Any where it includes lists, mappings or objects.

    Lightning's names that begin with an underscore are unions of literals.
    """
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)} if annotation else set()
    literals = [node for node in ast.walk(annotation) if isinstance(node, ast.Constant)] if annotation else []
    scalars = {_PRIMITIVES[name] for name in names & _PRIMITIVES.keys()}
    if any(isinstance(node.value, str) for node in literals) or any(name.startswith("_") for name in names):
        scalars |= {str, int}
    if not scalars or names & {"list", "List", "dict", "Dict", "Iterable", "Logger", "Callback", "Strategy"}:
        return Any
    return Optional[Union[tuple(scalars)]]
