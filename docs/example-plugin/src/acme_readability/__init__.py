"""How hard a text is to read, learned from texts that your own readers graded. Copy this distribution to start yours."""

from collections.abc import Callable
from dataclasses import dataclass

from framework import Exporter, hookimpl


@hookimpl
def register_tasks(register: Callable[[str, str], None]) -> None:
    register("readability", "acme_readability.task:ReadabilityTask")


@hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    register("readability", "acme_readability.candidates:MeanGrade")
    register("readability", "acme_readability.candidates:LeastSquares")


@hookimpl
def register_codecs(register: Callable[[str, str], None]) -> None:
    register("acme_readability", "acme_readability.codec:ReadabilityCodec")


@hookimpl
def register_surfaces(register: Callable[[str, str], None]) -> None:
    register("hardest", "acme_readability.surface:Hardest")


@hookimpl
def register_formats(register: Callable[[str, str], None]) -> None:
    register("graded_reader", "acme_readability.graded:GradedReader")


@dataclass
class Formula:
    """Options of `export: formula`."""

    digits: int = 9  # significant ones of each number; 9 are exact


@hookimpl
def register_exporters(register: Callable[[Exporter], None]) -> None:
    register(
        Exporter(
            "formula",
            export="acme_readability.formula:export",
            open="acme_readability.formula:FormulaBackend",
            format="json",
            options=Formula,
            check="acme_readability.formula:problems",
        )
    )


@hookimpl
def register_backbones(register: Callable[[str, str], None]) -> None:
    register("shelf", "acme_readability.shelf:Shelf")


@hookimpl
def register_messages(register: Callable[[str, str], None]) -> None:
    register("zh", "acme_readability:zh.json")


@hookimpl
def register_recipes(register: Callable[[str], None]) -> None:
    register("pkg://acme_readability.recipes")
