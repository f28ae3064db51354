"""A task of its own: a price from a size. Copy this distribution to start yours."""

from collections.abc import Callable

from framework import hookimpl


@hookimpl
def register_tasks(register: Callable[[str, str], None]) -> None:
    register("price", "acme_price.task:PriceTask")


@hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    register("price", "acme_price.candidates:MeanPrice")
    register("price", "acme_price.candidates:LeastSquares")


@hookimpl
def register_codecs(register: Callable[[str, str], None]) -> None:
    register("acme_price", "acme_price.codec:PriceCodec")


@hookimpl
def register_formats(register: Callable[[str, str], None]) -> None:
    register("listings", "acme_price.listings:Listings")


@hookimpl
def register_backbones(register: Callable[[str, str], None]) -> None:
    register("shelf", "acme_price.shelf:Shelf")


@hookimpl
def register_recipes(register: Callable[[str], None]) -> None:
    register("pkg://acme_price.recipes")


@hookimpl
def register_surfaces(register: Callable[[str, str], None]) -> None:
    register("total", "acme_price.surface:Total")
