"""``registry``: lists the versions and aliases of a registry."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from framework.contracts.section import Section

if TYPE_CHECKING:
    from framework.artifact.registry import Registry

EXAMPLES = """examples:
  python -m framework registry registry/support

Every version with its number, its aliases, and its metric on the test rows of its own run, which may be other rows than those
of another version: compare judges two on the same rows.
register ARTIFACT registry/support puts one in, promote registry/support@1 makes it the champion, rollback goes back."""


def main(verb: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m framework registry",
        description="Lists the versions and aliases of a registry.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("registry", metavar="REGISTRY", help="such as registry/support")
    address: str = parser.parse_args(arguments).registry
    from framework.artifact.registry import Registry
    from framework.report.console import as_text

    listing = list_versions(Registry(address.rpartition("@")[0] or address))
    print(as_text(listing, len(listing.rows)))
    return 0


def list_versions(registry: Registry) -> Section:
    """A table of the versions, the newest first."""
    record = registry.record()
    rows = [
        (entry.number, entry.version, ", ".join(record.aliases_of(entry.number)), entry.metric, f"{entry.value:.4f}",
         entry.registered, entry.source)
        for entry in reversed(record.versions)
    ]  # fmt: skip
    header = ("version", "seal", "aliases", "metric", "on its test rows", "registered", "from")
    note = "\n".join(filter(None, [f"last change: {record.change}, {record.when}", registry.caution]))
    return Section(registry.address, header, rows, note)
