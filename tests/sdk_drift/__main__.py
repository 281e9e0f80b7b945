"""`python -m tests.sdk_drift`: print what the newest SDK has that is neither carried nor offered nor refused, and in
which accounts of AWS's images our table is behind."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lambdas.promotion.images import aws_images
from tests.sdk_drift import decisions, image_tables, report, sdk
from tests.sdk_drift.calls import CALLS
from tests.sdk_drift.changes import Change, changes


def main(arguments: Sequence[str]) -> int:
    """Return 0 if every change is decided and no account of AWS's images differs, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.sdk_drift", description=__doc__)
    parser.add_argument("--all", action="store_true", help="also what is decided, with the reasons")
    options = parser.parse_args(arguments)
    table = decisions.read()
    old, new = sdk.of_version(table.base), sdk.newest()
    concerned: dict[Change, frozenset[str]] = {}
    for service, operations in CALLS.items():
        concerned |= changes(service, operations, old.api(service), new.api(service))
    print(*report.lines(table, concerned, newest=new.version, every=options.all), sep="\n")
    own, (accounts, version) = aws_images.accounts(), image_tables.newest()
    print(*image_tables.lines(own, accounts, source=aws_images.source(), version=version), sep="\n")
    return 1 if table.undecided(concerned) or own != accounts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
