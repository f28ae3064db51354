"""``export``: exports, judges and seals the fitted candidates of a run again, with other settings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from framework.errors import InputError
from framework.recipe.compose import recompose
from framework.run.folder import CONFIG, find_run

EXAMPLES = """examples:
  python -m framework export runs/sentiment/latest "export=[onnx,torchscript]"
  python -m framework export runs/sentiment/latest export.onnx_int8.max_drop=0.02
  python -m framework export runs/sentiment/latest artifact.golden=synthetic

Exports, proves, judges and seals once more, from what was fitted; nothing is fitted again. Only export, artifact and report
can change; everything else is as in config.yaml, which stays as it is. The artifact takes the place of the one before it when
it is sealed, not earlier; the one before it is kept beside it as artifact-1, artifact-2, ..."""


def main(verb: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"python -m framework {verb}",
        description="Makes the files of a trained run again, or others.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, its artifact, a latest link, or the folder runs/RECIPE")
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help="export=[...], export.NAME.KEY=, artifact.KEY=")
    options = parser.parse_args(arguments)
    words = [change for change in options.changes if "=" not in change]
    if words:
        raise InputError(f"{' '.join(words)}: write KEY=VALUE, such as export=[onnx]; see export --help")
    folder = find_run(options.run)
    config = recompose(folder / CONFIG, options.changes)
    from framework.run.pipeline import export_again

    export_again(config, folder)
    return 0
