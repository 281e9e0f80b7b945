"""`make conformance PROFILE=…`: ask a real account, or the sandbox as if it were one, what the recordings assert.

Without a confirmation it prints what it would create and what that costs, and stops.
"""

from __future__ import annotations

import argparse
import signal
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from conformance import probes, recorded, runner
from conformance.account import Account, NoAccount
from conformance.checks import Check
from conformance.cleanup import cleaning, leftovers
from conformance.outcomes import NotPrepared, OutOfBudget, Verdict
from conformance.patches import patch_tests
from conformance.plan import Plan
from conformance.promotion import check as promotion
from conformance.promotion import leftovers as kept
from conformance.promotion import stacks
from conformance.resources import RESOURCES
from conformance.results import PROJECT, Results
from conformance.world import World

ALL_RESOURCES = {**RESOURCES, patch_tests.RESOURCE: patch_tests.resource()}
PROMOTION = promotion.checks()[0].id
# The endpoint before the stacks whose roles it uses, the stacks before what they keep.
LOOKS = (*leftovers.LOOKS[:1], *kept.LOOKS, *leftovers.LOOKS[1:])
# Exit codes: everything is as recorded, or something differs; nothing was created; something is left.
SAME, DIFFERENT, REFUSED, LEFT, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        account = Account.of_profile(options.profile, options.region)
        if options.clean_up is not None:
            return _clean_up(account, options.clean_up)
        return _run(account, options)
    except (NoAccount, NotPrepared, OutOfBudget) as refusal:
        print(refusal, file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("Interrupted, and cleaned up unless something is named above.", file=sys.stderr)
        return INTERRUPTED


def _run(account: Account, options: argparse.Namespace) -> int:
    plan = Plan(checks=_chosen(options.only), resources=ALL_RESOURCES, budget=options.budget, minutes=options.minutes)
    print("\n".join(plan.lines(options.profile, account.region)))
    plan.require_budget()
    if PROMOTION in [check.id for check in plan.checks]:
        stacks.require_prepared(account, account.number, account.region)
    if not _confirmed(options.yes):
        print("Nothing was created. To go on: CONFIRM=yes, or --yes.")
        return SAME
    world = World(account, uuid.uuid4().hex[:6], ALL_RESOURCES)
    results = Results(options.out / f"{world.run}.jsonl")
    print(f"Run {world.run}, result file {results.file}")
    signal.signal(signal.SIGTERM, _interrupt)

    def clean() -> list[str]:
        return cleaning.clean(account, world.run, LOOKS)

    left = runner.run(plan, world, results, clean=clean)
    print(", ".join(f"{results.counts[verdict]} {verdict.value}" for verdict in Verdict))
    return _left(left) or (DIFFERENT if results.counts[Verdict.DIFFERENT] else SAME)


def _clean_up(account: Account, run: str) -> int:
    return _left(cleaning.clean(account, run, LOOKS))


def _left(left: Sequence[str]) -> int:
    """Say what still exists."""
    if not left:
        print("Nothing is left.")
        return SAME
    print("Still there; try again with --clean-up, or delete it by hand:", *left, sep="\n  ", file=sys.stderr)
    return LEFT


def _chosen(only: Sequence[str]) -> Sequence[Check]:
    """Return the checks whose id contains one of the texts, or all."""
    return [check for check in checks() if not only or any(text in check.id for text in only)]


def checks() -> Sequence[Check]:
    """Return every check, the cheap ones first."""
    return [*recorded.checks(), *probes.checks(), *patch_tests.checks(), *promotion.checks()]


def _confirmed(yes: bool) -> bool:
    if yes or not sys.stdin.isatty():
        return yes
    return input("Create this? Type yes: ").strip().lower() == "yes"


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    """A request to end is an interrupt: the clean-up runs."""
    raise KeyboardInterrupt(signal.Signals(number).name)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("--profile", required=True, help="the AWS profile of the account that is asked")
    parser.add_argument("--region", help="default: the profile's")
    parser.add_argument("--budget", type=float, default=2.0, help="US dollars that the run may cost (default: 2.00)")
    parser.add_argument("--minutes", type=float, default=90.0, help="no check begins after them (default: %(default)g)")
    parser.add_argument("--only", action="append", default=[], help="checks with this text in their id; repeatable")
    parser.add_argument("--yes", action="store_true", help="create what the plan lists, without a question")
    parser.add_argument(
        "--out", type=Path, default=PROJECT / ".build" / "conformance", help="folder of the result file"
    )
    parser.add_argument(
        "--clean-up",
        nargs="?",
        const="",
        metavar="RUN",
        help="only delete what a run, or every run, has left",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
