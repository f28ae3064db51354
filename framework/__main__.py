"""The command line: ``python -m framework recipe=NAME`` runs a recipe, ``python -m framework VERB`` any other command."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

VERBS = {
    "check": ("framework.commands.check", "what a run would do: recipe, data, problems, estimates"),
    "resume": ("framework.commands.resume", "go on with a run that was stopped"),
    "export": ("framework.commands.export", "make the files of a trained run again, or others"),
    "replay": ("framework.commands.replay", "fit the winner of a run again, as its search found it"),
    "evaluate": ("framework.commands.evaluate", "judge an artifact on labelled data, with gates for CI"),
    "predict": ("framework.commands.predict", "answer with an artifact, without torch"),
    "serve": ("framework.commands.serve", "an HTTP server for artifacts, without torch"),
    "compare": ("framework.commands.compare", "two artifacts on the same rows, and whether they can be told apart"),
    "register": ("framework.commands.register", "keep an artifact in a registry, under a number"),
    "promote": ("framework.commands.promote", "make a version of a registry its champion"),
    "rollback": ("framework.commands.promote", "back to the champion before"),
    "registry": ("framework.commands.registry", "the versions and aliases of a registry"),
    "recipes": ("framework.commands.listing", "what can be run"),
    "plugins": ("framework.commands.listing", "what is installed, and what is broken"),
}

HELP = """usage: python -m framework recipe=NAME [KEY=VALUE ...]
       python -m framework VERB ...

Runs a recipe: data, fitted candidates, export, proof, the choice, its test, report, sealed artifact.

  python -m framework recipe=sentiment
  python -m framework recipe=auto data.train=tickets.csv                     finds the task; ten minutes, or budget=4m
  python -m framework check recipe=sentiment data.train=reviews.csv          everything but training, in seconds
  python -m framework recipe=sentiment data.train=reviews.csv
  python -m framework recipe=sentiment data.train=reviews.csv data.text=body data.label=stars
  python -m framework recipe=sentiment "data.train=my reviews (1).csv"       names need no quotes but the shell's
  python -m framework recipe=sentiment model.name=FOLDER_OR_HUGGING_FACE_ID trainer.max_epochs=3
  python -m framework recipe=sentiment "candidates=[linear,frozen]" budget=10m  who competes, within ten minutes
  python -m framework recipe=sentiment model.learning_rate=5e-5,1e-4 -m     one run for each value
  python -m framework recipe=sentiment --cfg job                            every key and its value
  python -m framework resume runs/sentiment                                 its newest run that was stopped
  python -m framework export runs/sentiment/latest "export=[onnx,torchscript]"
  python -m framework evaluate runs/sentiment/latest labelled.csv --min macro_f1=0.75
  python -m framework serve runs/sentiment/latest
  python -m framework register runs/sentiment/latest registry/support --alias champion
  python -m framework serve registry/support@champion                       follows the alias at every swap

Verbs:
{verbs}

A run leaves its folder at runs/RECIPE/DATE and points runs/RECIPE/latest at it when it succeeded.
FRAMEWORK_DEBUG=1 shows tracebacks, and fits in the run's own process.
Exit codes: 0 done, 1 the environment failed, 2 the input is wrong, 3 a gate of evaluate or compare fails, 130 interrupted."""


UNEXPECTED = "\nThis is a fault of the framework or a plugin: FRAMEWORK_DEBUG=1 shows where; please report it."


def usage() -> str:
    """The text of ``--help``."""
    return HELP.format(verbs="\n".join(f"  {verb:9} {what}; see {verb} --help" for verb, (_, what) in VERBS.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. arguments: without the program; None: those of the process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words:
        print("Nothing to run. Type one of:\n\n  python -m framework recipe=sentiment\n  python -m framework recipes\n"
              "  python -m framework --help")  # fmt: skip
        return 2
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for a terminal whose encoding lacks a character
    if words == ["--version"]:
        print(f"recipe-framework {version('recipe-framework')}")
        return 0
    if words[0] not in VERBS and {"-h", "--help"} & set(words):
        print(usage())
        return 0
    from framework.errors import FrameworkError

    try:
        return _dispatch(words)
    except KeyboardInterrupt as interrupt:
        print(f"interrupted: {interrupt}" if str(interrupt) else "interrupted", file=sys.stderr)
        return 130
    except SystemExit as end:  # argparse, and Hydra's own flags
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        if os.environ.get("FRAMEWORK_DEBUG"):
            raise
        print(f"error: {_describe(error)}", file=sys.stderr)
        return error.exit_code if isinstance(error, FrameworkError) else 1


def _describe(error: Exception) -> str:
    from framework.errors import FrameworkError
    from framework.machine.disk import explain

    if isinstance(error, FrameworkError):
        return str(error)
    if isinstance(error, OSError):
        return explain(error, Path()) or str(error)
    return f"{type(error).__name__}: {error}{UNEXPECTED}"


def _dispatch(words: list[str]) -> int:
    import importlib

    from framework.errors import InputError, nearest

    verb = words[0]
    if verb in VERBS:
        code: int = importlib.import_module(VERBS[verb][0]).main(verb, words[1:])
        return code
    if not any("=" in argument or argument.startswith("-") for argument in words):
        raise InputError(f"no verb {verb!r}; {nearest(verb, VERBS, 'verbs')}; to run a recipe write recipe={verb}")
    from framework.commands.train import main as train

    return train(words)


if __name__ == "__main__":
    sys.exit(main())
