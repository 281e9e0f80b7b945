"""What a role's own policies allow, as IAM simulates it without any effect (API: SimulatePrincipalPolicy).

For permissions that only a call with an effect would show. IAM does not evaluate resource policies, nor conditions of
policies of the organization and of boundaries: it then says "denied" of calls that work (IAM user guide, "IAM policy
testing with the IAM policy simulator"). So only a denial by the role's own policies is a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambdas.promotion.preflight import condition_keys, queries
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient


# API: EvaluationResult, EvalDecision.
_DENIALS = {
    "explicitDeny": "IAM says that a policy of the role denies it.",
    "implicitDeny": "IAM says that no policy of the role allows it.",
}


@dataclass(frozen=True, kw_only=True)
class RequiredPermission:
    """Actions on one resource that a later step needs of a role. `context`: the condition keys of its calls."""

    role: str
    actions: tuple[str, ...]
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def entries(self) -> dict[str, str]:
        """The condition keys that the simulation is sent."""
        return condition_keys.of_call(self.context)


def simulate(permission: RequiredPermission, *, iam: IAMClient) -> list[CheckResult]:
    """Return which of the actions the role's policies do not allow; no response is inconclusive.

    IAM is asked once: a promotion does not wait for it.
    """
    response = queries.run_query(
        lambda: iam.simulate_principal_policy(
            PolicySourceArn=permission.role,
            ActionNames=list(permission.actions),
            ResourceArns=[permission.resource],
            ContextEntries=[
                {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": condition_keys.type_of(name)}
                for name, value in permission.entries.items()
            ],
        ),
        f"{', '.join(permission.actions)} of {permission.role} on {permission.resource}",
    )
    if isinstance(response, Inconclusive):
        return [response]
    evaluated = [_evaluated(permission, dict(result)) for result in response["EvaluationResults"]]
    return [result for result in evaluated if result]


def _evaluated(permission: RequiredPermission, result: dict[str, Any]) -> CheckResult | None:
    """The simulation was of one resource, so the decision for all resources is its decision."""
    decision, action = result["EvalDecision"], result["EvalActionName"]
    if decision == "allowed":
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
    )
