"""Each permission that the stacks give to a role is removed, alone: the promotion names principal, action, resource."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import pytest

from lambdas.promotion.contract.resource_names import ENDPOINTS_TABLE, RECORDS_TABLE, TOPIC, function
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Preview, Settings
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, Job, Step
from sandbox.aws.faults.faults import Kind
from sandbox.demo import data_scientist
from tests.integration import smoke_tests
from tests.integration.endpoint_waits import ends_of, in_service, slowly
from tests.integration.role_policies import (
    Document,
    Permission,
    deployed_permissions,
    role_matching,
    with_changed_statement,
    without_permission,
)
from tests.integration.scaled_endpoint import scaled_with_another_type
from tests.integration.scenarios import (
    PRODUCTION,
    QA,
    AccountPair,
    Scenario,
    Trigger,
    approved_version,
    audit_artifacts,
    clean_up_aborted,
    delete_large_copies,
    first_deployment,
    forget_cleanup,
    is_reconciled,
    large,
    new_model,
    plan,
    prefix,
    promote,
    promote_and_fail,
    promote_and_lose_the_source,
    promoted_before,
    promoted_once,
    reconcile_executions,
    roll_back_on_demand,
    step_alone,
    stopped_before,
    update,
    wait_for_cleanup,
    when_locked,
    with_history,
    with_own_image,
    with_versions,
    without_archive,
)
from tests.integration.world import APPLICATION, ENDPOINTS, World


@dataclass(frozen=True)
class PermissionCase:
    """A permission, and the resource that the promotion's message names. Names of the stage stand in braces.

    What is shown in qa is not shown in production as well where the permission is the same there: see `as_in_qa`.
    `blind`: IAM cannot be asked for it ahead either, so that the step itself shows that it needs it.
    """

    role: str
    sid: str
    action: str
    resource: str
    scenario: Scenario = new_model
    on: str = "*"
    stages: tuple[AccountPair, ...] = (QA,)
    error: str = "AccessDenied"
    trigger: Trigger = promote
    blind: bool = False

    @property
    def of_preview(self) -> bool:
        return "preview" in f"{self.role} {self.resource}"

    @property
    def reported_at_once(self) -> bool:
        """Whether a promotion without this and other permissions reports each: preflight finds them all.

        Of an image it looks at the copy first, and only if there is none at what is to be copied.
        """
        of_image = self.scenario is with_own_image and self.action != "sts:AssumeRole"
        return self.error == PREFLIGHT_FAILED and self.trigger is promote and not of_image

    @contextmanager
    def removed(self, world: World, pair: AccountPair) -> Iterator[None]:
        with ExitStack() as lacking:
            lacking.enter_context(self._without(world, pair))
            if self.blind:
                simulating_role = self.role if self.role in {COPIER, RECEIVER, PUSHER, INVOKER} else DEPLOYER
                environment = pair.source if simulating_role == COPIER else pair.target
                lacking.enter_context(
                    without_permission(world, environment, pair.fill(simulating_role), "SimulateOwnPermissions")
                )
            yield

    def _without(self, world: World, pair: AccountPair) -> AbstractContextManager[None]:
        environments = {"{source}": pair.source, "{target}": pair.target}
        environment = next((name for end, name in environments.items() if end in self.role), "hub")
        role = role_matching(world, environment, pair.fill(self.role))
        return without_permission(world, environment, role, pair.fill(self.sid), self.action, on=pair.fill(self.on))

    def covers(self, permission: Permission, pair: AccountPair) -> bool:
        return (
            fnmatchcase(permission.role, pair.fill(self.role))
            and (permission.sid, permission.action) == (pair.fill(self.sid), self.action)
            and fnmatchcase(permission.resource, pair.fill(self.on))
            and not fnmatchcase(permission.resource, CROWDS)
        )


pytestmark = pytest.mark.usefixtures("failures_are_dropped")
BOTH = (QA, PRODUCTION)
CROWDS = "*crowd-[1-5]*"
READER = "promote-{source}-reader"
COPIER = "promote-{source}-copier"
RECEIVER = "promote-{target}-receiver"
PUSHER = "promote-{target}-pusher"
DEPLOYER = "promote-{target}-deployer"
INVOKER = "promote-{target}-invoker"
EXECUTION = "promote-{target}-execution"
STATE_MACHINE = "promote-hub-StateMachineRole*"
WRITTEN = "s3://{target_bucket}/artifacts/"
INCOMING = "s3://{target_bucket}/incoming/{source}/"
MODEL, CONFIG = ":model/text-classifier-{target}-", ":endpoint-config/text-classifier-{target}-"
ENDPOINT = ":endpoint/{endpoint}"
PREVIEW = f"{ENDPOINT}-preview-"
PAYLOAD = "s3://{target_bucket}/smoke/payload.csv"
AWS_IMAGE = "the repository sagemaker-scikit-learn of account"
COPIED_IMAGE = "the repository promote/team/{model} of account"
FETCHED_IMAGE = "the repository team/{model} of account"
NO_DATA = "ModelDataNotAccessible"
NO_RECORD = "RecordNotWritten"
NOT_INVOKED = "Lambda.AWSLambdaException"
# Run the preflight checks tells it, before anything is created.
PREFLIGHT_FAILED = "PreflightFailed"
LISTS = "s3://promote-hub-111111111111-us-east-1/promotions/"
VERIFIED = "s3://promote-hub-111111111111-us-east-1/verified/"
# The steps that write lists, and those that read them.
WRITERS = (Step.RESOLVE_MODEL, Step.COMPARE_ENDPOINT, Step.PLAN_COPY)
READERS = (
    Step.COMPARE_ENDPOINT,
    Step.PREFLIGHT,
    Step.PLAN_COPY,
    Step.COPY_UNIT,
    Step.COMPLETE_COPY,
    Step.VERIFY_ARTIFACTS,
)
# A promotion that goes well does not come to them.
AFTER_FAILURES = (Step.ABORT_UPLOADS, Step.EXPLAIN_FAILURE)
ROLES = {
    Role.READER: READER,
    Role.COPIER: COPIER,
    Role.RECEIVER: RECEIVER,
    Role.PUSHER: PUSHER,
    Role.DEPLOYER: DEPLOYER,
}
# How the steps show that an ordinary promotion does not come to, or too late.
TRIGGERS: dict[Step, tuple[Scenario, Trigger]] = {
    Step.RESOLVE_ROLLBACK: (with_history, roll_back_on_demand),
    Step.WAIT_FOR_LOCK: (promoted_before, when_locked(step_alone(Step.WAIT_FOR_LOCK))),
    Step.ABORT_UPLOADS: (promoted_before, step_alone(Step.ABORT_UPLOADS)),
    Step.RECORD_PROMOTION: (new_model, plan),
    Step.CLEAN_UP_ABORTED: (stopped_before, clean_up_aborted),
}
# The same for the state machine, which invokes them.
INVOKED_AFTER: dict[Step, dict[str, Any]] = {
    Step.RESOLVE_ROLLBACK: {"scenario": with_history, "trigger": roll_back_on_demand},
    Step.WAIT_FOR_LOCK: {"trigger": when_locked(promote)},
    Step.RECORD_PROMOTION: {"trigger": plan, "error": NO_RECORD},
}
# What a promotion must have to come to a step.
COMES_TO: dict[Step, Scenario] = {
    Step.PLAN_COPY: large,
    Step.COMPLETE_COPY: large,
    Step.COPY_IMAGE: with_own_image,
    Step.SUSPEND_SCALING: scaled_with_another_type,
    Step.RESUME_SCALING: scaled_with_another_type,
}


# How what stands in a permission of production's roles is called in qa's.
IN_QA = (
    ("/incoming/qa/", "/incoming/dev/"),
    ("444444444444", "333333333333"),
    ("eu-west-1", "us-east-1"),
    ("promote-production-", "promote-qa-"),
    ("text-classifier-production-", "text-classifier-qa-"),
    (r"endpoint/text-classifier(?!-qa)", "endpoint/text-classifier-qa"),
)


def firsts(steps: Iterable[Step]) -> list[Step]:
    """The first of the steps of each function."""
    by_function: dict[str, Step] = {}
    for step in steps:
        by_function.setdefault(function(step), step)
    return list(by_function.values())


def of_lists(
    step: Step, sid: str, on_objects: str, on_key: str, *, lists: str = LISTS, **shown: Any
) -> list[PermissionCase]:
    """The two permissions by which a step uses the lists in the hub's bucket."""
    return [
        PermissionCase(function(step), name, action, lists, **shown)
        for name, action in ((sid, on_objects), (f"{sid}Key", on_key))
    ]


def of_readers(step: Step, **shown: Any) -> list[PermissionCase]:
    return of_lists(step, "ReadLists", "s3:GetObject", "kms:Decrypt", **shown)


def of_hub(step: Step, sid: str, action: str, resource: str, *, error: str = "AccessDenied") -> PermissionCase:
    """A permission of a step on what the hub knows."""
    scenario, trigger = TRIGGERS.get(step, (new_model, promote))
    return PermissionCase(function(step), sid, action, resource, scenario, trigger=trigger, error=error)


def invoke_case(
    step: Step, *, scenario: Scenario | None = None, trigger: Trigger = promote, error: str = NOT_INVOKED
) -> PermissionCase:
    name = function(step)
    return PermissionCase(
        STATE_MACHINE,
        "",
        "lambda:InvokeFunction",
        f":function:{name}",
        scenario or COMES_TO.get(step, new_model),
        on=f"*:function:{name}:*",
        trigger=trigger,
        error=error,
    )


def of_map(action: str, resource: str, error: str, *, sid: str = "", on: str = "*") -> PermissionCase:
    """A permission of the state machine's role by which the Map of the units runs."""
    return PermissionCase(STATE_MACHINE, sid, action, resource, large, on=on, error=error)


PERMISSIONS = [
    PermissionCase(READER, "DescribeModels", "sagemaker:DescribeModel", ":model/{model}", stages=BOTH),
    PermissionCase(READER, "DescribeModels", "sagemaker:ListTags", ":model/{model}", stages=BOTH),
    PermissionCase(READER, "DescribeModelPackages", "sagemaker:DescribeModelPackage", "{model}", approved_version),
    PermissionCase(READER, "ReadImages", "ecr:BatchGetImage", AWS_IMAGE, stages=BOTH),
    PermissionCase(
        READER,
        "FetchImages",
        "ecr:GetDownloadUrlForLayer",
        "the repository team/{model} of",
        with_own_image,
        stages=BOTH,
        error=PREFLIGHT_FAILED,
    ),
    PermissionCase(READER, "ListArtifacts", "s3:ListBucket", "{uri}", without_archive, stages=BOTH),
    PermissionCase(READER, "ReadArtifacts", "s3:GetObject", "{uri}", stages=BOTH),
    PermissionCase(READER, "DecryptArtifacts", "kms:Decrypt", "{uri}", stages=(PRODUCTION,)),
    PermissionCase(COPIER, "ReadArtifacts", "s3:GetObject", "{uri}", prefix, error=PREFLIGHT_FAILED, stages=BOTH),
    PermissionCase(COPIER, "ReadArtifacts", "s3:GetObjectVersion", "{uri}", with_versions, error=PREFLIGHT_FAILED),
    PermissionCase(
        COPIER, "ReadArtifacts", "s3:GetObjectVersion", "{uri}", stages=(PRODUCTION,), error=PREFLIGHT_FAILED
    ),
    PermissionCase(COPIER, "DecryptArtifacts", "kms:Decrypt", "{uri}", stages=(PRODUCTION,), error=PREFLIGHT_FAILED),
    PermissionCase(COPIER, "PutInto{Target}", "s3:PutObject", INCOMING, error=PREFLIGHT_FAILED, stages=BOTH),
    PermissionCase(
        COPIER, "PutInto{Target}", "s3:ListMultipartUploadParts", INCOMING, large, error=PREFLIGHT_FAILED, stages=BOTH
    ),
    PermissionCase(COPIER, "EncryptFor{Target}", "kms:GenerateDataKey", INCOMING, error=PREFLIGHT_FAILED, stages=BOTH),
    PermissionCase(COPIER, "EncryptFor{Target}", "kms:Decrypt", INCOMING, large, blind=True, stages=BOTH),
    PermissionCase(RECEIVER, "ReadIncoming", "s3:GetObject", INCOMING, large, blind=True),
    PermissionCase(RECEIVER, "ReadIncoming", "s3:GetObjectVersion", INCOMING, blind=True),
    PermissionCase(RECEIVER, "StoreArtifacts", "s3:PutObject", WRITTEN, error=PREFLIGHT_FAILED),
    PermissionCase(RECEIVER, "StoreArtifacts", "s3:ListMultipartUploadParts", WRITTEN, large, error=PREFLIGHT_FAILED),
    PermissionCase(RECEIVER, "DecryptAndEncrypt", "kms:Decrypt", INCOMING, blind=True),
    PermissionCase(RECEIVER, "DecryptAndEncrypt", "kms:GenerateDataKey", WRITTEN, error=PREFLIGHT_FAILED),
    PermissionCase(PUSHER, "CreateRepositories", "ecr:CreateRepository", COPIED_IMAGE, with_own_image, blind=True),
    PermissionCase(PUSHER, "PushImages", "ecr:BatchGetImage", COPIED_IMAGE, with_own_image, error=PREFLIGHT_FAILED),
    *(
        PermissionCase(PUSHER, "PushImages", f"ecr:{action}", COPIED_IMAGE, with_own_image, blind=True)
        for action in (
            *("BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart"),
            *("CompleteLayerUpload", "PutImage"),
        )
    ),
    PermissionCase(DEPLOYER, "ReadImages", "ecr:BatchGetImage", AWS_IMAGE, error="ImageNotAccessible"),
    PermissionCase(DEPLOYER, "ReadArtifactMetadata", "s3:GetObject", WRITTEN, blind=True),
    PermissionCase(DEPLOYER, "ListArtifacts", "s3:ListBucket", WRITTEN),
    *(
        PermissionCase(DEPLOYER, "ListArtifacts", f"s3:ListBucket{what}", WRITTEN, error=PREFLIGHT_FAILED)
        for what in ("Versions", "MultipartUploads")
    ),
    *(
        PermissionCase(DEPLOYER, "AbortUploads", "s3:AbortMultipartUpload", below, on=on, error=PREFLIGHT_FAILED)
        for below, on in ((WRITTEN, "*/artifacts/[*]"), (INCOMING, "*/incoming/[*]"))
    ),
    PermissionCase(DEPLOYER, "ReadChecksums", "kms:Decrypt", WRITTEN, blind=True),
    PermissionCase(DEPLOYER, "CreateModels", "sagemaker:CreateModel", MODEL, blind=True),
    PermissionCase(DEPLOYER, "CreateModels", "sagemaker:AddTags", MODEL, blind=True),
    PermissionCase(DEPLOYER, "CreateModels", "sagemaker:DescribeModel", MODEL, promoted_before),
    PermissionCase(DEPLOYER, "CreateEndpointConfigurations", "sagemaker:CreateEndpointConfig", CONFIG, blind=True),
    PermissionCase(DEPLOYER, "CreateEndpointConfigurations", "sagemaker:AddTags", CONFIG, blind=True),
    PermissionCase(
        DEPLOYER, "CreateEndpointConfigurations", "sagemaker:DescribeEndpointConfig", CONFIG, promoted_before
    ),
    PermissionCase(INVOKER, "InvokeEndpoints", "sagemaker:InvokeEndpoint", ENDPOINT, blind=True),
    PermissionCase(INVOKER, "InvokePreviews", "sagemaker:InvokeEndpoint", PREVIEW, blind=True),
    *(
        PermissionCase(DEPLOYER, "ManagePreviews", f"sagemaker:{action}", PREVIEW, blind=True)
        for action in ("CreateEndpoint", "DescribeEndpoint", "DeleteEndpoint", "AddTags")
    ),
    PermissionCase(
        DEPLOYER,
        "DeletePreviewConfigurations",
        "sagemaker:DeleteEndpointConfig",
        f"{CONFIG}preview-",
        blind=True,
    ),
    PermissionCase(INVOKER, "ReadPayloads", "s3:GetObject", PAYLOAD, error=PREFLIGHT_FAILED),
    PermissionCase(INVOKER, "DecryptPayloads", "kms:Decrypt", PAYLOAD, error=PREFLIGHT_FAILED),
    *(
        PermissionCase(DEPLOYER, "CreateEndpoints", f"sagemaker:{action}", resource, scenario, on, blind=True)
        for action, scenario in (("CreateEndpoint", first_deployment), ("UpdateEndpoint", update))
        for resource, on in ((ENDPOINT, f"*{ENDPOINT}"), (CONFIG, "*:endpoint-config/[*]"))
    ),
    PermissionCase(DEPLOYER, "DescribeEndpoints", "sagemaker:DescribeEndpoint", ENDPOINT),
    PermissionCase(DEPLOYER, "DescribeEndpoints", "sagemaker:AddTags", ENDPOINT, first_deployment, blind=True),
    PermissionCase(
        DEPLOYER,
        "DeleteEndpoints",
        "sagemaker:DeleteEndpoint",
        ENDPOINT,
        first_deployment,
        trigger=promote_and_fail,
        error="RollbackFailed",
    ),
    PermissionCase(
        DEPLOYER,
        "RestoreCapacity",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        ENDPOINT,
        update,
        error=PREFLIGHT_FAILED,
    ),
    PermissionCase(DEPLOYER, "PassExecutionRole", "iam:PassRole", f":role/{EXECUTION}", blind=True),
    PermissionCase(EXECUTION, "ReadModels", "s3:GetObject", WRITTEN, error=NO_DATA, blind=True),
    PermissionCase(EXECUTION, "ListModels", "s3:ListBucket", WRITTEN, prefix, error=NO_DATA, blind=True),
    PermissionCase(EXECUTION, "DecryptModels", "kms:Decrypt", WRITTEN, error=NO_DATA, blind=True),
    *(
        PermissionCase(
            function(step),
            "AssumeEnvironmentRoles",
            "sts:AssumeRole",
            role_name,
            with_own_image if step is Step.PREFLIGHT else scenario,
            on=f"*:role/{role_name}",
            trigger=trigger,
            error=PREFLIGHT_FAILED if step is Step.PREFLIGHT else "AccessDenied",
        )
        for role, role_name in (
            (Role.READER, READER),
            (Role.COPIER, COPIER),
            (Role.RECEIVER, RECEIVER),
            (Role.PUSHER, PUSHER),
            (Role.DEPLOYER, DEPLOYER),
            (Role.INVOKER, INVOKER),
        )
        for step in firsts(STEPS_BY_ROLE[role])
        # A rollback reads approvals only for a stage with `approved_only`, and there is none.
        if (role, step) != (Role.READER, Step.RESOLVE_ROLLBACK)
        for scenario, trigger in [TRIGGERS.get(step, (COMES_TO.get(step, new_model), promote))]
    ),
    *(
        case
        for step in WRITERS
        for case in of_lists(
            step, "WriteLists", "s3:PutObject", "kms:GenerateDataKey", scenario=COMES_TO.get(step, new_model)
        )
    ),
    *of_lists(Step.COPY_UNIT, "WriteListsOfUnits", "s3:PutObject", "kms:GenerateDataKey"),
    *(case for step in READERS for case in of_readers(step, scenario=COMES_TO.get(step, new_model))),
    *of_readers(Step.ABORT_UPLOADS, scenario=promoted_before, trigger=step_alone(Step.ABORT_UPLOADS)),
    *of_readers(Step.CLEAN_UP_ABORTED, scenario=stopped_before, trigger=clean_up_aborted),
    *of_lists(
        Step.CLEAN_UP_ABORTED,
        "WriteLists",
        "s3:PutObject",
        "kms:GenerateDataKey",
        scenario=stopped_before,
        trigger=clean_up_aborted,
    ),
    *of_readers(Step.RECORD_PROMOTION, trigger=plan, error=NO_RECORD),
    *of_lists(Step.VERIFY_ARTIFACTS, "WriteVerified", "s3:PutObject", "kms:GenerateDataKey", lists=VERIFIED),
    PermissionCase(
        function(Step.COMPARE_ENDPOINT),
        "ReadVerified",
        "s3:GetObject",
        VERIFIED,
        with_history,
        trigger=roll_back_on_demand,
    ),
    of_hub(Step.WAIT_FOR_LOCK, "ReadAndReleaseLocks", "dynamodb:GetItem", ENDPOINTS_TABLE),
    of_hub(Step.WAIT_FOR_LOCK, "ReadAndReleaseLocks", "dynamodb:UpdateItem", ENDPOINTS_TABLE),
    of_hub(Step.WAIT_FOR_LOCK, "ReadExecutions", "states:DescribeExecution", ":execution:promote:"),
    of_hub(Step.RESOLVE_MODEL, "ReadExecutions", "states:DescribeExecution", ":execution:promote:"),
    of_hub(Step.RESOLVE_ROLLBACK, "ReadExecutions", "states:DescribeExecution", ":execution:promote:"),
    of_hub(Step.RESOLVE_ROLLBACK, "ReadLastKnownGood", "dynamodb:GetItem", ENDPOINTS_TABLE),
    of_hub(Step.RESOLVE_ROLLBACK, "ReadRecords", "dynamodb:GetItem", RECORDS_TABLE),
    of_hub(Step.RECORD_PROMOTION, "AddRecords", "dynamodb:PutItem", RECORDS_TABLE, error=NO_RECORD),
    of_hub(Step.CLEAN_UP_ABORTED, "ReadExecutions", "states:GetExecutionHistory", ":execution:promote:"),
    of_hub(Step.CLEAN_UP_ABORTED, "ReadExecutions", "states:DescribeExecution", ":execution:promote:"),
    of_hub(Step.CLEAN_UP_ABORTED, "AddRecords", "dynamodb:PutItem", RECORDS_TABLE),
    of_hub(Step.CLEAN_UP_ABORTED, "ReleaseLocks", "dynamodb:UpdateItem", ENDPOINTS_TABLE),
    of_hub(Step.CLEAN_UP_ABORTED, "Announce", "sns:Publish", TOPIC),
    PermissionCase(
        STATE_MACHINE,
        "",
        "dynamodb:UpdateItem",
        f":table/{ENDPOINTS_TABLE}",
        error="DynamoDB.AmazonDynamoDBException",
    ),
    *(
        invoke_case(step)
        for step in firsts(Step)
        if step not in {*AFTER_FAILURES, *INVOKED_AFTER, Step.CLEAN_UP_ABORTED}
    ),
    *(invoke_case(step, **shown) for step, shown in INVOKED_AFTER.items()),
    of_map("s3:GetObject", "the hub's bucket", "States.ItemReaderFailed"),
    of_map("kms:Decrypt", "the hub's bucket", "States.ItemReaderFailed", sid="DecryptMapItems"),
    of_map("states:StartExecution", ":stateMachine:promote", "States.Permissions", on="*:stateMachine:promote"),
]
# What a test of its own shows.
LIST_SOURCE = PermissionCase(
    COPIER,
    "DistinguishMissingFromDenied",
    "s3:ListBucket",
    "{uri}",
    stages=BOTH,
    trigger=promote_and_lose_the_source,
    error=PREFLIGHT_FAILED,
)
LIST_INCOMING = PermissionCase(RECEIVER, "DistinguishMissingFromDenied", "s3:ListBucket", INCOMING, large)
ABORT, EXPLAIN = (invoke_case(step) for step in AFTER_FAILURES)
FORWARD = PermissionCase("promote-{source}-forwarder", "", "events:PutEvents", ":event-bus/promote")
START = PermissionCase(
    "promote-hub-StateMachineByNameEventsRole*", "", "states:StartExecution", ":stateMachine:promote"
)
FORWARD_STATES = PermissionCase("promote-{target}-forwarder", "", "events:PutEvents", ":event-bus/promote")
END_WAIT = [
    PermissionCase(function(Job.END_WAIT), "ReadWaits", "dynamodb:GetItem", ENDPOINTS_TABLE),
    # The call has a token, and names no resource.
    PermissionCase(function(Job.END_WAIT), "EndWaits", "states:SendTaskSuccess", "the resource"),
]
READ_LOCKS = PermissionCase(function(Job.REPORT_LOCK_AGE), "ReadLocks", "dynamodb:Scan", ENDPOINTS_TABLE)
RECONCILE = [
    PermissionCase(function(Job.RECONCILE_EXECUTIONS), sid, action, resource)
    for sid, action, resource in (
        ("ListExecutions", "states:ListExecutions", ":stateMachine:promote"),
        ("ReadLocks", "dynamodb:Scan", ENDPOINTS_TABLE),
        ("ReadExecutions", "states:DescribeExecution", ":execution:promote:"),
        ("ReadMarks", "s3:ListBucket", LISTS),
        ("StartCleanup", "lambda:InvokeFunction", function(Step.CLEAN_UP_ABORTED)),
    )
]
AUDIT = [
    PermissionCase("promote-{target}-auditor", "ListVersions", "s3:ListBucketVersions", WRITTEN),
    *(
        PermissionCase(function(Job.AUDIT_ARTIFACTS), sid, action, resource, on=on)
        for sid, action, resource, on in (
            ("AssumeEnvironmentRoles", "sts:AssumeRole", "promote-{target}-auditor", "*promote-{target}-auditor"),
            ("ReadLastKnownGood", "dynamodb:Scan", ENDPOINTS_TABLE, "*"),
            ("ReadVerified", "s3:GetObject", VERIFIED, "*"),
            ("ReadVerifiedKey", "kms:Decrypt", VERIFIED, "*"),
        )
    ),
]
ANNOUNCE = PermissionCase(STATE_MACHINE, "", "sns:Publish", f":{TOPIC}")
ALL = [
    *PERMISSIONS,
    LIST_SOURCE,
    LIST_INCOMING,
    ABORT,
    EXPLAIN,
    FORWARD,
    FORWARD_STATES,
    START,
    *END_WAIT,
    READ_LOCKS,
    *RECONCILE,
    *AUDIT,
    ANNOUNCE,
]

# Role, Sid, action and resource, as patterns, and why no promotion in the sandbox can show that they are needed.
NOT_SHOWN = {
    ("promote-*-execution", "ReadJumpStart", "s3:*", "*"): "AWS's own buckets are not in the sandbox.",
    ("promote-*-execution", "PullImages", "ecr:*", "*"): "The sandbox pulls no images: a process plays the container.",
    ("promote-*-execution", "LogInToRegistries", "ecr:GetAuthorizationToken", "*"): "The same.",
    (
        "promote-*",
        "SimulateOwnPermissions",
        "iam:*",
        "*",
    ): "The check goes on without it and says so: test_dry_runs.py.",
    ("promote-*-deployer", "DescribeKey", "kms:DescribeKey", "*"): "The same.",
    ("promote-*-deployer", "ReadQuotas", "*", "*"): "The same.",
    **dict.fromkeys(
        (
            (function(Step.RESOLVE_MODEL), "ReadLastKnownGood*", "*", "*"),
            (function(Step.RESOLVE_MODEL), "ReadRecords*", "*", "*"),
        ),
        "Only for a stage with `approved_only`: test_refusals.py.",
    ),
    (function(Job.REPORT_REJECTION), "*", "*", "*"): "It is no part of a promotion: test_triggers.py.",
    ("promote-*-reader", "ListModels", "*", "*"): "Only if no model is named, or one that does not exist: "
    "test_triggers.py.",
    (function(Step.RESOLVE_ROLLBACK), "FindFailedPromotions*", "*", "*"): "Only from what is no last known good: "
    "test_rollback.py.",
    **dict.fromkeys(
        (
            ("promote-*-scaler", "*", "*", "*"),
            ("promote-suspend-scaling", "*", "[!x]*", "*"),
            ("promote-resume-scaling", "*", "[!x]*", "*"),
            ("promote-*", "AssumeEnvironmentRoles", "*", "*:role/promote-*-scaler"),
            ("promote-clean-up-aborted", "ReadLists*", "*", "*"),
            ("promote-clean-up-aborted", "DistinguishMissingFromDenied", "*", "*"),
        ),
        "Shown in test_scaler_permissions.py.",
    ),
    (
        "promote-*-execution",
        "WriteLogs",
        "logs:*",
        "*",
    ): "The sandbox writes a container's log for it without a permission.",
    ("promote-verify-artifacts", "WriteListsOfUnits", "s3:PutObject", "*"): "Only with over 2,000 copies.",
    ("promote-*-execution", "PutMetrics", "cloudwatch:PutMetricData", "*"): "The sandbox's containers measure nothing.",
    ("promote-*", "", "xray:*", "*"): "There is no X-Ray in the sandbox, and a trace that is lost fails nothing.",
    ("promote-*", "", "logs:*", "*"): "Lambda and Step Functions work on without their logs, there and here.",
    **{
        ("*", sid, "kms:*", "*"): "No key is asked for tables in the sandbox."
        for sid in (
            *(
                "LockKey",
                "ReadAndReleaseLocksKey",
                "ReadLastKnownGoodKey",
                "ReadRecordsKey",
                "AddRecordsKey",
                "ReleaseLocksKey",
            ),
            *("ReadLocksKey", "ReadWaitsKey"),
        )
    },
    ("*", "AnnounceKey", "kms:*", "*"): "Nor for topics.",
    ("*", "*", "*", CROWDS): "What more applications need is what the first one needs.",
    (STATE_MACHINE, "", "states:DescribeExecution", "*:execution:promote:[*]"): "The sandbox knows its Map's children.",
    (
        STATE_MACHINE,
        "",
        "states:StopExecution",
        "*:execution:promote:[*]",
    ): "It ends them with their Map without a permission.",
    (STATE_MACHINE, "", "states:RedriveExecution", "*:execution:promote/*"): "Nothing can be redriven in the sandbox.",
}


TESTS = (smoke_tests.TEXT, smoke_tests.OBJECT, smoke_tests.IN_SOURCE)


@pytest.fixture(scope="module")
def settings(module_world: World, deployed_settings: Settings) -> Iterator[Settings]:
    with smoke_tests.tested(module_world, deployed_settings, *TESTS) as now:
        yield now


@pytest.fixture(scope="module")
def world(module_world: World, settings: Settings) -> Iterator[World]:
    module_world.abort_uploads("qa")
    yield module_world
    for pair in (QA, PRODUCTION):
        module_world.abort_uploads(pair.target)


CASES = [(pair, case) for case in PERMISSIONS for pair in case.stages if not case.reported_at_once]


def title(pair: AccountPair, case: PermissionCase) -> str:
    return f"{pair.target}: {pair.fill(case.role)} {case.action} {pair.fill(case.on).strip('*')}".strip()


@pytest.mark.parametrize(("pair", "case"), CASES, ids=[title(*case) for case in CASES])
def test_without_one_permission_a_promotion_reports_principal_action_and_resource(
    world: World, settings: Settings, pair: AccountPair, case: PermissionCase
) -> None:
    subject = case.scenario(world, pair)
    preview = smoke_tests.tested(world, settings, *TESTS, preview=Preview()) if case.of_preview else nullcontext()
    with preview, case.removed(world, pair):
        ended = case.trigger(world, pair, subject)

    assert (ended.status, ended.error) == ("FAILED", case.error), ended.cause
    assert pair.fill(case.role).rstrip("*") in ended.cause
    assert case.action in ended.cause
    assert pair.fill(case.resource, model=subject.model, uri=subject.uri) in ended.cause


def _reported_at_once() -> Iterator[tuple[AccountPair, list[PermissionCase]]]:
    """The cases of each promotion that reports several: a role that cannot be assumed hides what else it lacks."""
    groups: dict[tuple[AccountPair, Scenario, bool], list[PermissionCase]] = {}
    for case in PERMISSIONS:
        for pair in case.stages if case.reported_at_once else ():
            groups.setdefault((pair, case.scenario, case.action == "sts:AssumeRole"), []).append(case)
    for (pair, *_), cases in groups.items():
        yield pair, cases


AT_ONCE = list(_reported_at_once())


@pytest.mark.parametrize(
    ("pair", "cases"), AT_ONCE, ids=[f"{len(cases)}: {title(pair, cases[0])}" for pair, cases in AT_ONCE]
)
def test_without_several_permissions_a_promotion_reports_each_and_begins_nothing(
    world: World, pair: AccountPair, cases: list[PermissionCase]
) -> None:
    subject = cases[0].scenario(world, pair)
    with ExitStack() as lacking:
        for case in cases:
            lacking.enter_context(case.removed(world, pair))
        ended = promote(world, pair, subject)
    findings = re.split(r"\s\(\d+\) ", ended.cause)[1:]

    assert (ended.status, ended.error) == ("FAILED", PREFLIGHT_FAILED), ended.cause
    for case in cases:
        resource = pair.fill(case.resource, model=subject.model, uri=subject.uri)
        expected = (pair.fill(case.role).rstrip("*"), case.action, resource)
        assert [text for text in findings if all(words in text for words in expected)], (expected, findings)


@pytest.mark.parametrize("pair", LIST_SOURCE.stages, ids=lambda pair: pair.target)
def test_only_a_role_with_list_permission_can_distinguish_missing_from_denied(world: World, pair: AccountPair) -> None:
    case = LIST_SOURCE
    without_object = case.trigger(world, pair, case.scenario(world, pair))
    subject = case.scenario(world, pair)
    with case.removed(world, pair):
        denied = case.trigger(world, pair, subject)

    assert without_object.error == "ArtifactNotFound", without_object.cause
    assert denied.error == case.error
    for words in (pair.fill(case.role), case.action, pair.fill(case.resource, uri=subject.uri)):
        assert words in denied.cause


def test_only_a_receiver_with_list_permission_can_distinguish_what_did_not_arrive(world: World) -> None:
    """Another promotion that fails aborts the uploads of this one: they are gone, and no object is there."""
    delete_large_copies(world, QA)
    world.s3_faults.inject("CompleteMultipartUpload", code="NoSuchUpload", status=404, times=None)
    lost = promote(world, QA, large(world, QA))
    with LIST_INCOMING.removed(world, QA):
        denied = promote(world, QA, large(world, QA))
    world.s3_faults.clear()

    assert lost.error == "ArtifactMismatch", lost.cause
    for words in (QA.fill(INCOMING), "does not exist after the copy"):
        assert words in lost.cause
    assert denied.error == LIST_INCOMING.error, denied.cause
    for words in (QA.fill(RECEIVER), LIST_INCOMING.action, QA.fill(INCOMING)):
        assert words in denied.cause


def test_without_the_step_that_aborts_uploads_a_promotion_fails_with_its_own_error_and_leaves_one(world: World) -> None:
    may_copy_parts = PermissionCase(COPIER, "EncryptFor{Target}", "kms:Decrypt", INCOMING, blind=True)
    with may_copy_parts.removed(world, QA):
        cleaned_up = promote(world, QA, large(world, QA))
        assert world.open_uploads("qa") == []
        with ABORT.removed(world, QA):
            left = promote(world, QA, large(world, QA))
    (key,) = world.open_uploads("qa")

    assert (cleaned_up.error, left.error) == ("AccessDenied", "AccessDenied")
    assert key in left.cause
    world.abort_uploads("qa")


def test_without_publish_permission_a_promotion_keeps_its_outcome_and_its_history_names_the_principal(
    world: World,
) -> None:
    with ANNOUNCE.removed(world, QA):
        ended = ANNOUNCE.trigger(world, QA, new_model(world, QA))
    message = history_of(world, ended.arn, "TaskFailed")[-1]["taskFailedEventDetails"]["cause"]

    assert (ended.status, ended.output["outcome"]) == ("SUCCEEDED", "Promoted")
    for words in (ANNOUNCE.role.rstrip("*"), ANNOUNCE.action, ANNOUNCE.resource):
        assert words in message


def test_a_rollback_to_a_configuration_of_any_name_requires_permission_on_any_configuration(world: World) -> None:
    """What served before Promote came is not called like what Promote makes."""
    own = f"arn:aws:sagemaker:us-east-1:333333333333:endpoint-config/{APPLICATION}-qa-*"

    def narrow(statement: Document) -> None:
        statement["Resource"] = [own if ":endpoint-config/" in arn else arn for arn in statement["Resource"]]

    serves_a_foreign_model(world, "made-by-hand")
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.ROLLBACK_FAILED, account="333333333333", reason="No instance.")
    back = promote(world, QA, new_model(world, QA))
    with with_changed_statement(world, "qa", "promote-qa-deployer", "CreateEndpoints", narrow):
        world.sagemaker_faults.inject(
            "UpdateEndpoint", Kind.ROLLBACK_FAILED, account="333333333333", reason="No instance."
        )
        left = promote(world, QA, new_model(world, QA))

    assert "has its previous configuration made-by-hand" in back.cause
    assert left.error == "RollbackFailed"
    for words in ("promote-qa-deployer", "sagemaker:UpdateEndpoint", ":endpoint-config/made-by-hand"):
        assert words in left.cause


def test_without_the_step_that_explains_a_promotion_fails_with_what_it_would_have_explained(world: World) -> None:
    with EXPLAIN.removed(world, QA):
        ended = world.wait(world.start_with({}))
    assert (ended.status, ended.error) == ("FAILED", "InvalidInput")
    assert json.loads(ended.cause)["Error"] == "InvalidInput"


def test_lock_age_is_measured_and_without_read_permission_the_principal_is_reported(world: World) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    table = world.client("dynamodb")
    items = ({"owner": {"S": "another"}, "locked_at": {"S": hour_ago.isoformat()}}, {"fence": {"N": "7"}})
    endpoints = [{"endpoint": {"S": f"333333333333/us-east-1/test-{number}"}} for number in range(len(items))]
    for endpoint, item in zip(endpoints, items, strict=True):
        table.put_item(TableName=ENDPOINTS_TABLE, Item=endpoint | item)
    measured = report_lock_age(world)
    with READ_LOCKS.removed(world, QA):
        refused = report_lock_age(world)
    for endpoint in endpoints:
        table.delete_item(TableName=ENDPOINTS_TABLE, Key=endpoint)

    assert measured["locks"] == 1
    assert 3600 <= measured["seconds"] < 3700
    assert refused["errorType"] == "AccessDenied"
    for words in (READ_LOCKS.role, READ_LOCKS.action, READ_LOCKS.resource):
        assert words in refused["errorMessage"]


@pytest.mark.parametrize("case", RECONCILE, ids=[case.sid for case in RECONCILE])
def test_what_was_not_cleaned_up_is_found_and_without_a_permission_the_principal_is_reported(
    world: World, case: PermissionCase
) -> None:
    ended = world.wait(world.start_with({}))
    forget_cleanup(world, ended.arn)
    table, endpoint = world.client("dynamodb"), {"endpoint": {"S": "333333333333/us-east-1/test-locked"}}
    lock = {"owner": {"S": f"{ended.arn}-forgotten"}, "locked_at": {"S": datetime.now(UTC).isoformat()}}
    table.put_item(TableName=ENDPOINTS_TABLE, Item=endpoint | lock)
    with case.removed(world, QA):
        refused = reconcile_executions(world)
    table.delete_item(TableName=ENDPOINTS_TABLE, Key=endpoint)

    assert refused["errorType"] == "AccessDenied"
    for words in (case.role, case.action, case.resource):
        assert words in refused["errorMessage"]
    assert is_reconciled(world, ended.arn)
    wait_for_cleanup(world, ended.arn)


@pytest.mark.parametrize("case", AUDIT, ids=[case.sid for case in AUDIT])
def test_an_audit_that_lacks_a_permission_reports_the_principal(world: World, case: PermissionCase) -> None:
    promoted_once(world, QA)
    with case.removed(world, QA):
        refused = audit_artifacts(world)

    assert refused["errorType"] == "AccessDenied"
    for words in (QA.fill(case.role), case.action, QA.fill(case.resource)):
        assert words in refused["errorMessage"]


@pytest.mark.parametrize("case", END_WAIT, ids=[case.sid for case in END_WAIT])
def test_a_job_that_may_not_end_a_wait_reports_the_principal_and_the_promotion_goes_on(
    world: World, case: PermissionCase
) -> None:
    arn = world.start(**slowly(world))
    world.wait_for_state(arn, "Wait for the endpoint")
    with case.removed(world, QA):
        answer = world.client("lambda").invoke(FunctionName=case.role, Payload=json.dumps(in_service(world)).encode())
        refused = json.loads(answer["Payload"].read())
        ended = world.wait(arn)

    assert refused["errorType"] == "AccessDenied"
    for words in (case.role, case.action, case.resource):
        assert words in refused["errorMessage"]
    assert ended.output["outcome"] == "Promoted"


def test_a_target_that_may_not_forward_its_endpoints_states_is_polled(world: World) -> None:
    with FORWARD_STATES.removed(world, QA):
        ended = world.wait(world.start(**slowly(world)))

    assert ended.output["outcome"] == "Promoted"
    assert set(ends_of(world, ended.arn, "Wait for the endpoint")) == {"TaskTimedOut"}


@pytest.mark.parametrize(("case", "kept_in"), [(FORWARD, "dev"), (START, "hub")], ids=["forward", "start"])
def test_an_approval_event_that_lacks_a_delivery_permission_starts_nothing_and_is_kept_with_the_reason(
    world: World, case: PermissionCase, kept_in: str
) -> None:
    """That it starts a promotion otherwise is shown in test_triggers."""
    version, before = world.version(), world.executions()
    with case.removed(world, QA):
        data_scientist.approve(world.sandbox, version)
        message = dead_letter(world, kept_in, version)["error"]

    assert world.executions() == before
    for words in (QA.fill(case.role).rstrip("*"), case.action, case.resource):
        assert words in message


def test_every_deployed_permission_is_removed_alone_by_one_case_or_has_a_reason_why_not(world: World) -> None:
    deployed = {of_all_versions(permission) for permission in deployed_permissions(world)}
    shown = [[r for r in deployed if case.covers(r, pair)] for case in ALL for pair in case.stages]
    excused = [[r for r in deployed if _like(r, pattern)] for pattern in NOT_SHOWN]
    in_qa = {permission for covered in shown for permission in covered}
    in_production = {r for r in deployed if as_in_qa(r) in {with_its_key(shown_in_qa) for shown_in_qa in in_qa}}

    assert [covered for covered in shown if len(covered) != 1] == []
    assert all(excused), "an excuse is for no permission at all"
    assert sorted(deployed.difference(*shown, *excused, in_production)) == []


def of_all_versions(permission: Permission) -> Permission:
    """CDK also allows the version that the definition names: a part of what is allowed on all of them."""
    return replace(permission, resource=re.sub(r"(:function:[a-z-]+):\d+$", r"\1:*", permission.resource))


def as_in_qa(permission: Permission) -> Permission:
    """A permission of the promotion to production as it is in the one to qa: account, Region and names are qa's.

    The roles of a target are made alike, and a step assumes them alike: that one is needed is shown in one of them.
    A source's roles differ: what production takes from lies in qa's artifact bucket, encrypted with a key.
    """
    if permission.sid == "AssumeEnvironmentRoles":
        return replace(permission, resource=role_as_in_qa(permission.resource))
    if not permission.role.startswith("promote-production-"):
        return permission
    resource = permission.resource
    for name_in_production, name_in_qa in IN_QA:
        resource = re.sub(name_in_production, name_in_qa, resource)
    return with_its_key(replace(permission, role=role_as_in_qa(permission.role), resource=resource))


def with_its_key(permission: Permission) -> Permission:
    """The permission with a word in place of the id of a key: an environment has one key."""
    return replace(permission, resource=re.sub(r":key/[0-9a-f-]{36}$", ":key/its", permission.resource))


def role_as_in_qa(role_arn: str) -> str:
    """The ARN, or the name, of a role of the promotion to production as it is in the one to qa."""
    source = role_arn.replace("333333333333:", "222222222222:").replace("promote-qa-", "promote-dev-")
    target = role_arn.replace("444444444444:", "333333333333:").replace("promote-production-", "promote-qa-")
    return target if "promote-production-" in role_arn else source


def serves_a_foreign_model(world: World, name: str) -> None:
    """Let qa's endpoint serve what it serves by a configuration of this name."""
    promoted_before(world, QA)
    sagemaker = world.client("sagemaker", "qa")
    served = sagemaker.describe_endpoint_config(EndpointConfigName=world.endpoint("qa")["EndpointConfigName"])
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=served["ProductionVariants"])
    sagemaker.update_endpoint(EndpointName=ENDPOINTS["qa"], EndpointConfigName=name)
    world.wait_for_endpoint("qa")


def history_of(world: World, arn: str, kind: str) -> list[dict[str, Any]]:
    pages = world.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"] if event["type"] == kind]


def report_lock_age(world: World) -> dict[str, Any]:
    """Do what the schedule does; what the function returns, or how it fails."""
    answer = world.client("lambda").invoke(FunctionName=function(Job.REPORT_LOCK_AGE), Payload=b"{}")
    payload: dict[str, Any] = json.loads(answer["Payload"].read())
    return payload


def dead_letter(world: World, environment: str, about: str, *, seconds: float = 2) -> dict[str, Any]:
    """The undelivered event about a version or an execution, from the environment's queue."""
    sqs, deadline = world.client("sqs", environment), time.monotonic() + seconds
    (queue,) = sqs.list_queues(QueueNamePrefix="promote-")["QueueUrls"]
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=queue).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            if about in message["Body"]:
                letter: dict[str, Any] = json.loads(message["Body"])
                return letter
        time.sleep(0.05)
    raise AssertionError(f"no event about {about} came to {queue}")


def _like(permission: Permission, pattern: tuple[str, str, str, str]) -> bool:
    values = (permission.role, permission.sid, permission.action, permission.resource)
    return all(fnmatchcase(value, part) for value, part in zip(values, pattern, strict=True))
