"""What a role's own policies allow, as IAM answers it without doing anything (API: SimulatePrincipalPolicy).

For what cannot be tried without making something. IAM leaves out the policies of resources, and policies of the
organization and boundaries that have conditions: it then says "denied" of what works (IAM user guide, "IAM policy
testing with the IAM policy simulator"). So only what the role's own policies deny is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambdas.promotion.preflight import queries
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient


@dataclass(frozen=True, kw_only=True)
class RequiredPermission:
    """Actions on one resource that a role will need. `context`: the condition keys that the call will have."""

    role: str
    actions: tuple[str, ...]
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def simulate(needed: RequiredPermission, *, iam: IAMClient) -> list[CheckResult]:
    """Return which of the actions the role's policies do not allow; what IAM does not tell is unproved.

    It is asked once: a promotion does not wait for IAM.
    """
    answer = queries.run_query(
        lambda: iam.simulate_principal_policy(
            PolicySourceArn=needed.role,
            ActionNames=list(needed.actions),
            ResourceArns=[needed.resource],
            ContextEntries=[
                {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for name, value in needed.context.items()
            ],
        ),
        f"{', '.join(needed.actions)} of {needed.role} on {needed.resource}",
    )
    if isinstance(answer, Inconclusive):
        return [answer]
    return [found for result in answer["EvaluationResults"] if (found := _read(needed, dict(result)))]


def _read(needed: RequiredPermission, result: dict[str, Any]) -> CheckResult | None:
    """One resource was asked for, so the answer for all resources is its answer."""
    decision, action = result["EvalDecision"], result["EvalActionName"]
    if decision == "allowed":
        return None
    every = [result, *result.get("ResourceSpecificResults", [])]
    organization = result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True)
    boundary = all(
        one.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True) for one in every
    )
    missing = sorted({name for one in every for name in one.get("MissingContextValues", [])})
    if not organization or not boundary or missing:
        whose = "the organization's policies" if not organization else "the permissions boundary"
        return Inconclusive(
            subject=f"{action} of {needed.role} on {needed.resource}",
            reason=f"IAM cannot say without {', '.join(missing)}"
            if missing
            else f"IAM says that {whose} deny it, and does not weigh conditions",
        )
    return Finding(
        role=needed.role,
        action=action,
        resource=needed.resource,
        message=(
            "IAM says that a policy of the role denies it."
            if decision == "explicitDeny"
            else "IAM says that no policy of the role allows it."
        ),
    )
