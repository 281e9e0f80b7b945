"""What a role's own policies allow, as IAM simulates it without any effect (API: SimulatePrincipalPolicy).

For permissions that only a call with an effect would show. IAM does not evaluate resource policies, nor conditions of
policies of the organization and of boundaries: it then says "denied" of calls that work (IAM user guide, "IAM policy
testing with the IAM policy simulator"). So only a denial by the role's own policies is a finding.

One call asks for all permissions of a role, and is believed only where it allows: each other permission is asked for
by itself, because that answer alone tells who denies (docs/decisions/0032).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.promotion.aws import concurrency
from lambdas.promotion.contract.errors import AccessDenied, PromotionError
from lambdas.promotion.preflight import condition_keys, queries
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient


# API: EvaluationResult, EvalDecision.
_ALLOWED = "allowed"
_DENIALS = {
    "explicitDeny": "IAM says that a policy of the role denies it.",
    "implicitDeny": "IAM says that no policy of the role allows it.",
}


@dataclass(frozen=True, kw_only=True)
class RequiredPermission:
    """Actions on one resource that a later step needs of a role. `context`: the condition keys of its calls.

    `remedy`: of its findings; None is the remedy of the check (check.py).
    """

    role: str
    actions: tuple[str, ...]
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
    remedy: str | None = None

    @property
    def subject(self) -> str:
        return f"{', '.join(self.actions)} of {self.role} on {self.resource}"


def batches(permissions: Iterable[RequiredPermission]) -> list[list[RequiredPermission]]:
    """Return the permissions in as few groups as possible of which one call can simulate each.

    Those of one role whose condition keys have no two values. IAM refuses `*` beside ARNs (recordings:
    SimulatePrincipalPolicy, any-resource-among-arns).
    """
    groups: list[list[RequiredPermission]] = []
    for permission in permissions:
        for group in groups:
            if _fits(permission, group):
                group.append(permission)
                break
        else:
            groups.append([permission])
    return groups


def _fits(permission: RequiredPermission, group: Sequence[RequiredPermission]) -> bool:
    def kind(required: RequiredPermission) -> tuple[str, bool, dict[str, str]]:
        # A key of every service decides about each call, so the calls must agree whether they have it.
        return required.role, required.resource == "*", condition_keys.of_any_service(required.context)

    return all(
        kind(permission) == kind(other) and condition_keys.agree(permission.context, other.context) for other in group
    )


def simulate(permissions: Sequence[RequiredPermission], *, iam: IAMClient, until: float) -> list[CheckResult]:
    """Return which permissions of a batch the role's policies do not allow; no response is inconclusive.

    One call, and one more for each permission that it does not show to be allowed. `until`: of time.monotonic().
    """
    if len(permissions) == 1:
        return decide(permissions[0], iam=iam)
    try:
        allowed = _allowed(_simulated(permissions, iam=iam))
    except AccessDenied as error:  # the permission to simulate this role: it would be missing for each
        return [queries.unanswered(permission.subject, error) for permission in permissions]
    except (PromotionError, ClientError, BotoCoreError):  # as IAM refuses actions that it does not simulate together
        allowed = set()
    undecided = [
        functools.partial(decide, permission, iam=iam)
        for permission in permissions
        if not {(action.lower(), permission.resource) for action in permission.actions} <= allowed
    ]
    decided = concurrency.run(undecided, at_once=len(permissions), until=until, doing="The preflight")
    return [result for results in decided for result in results]


def decide(permission: RequiredPermission, *, iam: IAMClient) -> list[CheckResult]:
    """Return which of the actions the role's policies do not allow; no response is inconclusive.

    IAM is asked once: a promotion does not wait for it.
    """
    response = queries.run_query(lambda: _simulated([permission], iam=iam), permission.subject)
    if isinstance(response, Inconclusive):
        return [response]
    evaluated = [_evaluated(permission, result) for result in response]
    return [result for result in evaluated if result]


def entries(permissions: Iterable[RequiredPermission]) -> dict[str, str]:
    """Return the condition keys that the simulation of a batch is sent."""
    return condition_keys.of_call(
        {name: value for permission in permissions for name, value in permission.context.items()}
    )


def _simulated(permissions: Sequence[RequiredPermission], *, iam: IAMClient) -> list[dict[str, Any]]:
    """Return IAM's results (API: EvaluationResult) for each action on each resource, of all pages."""
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=permissions[0].role,
        ActionNames=list(dict.fromkeys(action for permission in permissions for action in permission.actions)),
        ResourceArns=list(dict.fromkeys(permission.resource for permission in permissions)),
        ContextEntries=[
            {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": condition_keys.type_of(name)}
            for name, value in entries(permissions).items()
        ],
    )
    return [dict(result) for page in pages for result in page["EvaluationResults"]]


def _allowed(results: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return the actions (in lower case) with the resources on which every result allows them.

    The decision for a resource is in ResourceSpecificResults; EvalDecision is that for all of them and EvalResourceName
    a template, where IAM was asked for several (API: EvaluationResult). Earlier it sent a result for each resource.
    """
    decisions: dict[tuple[str, str], set[str]] = {}
    for result in results:
        action, specific = result["EvalActionName"].lower(), result.get("ResourceSpecificResults", [])
        by_resource = [(each["EvalResourceName"], each["EvalResourceDecision"]) for each in specific]
        for resource, decision in by_resource or [(result.get("EvalResourceName"), result["EvalDecision"])]:
            decisions.setdefault((action, resource), set()).add(decision)
    return {pair for pair, decided in decisions.items() if decided == {_ALLOWED}}


def _evaluated(permission: RequiredPermission, result: dict[str, Any]) -> CheckResult | None:
    """The simulation was of one resource, so the decision for all resources is its decision."""
    decision, action = result["EvalDecision"], result["EvalActionName"]
    if decision == _ALLOWED:
        return None
    details = [result, *result.get("ResourceSpecificResults", [])]
    organization = result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True)
    boundary = all(
        detail.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True)
        for detail in details
    )
    missing = condition_keys.deciding(
        (name for detail in details for name in detail.get("MissingContextValues", [])), action
    )
    if decision not in _DENIALS:
        return Inconclusive(
            subject=f"{action} of {permission.role} on {permission.resource}",
            reason=f"IAM decides {decision!r}, which Promote does not know",
        )
    if not organization or not boundary or missing:
        denied_by = "the organization's policies" if not organization else "the permissions boundary"
        return Inconclusive(
            subject=f"{action} of {permission.role} on {permission.resource}",
            reason=f"IAM cannot say without {', '.join(missing)}"
            if missing
            else f"IAM says that {denied_by} deny it, and does not evaluate conditions",
        )
    return Finding(
        role=permission.role,
        action=action,
        resource=permission.resource,
        message=_DENIALS[decision],
        remedy=permission.remedy,
    )
