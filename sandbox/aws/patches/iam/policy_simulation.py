"""SimulatePrincipalPolicy evaluates every resource, the given condition keys, and the permissions boundary.

MiniStack answers for the first resource only and knows no condition key, so a statement with a condition never allows.
The answer has the form of IAM's: a decision for all resources, and one for each (API: EvaluationResult).
"""

import itertools
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

# From the mildest to the strictest.
DECISIONS = {"Allow": "allowed", "ImplicitDeny": "implicitDeny", "Deny": "explicitDeny"}


def apply() -> None:
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate


def simulate(parameters: dict[str, Any]) -> Any:
    principal, account = iam._p(parameters, "PolicySourceArn"), get_account_id()
    kind, _, name = principal.rpartition(":")[2].partition("/")
    if kind != "role" or iam._roles.get(name.rpartition("/")[2]) is None:
        return iam._error(404, "NoSuchEntity", f"The entity {principal} cannot be found.", ns="iam")
    role = name.rpartition("/")[2]
    policies = iam_evaluator._gather_role_policies(role, account)
    boundary = iam_evaluator._permissions_boundary(iam._roles, role, account)
    context = dict(_context(parameters))
    resources = list(_members(parameters, "ResourceArns")) or ["*"]
    results = "".join(
        _result(
            action,
            [
                (resource, _decision(_evaluated(principal, account, action, resource, context), policies, boundary))
                for resource in resources
            ],
        )
        for action in _members(parameters, "ActionNames")
    )
    answer = f"<EvaluationResults>{results}</EvaluationResults><IsTruncated>false</IsTruncated>"
    return iam._xml(
        200,
        "SimulatePrincipalPolicyResponse",
        f"<SimulatePrincipalPolicyResult>{answer}</SimulatePrincipalPolicyResult>",
        ns="iam",
    )


def _evaluated(principal: str, account: str, action: str, resource: str, context: dict[str, str]) -> Any:
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=context.get("aws:requestedregion", get_region()),
        service_context=context,
    )


def _decision(request_context: Any, policies: Any, boundary: Any) -> str:
    return str(iam_evaluator.evaluate(request_context, policies, *boundary).decision)


def _result(action: str, decided: list[tuple[str, str]]) -> str:
    strictest = max((decision for _, decision in decided), key=list(DECISIONS).index)
    specific = "".join(
        f"<member><EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalResourceDecision>{DECISIONS[decision]}</EvalResourceDecision>"
        "<MatchedStatements/><MissingContextValues/></member>"
        for resource, decision in decided
    )
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>*</EvalResourceName>"
        f"<EvalDecision>{DECISIONS[strictest]}</EvalDecision><MatchedStatements/><MissingContextValues/>"
        f"<ResourceSpecificResults>{specific}</ResourceSpecificResults></member>"
    )


def _context(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for number in itertools.count(1):
        entry = f"ContextEntries.member.{number}"
        name = iam._p(parameters, f"{entry}.ContextKeyName")
        if not name:
            return
        yield name.lower(), iam._p(parameters, f"{entry}.ContextKeyValues.member.1")


def _members(parameters: dict[str, Any], name: str) -> Iterator[str]:
    for number in itertools.count(1):
        value = iam._p(parameters, f"{name}.member.{number}")
        if not value:
            return
        yield str(value)
