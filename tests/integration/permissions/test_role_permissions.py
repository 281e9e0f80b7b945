"""Each right that the stacks give to a role is taken away, alone: the promotion says who may not do what, where."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import pytest

from lambdas.promotion.contract.resource_names import (
    ENDPOINTS_TABLE,
    RECORDS_TABLE,
    STEPS_OF_DUTY,
    STEPS_OF_TRIALS,
    TOPIC,
    Duty,
    Job,
    Step,
    function,
)
from lambdas.promotion.contract.settings import Settings, Trial
from sandbox.aws.faults.sagemaker import Kind
from sandbox.demo import data_scientist
from tests.integration import smoke_tests
from tests.integration.role_policies import Document, Right, deployed_rights, role_like, with_changed, without
from tests.integration.scaled_endpoint import scale_elsewhere
from tests.integration.scenarios import (
    PRODUCTION,
    QA,
    Attempt,
    Journey,
    Place,
    Subject,
    again,
    alone,
    approved_version,
    first_deployment,
    go_back,
    large,
    new_model,
    plan,
    prefix,
    promote,
    promote_and_fail,
    promote_and_lose_the_source,
    tidy_up,
    update,
    when_locked,
    with_history,
    with_own_image,
    with_versions,
    without_archive,
)
from tests.integration.world import APPLICATION, ENDPOINTS, World


@dataclass(frozen=True)
class Needed:
    """A right, and where (in the promotion's words) it is lacking. Names of the stage stand in braces.

    `blind`: IAM cannot be asked for it ahead either, so that the step itself shows that it needs it.
    """

    role: str
    sid: str
    action: str
    where: str
    shown_by: Journey = new_model
    on: str = "*"
    stages: tuple[Place, ...] = (QA, PRODUCTION)
    error: str = "AccessDenied"
    by: Attempt = promote
    blind: bool = False

    @property
    def of_trial(self) -> bool:
        return "trial" in f"{self.role} {self.where}"

    @contextmanager
    def taken_away(self, world: World, place: Place) -> Iterator[None]:
        with ExitStack() as lacking:
            lacking.enter_context(self._without(world, place))
            if self.blind:
                asker = self.role if self.role in {COPIER, PUSHER, INVOKER} else DEPLOYER
                environment = place.source if asker == COPIER else place.target
                lacking.enter_context(without(world, environment, place.fill(asker), "AskForItsRights"))
            yield

    def _without(self, world: World, place: Place) -> AbstractContextManager[None]:
        environment = {"{source}": place.source, "{target}": place.target}
        where = next((name for end, name in environment.items() if end in self.role), "hub")
        role = role_like(world, where, place.fill(self.role))
        return without(world, where, role, place.fill(self.sid), self.action, on=place.fill(self.on))

    def stands_for(self, right: Right, place: Place) -> bool:
        return (
            fnmatchcase(right.role, place.fill(self.role))
            and (right.sid, right.action) == (place.fill(self.sid), self.action)
            and fnmatchcase(right.resource, place.fill(self.on))
            and not fnmatchcase(right.resource, CROWDS)
        )


CROWDS = "*crowd-[1-5]*"
READER = "promote-{source}-reader"
COPIER = "promote-{source}-copier"
PUSHER = "promote-{target}-pusher"
DEPLOYER = "promote-{target}-deployer"
INVOKER = "promote-{target}-invoker"
EXECUTION = "promote-{target}-execution"
STATE_MACHINE = "promote-hub-StateMachineRole*"
WRITTEN = "s3://{target_bucket}/artifacts/"
MODEL, CONFIG = ":model/text-classifier-{target}-", ":endpoint-config/text-classifier-{target}-"
ENDPOINT = ":endpoint/{endpoint}"
TRIAL = f"{ENDPOINT}-trial-"
PAYLOAD = "s3://{target_bucket}/smoke/payload.csv"
AWS_IMAGE = "the repository sagemaker-scikit-learn of account"
COPIED_IMAGE = "the repository promote/team/{model} of account"
FETCHED_IMAGE = "the repository team/{model} of account"
NO_DATA = "ModelDataNotAccessible"
NO_RECORD = "RecordNotWritten"
NOT_INVOKED = "Lambda.AWSLambdaException"
# Check ahead tells it, before anything is created.
AHEAD = "NotReady"
LISTS = "s3://promote-hub-111111111111-us-east-1/promotions/"
# The steps that write lists, and those that read them.
WRITERS = (Step.RESOLVE_MODEL, Step.COMPARE_ENDPOINT, Step.PLAN_COPY)
READERS = (
    Step.COMPARE_ENDPOINT,
    Step.CHECK_AHEAD,
    Step.PLAN_COPY,
    Step.COPY_UNIT,
    Step.COMPLETE_COPY,
    Step.VERIFY_ARTIFACTS,
)
# A promotion that goes well does not come to them.
AFTER_FAILURES = (Step.ABORT_UPLOADS, Step.EXPLAIN_FAILURE)
DUTIES = {Duty.READER: READER, Duty.COPIER: COPIER, Duty.PUSHER: PUSHER, Duty.DEPLOYER: DEPLOYER}
# What only a promotion with images needs of the check.
IMAGES = (Duty.READER, Duty.PUSHER)
# How the steps show that an ordinary promotion does not come to, or too late.
ATTEMPTS: dict[Step, tuple[Journey, Attempt]] = {
    Step.RESOLVE_ROLL_BACK: (with_history, go_back),
    Step.LOOK_AT_LOCK: (again, when_locked(alone(Step.LOOK_AT_LOCK))),
    Step.CONFIRM_APPROVAL: (approved_version, promote),
    Step.ABORT_UPLOADS: (again, alone(Step.ABORT_UPLOADS)),
    Step.ROLL_BACK: (again, alone(Step.ROLL_BACK)),
    Step.RECORD_PROMOTION: (new_model, plan),
    Step.TIDY_UP: (again, tidy_up),
}
# The same for the state machine, which invokes them.
INVOKED_AFTER: dict[Step, dict[str, Any]] = {
    Step.RESOLVE_ROLL_BACK: {"shown_by": with_history, "by": go_back},
    Step.LOOK_AT_LOCK: {"by": when_locked(promote)},
    Step.ROLL_BACK: {"shown_by": first_deployment, "by": promote_and_fail, "error": "RollbackFailed"},
    Step.RECORD_PROMOTION: {"by": plan, "error": NO_RECORD},
}
# What the reader's steps do in dev only.
IN_DEV = {Step.CONFIRM_APPROVAL, Step.SMOKE_TEST}
# What a promotion must have to come to a step.
COMES_TO: dict[Step, Journey] = {
    Step.COMPLETE_COPY: large,
    Step.COPY_IMAGE: with_own_image,
    Step.PUT_ASIDE_SCALING: scale_elsewhere,
    Step.RESTORE_SCALING: scale_elsewhere,
}


def of_lists(step: Step, sid: str, on_objects: str, on_key: str, **shown: Any) -> list[Needed]:
    """The two rights by which a step uses the lists in the hub's bucket."""
    return [
        Needed(function(step), name, action, LISTS, stages=(QA,), **shown)
        for name, action in ((sid, on_objects), (f"{sid}Key", on_key))
    ]


def of_readers(step: Step, **shown: Any) -> list[Needed]:
    return of_lists(step, "ReadLists", "s3:GetObject", "kms:Decrypt", **shown)


def of_hub(step: Step, sid: str, action: str, where: str, *, error: str = "AccessDenied") -> Needed:
    """A right of a step on what the hub knows."""
    journey, by = ATTEMPTS[step]
    return Needed(function(step), sid, action, where, journey, by=by, stages=(QA,), error=error)


def invoke(step: Step, *, shown_by: Journey | None = None, by: Attempt = promote, error: str = NOT_INVOKED) -> Needed:
    name = function(step)
    return Needed(
        STATE_MACHINE,
        "",
        "lambda:InvokeFunction",
        f":function:{name}",
        shown_by or COMES_TO.get(step, new_model),
        on=f"*:function:{name}",
        stages=(QA,),
        by=by,
        error=error,
    )


def of_map(action: str, where: str, error: str, *, sid: str = "", on: str = "*") -> Needed:
    """A right of the state machine's role by which the Map of the units runs."""
    return Needed(STATE_MACHINE, sid, action, where, on=on, stages=(QA,), error=error)


RIGHTS = [
    Needed(READER, "SeeModels", "sagemaker:DescribeModel", ":model/{model}"),
    Needed(READER, "SeeModels", "sagemaker:ListTags", ":model/{model}"),
    Needed(READER, "SeeModelPackages", "sagemaker:DescribeModelPackage", "{model}", approved_version, stages=(QA,)),
    Needed(READER, "SeeImages", "ecr:BatchGetImage", AWS_IMAGE),
    Needed(
        READER,
        "FetchImages",
        "ecr:GetDownloadUrlForLayer",
        "the repository team/{model} of",
        with_own_image,
        error=AHEAD,
    ),
    Needed(READER, "ListArtifacts", "s3:ListBucket", "{uri}", without_archive),
    Needed(READER, "ReadArtifacts", "s3:GetObject", "{uri}"),
    Needed(READER, "DecryptArtifacts", "kms:Decrypt", "{uri}", stages=(PRODUCTION,)),
    Needed(COPIER, "ReadArtifacts", "s3:GetObject", "{uri}", prefix, error=AHEAD),
    Needed(COPIER, "ReadArtifacts", "s3:GetObjectVersion", "{uri}", with_versions, stages=(QA,), error=AHEAD),
    Needed(COPIER, "ReadArtifacts", "s3:GetObjectVersion", "{uri}", stages=(PRODUCTION,), error=AHEAD),
    Needed(COPIER, "DecryptArtifacts", "kms:Decrypt", "{uri}", stages=(PRODUCTION,), error=AHEAD),
    Needed(COPIER, "PutInto{Target}", "s3:PutObject", WRITTEN, error=AHEAD),
    Needed(COPIER, "PutInto{Target}", "s3:ListMultipartUploadParts", WRITTEN, large, error=AHEAD),
    Needed(COPIER, "EncryptFor{Target}", "kms:GenerateDataKey", WRITTEN, error=AHEAD),
    Needed(COPIER, "EncryptFor{Target}", "kms:Decrypt", WRITTEN, large, blind=True),
    Needed(PUSHER, "MakeRepositories", "ecr:CreateRepository", COPIED_IMAGE, with_own_image, blind=True),
    Needed(PUSHER, "PushImages", "ecr:BatchGetImage", COPIED_IMAGE, with_own_image, error=AHEAD),
    *(
        Needed(PUSHER, "PushImages", f"ecr:{action}", COPIED_IMAGE, with_own_image, blind=True)
        for action in (
            *("BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart"),
            *("CompleteLayerUpload", "PutImage"),
        )
    ),
    Needed(DEPLOYER, "SeeImages", "ecr:BatchGetImage", AWS_IMAGE, error="ImageNotAccessible"),
    Needed(DEPLOYER, "SeeArtifacts", "s3:GetObject", WRITTEN, blind=True),
    Needed(DEPLOYER, "ListArtifacts", "s3:ListBucket", WRITTEN),
    Needed(DEPLOYER, "ListArtifacts", "s3:ListBucketMultipartUploads", WRITTEN, error=AHEAD),
    Needed(DEPLOYER, "AbortUploads", "s3:AbortMultipartUpload", WRITTEN, error=AHEAD),
    Needed(DEPLOYER, "ReadChecksums", "kms:Decrypt", WRITTEN, blind=True),
    Needed(DEPLOYER, "MakeModels", "sagemaker:CreateModel", MODEL, blind=True),
    Needed(DEPLOYER, "MakeModels", "sagemaker:AddTags", MODEL, blind=True),
    Needed(DEPLOYER, "MakeModels", "sagemaker:DescribeModel", MODEL, again),
    Needed(DEPLOYER, "MakeConfigurations", "sagemaker:CreateEndpointConfig", CONFIG, blind=True),
    Needed(DEPLOYER, "MakeConfigurations", "sagemaker:AddTags", CONFIG, blind=True),
    Needed(DEPLOYER, "MakeConfigurations", "sagemaker:DescribeEndpointConfig", CONFIG, again),
    Needed(INVOKER, "AskEndpoints", "sagemaker:InvokeEndpoint", ENDPOINT, blind=True),
    Needed(INVOKER, "AskTrials", "sagemaker:InvokeEndpoint", TRIAL, stages=(QA,), blind=True),
    *(
        Needed(DEPLOYER, "TryModels", f"sagemaker:{action}", TRIAL, stages=(QA,), blind=True)
        for action in ("CreateEndpoint", "DescribeEndpoint", "DeleteEndpoint", "AddTags")
    ),
    Needed(DEPLOYER, "ForgetTrials", "sagemaker:DeleteEndpointConfig", f"{CONFIG}trial-", stages=(QA,), blind=True),
    Needed(INVOKER, "ReadPayloads", "s3:GetObject", PAYLOAD, error=AHEAD),
    Needed(INVOKER, "DecryptPayloads", "kms:Decrypt", PAYLOAD, error=AHEAD),
    *(
        Needed(DEPLOYER, "MakeEndpoints", f"sagemaker:{action}", where, journey, on, blind=True)
        for action, journey in (("CreateEndpoint", first_deployment), ("UpdateEndpoint", update))
        for where, on in ((ENDPOINT, f"*{ENDPOINT}"), (CONFIG, "*:endpoint-config/[*]"))
    ),
    Needed(DEPLOYER, "SeeEndpoints", "sagemaker:DescribeEndpoint", ENDPOINT),
    Needed(DEPLOYER, "SeeEndpoints", "sagemaker:AddTags", ENDPOINT, first_deployment, blind=True),
    Needed(
        DEPLOYER,
        "DeleteEndpoints",
        "sagemaker:DeleteEndpoint",
        ENDPOINT,
        first_deployment,
        by=promote_and_fail,
        error="RollbackFailed",
    ),
    Needed(DEPLOYER, "PassTheExecutionRole", "iam:PassRole", f":role/{EXECUTION}", blind=True),
    Needed(EXECUTION, "ReadModels", "s3:GetObject", WRITTEN, error=NO_DATA, blind=True),
    Needed(EXECUTION, "ListModels", "s3:ListBucket", WRITTEN, prefix, error=NO_DATA, blind=True),
    Needed(EXECUTION, "DecryptModels", "kms:Decrypt", WRITTEN, error=NO_DATA, blind=True),
    *(
        Needed(
            function(step),
            "WorkInOtherAccounts",
            "sts:AssumeRole",
            role,
            with_own_image if step is Step.CHECK_AHEAD and duty in IMAGES else shown_by,
            on=f"*:role/{role}",
            by=by,
            stages=stages,
            error=AHEAD if step is Step.CHECK_AHEAD else "AccessDenied",
        )
        for duty, role in (
            (Duty.READER, READER),
            (Duty.COPIER, COPIER),
            (Duty.PUSHER, PUSHER),
            (Duty.DEPLOYER, DEPLOYER),
            (Duty.INVOKER, INVOKER),
        )
        for step in STEPS_OF_DUTY[duty]
        # Only qa's source has a registry, and payloads of smoke tests; only qa has a trial.
        for only_in_qa in [(duty is Duty.READER and step in IN_DEV) or step in STEPS_OF_TRIALS]
        for stages in [(QA,) if only_in_qa else (QA, PRODUCTION)]
        for shown_by, by in [ATTEMPTS.get(step, (COMES_TO.get(step, new_model), promote))]
    ),
    *(needed for step in WRITERS for needed in of_lists(step, "WriteLists", "s3:PutObject", "kms:GenerateDataKey")),
    *(needed for step in READERS for needed in of_readers(step)),
    *of_readers(Step.ABORT_UPLOADS, shown_by=again, by=alone(Step.ABORT_UPLOADS)),
    *of_readers(Step.TIDY_UP, shown_by=again, by=tidy_up),
    *of_readers(Step.RECORD_PROMOTION, by=plan, error=NO_RECORD),
    of_hub(Step.LOOK_AT_LOCK, "SeeAndFree", "dynamodb:GetItem", ENDPOINTS_TABLE),
    of_hub(Step.LOOK_AT_LOCK, "SeeAndFree", "dynamodb:UpdateItem", ENDPOINTS_TABLE),
    of_hub(Step.LOOK_AT_LOCK, "SeeExecutions", "states:DescribeExecution", ":execution:promote:"),
    of_hub(Step.RESOLVE_ROLL_BACK, "SeeGoodOnes", "dynamodb:GetItem", ENDPOINTS_TABLE),
    of_hub(Step.RESOLVE_ROLL_BACK, "ReadRecords", "dynamodb:GetItem", RECORDS_TABLE),
    of_hub(Step.RECORD_PROMOTION, "AddRecords", "dynamodb:PutItem", RECORDS_TABLE, error=NO_RECORD),
    of_hub(Step.TIDY_UP, "SeeExecutions", "states:GetExecutionHistory", ":execution:promote:"),
    of_hub(Step.TIDY_UP, "AddRecords", "dynamodb:PutItem", RECORDS_TABLE),
    of_hub(Step.TIDY_UP, "Free", "dynamodb:UpdateItem", ENDPOINTS_TABLE),
    of_hub(Step.TIDY_UP, "Announce", "sns:Publish", TOPIC),
    Needed(
        STATE_MACHINE,
        "",
        "dynamodb:UpdateItem",
        f":table/{ENDPOINTS_TABLE}",
        stages=(QA,),
        error="DynamoDB.AmazonDynamoDBException",
    ),
    *(invoke(step) for step in Step if step not in {*AFTER_FAILURES, *INVOKED_AFTER, Step.TIDY_UP}),
    *(invoke(step, **shown) for step, shown in INVOKED_AFTER.items()),
    of_map("s3:GetObject", "the hub's bucket", "States.ItemReaderFailed"),
    of_map("kms:Decrypt", "the hub's bucket", "States.ItemReaderFailed", sid="DecryptTheMapsItems"),
    of_map("states:StartExecution", ":stateMachine:promote", "States.Permissions", on="*:stateMachine:promote"),
]
# What a test of its own shows.
LIST_SOURCE = Needed(
    COPIER, "TellMissingFromDenied", "s3:ListBucket", "{uri}", by=promote_and_lose_the_source, error=AHEAD
)
ABORT, EXPLAIN = (invoke(step) for step in AFTER_FAILURES)
FORWARD = Needed("promote-{source}-forwarder", "", "events:PutEvents", ":event-bus/promote", stages=(QA,))
START = Needed(
    "promote-hub-StateMachineEventsRole*", "", "states:StartExecution", ":stateMachine:promote", stages=(QA,)
)
SEE_LOCKS = Needed(function(Job.MEASURE_LOCKS), "SeeLocks", "dynamodb:Scan", ENDPOINTS_TABLE, stages=(QA,))
ANNOUNCE = Needed(STATE_MACHINE, "", "sns:Publish", f":{TOPIC}", stages=(QA,))
ALL = [*RIGHTS, LIST_SOURCE, ABORT, EXPLAIN, FORWARD, START, SEE_LOCKS, ANNOUNCE]

# Role, Sid, action and resource, as patterns, and why no promotion in the sandbox can show that they are needed.
NOT_SHOWN = {
    ("promote-*-execution", "ReadJumpStart", "s3:*", "*"): "AWS's own buckets are not in the sandbox.",
    ("promote-*-execution", "PullImages", "ecr:*", "*"): "The sandbox pulls no images: a process plays the container.",
    ("promote-*-execution", "LogInToRegistries", "ecr:GetAuthorizationToken", "*"): "The same.",
    ("promote-*", "AskForItsRights", "iam:*", "*"): "The check goes on without it and says so: test_dry_runs.py.",
    ("promote-*-deployer", "SeeTheKey", "kms:DescribeKey", "*"): "The same.",
    ("promote-*-deployer", "SeeQuotas", "*", "*"): "The same.",
    **dict.fromkeys(
        (
            ("promote-*-scaler", "*", "*", "*"),
            ("promote-put-aside-scaling", "*", "[!x]*", "*"),
            ("promote-restore-scaling", "*", "[!x]*", "*"),
            ("promote-*", "WorkInOtherAccounts", "*", "*:role/promote-*-scaler"),
            ("promote-tidy-up", "ReadLists*", "*", "*"),
            ("promote-tidy-up", "TellMissingFromDenied", "*", "*"),
        ),
        "Shown in test_scaler_permissions.py.",
    ),
    ("promote-*-execution", "WriteLogs", "logs:*", "*"): "The sandbox writes a container's log for it, asking nobody.",
    ("promote-*-execution", "PutMetrics", "cloudwatch:PutMetricData", "*"): "The sandbox's containers measure nothing.",
    ("promote-*", "", "xray:*", "*"): "There is no X-Ray in the sandbox, and a trace that is lost fails nothing.",
    ("promote-*", "", "logs:*", "*"): "Lambda and Step Functions work on without their logs, there and here.",
    **{
        ("*", sid, "kms:*", "*"): "No key is asked for tables in the sandbox."
        for sid in (
            *("LockKey", "SeeAndFreeKey", "SeeGoodOnesKey", "ReadRecordsKey", "AddRecordsKey", "FreeKey"),
            "SeeLocksKey",
        )
    },
    ("*", "AnnounceKey", "kms:*", "*"): "Nor for topics.",
    ("*", "*", "*", CROWDS): "What more applications need is what the first one needs.",
    (STATE_MACHINE, "", "lambda:InvokeFunction", "*:[*]"): "CDK grants a function's versions with it; none are made.",
    (STATE_MACHINE, "", "states:DescribeExecution", "*:execution:promote:[*]"): "The sandbox knows its Map's children.",
    (
        STATE_MACHINE,
        "",
        "states:StopExecution",
        "*:execution:promote:[*]",
    ): "It ends them with their Map, asking nobody.",
    (STATE_MACHINE, "", "states:RedriveExecution", "*:execution:promote/*"): "Nothing can be redriven in the sandbox.",
}


TESTS = (smoke_tests.TEXT, smoke_tests.OBJECT, smoke_tests.IN_SOURCE)


@pytest.fixture(scope="module")
def settings(lasting_world: World, deployed_settings: Settings) -> Iterator[Settings]:
    with smoke_tests.tested(lasting_world, deployed_settings, *TESTS) as now:
        yield now


@pytest.fixture(scope="module")
def world(lasting_world: World, settings: Settings) -> Iterator[World]:
    lasting_world.abort_uploads("qa")
    yield lasting_world
    for place in (QA, PRODUCTION):
        lasting_world.abort_uploads(place.target)


CASES = [(place, needed) for needed in RIGHTS for place in needed.stages]


def title(place: Place, needed: Needed) -> str:
    return f"{place.target}: {place.fill(needed.role)} {needed.action} {place.fill(needed.on).strip('*')}".strip()


@pytest.mark.parametrize(("place", "needed"), CASES, ids=[title(*case) for case in CASES])
def test_without_one_right_a_promotion_says_who_may_not_do_what_where(
    world: World, settings: Settings, place: Place, needed: Needed
) -> None:
    subject = needed.shown_by(world, place)
    tried = smoke_tests.tested(world, settings, *TESTS, trial=Trial()) if needed.of_trial else nullcontext()
    with tried, needed.taken_away(world, place):
        ended = needed.by(world, place, subject)

    assert (ended.status, ended.error) == ("FAILED", needed.error), ended.cause
    assert place.fill(needed.role).rstrip("*") in ended.cause
    assert needed.action in ended.cause
    assert place.fill(needed.where, model=subject.model, uri=subject.uri) in ended.cause


@pytest.mark.parametrize("place", LIST_SOURCE.stages, ids=lambda place: place.target)
def test_only_who_may_list_can_tell_what_is_missing_from_a_missing_right(world: World, place: Place) -> None:
    needed = LIST_SOURCE
    told = needed.by(world, place, needed.shown_by(world, place))
    subject = needed.shown_by(world, place)
    with needed.taken_away(world, place):
        denied = needed.by(world, place, subject)

    assert told.error == "ArtifactNotFound", told.cause
    assert denied.error == needed.error
    for words in (place.fill(needed.role), needed.action, place.fill(needed.where, uri=subject.uri)):
        assert words in denied.cause


def test_without_the_step_that_aborts_uploads_a_promotion_fails_with_its_own_error_and_leaves_one(world: World) -> None:
    may_copy_parts = Needed(COPIER, "EncryptFor{Target}", "kms:Decrypt", WRITTEN, blind=True)
    with may_copy_parts.taken_away(world, QA):
        tidied = promote(world, QA, large(world, QA))
        assert world.open_uploads("qa") == []
        with ABORT.taken_away(world, QA):
            left = promote(world, QA, large(world, QA))
    (key,) = world.open_uploads("qa")

    assert (tidied.error, left.error) == ("AccessDenied", "AccessDenied")
    assert key in left.cause
    assert tidy_up(world, QA, Subject("", execution=left.arn)).output["uploads"] == 1


def test_without_the_right_to_announce_a_promotion_ends_as_it_did_and_its_history_says_who_may_not(
    world: World,
) -> None:
    with ANNOUNCE.taken_away(world, QA):
        ended = ANNOUNCE.by(world, QA, new_model(world, QA))
    said = history_of(world, ended.arn, "TaskFailed")[-1]["taskFailedEventDetails"]["cause"]

    assert (ended.status, ended.output["outcome"]) == ("SUCCEEDED", "Promoted")
    for words in (ANNOUNCE.role.rstrip("*"), ANNOUNCE.action, ANNOUNCE.where):
        assert words in said


def test_the_way_back_to_a_configuration_of_any_name_takes_the_right_on_any_configuration(world: World) -> None:
    """What served before Promote came is not called like what Promote makes."""
    own = f"arn:aws:sagemaker:us-east-1:333333333333:endpoint-config/{APPLICATION}-qa-*"

    def narrow(statement: Document) -> None:
        statement["Resource"] = [own if ":endpoint-config/" in one else one for one in statement["Resource"]]

    serves_what_somebody_made(world, "made-by-hand")
    world.faults.inject("UpdateEndpoint", Kind.ROLLBACK_FAILED, account="333333333333", reason="No instance.")
    back = promote(world, QA, new_model(world, QA))
    with with_changed(world, "qa", "promote-qa-deployer", "MakeEndpoints", narrow):
        world.faults.inject("UpdateEndpoint", Kind.ROLLBACK_FAILED, account="333333333333", reason="No instance.")
        left = promote(world, QA, new_model(world, QA))

    assert "serves its previous configuration made-by-hand" in back.cause
    assert left.error == "RollbackFailed"
    for words in ("promote-qa-deployer", "sagemaker:UpdateEndpoint", ":endpoint-config/made-by-hand"):
        assert words in left.cause


def test_without_the_step_that_explains_a_promotion_fails_with_what_it_would_have_explained(world: World) -> None:
    with EXPLAIN.taken_away(world, QA):
        ended = world.wait(world.start_with({}))
    assert (ended.status, ended.error) == ("FAILED", "InvalidInput")
    assert json.loads(ended.cause)["Error"] == "InvalidInput"


def test_locks_are_measured_and_without_the_right_to_see_them_it_is_said_who_may_not(world: World) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    table = world.client("dynamodb")
    items = ({"owner": {"S": "somebody"}, "locked_at": {"S": hour_ago.isoformat()}}, {"fence": {"N": "7"}})
    endpoints = [{"endpoint": {"S": f"333333333333/us-east-1/test-{number}"}} for number in range(len(items))]
    for endpoint, item in zip(endpoints, items, strict=True):
        table.put_item(TableName=ENDPOINTS_TABLE, Item=endpoint | item)
    measured = measure_locks(world)
    with SEE_LOCKS.taken_away(world, QA):
        refused = measure_locks(world)
    for endpoint in endpoints:
        table.delete_item(TableName=ENDPOINTS_TABLE, Key=endpoint)

    assert measured["locks"] == 1
    assert 3600 <= measured["seconds"] < 3700
    assert refused["errorType"] == "AccessDenied"
    for words in (SEE_LOCKS.role, SEE_LOCKS.action, SEE_LOCKS.where):
        assert words in refused["errorMessage"]


@pytest.mark.parametrize(("needed", "kept_in"), [(FORWARD, "dev"), (START, "hub")], ids=["forward", "start"])
def test_an_approval_that_lacks_a_right_on_its_way_starts_nothing_and_is_kept_with_the_reason(
    world: World, needed: Needed, kept_in: str
) -> None:
    """That it starts a promotion otherwise is shown in test_triggers."""
    version, before = world.version(), world.executions()
    with needed.taken_away(world, QA):
        data_scientist.approve(world.sandbox, version)
        said = dead_letter(world, kept_in, version)["error"]

    assert world.executions() == before
    for words in (QA.fill(needed.role).rstrip("*"), needed.action, needed.where):
        assert words in said


def test_every_right_that_is_deployed_is_taken_away_alone_by_one_case_or_has_a_reason_why_not(world: World) -> None:
    deployed = deployed_rights(world)
    shown = [[r for r in deployed if needed.stands_for(r, place)] for needed in ALL for place in needed.stages]
    excused = [[r for r in deployed if _like(r, pattern)] for pattern in NOT_SHOWN]

    assert [rights for rights in shown if len(rights) != 1] == []
    assert all(excused), "an excuse is for no right at all"
    assert sorted(deployed.difference(*shown, *excused)) == []


def serves_what_somebody_made(world: World, name: str) -> None:
    """Let qa's endpoint serve what it serves by a configuration of this name."""
    again(world, QA)
    sagemaker = world.client("sagemaker", "qa")
    served = sagemaker.describe_endpoint_config(EndpointConfigName=world.endpoint("qa")["EndpointConfigName"])
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=served["ProductionVariants"])
    sagemaker.update_endpoint(EndpointName=ENDPOINTS["qa"], EndpointConfigName=name)
    world.wait_for_endpoint("qa")


def history_of(world: World, arn: str, kind: str) -> list[dict[str, Any]]:
    pages = world.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"] if event["type"] == kind]


def measure_locks(world: World) -> dict[str, Any]:
    """Do what the schedule does; what the function returns, or how it fails."""
    answer = world.client("lambda").invoke(FunctionName=function(Job.MEASURE_LOCKS), Payload=b"{}")
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    return said


def dead_letter(world: World, environment: str, about: str, *, seconds: float = 2) -> dict[str, Any]:
    """The undelivered event about a version or an execution, from the environment's queue."""
    sqs, deadline = world.client("sqs", environment), time.monotonic() + seconds
    (queue,) = sqs.list_queues(QueueNamePrefix="promote-")["QueueUrls"]
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=queue).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            if about in message["Body"]:
                found: dict[str, Any] = json.loads(message["Body"])
                return found
        time.sleep(0.05)
    raise AssertionError(f"no event about {about} came to {queue}")


def _like(right: Right, pattern: tuple[str, str, str, str]) -> bool:
    values = (right.role, right.sid, right.action, right.resource)
    return all(fnmatchcase(value, part) for value, part in zip(values, pattern, strict=True))
