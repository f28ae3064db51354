"""Every hook. A plugin is a module with functions of these names, marked ``@framework.hookimpl``.

A distribution announces its plugin by an entry point in the group ``framework.plugins``. The module is imported at
every start of the command line, so it must import nothing heavy: no torch, lightning or transformers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from framework.contracts.exporter import Exporter
    from framework.contracts.tracker import Tracker

GROUP = "framework.plugins"

hookspec = pluggy.HookspecMarker("framework")
hookimpl = pluggy.HookimplMarker("framework")


@hookspec
def register_tasks(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("NAME", "module:Class")`` for each `Task`; its name becomes ``task=NAME``.

    A name that another distribution registered already is refused, naming both.
    """


@hookspec
def register_candidates(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("TASK", "module:Class")`` for each `Candidate`, of your own tasks or of any other.

    Its name becomes an item of ``candidates=[...]``, its options the section ``candidates.NAME``.
    """


@hookspec
def register_codecs(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("NAME", "module:Class")`` for each `Codec`.

    The name stands in every artifact that answers through it; with its version it decides whether an installation can open it.
    """


@hookspec
def register_formats(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("NAME", "module:Class")`` for each `Format`; its name becomes ``data.format=NAME``.

    Every file is shown to it, so that it can say which are its own. Its module is imported when the first file is read.
    """


@hookspec
def register_backbones(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("SCHEME", "module:Class")`` for each `BackboneSource`.

    It reads the addresses ``SCHEME://...`` of pretrained weights; a scheme is small letters, digits, ``+``, ``-`` and ``.``.
    """


@hookspec
def register_exporters(register: Callable[[Exporter], None]) -> None:
    """Called once at start. Call ``register`` with each exporter; its name becomes an item of ``export=[...]``."""


@hookspec
def register_trackers(register: Callable[[Tracker], None]) -> None:
    """Called once at start. Call ``register`` with each tracker; its name becomes an item of ``tracker=[...]``."""


@hookspec
def register_surfaces(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("NAME", "module:Class")`` for each `Surface`: a way to ask models over HTTP.

    A server imports it when it starts. One whose path is taken, by the server or by a surface that was registered before it, is
    left out, and the server goes on; ``plugins`` lists it.
    """


@hookspec
def register_recipes(register: Callable[[str], None]) -> None:
    """Called once when recipes are looked up. Call ``register`` with Hydra config roots, ``"pkg://acme_rank.recipes"``.

    A root holds the groups ``recipe/``, ``data/`` and ``model/``. A user's own ``./recipes`` comes before it and the
    framework's after it; of two files with the same name the first on that path is used.
    """


@hookspec
def register_messages(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("zh", "package:file.json")`` for a catalogue of what your plugin says in Chinese.

    The file is one JSON object: the English templates that `framework.message` is called with, and the text of each with the
    same names in braces. What an earlier catalogue holds stays; what is in none is shown in English.
    """
