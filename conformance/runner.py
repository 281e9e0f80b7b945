"""A run: its checks one after the other, within its time, and a clean-up in whatever way it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from conformance.checks import Check
from conformance.outcomes import CannotRun, Outcome
from conformance.plan import Plan
from conformance.results import Results
from conformance.world import World

Report = Callable[[str], None]


def run(
    plan: Plan, world: World, results: Results, *, clean: Callable[[], list[str]], report: Report = print
) -> list[str]:
    """Run the checks of a plan, then `clean`, also after a failure or an interrupt. Returns what is left.

    Raises OutOfBudget before anything is created, and after the clean-up whatever ended the run.
    """
    plan.require_budget()
    results.begin(
        world.run,
        region=world.account.region,
        on_aws=world.account.is_aws,
        dollars=plan.dollars,
        budget=plan.budget,
        checks=len(plan.checks),
    )
    stopped, left = "", ["not looked for"]
    try:
        _checks(plan.checks, world, results, time.monotonic() + plan.minutes * 60, report)
    except BaseException as error:
        stopped = type(error).__name__
        raise
    finally:
        # A second interrupt ends the clean-up too; --clean-up goes on with it.
        report("Cleaning up …")
        try:
            left = clean()
        finally:
            results.end(left, stopped)
            for name in left if stopped else ():
                report(f"still there    {name}")
    return left


def _checks(checks: Iterable[Check], world: World, results: Results, deadline: float, report: Report) -> None:
    for check in checks:
        began = time.monotonic()
        outcome = _outcome(check, world) if began < deadline else "the time limit was reached before"
        results.add(check, outcome, time.monotonic() - began)
        for line in _lines(check, outcome):
            report(line)


def _outcome(check: Check, world: World) -> Outcome | str:
    """Run a check. Returns why it could not run as a text."""
    if check.sandbox and not world.account.is_aws:
        return f"cannot run here: {check.sandbox}"
    try:
        return check.run(world)
    except CannotRun as reason:
        return str(reason)
    except (ClientError, BotoCoreError) as error:
        return f"{type(error).__name__}: {error}"


def _lines(check: Check, outcome: Outcome | str) -> Sequence[str]:
    if isinstance(outcome, str):
        return [f"could not run  {check.id}: {outcome}"]
    if not outcome.differences:
        return [f"same           {check.id}"]
    return [f"different      {check.id}", *(f"                 {difference}" for difference in outcome.differences)]
