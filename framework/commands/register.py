"""``register``: copies an artifact into a registry, as a version with a number."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

EXAMPLES = """examples:
  python -m framework register runs/sentiment/latest registry/support
  python -m framework register runs/sentiment/latest registry/support --alias challenger
  python -m framework register runs/sentiment/latest registry/support --alias champion

  python -m framework registry registry/support                  what it holds
  python -m framework promote registry/support@challenger        it is the champion from now on

REGISTRY is a folder, or what the installed fsspec opens, such as s3://bucket/registry/support; its last part is the name. The
files are checked against the seal and copied; nothing that was registered is ever changed. The same artifact again is the same
version. Every verb that takes an artifact takes registry/support@champion, @challenger, @previous, @latest, a number (@3) or a
version (@1f0c...); without an @ it takes the champion.
Exit codes: 0 done, 2 the artifact or the registry is wrong, 1 the registry cannot be written."""


def main(verb: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m framework register",
        description="Copies a sealed artifact into a registry.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("artifact", metavar="ARTIFACT", help="an artifact, a run, a latest link, or a version of a registry")
    parser.add_argument("registry", metavar="REGISTRY", help="where versions of one name are kept; made if it is not there")
    parser.add_argument("--alias", metavar="NAME", help="a name for this version: challenger, champion or another")
    options = parser.parse_args(arguments)
    from framework.artifact.registry import Registry

    registry = Registry(options.registry)
    if registry.caution:
        print(f"warning: {registry.caution}", file=sys.stderr)
    entry = registry.register(options.artifact, options.alias)
    aliases = registry.record().aliases_of(entry.number)
    names = f", {' and '.join(aliases)}" if aliases else ""
    print(f"{registry.address}@{entry.number} is {entry.version}{names}: {entry.metric} {entry.value:.4f} on its test rows")
    if "champion" not in aliases:
        print(f"To make it answer: python -m framework promote {registry.address}@{aliases[0] if aliases else entry.number}")
    return 0
