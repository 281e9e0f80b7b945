"""Whom roles trust, and what buckets, keys, buses and queues allow to others: each is taken away, alone, as well."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.contract.resource_names import function
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Preview, Settings
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, Job, Step
from sandbox.aws.faults.faults import Kind
from sandbox.demo import data_scientist
from tests.integration import smoke_tests
from tests.integration.endpoint_waits import ends_of, slowly
from tests.integration.permissions.test_copier import copier
from tests.integration.permissions.test_role_permissions import dead_letter, role_as_in_qa
from tests.integration.resource_policies import (
    Grant,
    bucket_policy,
    grants,
    key_policy,
    matches,
    queue_policy,
    without_condition,
    without_dead_letters,
    without_invoke_permission,
    without_statement,
)
from tests.integration.role_policies import Document, edited, role_matching, without_permission, without_trust
from tests.integration.scenarios import (
    PRODUCTION,
    QA,
    AccountPair,
    audit_artifacts,
    large,
    new_model,
    promote,
    promoted_once,
    start,
)
from tests.integration.world import ExecutionResult, World


@pytest.fixture(scope="module")
def world(module_world: World, deployed_settings: Settings) -> Iterator[World]:
    with smoke_tests.tested(
        module_world, deployed_settings, smoke_tests.TEXT, smoke_tests.IN_SOURCE, preview=Preview()
    ):
        yield module_world


pytestmark = pytest.mark.usefixtures("failures_are_dropped")
PAIRS = (QA, PRODUCTION)
IN_TARGET = {Role.RECEIVER, Role.DEPLOYER, Role.PUSHER, Role.INVOKER}
# Production's roles trust the same steps.
TRUSTS = list(
    dict.fromkeys(
        (QA, f"promote-{QA.target if role in IN_TARGET else QA.source}-{role}", function(step))
        for role, steps in STEPS_BY_ROLE.items()
        if role is not Role.SCALER
        for step in steps
        if (role, step) != (Role.READER, Step.RESOLVE_ROLLBACK)  # only for a stage with `approved_only`
    )
)
CLEAN_UP_ABORTED = function(Step.CLEAN_UP_ABORTED)
END_WAIT = function(Job.END_WAIT)
TARGET_ACCOUNTS = ("333333333333", "444444444444")
STATES_FROM_TARGETS = "endpoint-states-from-targets"
HUB = "arn:aws:iam::111111111111:role/"
ROOT = "arn:aws:iam::*:root"
HUBS_KEY = "key Encrypts Promote's data in the hub: logs, work lists, locks, records and messages*"
LETTERS = {
    "dev": ("promote-dev-forwarder", "events:PutEvents"),
    "hub": ("promote-hub-StateMachineByNameEventsRole*", "states:StartExecution"),
}

SHOWN = {
    *(Grant(role, "", f"{HUB}{step}") for _, role, step in TRUSTS),
    Grant("promote-qa-auditor", "", f"{HUB}{function(Job.AUDIT_ARTIFACTS)}"),
    *(Grant(f"promote-{pair.target}-execution", "", "sagemaker.amazonaws.com") for pair in PAIRS),
    *(Grant(role, "", "events.amazonaws.com") for role, _ in LETTERS.values()),
    Grant("promote-hub-StateMachineRole*", "", "states.amazonaws.com"),
    *(
        Grant(f"bucket {p.target_bucket}", sid, f"*:role/promote-{p.source}-copier")
        for p in PAIRS
        for sid in ("*sCopierPuts", "*sCopierPutsParts", "*sCopierSeesItsParts", "CopiersOverwriteNothing")
    ),
    *(Grant(f"key alias/promote-{p.target}", "CopiersEncrypt", f"*:role/promote-{p.source}-copier") for p in PAIRS),
    *(Grant(f"key alias/promote-{pair.target}", "", ROOT) for pair in PAIRS),
    Grant(HUBS_KEY, "", ROOT),
    Grant("bus promote", "approvals-from-dev", "arn:aws:iam::222222222222:root"),
    *(Grant("bus promote", STATES_FROM_TARGETS, f"arn:aws:iam::{account}:root") for account in TARGET_ACCOUNTS),
    Grant("promote-qa-forwarder", "", "events.amazonaws.com"),
    Grant(f"function {END_WAIT}", "*", "events.amazonaws.com"),
    *(Grant(f"queue promote-{environment}-UndeliveredEvents*", "RulesSend", "events.*") for environment in LETTERS),
    Grant(f"function {CLEAN_UP_ABORTED}", "*AbortedAllow*", "events.amazonaws.com"),
}
# And why no promotion in the sandbox can show that the others are needed.
NOT_SHOWN = {
    Grant("promote-*", "", "lambda.amazonaws.com"): "The sandbox's Lambda runs untrusted; AWS makes no function then.",
    Grant("bucket promote-*", "", "[*]"): "A deny of plain HTTP; the sandbox has TLS only.",
    Grant("queue promote-*", "", "[*]"): "The same.",
    Grant("bucket promote-*", "ExecutionRolesOnlyRead", "[*]"): "A deny; test_execution_role.py shows it.",
    Grant(HUBS_KEY, "Logs", "logs.*"): "The sandbox's logs are not encrypted.",
    Grant(HUBS_KEY, "AlarmsPublish", "cloudwatch.*"): "The sandbox has no alarms, and its topics ask for no key.",
    Grant("topic promote-*", "AlarmsPublish", "cloudwatch.*"): "The same.",
    Grant("topic promote-*", "AllowPublishThroughSSLOnly", "[*]"): "A deny of plain HTTP, as the buckets'.",
    Grant(
        "promote-*-scaler", "", f"{HUB}*"
    ): "Trusted as the others are; what its steps do, test_scaler_permissions.py shows.",
    **{
        Grant(
            f"function {function(job)}", "*", "events.*"
        ): "It runs every five minutes; test_role_permissions.py does it."
        for job in set(Job) - {Job.END_WAIT, Job.REPORT_REJECTION}
    },
    Grant(f"function {function(Job.REPORT_REJECTION)}", "*", "events.*"): "No promotion; test_triggers.py shows it.",
}


@pytest.mark.parametrize(("pair", "role", "step"), TRUSTS, ids=lambda value: getattr(value, "target", value))
def test_a_step_may_assume_a_role_only_while_the_role_trusts_it(
    world: World, pair: AccountPair, role: str, step: str
) -> None:
    """That a promotion reports an AssumeRole that is denied: below, and for each step in test_role_permissions.py."""
    environment = role.split("-")[1]
    own = world.sandbox.client("sts", "hub", world.sandbox.assume(f"{HUB}{step}"))
    asked = {"RoleArn": f"arn:aws:iam::{world.sandbox.accounts[environment]}:role/{role}", "RoleSessionName": "trust"}
    own.assume_role(**asked)
    with without_trust(world, environment, role, f"{HUB}{step}"), pytest.raises(ClientError) as refused:
        own.assume_role(**asked)

    denied(
        refused.value.response["Error"]["Code"],
        str(refused.value),
        *(f"assumed-role/{step}/", "sts:AssumeRole", f"{world.sandbox.accounts[environment]}:role/{role}"),
    )


@pytest.mark.parametrize(
    ("role", "step"),
    [
        ("promote-dev-reader", Step.RESOLVE_MODEL),
        ("promote-qa-receiver", Step.COPY_UNIT),
        ("promote-qa-deployer", Step.VERIFY_ARTIFACTS),
        ("promote-qa-invoker", Step.PREFLIGHT),
    ],
)
def test_a_promotion_names_the_role_that_does_not_trust_its_step(world: World, role: str, step: Step) -> None:
    environment, name = role.split("-")[1], function(step)
    subject = new_model(world, QA)
    with without_trust(world, environment, role, f"{HUB}{name}"):
        ended = promote(world, QA, subject)

    assert ended.error == ("PreflightFailed" if step is Step.PREFLIGHT else "AccessDenied")
    for words in (f"assumed-role/{name}/", "sts:AssumeRole", f"{world.sandbox.accounts[environment]}:role/{role}"):
        assert words in ended.cause


def test_an_audit_that_is_not_trusted_names_the_role_it_may_not_assume(world: World) -> None:
    promoted_once(world, QA)
    with without_trust(world, "qa", "promote-qa-auditor", f"{HUB}{function(Job.AUDIT_ARTIFACTS)}"):
        refused = audit_artifacts(world)
    denied(refused["errorType"], refused["errorMessage"], "sts:AssumeRole", "333333333333:role/promote-qa-auditor")


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.target)
def test_an_execution_role_that_does_not_trust_sagemaker_cannot_read_the_model(world: World, pair: AccountPair) -> None:
    role, subject = f"promote-{pair.target}-execution", new_model(world, pair)
    with without_trust(world, pair.target, role, "sagemaker.amazonaws.com"):
        ended = promote(world, pair, subject)

    assert ended.error == "ModelDataNotAccessible"
    for words in (role, "sts:AssumeRole", "sagemaker.amazonaws.com", pair.target_bucket):
        assert words in ended.cause


def test_a_state_machine_whose_role_does_not_trust_it_reports_it(world: World) -> None:
    role = role_matching(world, "hub", "promote-hub-StateMachineRole*")
    with without_trust(world, "hub", role, "states.amazonaws.com"):
        ended = world.wait(world.start_with({}))

    assert ended.error == "Lambda.AWSLambdaException"
    assert "states.amazonaws.com is not authorized to assume the role" in ended.cause
    assert role in ended.cause


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.target)
def test_a_copier_whom_the_targets_bucket_does_not_name_may_not_put(world: World, pair: AccountPair) -> None:
    subject = new_model(world, pair)
    with bucket_policy(world, pair, without_statement("*sCopierPuts")):
        ended = promote(world, pair, subject)
    not_ready(ended, f"role/promote-{pair.source}-copier", "s3:PutObject", f"s3://{pair.target_bucket}/")


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.target)
@pytest.mark.parametrize(
    ("sid", "action"),
    [("*sCopierPutsParts", "s3:PutObject"), ("*sCopierSeesItsParts", "s3:ListMultipartUploadParts")],
)
def test_a_copier_whom_the_targets_bucket_does_not_let_copy_by_parts_copies_no_large_object(
    world: World, pair: AccountPair, sid: str, action: str
) -> None:
    small, subject = new_model(world, pair), large(world, pair)
    with bucket_policy(world, pair, without_statement(sid)):
        assert promote(world, pair, small).status == "SUCCEEDED"
        ended = promote(world, pair, subject)
    not_ready(ended, f"role/promote-{pair.source}-copier", action, f"s3://{pair.target_bucket}/")


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.target)
def test_a_copier_that_is_allowed_to_put_by_another_statement_still_overwrites_nothing(
    world: World, pair: AccountPair
) -> None:
    """In one account its own policy is that statement."""
    it = copier(world, pair)
    with bucket_policy(world, pair, without_condition("*sCopierPuts")):
        with pytest.raises(ClientError, match="AccessDenied"):
            it.s3.put_object(**it.target, Body=b"x")
        with bucket_policy(world, pair, without_statement("CopiersOverwriteNothing")):
            it.s3.put_object(**it.target, Body=b"x")


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.target)
def test_a_copier_whom_the_targets_key_does_not_name_may_not_encrypt(world: World, pair: AccountPair) -> None:
    subject = new_model(world, pair)
    with key_policy(world, pair.target, without_statement("CopiersEncrypt")):
        ended = promote(world, pair, subject)
    not_ready(ended, f"role/promote-{pair.source}-copier", "kms:GenerateDataKey", pair.target_bucket)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.target)
def test_a_key_that_delegates_to_no_iam_policies_cannot_be_used_by_the_receiver(
    world: World, pair: AccountPair
) -> None:
    subject = new_model(world, pair)
    with key_policy(world, pair.target, only_administered):
        ended = promote(world, pair, subject)
    not_ready(ended, f"role/promote-{pair.target}-receiver", "kms:GenerateDataKey", pair.target_bucket)


def test_a_hub_key_that_delegates_to_no_iam_policies_cannot_be_used_by_the_steps(world: World) -> None:
    subject = new_model(world, QA)
    with key_policy(world, "hub", only_administered):
        ended = promote(world, QA, subject)
    denied(ended.error, ended.cause, function(Step.RESOLVE_MODEL), "kms:GenerateDataKey", "s3://promote-hub-")


def only_administered(document: Document) -> Document:
    """A key's policy under which the account's own policies give no one its use."""
    statements = [
        {**statement, "Action": ["kms:Get*", "kms:Put*"]}
        if str(statement["Principal"].get("AWS", "")).endswith(":root")
        else statement
        for statement in document["Statement"]
    ]
    assert statements != document["Statement"]
    return {**document, "Statement": statements}


def other_source(document: Document) -> Document:
    """The policy with its conditions on the events' source asking for another."""
    return with_condition(document, "events:source", "another.source")


def other_kind(document: Document) -> Document:
    return with_condition(document, "events:detail-type", "Another State Change")


def with_condition(document: Document, key: str, value: str) -> Document:
    condition = {"StringEquals": {key: value}}
    return {**document, "Statement": [{**statement, "Condition": condition} for statement in document["Statement"]]}


def no_target(document: Document) -> Document:
    statements = [statement for statement in document["Statement"] if statement["Sid"] != STATES_FROM_TARGETS]
    assert len(statements) < len(document["Statement"])
    return {**document, "Statement": statements}


def no_principal(document: Document) -> Document:
    return {**document, "Statement": []}


@pytest.mark.parametrize("change", [no_principal, other_source, other_kind])
def test_an_approval_that_the_hubs_bus_does_not_take_starts_nothing_and_is_kept(
    world: World, change: Callable[[Document], Document]
) -> None:
    """Only SageMaker's events may come, and only from accounts with a registry."""
    events = world.client("events")
    document = json.loads(events.describe_event_bus(Name="promote")["Policy"])
    version, before = world.version(), world.executions()
    with edited(document, lambda text: events.put_permission(EventBusName="promote", Policy=text), change):
        data_scientist.approve(world.sandbox, version)
        message = dead_letter(world, "dev", version)["error"]

    assert world.executions() == before
    for words in ("222222222222:assumed-role/promote-dev-forwarder/", "events:PutEvents", ":event-bus/promote"):
        assert words in message


def without_trust_of_events(world: World) -> AbstractContextManager[None]:
    return without_trust(world, "qa", "promote-qa-forwarder", "events.amazonaws.com")


def without_function_permission(world: World) -> AbstractContextManager[None]:
    return without_invoke_permission(world, END_WAIT)


def without_bus_permission(world: World) -> AbstractContextManager[None]:
    events = world.client("events")
    document = json.loads(events.describe_event_bus(Name="promote")["Policy"])
    return edited(document, lambda text: events.put_permission(EventBusName="promote", Policy=text), no_target)


@pytest.mark.parametrize("lacking", [without_trust_of_events, without_function_permission, without_bus_permission])
def test_a_state_that_is_not_delivered_costs_the_rest_of_a_wait(
    world: World, lacking: Callable[[World], AbstractContextManager[None]]
) -> None:
    """That it ends the wait otherwise is shown in test_endpoint_waits.py."""
    with lacking(world):
        ended = world.wait(world.start(**slowly(world)))

    assert set(ends_of(world, ended.arn, "Wait for the endpoint")) == {"TaskTimedOut"}


@pytest.mark.parametrize("environment", LETTERS)
def test_an_approval_is_kept_if_events_may_not_take_the_role_that_delivers_it(world: World, environment: str) -> None:
    version, before = world.version(), world.executions()
    role = role_matching(world, environment, LETTERS[environment][0])
    with without_trust(world, environment, role, "events.amazonaws.com"):
        data_scientist.approve(world.sandbox, version)
        message = dead_letter(world, environment, version)["error"]

    assert world.executions() == before
    assert "events.amazonaws.com is not authorized to assume the role" in message
    assert role in message


@pytest.mark.parametrize("environment", LETTERS)
def test_an_approval_is_lost_only_if_its_queue_does_not_take_it_either(world: World, environment: str) -> None:
    version = world.version()
    pattern, action = LETTERS[environment]
    with (
        without_permission(world, environment, role_matching(world, environment, pattern), "", action),
        queue_policy(world, environment, without_dead_letters),
    ):
        data_scientist.approve(world.sandbox, version)
        with pytest.raises(AssertionError, match="no event about"):
            dead_letter(world, environment, version, seconds=1)


def test_an_abort_event_that_cannot_be_delivered_to_the_cleanup_function_is_kept_with_the_reason(world: World) -> None:
    """That it cleans up otherwise is shown in test_stopped."""
    world.sagemaker_faults.inject("DescribeEndpoint", Kind.HANG, seconds=1.0)
    arn = start(world, QA, new_model(world, QA))
    world.wait_for_state(arn, "Compare the endpoint")
    with without_invoke_permission(world, CLEAN_UP_ABORTED):
        world.client("stepfunctions").stop_execution(executionArn=arn)
        letter = dead_letter(world, "hub", arn)

    assert letter["rule"].endswith(":rule/promote-aborted")
    for words in (CLEAN_UP_ABORTED, "lambda:InvokeFunction", "events.amazonaws.com"):
        assert words in letter["error"]


def test_every_grant_of_a_resources_own_policy_is_taken_away_by_a_test_or_has_a_reason_why_not(world: World) -> None:
    deployed = set(grants(world))
    shown = [[grant for grant in deployed if matches(grant, pattern)] for pattern in SHOWN]
    excused = [[grant for grant in deployed if matches(grant, pattern)] for pattern in NOT_SHOWN]

    unmatched = {pattern: covered for pattern, covered in zip(SHOWN, shown, strict=True) if len(covered) != 1}
    assert unmatched == {}
    assert all(excused), "an excuse is for no grant at all"
    in_qa = {grant for covered in shown for grant in covered}
    in_production = {grant for grant in deployed if replace(grant, on=role_as_in_qa(grant.on)) in in_qa}
    assert sorted(deployed.difference(*shown, *excused, in_production)) == []


def denied(error: str | None, cause: str, *expected: str) -> None:
    assert error == "AccessDenied"
    for words in expected:
        assert words in cause


def not_ready(ended: ExecutionResult, *expected: str) -> None:
    """What preflight probes is found before anything is created."""
    assert ended.error == "PreflightFailed"
    for words in expected:
        assert words in ended.cause
