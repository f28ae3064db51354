"""All hooks. A plugin is a module with functions of these names, marked ``@framework.hookimpl``.

A distribution announces its plugin by an entry point in the group ``framework.plugins``. Every start of the command line
imports the module, so it must import nothing slow: no torch, lightning or transformers.
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

    If another distribution registered the name already, the plugin is left out, with a warning that names both.
    """


@hookspec
def register_candidates(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("TASK", "module:Class")`` for each `Candidate`, of your own or any other task.

    The candidate's name becomes an item of ``candidates=[...]``, its options the section ``candidates.NAME``.
    """


@hookspec
def register_codecs(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("NAME", "module:Class")`` for each `Codec`.

    The manifest of an artifact holds the codec's name and version; an installation without this codec cannot open the artifact.
    """


@hookspec
def register_formats(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("NAME", "module:Class")`` for each `Format`; its name becomes ``data.format=NAME``.

    `Format.claims` is called for every file. The module of the format is imported when the first file is read.
    """


@hookspec
def register_backbones(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("SCHEME", "module:Class")`` for each `BackboneSource`.

    The class resolves the addresses ``SCHEME://...`` of pretrained weights. A scheme has lower-case letters, digits, ``+``,
    ``-`` and ``.``.
    """


@hookspec
def register_exporters(register: Callable[[Exporter], None]) -> None:
    """Called once at start. Call ``register`` with each `Exporter`; its name becomes an item of ``export=[...]``."""


@hookspec
def register_trackers(register: Callable[[Tracker], None]) -> None:
    """Called once at start. Call ``register`` with each `Tracker`; its name becomes an item of ``tracker=[...]``."""


@hookspec
def register_surfaces(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("NAME", "module:Class")`` for each `Surface`, a way to ask models over HTTP.

    A server imports surfaces when it starts. It leaves out a surface that has a path of the server itself or of an earlier
    registered surface; the verb ``plugins`` lists the surface with the reason.
    """


@hookspec
def register_recipes(register: Callable[[str], None]) -> None:
    """Called once when recipes are looked up. Call ``register`` with Hydra config roots, ``"pkg://acme_rank.recipes"``.

    A root holds the groups ``recipe/``, ``data/`` and ``model/``. The search path is the user's ``./recipes``, the plugins'
    roots, the framework's own; the first file of a name is used.
    """


@hookspec
def register_messages(register: Callable[[str, str], None]) -> None:
    """Called once at start. Call ``register("zh", "package:file.json")`` for a catalogue that translates messages to Chinese.

    The file is one JSON object: the English templates of `framework.message`, each with its translation, which has the same
    placeholders. An entry of an earlier catalogue takes precedence; a message without an entry is shown in English.
    """
