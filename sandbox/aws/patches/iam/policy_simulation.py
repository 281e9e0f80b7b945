"""SimulatePrincipalPolicy evaluates every resource, the given condition keys, and the permissions boundary.

MiniStack answers for the first resource only and knows no condition key, so a statement with a condition never allows.
The answer has the form of IAM's: a decision for all resources, and one for each (API: EvaluationResult). `*` stands
alone, since it is no ARN (recordings: SimulatePrincipalPolicy, any-resource-among-arns). The keys of the policies that
were not given are missing, whatever action a statement is for (recordings: SimulatePrincipalPolicy,
missing-keys-of-other-statements); where resources are given, they are listed with each of them.
"""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from recordings import store

_VARIABLE = re.compile(r"\$\{([A-Za-z][\w-]*:[^},]+)")
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
    if len(resources) > 1 and "*" in resources:
        refused = store.error("iam/SimulatePrincipalPolicy/any-resource-among-arns").response["Error"]
        return iam._error(400, refused["Code"], refused["Message"], ns="iam")
    missing = _missing(context, policies)
    results = "".join(
        _result(
            action,
            [
                (resource, _decision(_evaluated(principal, account, action, resource, context), policies, boundary))
                for resource in resources
            ],
            missing,
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


def _missing(context: dict[str, str], policies: Any) -> list[str]:
    """The condition keys of all statements, and those in variables, that the request does not give."""
    keys = {
        key
        for policy in policies
        for statement in policy
        for key in (
            *(key for operator in statement.conditions.values() for key in operator),
            *_VARIABLE.findall(json.dumps([statement.resources, statement.conditions])),
        )
    }
    return sorted(key for key in keys if key.lower() not in context)


def _result(action: str, decided: list[tuple[str, str]], missing: list[str]) -> str:
    listed = (
        f"<MissingContextValues>{''.join(f'<member>{escape(key)}</member>' for key in missing)}</MissingContextValues>"
    )
    of_all = listed if [resource for resource, _ in decided] == ["*"] else "<MissingContextValues/>"
    strictest = max((decision for _, decision in decided), key=list(DECISIONS).index)
    specific = "".join(
        f"<member><EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalResourceDecision>{DECISIONS[decision]}</EvalResourceDecision>"
        f"<MatchedStatements/>{listed}</member>"
        for resource, decision in decided
    )
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>*</EvalResourceName>"
        f"<EvalDecision>{DECISIONS[strictest]}</EvalDecision><MatchedStatements/>{of_all}"
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
