"""The promotions that need a permission: each gets ready and returns what is to be promoted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from lambdas.promotion.contract.resource_names import (
    ENDPOINTS_TABLE,
    endpoint_key,
    function,
    hub_bucket,
    work_lists_prefix,
)
from lambdas.promotion.contract.steps import Job, Step
from lambdas.promotion.outcome.cleanup_marks import Mark
from sandbox.aws.faults.faults import Kind
from sandbox.demo.deployment import state_machine_arn
from tests.integration.role_policies import without_permission
from tests.integration.world import APPLICATION, ENDPOINTS, IMAGE, INFERENCE, ExecutionResult, World, input_of, run, tar
from tests.sandbox.aws.image_push import push

# More than is copied by one request, where World.deploy_small_parts has deployed.
LARGE = 24 * 1024**2


@dataclass(frozen=True)
class AccountPair:
    """A stage: from where to where."""

    source: str
    target: str
    source_bucket: str
    target_bucket: str
    source_role: str

    def fill(self, template: str, **more: str) -> str:
        """The template with the place's names put in."""
        return template.format(**asdict(self), Target=self.target.title(), endpoint=ENDPOINTS[self.target], **more)


QA = AccountPair(
    source="dev",
    target="qa",
    source_bucket="sagemaker-us-east-1-222222222222",
    target_bucket="promote-qa-333333333333-us-east-1",
    source_role="arn:aws:iam::222222222222:role/SageMakerTraining",
)
PRODUCTION = AccountPair(
    source="qa",
    target="production",
    source_bucket="promote-qa-333333333333-us-east-1",
    target_bucket="promote-production-444444444444-eu-west-1",
    source_role="arn:aws:iam::333333333333:role/promote-qa-execution",
)


@dataclass(frozen=True)
class Subject:
    """What is promoted: a model by its name or a version by its ARN, and the address of its archive.

    `execution` is the one that has promoted it, where one has.
    """

    model: str
    uri: str = ""
    execution: str = ""


Scenario = Callable[[World, AccountPair], Subject]
Trigger = Callable[[World, AccountPair, Subject], ExecutionResult]


def start(world: World, pair: AccountPair, subject: Subject, *, name: str | None = None) -> str:
    by = "model_package_arn" if subject.model.startswith("arn:") else "model_name"
    # What is promoted again is older than what was promoted meanwhile.
    return world.start(name, application=APPLICATION, stage=pair.target, allow_older=True, **{by: subject.model})


def promote(world: World, pair: AccountPair, subject: Subject) -> ExecutionResult:
    return world.wait(start(world, pair, subject))


def promote_and_lose_the_source(world: World, pair: AccountPair, subject: Subject) -> ExecutionResult:
    """Promote a model whose archive is deleted, with all its versions, between the first look at it and the copy."""
    world.sagemaker_faults.inject("DescribeEndpoint", Kind.HANG, seconds=1.0)
    arn = start(world, pair, subject)
    world.wait_for_state(arn, "Compare the endpoint")
    bucket, _, key = subject.uri.removeprefix("s3://").partition("/")
    s3 = world.client("s3", pair.source)
    for version in s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
    return world.wait(arn)


def clean_up_aborted(world: World, _pair: AccountPair, subject: Subject) -> ExecutionResult:
    """Do again what the rule for stopped executions does, for the subject's, which has been stopped."""
    _forget_announcement(world, subject.execution)
    return _clean_up(world, {"executionArn": subject.execution, "status": "ABORTED"})


def _clean_up(world: World, detail: Mapping[str, Any]) -> ExecutionResult:
    answer = world.client("lambda").invoke(
        FunctionName=function(Step.CLEAN_UP_ABORTED), Payload=json.dumps({"detail": detail}).encode()
    )
    payload = json.loads(answer["Payload"].read())
    status = "FAILED" if answer.get("FunctionError") else "SUCCEEDED"
    error, message = payload.get("errorType"), payload.get("errorMessage", "")
    return ExecutionResult(detail["executionArn"], status, error, message, payload)


def reconcile_executions(world: World) -> dict[str, Any]:
    """Do what the schedule does 20 minutes later; what the function returns, or how it fails."""
    event = {"time": (datetime.now(UTC) + timedelta(minutes=20)).isoformat()}
    answer = world.client("lambda").invoke(
        FunctionName=function(Job.RECONCILE_EXECUTIONS), Payload=json.dumps(event).encode()
    )
    payload: dict[str, Any] = json.loads(answer["Payload"].read())
    return payload


def audit_artifacts(world: World) -> dict[str, Any]:
    """Do what the schedule does every hour; what the function returns, or how it fails."""
    answer = world.client("lambda").invoke(FunctionName=function(Job.AUDIT_ARTIFACTS), Payload=b"{}")
    payload: dict[str, Any] = json.loads(answer["Payload"].read())
    return payload


def is_reconciled(world: World, execution: str) -> bool:
    """Whether the cleanup after an execution is started, in its turn."""
    for _ in range(10):
        if execution in reconcile_executions(world)["started"]:
            return True
        time.sleep(2)  # others are cleaned up first
    return False


def wait_for_cleanup(world: World, execution: str, *, seconds: float = 20) -> None:
    """Wait until an execution was cleaned up."""
    bucket, key = _mark(world, execution, Mark.COMPLETE)
    deadline = time.monotonic() + seconds
    while "Contents" not in world.client("s3").list_objects_v2(Bucket=bucket, Prefix=key):
        assert time.monotonic() < deadline, f"{execution} was not cleaned up"
        time.sleep(0.1)


def forget_cleanup(world: World, execution: str) -> None:
    """Let an execution be one that was not cleaned up, once its event has caused that."""
    wait_for_cleanup(world, execution)
    bucket, key = _mark(world, execution, Mark.COMPLETE)
    world.client("s3").delete_object(Bucket=bucket, Key=key)


def _forget_announcement(world: World, execution: str) -> None:
    """Let an execution that was cleaned up before be announced again."""
    bucket, key = _mark(world, execution, Mark.ANNOUNCED)
    world.client("s3").delete_object(Bucket=bucket, Key=key)


def _mark(world: World, execution: str, mark: Mark) -> tuple[str, str]:
    prefix = work_lists_prefix(execution.rpartition(":")[2])
    return hub_bucket(world.sandbox.accounts["hub"], world.sandbox.region), f"{prefix}{mark}"


def plan(world: World, pair: AccountPair, subject: Subject) -> ExecutionResult:
    """Only say what a promotion would do: it is checked ahead and recorded."""
    return world.wait(world.start(application=APPLICATION, stage=pair.target, model_name=subject.model, dry_run=True))


def roll_back_on_demand(world: World, pair: AccountPair, _subject: Subject) -> ExecutionResult:
    """Roll the stage back on demand."""
    return world.wait(world.start(application=APPLICATION, stage=pair.target, roll_back=True))


def promote_and_fail(world: World, pair: AccountPair, subject: Subject) -> ExecutionResult:
    """Promote as a first deployment that fails: the endpoint is to be deleted. What is left of it is deleted here."""
    reason = "The container did not start."
    world.sagemaker_faults.inject("CreateEndpoint", Kind.FAIL, resource=ENDPOINTS[pair.target], reason=reason)
    ended = promote(world, pair, subject)
    if ENDPOINTS[pair.target] in world.resources_in(pair.target):
        world.client("sagemaker", pair.target).delete_endpoint(EndpointName=ENDPOINTS[pair.target])
        deadline = time.monotonic() + 20
        while ENDPOINTS[pair.target] in world.resources_in(pair.target):
            assert time.monotonic() < deadline
    return ended


def step_alone(step: Step) -> Trigger:
    """Run one step, with the document of the promotion that has been."""

    def trigger(world: World, pair: AccountPair, subject: Subject) -> ExecutionResult:
        failed = run(world, step, input_of(world, subject.execution, "Deploy the endpoint"))
        status = "FAILED" if failed else "SUCCEEDED"
        return ExecutionResult(subject.execution, status, failed.get("errorType"), failed.get("errorMessage", ""), {})

    return trigger


def when_locked(trigger: Trigger) -> Trigger:
    """The promotion while a forgotten execution holds the endpoint's lock."""

    def locked(world: World, pair: AccountPair, subject: Subject) -> ExecutionResult:
        target = world.sandbox.locations[pair.target]
        key = {"endpoint": {"S": endpoint_key(target.account, target.region, ENDPOINTS[pair.target])}}
        change: dict[str, Any] = {"TableName": ENDPOINTS_TABLE, "Key": key}
        change["ExpressionAttributeNames"] = {"#owner": "owner"}
        forgotten = f"{state_machine_arn(world.sandbox).replace(':stateMachine:', ':execution:')}:forgotten"
        world.client("dynamodb").update_item(
            **change,
            UpdateExpression="SET #owner = :owner, locked_at = :then, lease_until = :late",
            ExpressionAttributeValues={
                ":owner": {"S": forgotten},
                ":then": {"S": "2026-01-01T00:00:00.000Z"},
                ":late": {"S": "2999-01-01T00:00:00.000Z"},
            },
        )
        ended = trigger(world, pair, subject)
        world.client("dynamodb").update_item(**change, UpdateExpression="REMOVE #owner, locked_at, lease_until")
        return ended

    return locked


def new_model(world: World, pair: AccountPair, *, image: bool = False) -> Subject:
    """A model with one archive of its own, and perhaps an image. In qa it stands for one that was promoted there."""
    return _new(world, pair, {}, image=image)


def large(world: World, pair: AccountPair) -> Subject:
    """A new model with an object that is copied by parts."""
    return _new(world, pair, {"WEIGHTS": _large_object(world, pair)})


@cache
def _large_object(world: World, pair: AccountPair) -> str:
    key = f"artifacts/large-{uuid4().hex[:8]}/weights.bin"
    world.client("s3", pair.source).put_object(Bucket=pair.source_bucket, Key=key, Body=bytes(LARGE))
    return f"s3://{pair.source_bucket}/{key}"


def delete_large_copies(world: World, pair: AccountPair, size: int = LARGE) -> None:
    """Let the next promotion of a large object copy it again. The models of a bucket that is a source too stay."""
    s3 = world.client("s3", pair.target)
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=pair.target_bucket)
    for version in [version for page in pages for version in page.get("Versions", [])]:
        if version["Size"] == size and version["Key"].startswith(("incoming/", f"artifacts/{APPLICATION}/")):
            s3.delete_object(Bucket=pair.target_bucket, Key=version["Key"], VersionId=version["VersionId"])


def _new(world: World, pair: AccountPair, variables: dict[str, str], *, image: bool = False) -> Subject:
    name = f"small-{uuid4().hex[:8]}"
    key = f"artifacts/{name}/model.tar.gz"
    archive = tar({"weights.json": json.dumps({"name": name}).encode(), "code/inference.py": INFERENCE})
    world.client("s3", pair.source).put_object(Bucket=pair.source_bucket, Key=key, Body=archive)
    uri = f"s3://{pair.source_bucket}/{key}"
    container: dict[str, Any] = {"ModelDataUrl": uri, "Environment": variables}
    if image:
        registry = f"{world.sandbox.accounts[pair.source]}.dkr.ecr.{world.sandbox.region}.amazonaws.com"
        container["Image"] = f"{registry}/team/{name}:1"
    return _modelled(world, pair, name, container, uri)


def prefix(world: World, pair: AccountPair) -> Subject:
    """A new model whose files lie below a prefix, as they are."""
    name = f"small-{uuid4().hex[:8]}"
    files = {"weights.json": json.dumps({"name": name}).encode(), "code/inference.py": INFERENCE}
    for file, content in files.items():
        key = f"artifacts/{name}/{file}"
        world.client("s3", pair.source).put_object(Bucket=pair.source_bucket, Key=key, Body=content)
    uri = f"s3://{pair.source_bucket}/artifacts/{name}/"
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return _modelled(world, pair, name, {"ModelDataSource": {"S3DataSource": source}}, uri)


def _modelled(world: World, pair: AccountPair, name: str, container: dict[str, Any], uri: str) -> Subject:
    world.client("sagemaker", pair.source).create_model(
        ModelName=name, PrimaryContainer={"Image": IMAGE, **container}, ExecutionRoleArn=pair.source_role
    )
    return Subject(name, uri)


def with_own_image(world: World, pair: AccountPair) -> Subject:
    """A new model whose image lies in the source account's own registry, in a repository called like the model."""
    subject = new_model(world, pair, image=True)
    push(world.client("ecr", pair.source), f"team/{subject.model}", [subject.model.encode()], tag="1")
    return subject


def with_versions(world: World, pair: AccountPair) -> Subject:
    """A new model in a bucket that keeps versions."""
    s3 = world.client("s3", pair.source)
    s3.put_bucket_versioning(Bucket=pair.source_bucket, VersioningConfiguration={"Status": "Enabled"})
    try:
        return new_model(world, pair)
    finally:
        s3.put_bucket_versioning(Bucket=pair.source_bucket, VersioningConfiguration={"Status": "Suspended"})


def without_archive(world: World, pair: AccountPair) -> Subject:
    """A model whose archive was deleted."""
    subject = new_model(world, pair)
    bucket, _, key = subject.uri.removeprefix("s3://").partition("/")
    world.client("s3", pair.source).delete_object(Bucket=bucket, Key=key)
    return subject


@cache
def approved_version(world: World, _place: AccountPair) -> Subject:
    """A version that was not promoted, though it is approved: the event did not leave the account."""
    with without_permission(world, "dev", "promote-dev-forwarder", ""):
        return Subject(world.version(approval="Approved"))


def first_deployment(world: World, pair: AccountPair) -> Subject:
    """A new model, and there is no endpoint."""
    if ENDPOINTS[pair.target] in world.resources_in(pair.target):
        world.wait_for_endpoint(pair.target)
        world.client("sagemaker", pair.target).delete_endpoint(EndpointName=ENDPOINTS[pair.target])
    return new_model(world, pair)


def update(world: World, pair: AccountPair) -> Subject:
    """A new model for an endpoint that serves another."""
    promoted_before(world, pair)
    return new_model(world, pair)


def promoted_before(world: World, pair: AccountPair) -> Subject:
    """A model that was promoted before: its copy, its model and its configuration are there, and an endpoint."""
    subject = promoted_once(world, pair)
    if ENDPOINTS[pair.target] not in world.resources_in(pair.target):
        _require_success(promote(world, pair, subject))
    world.wait_for_endpoint(pair.target)
    return subject


def stopped_before(world: World, pair: AccountPair) -> Subject:
    """A promotion that was stopped while it waited for its endpoint, which serves it now, and was cleaned up after."""
    promoted_before(world, pair)
    subject = _stopped_once(world, pair)
    world.wait_for_endpoint(pair.target)
    return subject


@cache
def _stopped_once(world: World, pair: AccountPair) -> Subject:
    subject = new_model(world, pair)
    arn = start(world, pair, subject)
    world.wait_for_state(arn, "Wait for the endpoint")
    world.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="Somebody had enough.")
    wait_for_cleanup(world, arn)
    return replace(subject, execution=arn)


def with_history(world: World, pair: AccountPair) -> Subject:
    """A stage that has had two good promotions at least."""
    promoted_before(world, pair)
    return _promoted_lately(world, pair)


def _promoted_now(world: World, pair: AccountPair) -> Subject:
    subject = new_model(world, pair)
    ended = promote(world, pair, subject)
    _require_success(ended)
    return replace(subject, execution=ended.arn)


@cache
def _promoted_lately(world: World, pair: AccountPair) -> Subject:
    return _promoted_now(world, pair)


@cache
def promoted_once(world: World, pair: AccountPair) -> Subject:
    """A model that was promoted some time; what the endpoint serves may be another."""
    return _promoted_now(world, pair)


def _require_success(ended: ExecutionResult) -> None:
    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
