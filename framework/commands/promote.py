"""``promote`` and ``rollback``: change the champion of a registry."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from framework.errors import InputError

PROMOTE = """examples:
  python -m framework promote registry/support@challenger
  python -m framework promote registry/support@1

The version is the champion from now on, and the champion before it is registry/support@previous: both in one step, which
readers see whole or not at all. A server of registry/support@champion takes it at its next swap (POST /admin/swap, or SIGHUP).
Compare the two before: python -m framework compare registry/support@champion registry/support@challenger labelled.csv
Exit codes: 0 done, 2 there is no such version or it is damaged, 1 the registry cannot be written."""
ROLLBACK = """examples:
  python -m framework rollback registry/support

The previous champion is the champion again, and the other one is the previous: rolling back twice changes nothing.
A server of registry/support@champion takes it at its next swap (POST /admin/swap, or SIGHUP).
Exit codes: 0 done, 2 there is no previous champion, 1 the registry cannot be written."""


def main(verb: str, arguments: Sequence[str]) -> int:
    promotes = verb == "promote"
    parser = argparse.ArgumentParser(
        prog=f"python -m framework {verb}",
        description="Makes a version of a registry its champion." if promotes else "Makes the previous champion answer again.",
        epilog=PROMOTE if promotes else ROLLBACK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    help_text = "a version: registry/NAME@challenger" if promotes else "a registry: registry/NAME"
    parser.add_argument("address", metavar="VERSION" if promotes else "REGISTRY", help=help_text)
    address: str = parser.parse_args(arguments).address
    from framework.artifact.registry import Registry
    from framework.artifact.registry_record import CHAMPION, PREVIOUS

    before, at, reference = address.rpartition("@")
    if promotes and not (at and before):
        raise InputError(
            f"{address} names no version: python -m framework promote {address}@challenger, or a number after the @"
        )
    if not promotes and at:
        raise InputError(f"rollback takes the registry alone: python -m framework rollback {before}")
    registry = Registry(before if promotes else address)
    if registry.caution:
        print(f"warning: {registry.caution}", file=sys.stderr)
    record = registry.promote(reference) if promotes else registry.rollback()
    champion = record.find(CHAMPION, registry.address)
    print(f"{registry.address}@champion is {champion.number} ({champion.version})")
    if PREVIOUS in record.aliases:
        print(f"{registry.address}@previous is {record.aliases[PREVIOUS]}; python -m framework rollback {registry.address} "
              "goes back to it")  # fmt: skip
    return 0
