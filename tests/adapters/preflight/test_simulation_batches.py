"""IAM is asked for all permissions of a role in one call, and again for each that this call does not show."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse

from lambdas.promotion.aws import error_translation
from lambdas.promotion.contract.document import Transfer
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.preflight import iam_simulation
from lambdas.promotion.preflight.check import applicable, required_permissions
from lambdas.promotion.preflight.checks import CHECKS
from lambdas.promotion.preflight.context import ArtifactKey, Context
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from recordings import store
from tests.adapters.conftest import client_without_network
from tests.unit.builders import QA, STAGE, artifact, promotion

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

ROLE = QA.role_arn(Role.DEPLOYER)
MODEL, ENDPOINT = (f"arn:aws:sagemaker:us-east-1:333333333333:{kind}/reviews" for kind in ("model", "endpoint"))
CREATE = RequiredPermission(role=ROLE, actions=("sagemaker:CreateModel", "sagemaker:AddTags"), resource=MODEL)
UPDATE = RequiredPermission(role=ROLE, actions=("sagemaker:UpdateEndpoint", "sagemaker:AddTags"), resource=ENDPOINT)
KEY = RequiredPermission(
    role=ROLE,
    actions=("kms:Decrypt",),
    resource="arn:aws:kms:us-east-1:333333333333:key/k",
    context={"kms:ViaService": "s3.us-east-1.amazonaws.com"},
)
DIFFERENT = "iam/SimulatePrincipalPolicy/actions-of-different-authorization-information"
TEST = SmokeTest(payload=Payload(text="a fine film"), content_type="text/csv")
Pair = tuple[str, str]


class Iam:
    """IAM whose roles have all permissions but some; it answers each request, in any order.

    `denied`: actions with resources, and the fields that their results have beside the decision. `together`: what a
    request for several resources is answered with instead. `page`: the results of a page.
    """

    def __init__(
        self,
        denied: Mapping[Pair, Mapping[str, Any]] | None = None,
        *,
        together: Callable[[], Any] | None = None,
        page: int = 100,
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self._denied, self._together, self._page = denied or {}, together, page
        self._lock = threading.Lock()
        self.client: IAMClient = client_without_network("iam", "simulation")
        error_translation.translate_errors(self.client, ROLE)
        self.client.meta.events.register_first("provide-client-params.iam", self._remember)
        self.client.meta.events.register("before-call.iam", self._answer)

    def _remember(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["asked"] = dict(params)
        with self._lock:
            self.requests.append(dict(params))

    def _answer(self, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        asked = context["asked"]
        if self._together and len(asked["ResourceArns"]) > 1:
            error = self._together()
            return AWSResponse("", 403 if error["Code"] == "AccessDenied" else 400, {}, None), {"Error": error}  # type: ignore[arg-type]
        begin = int(asked.get("Marker", 0))
        actions = asked["ActionNames"][begin : begin + self._page]
        more = begin + self._page < len(asked["ActionNames"])
        answer = {
            "EvaluationResults": [self._result(action, asked["ResourceArns"]) for action in actions],
            "IsTruncated": more,
            **({"Marker": str(begin + self._page)} if more else {}),
        }
        return AWSResponse("", 200, {}, None), answer  # type: ignore[arg-type]

    def _result(self, action: str, resources: list[str]) -> dict[str, Any]:
        fields = [self._denied[action, resource] for resource in resources if (action, resource) in self._denied]
        return {
            "EvalActionName": action,
            "EvalResourceName": resources[0] if len(resources) == 1 else "arn:${Partition}:any:::${Name}",
            "EvalDecision": "implicitDeny" if fields else "allowed",
            "ResourceSpecificResults": [
                {
                    "EvalResourceName": resource,
                    "EvalResourceDecision": "implicitDeny" if (action, resource) in self._denied else "allowed",
                }
                for resource in resources
            ],
            **{name: value for each in fields for name, value in each.items()},
        }


def simulate(iam: Iam, *permissions: RequiredPermission) -> list[CheckResult]:
    (batch,) = iam_simulation.batches(permissions)
    return iam_simulation.simulate(batch, iam=iam.client, until=time.monotonic() + 60)


def denied_pairs(results: list[CheckResult]) -> list[Pair]:
    return [(result.action, result.resource) for result in results if isinstance(result, Finding)]


# One call


def test_what_a_role_needs_is_one_call() -> None:
    iam = Iam()
    assert simulate(iam, CREATE, UPDATE, KEY) == []
    (request,) = iam.requests
    assert request["PolicySourceArn"] == ROLE
    assert request["ActionNames"] == [*CREATE.actions, "sagemaker:UpdateEndpoint", "kms:Decrypt"]
    assert request["ResourceArns"] == [MODEL, ENDPOINT, KEY.resource]
    keys = {entry["ContextKeyName"]: entry["ContextKeyValues"] for entry in request["ContextEntries"]}
    assert keys["kms:ViaService"] == ["s3.us-east-1.amazonaws.com"]
    assert keys["iam:PassedToService"] == ["sagemaker.amazonaws.com"]


def test_each_principal_of_a_plain_promotion_is_asked_for_once_and_once_for_any_resource() -> None:
    plain = promotion()
    transfers = [Transfer(artifact=artifact()), Transfer(artifact=artifact("large", size=260 * 1024**2))]
    for subject in (plain, replace(plain, stage=replace(STAGE, smoke_tests=(TEST,), preview=Preview()))):
        context = Context(promotion=subject, transfers=transfers, key=ArtifactKey(arn=KEY.resource, state="Enabled"))
        batches = iam_simulation.batches(required_permissions(applicable(CHECKS, subject), context))
        asked = sorted((batch[0].role.rpartition("-")[2], batch[0].resource == "*") for batch in batches)
        invoker = [("invoker", False)] if subject.stage.smoke_tests else []
        assert asked == [
            ("copier", False),
            ("deployer", False),
            ("execution", False),
            ("execution", True),
            *invoker,
            ("receiver", False),
        ]


def test_roles_any_resource_and_keys_of_two_values_are_asked_for_apart() -> None:
    """IAM refuses `*` beside ARNs: recordings, any-resource-among-arns."""
    passed, others = replace(CREATE, role=QA.role_arn(Role.EXECUTION)), {"aws:RequestedRegion": "eu-west-1"}
    apart = [
        (CREATE, passed),
        (CREATE, replace(UPDATE, resource="*")),
        (KEY, replace(KEY, context={"kms:ViaService": "s3.eu-west-1.amazonaws.com"})),
        (CREATE, replace(UPDATE, context=others)),
        (replace(CREATE, context={"aws:RequestedRegion": "us-east-1"}), replace(UPDATE, context=others)),
    ]
    for first, second in apart:
        assert iam_simulation.batches([first, second]) == [[first], [second]]
    assert iam_simulation.batches([CREATE, passed, UPDATE]) == [[CREATE, UPDATE], [passed]]


def test_an_answer_in_pages_is_read_to_the_end() -> None:
    iam = Iam({("kms:Decrypt", KEY.resource): {}}, page=1)
    assert denied_pairs(simulate(iam, CREATE, UPDATE, KEY)) == [("kms:Decrypt", KEY.resource)]
    assert [request.get("Marker") for request in iam.requests] == [None, "1", "2", "3", None]


def test_a_permission_that_is_asked_for_by_itself_is_read_to_the_end() -> None:
    iam = Iam({("sagemaker:AddTags", MODEL): {}}, page=1)
    assert denied_pairs(simulate(iam, CREATE)) == [("sagemaker:AddTags", MODEL)]


# What is not allowed is decided by a call of its own


def test_findings_of_one_call_are_told_apart() -> None:
    iam = Iam({("sagemaker:AddTags", ENDPOINT): {}, ("sagemaker:CreateModel", MODEL): {}})
    results = simulate(iam, CREATE, UPDATE, KEY)
    assert denied_pairs(results) == [("sagemaker:CreateModel", MODEL), ("sagemaker:AddTags", ENDPOINT)]
    asked = [request["ResourceArns"] for request in iam.requests]
    assert asked[0] == [MODEL, ENDPOINT, KEY.resource]
    assert sorted(asked[1:]) == sorted([[MODEL], [ENDPOINT]])


def test_a_decision_for_all_resources_is_none_for_each() -> None:
    """The published answer: the action is denied for both resources together, and allowed for the first."""
    answer = store.response("iam/SimulatePrincipalPolicy/two-resources-of-which-one-is-allowed")
    allowed, denied = (each["EvalResourceName"] for each in answer["EvaluationResults"][0]["ResourceSpecificResults"])
    assert iam_simulation._allowed(answer["EvaluationResults"]) == {("s3:getobject", allowed)}
    assert denied != allowed


def test_a_result_for_each_resource_is_read_as_well() -> None:
    """As IAM sent it before 2026; a template is no resource."""
    flat = {"EvalActionName": "kms:Decrypt", "EvalDecision": "allowed"}
    assert iam_simulation._allowed([{**flat, "EvalResourceName": KEY.resource}]) == {("kms:decrypt", KEY.resource)}
    two = [{**flat, "EvalResourceName": MODEL}, {**flat, "EvalResourceName": MODEL, "EvalDecision": "explicitDeny"}]
    assert iam_simulation._allowed(two) == set()


def test_a_denial_by_the_organization_for_one_resource_hides_no_finding_for_another() -> None:
    """OrganizationsDecisionDetail is that of all resources together (API: EvaluationResult)."""
    organization = {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}
    iam = Iam({("sagemaker:AddTags", MODEL): organization, ("sagemaker:AddTags", ENDPOINT): {}})
    inconclusive, finding = simulate(iam, CREATE, UPDATE)
    assert isinstance(inconclusive, Inconclusive)
    assert "the organization's policies" in inconclusive.reason
    assert denied_pairs([finding]) == [("sagemaker:AddTags", ENDPOINT)]


@pytest.mark.parametrize(
    "error",
    [
        store.error(DIFFERENT).response["Error"],
        {"Code": "Throttling", "Message": "Rate exceeded"},
        {"Code": "NoSuchEntity", "Message": "no"},
    ],
    ids=lambda error: error["Code"],
)
def test_a_call_for_all_that_is_refused_weakens_nothing(error: dict[str, Any]) -> None:
    iam = Iam({("kms:Decrypt", KEY.resource): {}}, together=lambda: error)
    assert denied_pairs(simulate(iam, CREATE, UPDATE, KEY)) == [("kms:Decrypt", KEY.resource)]
    assert len(iam.requests) == 1 + 3


def test_without_the_permission_to_simulate_each_permission_is_inconclusive() -> None:
    iam = Iam(together=lambda: {"Code": "AccessDenied", "Message": "No."})
    results = simulate(iam, CREATE, UPDATE)
    assert [result.subject for result in results if isinstance(result, Inconclusive)] == [
        f"sagemaker:CreateModel, sagemaker:AddTags of {ROLE} on {MODEL}",
        f"sagemaker:UpdateEndpoint, sagemaker:AddTags of {ROLE} on {ENDPOINT}",
    ]
    assert len(iam.requests) == 1
