"""``check``: inspects a recipe and its data without training."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from framework.errors import InputError

EXAMPLES = """examples:
  python -m framework check recipe=sentiment
  python -m framework check recipe=sentiment data.train=reviews.csv
  python -m framework check recipe=sentiment "data.train=reviews.csv" "data.text=body" "data.label=stars"
  python -m framework check recipe=sentiment data.train=reviews.csv data.test=test.jsonl model.name=./my-bert

Shows each value of the recipe and where it comes from, which columns were found and why, two rows as the model will see them,
what is odd about the data and what is done about it, and how much memory and time training will take. Nothing is written.
What a run would refuse before it trains is refused here, in the same words. Names of files and columns stand behind the = as
they are; quotes are for your shell alone.
Exit codes: 0 the run can begin, 2 the input is wrong, 1 the environment failed."""


def main(verb: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"python -m framework {verb}",
        description="Says what a run would do, without training.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("settings", nargs="+", metavar="KEY=VALUE", help="as for the run itself; recipe=NAME among them")
    if {"-m", "--multirun"} & set(arguments):
        raise InputError("check looks at one run: leave out -m, and write one value for each key")
    settings: list[str] = parser.parse_args(arguments).settings
    recipes = [setting.partition("=")[2] for setting in settings if setting.startswith("recipe=")]
    if len(recipes) != 1 or not re.fullmatch(r"[\w-]+", recipes[0]):
        raise InputError("check takes one recipe: python -m framework check recipe=NAME [KEY=VALUE ...]")
    from framework.plugins import load_plugins

    for plugin in load_plugins().broken:
        print(f"warning: {plugin}; the rest goes on", file=sys.stderr)
    from framework.run.dry_run import inspect_recipe

    inspect_recipe(recipes[0], [setting for setting in settings if not setting.startswith("recipe=")])
    return 0
