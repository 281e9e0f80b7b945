"""What the preflight makes of each recorded answer to its queries."""

from __future__ import annotations

import time
from typing import Any

from lambdas.promotion.contract.roles import Role
from lambdas.promotion.preflight import iam_simulation, queries, quota_codes, service_quotas
from lambdas.promotion.preflight.checks import alarms, key
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from recordings import store
from recordings.store import Recording
from tests.recorded import answer, refuse, stubbed, walked, walked_errors
from tests.unit.builders import QA

# CloudWatch


@walked(
    "cloudwatch/DescribeAlarms",
    {
        "metric-alarm-in-alarm": ("reviews-5xx", "It is in the state ALARM."),
        "new-alarm-insufficient-data": ("reviews-5xx", None),
        "composite-alarm-in-alarm": ("reviews-rollback", "It is in the state ALARM."),
    },
)
def test_only_an_alarm_in_alarm_blocks_an_update(recorded: Recording, expected: tuple[str, str | None]) -> None:
    name, message = expected
    page = answer(recorded)
    with stubbed("cloudwatch") as cloudwatch:
        # A recording that was asked for one type of alarm has no list of the other.
        cloudwatch.add_response("describe_alarms", {"MetricAlarms": [], "CompositeAlarms": []} | page)
        states = alarms.alarm_states([name, "none"], client=cloudwatch.client)
    results = alarms.unusable(QA, [name, "none"], states)
    messages = [result.message for result in results if isinstance(result, Finding)]
    assert messages == [*([message] if message else []), "There is no such metric alarm or composite alarm."]


# IAM

ROLE, RESOURCE = QA.role_arn(Role.DEPLOYER), "arn:aws:s3:::bucket"


def simulated(page: dict[str, Any], *actions: str) -> list[CheckResult]:
    permission = RequiredPermission(role=ROLE, actions=actions, resource=RESOURCE)
    with stubbed("iam") as iam:
        iam.add_response("simulate_principal_policy", page)
        return iam_simulation.decide(permission, iam=iam.client)


@walked(
    "iam/SimulatePrincipalPolicy",
    {
        "allowed-and-implicit-deny": ["s3:GetObjectVersion is denied"],
        # The simulation does not evaluate conditions of the organization's policies.
        "administrator-denied-by-organization": [
            "ecs:ExecuteCommand: IAM says that the organization's policies deny it"
        ],
        "example-of-the-cli": [],
        "scp-context-keys-are-not-missing": ["s3:ListBucket: IAM says that the organization's policies"],
        "missing-key-of-a-condition": ["ec2:AllocateAddress: IAM cannot say without aws:RequestedRegion"],
        "missing-keys-of-other-statements": [
            "s3:ListBucket: IAM cannot say without aws:PrincipalTag/allowed_service, aws:username"
        ],
    },
    elsewhere={"two-resources-of-which-one-is-allowed"},
)
def test_only_a_denial_by_the_role_itself_is_a_finding(recorded: Recording, expected: list[str]) -> None:
    page = answer(recorded)
    for result in page["EvaluationResults"]:
        # What a recording of another question does not show.
        result.setdefault("EvalActionName", "s3:ListBucket")
        result.setdefault("EvalDecision", "implicitDeny")
        if recorded.name == "scp-context-keys-are-not-missing":  # as the other denial by the organization has
            result["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": False}
    results = simulated(page, *(result["EvalActionName"] for result in page["EvaluationResults"]))
    texts = [
        f"{result.action} is denied"
        if isinstance(result, Finding)
        else f"{result.subject.partition(' ')[0]}: {result.reason}"
        for result in results
    ]
    assert len(texts) == len(expected)
    assert all(text.startswith(beginning) for text, beginning in zip(texts, expected, strict=True)), texts


@walked_errors(
    "iam/SimulatePrincipalPolicy",
    {
        "session-arn-instead-of-role-arn": "Invalid Entity Arn",
        "resource-owner-no-arn": "is not a valid as a Resource Owner",
        "actions-of-different-authorization-information": "require different authorization information",
        "any-resource-among-arns": "not in a valid ARN format",
    },
)
def test_a_simulation_that_is_refused_is_inconclusive(recorded: Recording, expected: str) -> None:
    permission = RequiredPermission(role=ROLE, actions=("s3:GetObject",), resource=RESOURCE)
    with stubbed("iam") as iam:
        refuse(iam, "simulate_principal_policy", recorded)
        (result,) = iam_simulation.decide(permission, iam=iam.client)
    assert isinstance(result, Inconclusive)
    assert expected in result.reason


# KMS


@walked("kms/DescribeKey", {"enabled": 0, "disabled": 1})
def test_a_key_that_is_not_enabled_is_a_finding(recorded: Recording, expected: int) -> None:
    with stubbed("kms") as kms:
        kms.add_response("describe_key", answer(recorded))
        described = queries.key_of("alias/promote", kms=kms.client)
    assert described.arn == recorded.response["KeyMetadata"]["Arn"]
    assert len(key.key_state(QA, described)) == expected


# Service Quotas

SHAPE = store.response("service-quotas/ListServiceQuotas/shape")["Quotas"][0]
UNCODED = "ml.z9.large"


def quotas_of(page: dict[str, Any], *types: str) -> dict[str, float]:
    with stubbed("service-quotas") as service:
        service.add_response("list_service_quotas", page)
        return service_quotas._by_name(types, until=time.monotonic() + 60, client=service.client)


@walked("service-quotas/ListServiceQuotas", {"endpoint-usage-codes": set(quota_codes.CODES), "shape": set()})
def test_the_quotas_of_endpoints_are_those_by_their_names(recorded: Recording, expected: set[str]) -> None:
    page = answer(recorded)
    page["Quotas"] = [{**SHAPE, **quota} for quota in page["Quotas"]]
    values = quotas_of(page, UNCODED, *quota_codes.CODES)
    assert values == dict.fromkeys(expected, SHAPE["Value"])


@walked("service-quotas/GetServiceQuota", {"applied-value": 200.0})
def test_a_quota_is_asked_for_by_its_code_and_believed_by_its_name(recorded: Recording, expected: float) -> None:
    instance_type, code = next(iter(quota_codes.CODES.items()))
    own = {"QuotaCode": code, "QuotaName": quota_codes.quota_name(instance_type)}
    quota = answer(recorded)["Quota"]
    with stubbed("service-quotas") as service:
        service.add_response("get_service_quota", {"Quota": quota | own})
        assert service_quotas.quotas([instance_type], until=0, client=service.client) == {instance_type: expected}
        # A code of another quota: the quota is searched for by its name.
        service.add_response("get_service_quota", {"Quota": quota})
        service.add_response("list_service_quotas", {"Quotas": []})
        assert service_quotas.quotas([instance_type], until=0, client=service.client) == {}


@walked_errors("service-quotas/GetServiceQuota", {"no-applied-value": {}})
def test_a_quota_without_an_applied_value_has_none(recorded: Recording, expected: dict[str, float]) -> None:
    with stubbed("service-quotas") as service:
        refuse(service, "get_service_quota", recorded)
        assert service_quotas.quotas([next(iter(quota_codes.CODES))], until=0, client=service.client) == expected


@walked_errors("service-quotas/ListServiceQuotas", {"unknown-service-code": "does not exist"})
def test_a_list_that_is_refused_is_inconclusive(recorded: Recording, expected: str) -> None:
    with stubbed("service-quotas") as service:
        refuse(service, "list_service_quotas", recorded)
        result = queries.run_query(
            lambda: service_quotas.quotas([UNCODED], until=0, client=service.client), "The quotas"
        )
    assert isinstance(result, Inconclusive)
    assert expected in result.reason
