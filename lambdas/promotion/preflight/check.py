"""What a check is: an entry of the list in checks/."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.preflight import iam_simulation, probes
from lambdas.promotion.preflight.access import Purpose, Statement
from lambdas.promotion.preflight.context import Context
from lambdas.promotion.preflight.findings import CheckResult, Finding
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preflight.probes import Probe


def always(_: Promotion) -> bool:
    return True


def _no_statements(_: Promotion) -> list[Statement]:
    return []


def _no_probes(_: Context) -> list[Probe]:
    return []


def _no_permissions(_: Context) -> list[RequiredPermission]:
    return []


@dataclass(frozen=True, kw_only=True)
class Check:
    """One condition that a promotion needs.

    `title`: the condition, as a sentence. It stands in the result of a probe that AWS refuses unexpectedly.
    `role`, `purpose`: the session in which it is probed (access.py). If the role cannot be assumed, that is the
    finding, and the check is not probed.
    `remedy`: what to do about its findings; a finding with a remedy of its own keeps it.
    `applies`: whether this promotion needs the condition.
    `statements`: what the role's query session must allow for the probes, beside the IAM simulation.
    `probes`: the calls that show whether the condition holds. They run concurrently: create the clients before the
    first `yield`, because a session does not create one in several threads at once.
    `permissions`: what cannot be probed without creating something. IAM simulates it, in the role's query session,
    together with what other checks need of the same role.
    """

    title: str
    role: Role
    remedy: str
    purpose: Purpose = Purpose.QUERY
    applies: Callable[[Promotion], bool] = always
    statements: Callable[[Promotion], Sequence[Statement]] = _no_statements
    probes: Callable[[Context], Iterable[Probe]] = _no_probes
    permissions: Callable[[Context], Iterable[RequiredPermission]] = _no_permissions

    def bound_probes(self, context: Context) -> Iterator[Probe]:
        """Yield all its probes, ready to be run, if its session is open."""
        if self._has_session(context):
            for probe in self.probes(context):
                yield functools.partial(self._run, probe)

    def bound_permissions(self, context: Context) -> list[RequiredPermission]:
        """Return what IAM simulates for it, with its remedy, if its session is open."""
        if not self._has_session(context):
            return []
        return [
            permission if permission.remedy is not None else replace(permission, remedy=self.remedy)
            for permission in self.permissions(context)
        ]

    def _has_session(self, context: Context) -> bool:
        return context.has_session(self.role, self.purpose)

    def _run(self, probe: Probe) -> list[CheckResult]:
        return [
            replace(result, remedy=self.remedy) if isinstance(result, Finding) and result.remedy is None else result
            for result in probes.run_probe(probe, subject=f"The check {self.title!r}")
        ]


def applicable(checks: Iterable[Check], promotion: Promotion) -> list[Check]:
    return [check for check in checks if check.applies(promotion)]


def query_statements(checks: Iterable[Check], promotion: Promotion, role: Role) -> list[Statement]:
    """Return what the checks need of the role's query session."""
    return [
        statement
        for check in checks
        if check.role is role and check.purpose is Purpose.QUERY
        for statement in check.statements(promotion)
    ]


def simulations(checks: Iterable[Check], context: Context, *, until: float) -> Iterator[Probe]:
    """Yield the calls to IAM for the permissions of all checks: as few as possible for each role.

    `until`: of time.monotonic().
    """
    by_session: dict[Role, list[RequiredPermission]] = {}
    for check in checks:
        by_session.setdefault(check.role, []).extend(check.bound_permissions(context))
    for role, permissions in by_session.items():
        for batch in iam_simulation.batches(permissions):
            iam = context.session(role).iam
            yield functools.partial(iam_simulation.simulate, batch, iam=iam, until=until)


def required_permissions(checks: Iterable[Check], context: Context) -> list[RequiredPermission]:
    """Return what IAM is asked for, if every role can be assumed."""
    return [permission for check in checks for permission in check.permissions(context)]
