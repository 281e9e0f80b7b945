"""IAM is asked for a role's own policies; only what they deny is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambdas.promotion.aws import sessions
from lambdas.promotion.preflight import iam_simulation
from lambdas.promotion.preflight.findings import Finding, Inconclusive
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from tests.adapters.conftest import Stubs

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

ROLE = "arn:aws:iam::333333333333:role/promote-qa-deployer"
PASSED = "arn:aws:iam::333333333333:role/promote-qa-execution"
REQUIRED = RequiredPermission(
    role=ROLE, actions=("iam:PassRole",), resource=PASSED, context={"iam:PassedToService": "sagemaker.amazonaws.com"}
)


@pytest.fixture
def iam(stubs: Stubs) -> IAMClient:
    client: IAMClient = stubs.of("iam").client  # type: ignore[assignment]
    sessions.translate_errors(client, ROLE)
    return client


def answered(stubs: Stubs, decision: str, **more: Any) -> None:
    result = {"EvalActionName": "iam:PassRole", "EvalResourceName": "*", "EvalDecision": decision, **more}
    stubs.of("iam").add_response(
        "simulate_principal_policy",
        {"EvaluationResults": [result]},
        {
            "PolicySourceArn": ROLE,
            "ActionNames": ["iam:PassRole"],
            "ResourceArns": [PASSED],
            "ContextEntries": [
                {
                    "ContextKeyName": "iam:PassedToService",
                    "ContextKeyValues": ["sagemaker.amazonaws.com"],
                    "ContextKeyType": "string",
                }
            ],
        },
    )


def test_what_the_policies_allow_is_no_finding(stubs: Stubs, iam: IAMClient) -> None:
    answered(stubs, "allowed")
    assert iam_simulation.simulate(REQUIRED, iam=iam) == []


@pytest.mark.parametrize(
    ("decision", "words"), [("implicitDeny", "no policy of the role allows"), ("explicitDeny", "denies it")]
)
def test_what_the_policies_do_not_allow_is_a_finding(stubs: Stubs, iam: IAMClient, decision: str, words: str) -> None:
    answered(stubs, decision, OrganizationsDecisionDetail={"AllowedByOrganizations": True})
    (result,) = iam_simulation.simulate(REQUIRED, iam=iam)
    assert isinstance(result, Finding)
    assert (result.role, result.action, result.resource) == (ROLE, "iam:PassRole", PASSED)
    assert words in result.message


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}, "the organization's policies"),
        ({"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}, "the permissions boundary"),
        ({"MissingContextValues": ["aws:SourceIp"]}, "aws:SourceIp"),
        (
            {
                "ResourceSpecificResults": [
                    {
                        "EvalResourceName": PASSED,
                        "EvalResourceDecision": "implicitDeny",
                        "MissingContextValues": ["aws:SourceVpc"],
                    }
                ]
            },
            "aws:SourceVpc",
        ),
    ],
)
def test_a_denial_that_iam_cannot_evaluate_is_inconclusive(
    stubs: Stubs, iam: IAMClient, detail: dict[str, Any], words: str
) -> None:
    """A policy of the organization with a condition denies in the simulation what works (sagemaker-python-sdk#6019)."""
    answered(stubs, "implicitDeny", **detail)
    (result,) = iam_simulation.simulate(REQUIRED, iam=iam)
    assert isinstance(result, Inconclusive)
    assert words in str(result)


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling", "ServiceFailure"])
def test_an_iam_that_does_not_answer_stops_nothing(stubs: Stubs, iam: IAMClient, code: str) -> None:
    status = {"AccessDenied": 403, "Throttling": 400, "ServiceFailure": 500}[code]
    stubs.of("iam").add_client_error("simulate_principal_policy", code, "No.", status)
    (result,) = iam_simulation.simulate(REQUIRED, iam=iam)
    assert isinstance(result, Inconclusive)
    assert str(result).startswith(f"iam:PassRole of {ROLE} on {PASSED}")
