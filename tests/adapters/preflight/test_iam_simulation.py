"""IAM is asked for a role's own policies; only what they deny is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import ANY

from lambdas.promotion.aws import error_translation
from lambdas.promotion.preflight import iam_simulation
from lambdas.promotion.preflight.findings import Finding, Inconclusive
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from recordings import store
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
    error_translation.translate_errors(client, ROLE)
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
            "ContextEntries": ANY,
        },
    )


def test_what_the_policies_allow_is_no_finding(stubs: Stubs, iam: IAMClient) -> None:
    answered(stubs, "allowed")
    assert iam_simulation.decide(REQUIRED, iam=iam) == []


@pytest.mark.parametrize(
    ("decision", "words"), [("implicitDeny", "no policy of the role allows"), ("explicitDeny", "denies it")]
)
def test_what_the_policies_do_not_allow_is_a_finding(stubs: Stubs, iam: IAMClient, decision: str, words: str) -> None:
    answered(stubs, decision, OrganizationsDecisionDetail={"AllowedByOrganizations": True})
    (result,) = iam_simulation.decide(REQUIRED, iam=iam)
    assert isinstance(result, Finding)
    assert (result.role, result.action, result.resource) == (ROLE, "iam:PassRole", PASSED)
    assert words in result.message


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}, "the organization's policies"),
        ({"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}, "the permissions boundary"),
        ({"MissingContextValues": ["aws:SourceIp"]}, "aws:SourceIp"),
        ({"MissingContextValues": ["kms:ViaService", "iam:AssociatedResourceArn"]}, "iam:AssociatedResourceArn"),
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
    (result,) = iam_simulation.decide(REQUIRED, iam=iam)
    assert isinstance(result, Inconclusive)
    assert words in str(result)


@pytest.mark.parametrize("decision", ["implicitDeny", "explicitDeny"])
@pytest.mark.parametrize(
    "missing", [["kms:ViaService"], ["KMS:GrantIsForAWSResource", "s3:prefix", "s3express:SessionMode"]]
)
@pytest.mark.parametrize("by_resource", [True, False])
def test_a_missing_key_of_another_service_decides_nothing(
    stubs: Stubs, iam: IAMClient, decision: str, missing: list[str], by_resource: bool
) -> None:
    """IAM lists the keys of all statements of the policies, also of those for other actions."""
    entry = store.response("iam/SimulatePrincipalPolicy/missing-keys-of-other-statements")["EvaluationResults"][0]
    assert {"aws:username", "aws:PrincipalTag/allowed_service"} == set(entry["MissingContextValues"])
    specific = {"EvalResourceName": PASSED, "EvalResourceDecision": decision, "MissingContextValues": missing}
    detail = {"ResourceSpecificResults": [specific]} if by_resource else {"MissingContextValues": missing}
    answered(stubs, decision, **detail)
    (result,) = iam_simulation.decide(REQUIRED, iam=iam)
    assert isinstance(result, Finding)


def test_a_missing_key_of_any_service_may_decide(stubs: Stubs, iam: IAMClient) -> None:
    (denied,) = store.response("iam/SimulatePrincipalPolicy/missing-key-of-a-condition")["EvaluationResults"]
    answered(stubs, denied["EvalDecision"], MissingContextValues=denied["MissingContextValues"])
    (result,) = iam_simulation.decide(REQUIRED, iam=iam)
    assert isinstance(result, Inconclusive)
    assert "aws:RequestedRegion" in str(result)


def test_an_answer_for_one_resource_is_read_as_published(stubs: Stubs, iam: IAMClient) -> None:
    answer = store.response("iam/SimulatePrincipalPolicy/allowed-and-implicit-deny")
    stubs.of("iam").add_response("simulate_principal_policy", answer)
    (result,) = iam_simulation.decide(REQUIRED, iam=iam)
    assert isinstance(result, Finding)
    assert result.action == "s3:GetObjectVersion"


def test_each_key_has_the_type_that_its_conditions_compare(stubs: Stubs, iam: IAMClient) -> None:
    sent: dict[str, tuple[list[str], str]] = {}

    def keep(params: dict[str, Any], **_: Any) -> None:
        sent.update(
            {
                entry["ContextKeyName"]: (entry["ContextKeyValues"], entry["ContextKeyType"])
                for entry in params["ContextEntries"]
            }
        )

    iam.meta.events.register("provide-client-params.iam.SimulatePrincipalPolicy", keep)
    answered(stubs, "allowed")
    iam_simulation.decide(REQUIRED, iam=iam)
    assert sent["iam:PassedToService"] == (["sagemaker.amazonaws.com"], "string")
    assert sent["kms:GrantIsForAWSResource"] == (["true"], "boolean")
    keys = iam_simulation.entries([REQUIRED])
    assert keys == {**keys, **REQUIRED.context}


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling", "ServiceFailure"])
def test_an_iam_that_does_not_answer_stops_nothing(stubs: Stubs, iam: IAMClient, code: str) -> None:
    status = {"AccessDenied": 403, "Throttling": 400, "ServiceFailure": 500}[code]
    stubs.of("iam").add_client_error("simulate_principal_policy", code, "No.", status)
    (result,) = iam_simulation.decide(REQUIRED, iam=iam)
    assert isinstance(result, Inconclusive)
    assert str(result).startswith(f"iam:PassRole of {ROLE} on {PASSED}")
