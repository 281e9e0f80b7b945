"""The list of checks: what each entry states, and what a run derives from the list."""

from __future__ import annotations

import functools
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import ANY

from lambdas.promotion.contract.document import ImageCopy, Promotion, Transfer
from lambdas.promotion.contract.errors import AccessDenied, CallRefused
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, Step
from lambdas.promotion.preflight import run as preflight
from lambdas.promotion.preflight.access import Purpose
from lambdas.promotion.preflight.check import Check, applicable, required_permissions
from lambdas.promotion.preflight.checks import CHECKS
from lambdas.promotion.preflight.context import Context
from lambdas.promotion.preflight.facts import query_session
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preflight.probes import Probe
from tests.adapters.conftest import AnyRole, Stubs
from tests.unit.builders import STAGE, artifact, promotion

ALARM = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
COPIER = "arn:aws:iam::222222222222:role/promote-dev-copier"
STATEMENT = (["s3:GetBucketLocation"], ["arn:aws:s3:::anywhere"])
PERMISSION = RequiredPermission(role=COPIER, actions=("s3:GetBucketLocation",), resource="arn:aws:s3:::anywhere")


def query_policy(aws: Stubs, promotion: Promotion, role: Role, *checks: Check) -> dict[str, list[str]]:
    """The resources by action that the role's query session allows."""
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    aws.allow_assume_role()
    query_session(promotion, role, checks)
    statements = json.loads(sent[0]["Policy"])["Statement"]
    return {action: statement["Resource"] for statement in statements for action in statement["Action"]}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.title)
def test_each_check_states_what_holds_who_needs_it_and_the_remedy(check: Check) -> None:
    default = Check(title="", role=Role.COPIER, remedy="")
    assert check.title[0].isupper()
    assert not check.title.endswith(".")
    assert check.remedy.endswith(".")
    assert Step.PREFLIGHT in STEPS_BY_ROLE[check.role]
    assert (check.probes is default.probes) is not (check.permissions is default.permissions)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.title)
def test_only_a_check_in_a_query_session_simulates_and_widens_it(check: Check) -> None:
    default = Check(title="", role=Role.COPIER, remedy="")
    if check.purpose is not Purpose.QUERY:
        assert check.permissions is default.permissions
        assert check.statements is default.statements


def test_no_two_checks_have_the_same_title() -> None:
    assert max(Counter(check.title for check in CHECKS).values()) == 1


def test_each_check_applies_to_some_promotion() -> None:
    test = SmokeTest(payload=Payload(bucket="b", key="k"), content_type="text/csv")
    source = replace(test, payload=Payload(bucket="b", key="k", in_source=True))
    everything = replace(
        promotion(),
        images=(ImageCopy(source="a", target="b"),),
        stage=replace(STAGE, preview=Preview(), smoke_tests=(test, source), deployment_config=ALARM, copy_tags=True),
    )
    assert applicable(CHECKS, everything) == list(CHECKS)
    unneeded = {check.title for check in CHECKS} - {check.title for check in applicable(CHECKS, promotion())}
    assert unneeded == {
        "The copier can read the tags and annotations that are copied",
        "The reader can fetch the images that are copied",
        "The pusher can push the images that are copied",
        "The deployer can create and delete the preview endpoint",
        "The invoker can read the payloads in the target's account",
        "The reader can read the payloads in the source's account",
        "The invoker can invoke the endpoint",
        "The alarms of the rollout exist, and none is in the state ALARM",
    }


def test_the_query_session_allows_what_the_checks_that_apply_state(aws: Stubs) -> None:
    plain, alarmed = promotion(), replace(promotion(), stage=replace(STAGE, deployment_config=ALARM))
    for subject, actions in ((plain, set()), (alarmed, {"cloudwatch:DescribeAlarms"})):
        policy = query_policy(aws, subject, Role.DEPLOYER, *applicable(CHECKS, subject))
        read_anywhere = {action for action, resources in policy.items() if resources == ["*"]}
        assert {action for action in read_anywhere if not action.startswith("servicequotas:")} == {
            "kms:DescribeKey",
            *actions,
        }
        assert {action for action in read_anywhere if action.startswith("servicequotas:")} == {
            "servicequotas:GetServiceQuota",
            "servicequotas:ListServiceQuotas",
        }


# A check is one entry


def probes(_: Context) -> Iterator[Probe]:
    yield lambda: [Finding(role=COPIER, action="a", resource="r", message="It does not hold.")]
    yield lambda: [Finding(role=COPIER, action="b", resource="r", message="It does not hold.", remedy="Another one.")]


ENTRY = Check(title="It holds", role=Role.COPIER, remedy="Make it hold.", statements=lambda _: [STATEMENT])


def allow(aws: Stubs, role: Role) -> None:
    """Let a run of a plain promotion open the query session of one role, and nothing else."""
    aws.in_place["sts"] = AnyRole(
        lambda request: "iam:SimulatePrincipalPolicy" in request["Policy"] and request["RoleArn"].endswith(f"-{role}")
    ).client


def run(*checks: Check) -> list[CheckResult]:
    result = preflight.run(promotion(), [], until=time.monotonic() + 60, checks=checks)
    return [each for each in result.results if not (isinstance(each, Finding) and each.action == "sts:AssumeRole")]


def test_a_new_entry_is_probed_and_its_findings_have_its_remedy_unless_they_have_their_own(aws: Stubs) -> None:
    allow(aws, Role.COPIER)
    results = run(replace(ENTRY, probes=probes))
    assert [result.remedy for result in results if isinstance(result, Finding)] == ["Make it hold.", "Another one."]


def test_a_new_entry_widens_the_query_session_of_its_role_only(aws: Stubs) -> None:
    assert query_policy(aws, promotion(), Role.COPIER, ENTRY)["s3:GetBucketLocation"] == ["arn:aws:s3:::anywhere"]
    assert "s3:GetBucketLocation" not in query_policy(aws, promotion(), Role.DEPLOYER, ENTRY)


def test_an_entry_that_does_not_apply_or_has_no_session_is_not_probed(aws: Stubs) -> None:
    allow(aws, Role.COPIER)
    excluded = replace(ENTRY, probes=probes, applies=lambda _: False)
    assert run(excluded, replace(ENTRY, role=Role.DEPLOYER, probes=probes)) == []


def test_iam_is_asked_for_exactly_the_permissions_of_the_entries(aws: Stubs) -> None:
    entry = replace(ENTRY, permissions=lambda _: [PERMISSION])
    assert required_permissions([entry], Context(promotion=promotion())) == [PERMISSION]
    allow(aws, Role.COPIER)
    result = {"EvalActionName": "s3:GetBucketLocation", "EvalDecision": "implicitDeny"}
    aws.of("iam").add_response(
        "simulate_principal_policy",
        {"EvaluationResults": [result]},
        {
            "PolicySourceArn": COPIER,
            "ActionNames": ["s3:GetBucketLocation"],
            "ResourceArns": ["arn:aws:s3:::anywhere"],
            "ContextEntries": ANY,
        },
    )
    (finding,) = run(entry)
    assert isinstance(finding, Finding)
    assert (finding.action, finding.remedy) == ("s3:GetBucketLocation", "Make it hold.")


def permissions(permission: RequiredPermission, _: Context) -> list[RequiredPermission]:
    return [permission]


def test_findings_of_one_call_to_iam_have_the_remedies_of_their_checks(aws: Stubs) -> None:
    others = [replace(PERMISSION, resource=f"arn:aws:s3:::{name}") for name in ("other", "third")]
    entries = [
        replace(ENTRY, remedy=f"Remedy {number}.", permissions=functools.partial(permissions, permission))
        for number, permission in enumerate((PERMISSION, *others))
    ]
    allow(aws, Role.COPIER)

    def answer(*decisions: tuple[str, str]) -> None:
        specific = [{"EvalResourceName": arn, "EvalResourceDecision": decision} for arn, decision in decisions]
        result = {"EvalActionName": "s3:GetBucketLocation", "EvalDecision": decisions[-1][1]}
        aws.of("iam").add_response(
            "simulate_principal_policy",
            {"EvaluationResults": [{**result, "ResourceSpecificResults": specific}]},
            {
                "PolicySourceArn": COPIER,
                "ActionNames": ["s3:GetBucketLocation"],
                "ResourceArns": [arn for arn, _ in decisions],
                "ContextEntries": ANY,
            },
        )

    answer((PERMISSION.resource, "allowed"), (others[0].resource, "allowed"), (others[1].resource, "implicitDeny"))
    answer((others[1].resource, "implicitDeny"))
    (finding,) = run(*entries)
    assert isinstance(finding, Finding)
    assert (finding.resource, finding.remedy) == (others[1].resource, "Remedy 2.")


def test_a_probe_that_is_refused_is_a_finding_or_inconclusive_and_the_others_run(aws: Stubs) -> None:
    denied = AccessDenied("", role=COPIER, action="a", resource="r", message="no")
    refused = CallRefused("It is odd.")

    def refused_probes(_: Context) -> Iterator[Probe]:
        for error in (denied, refused):
            yield lambda error=error: raised(error)  # type: ignore[misc]

    allow(aws, Role.COPIER)
    results = run(replace(ENTRY, probes=refused_probes), replace(ENTRY, probes=probes))
    assert results[1] == Inconclusive(subject="The check 'It holds'", reason="It is odd.")
    assert [result.remedy for result in (results[0], *results[2:]) if isinstance(result, Finding)] == [
        "Make it hold.",
        "Make it hold.",
        "Another one.",
    ]


def raised(error: Exception) -> list[CheckResult]:
    raise error


def test_the_permissions_of_a_run_are_those_of_all_checks() -> None:
    context = Context(promotion=promotion(), transfers=[Transfer(artifact=artifact())])
    derived = {
        (each.role.rpartition("-")[2], action)
        for each in required_permissions(CHECKS, context)
        for action in each.actions
    }
    assert {
        ("deployer", "sagemaker:CreateModel"),
        ("deployer", "iam:PassRole"),
        ("deployer", "s3:GetObject"),
        ("execution", "s3:GetObject"),
    } <= derived
    assert required_permissions([], context) == []
