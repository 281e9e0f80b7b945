"""Promote: the real handlers of its copying steps, with the real lists, sessions, units and retries.

Of the two steps before the copy only what they do in S3 is run, by the product's own functions: the rest of them asks
SageMaker. Order and Map are those of stacks/workflow/definition.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from botocore.awsrequest import AWSResponse

from benchmarks.copy.published import LAMBDA_MB_OF_ONE_CPU
from benchmarks.copy.workflow import Invocation, Workflow
from benchmarks.copy.world import PREFIX, SOURCE, World
from lambdas.handlers import compare_endpoint, complete_copy, copy_unit, plan_copy, verify_artifacts
from lambdas.promotion.artifacts import inventory, partitioning, s3_objects
from lambdas.promotion.artifacts.inventory import Listing
from lambdas.promotion.aws import work_lists
from lambdas.promotion.aws.client_factory import ClientFactory
from lambdas.promotion.contract.document import (
    Artifacts,
    Copied,
    CopyVerification,
    DesiredResource,
    Execution,
    Leg,
    Promotion,
    Request,
    SourceModel,
)
from lambdas.promotion.contract.settings import Environment, Hub, Stage
from lambdas.promotion.resolve.access import reader_session
from lambdas.promotion.runtime.handler import hub_s3

# As stacks/hub/steps.py gives it to the steps that copy.
MEMORY = LAMBDA_MB_OF_ONE_CPU

_REGION = "us-east-1"
_BEGUN = datetime(2026, 11, 1, tzinfo=UTC)
# Their bucket is the simulation's TARGET.
_QA = Environment(name="qa", account="333333333333", region=_REGION)
_STAGE = Stage(
    name="qa", environment="qa", source="dev", endpoint="reviews-qa", endpoint_config={}, deadline_seconds=3600
)
_PROMOTION = Promotion(
    request=Request(application="reviews", stage="qa", model_name="reviews-v7"),
    execution=Execution(arn=f"arn:aws:states:{_REGION}:111111111111:execution:promote:release-7", started_at=_BEGUN),
    hub=Hub(account="111111111111", region=_REGION),
    stage=_STAGE,
    source=Environment(name="dev", account="222222222222", region=_REGION),
    target=_QA,
    external_id=None,
    deadline=_BEGUN + timedelta(hours=1),
    model=SourceModel(
        arn=f"arn:aws:sagemaker:{_REGION}:222222222222:model/reviews-v7", created_at=_BEGUN, made_at=_BEGUN
    ),
    digest="000000000000",
    artifacts=Artifacts(objects=0, bytes=0),
    desired_model=DesiredResource(name="reviews-qa-model", request={}),
    desired_config=DesiredResource(name="reviews-qa-config", request={}),
    tags={},
)


def by_work_units(world: World) -> Workflow:
    """Run the workflow from the look at the source to the verified copies, where it ran shortly before."""
    return _run(world, is_warm=True)


def in_a_cold_hub(world: World) -> Workflow:
    """The same, as the first promotion after a while: each function starts an environment when it is first needed."""
    return _run(world, is_warm=False)


def _run(world: World, *, is_warm: bool) -> Workflow:
    os.environ |= {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": _REGION}
    workflow = Workflow(world, is_warm=is_warm)
    with _use_simulated_clients(world, workflow):
        promotion = workflow.step("Resolve the model", MEMORY, lambda _: _resolve_source(world))
        compared = workflow.step("Compare the endpoint", MEMORY, lambda _: _compare_target(promotion))
        workflow.choice("Is there anything to do?")
        workflow.choice("Is the copy planned?")
        copied = _copy_complete(compared if compared.copy else _plan(compared, workflow), world, workflow)
        _verify(copied, world, workflow)
    return workflow


def _resolve_source(world: World) -> Promotion:
    """What lambdas/handlers/resolve_model.py does once it knows the model's addresses."""
    workload, owner = world.workload, _PROMOTION.source.account
    s3 = reader_session(_PROMOTION.source, execution=_PROMOTION.execution, external_id=None).s3
    if workload.objects == 1:
        uri = f"s3://{SOURCE}/{workload.keys[0]}"
        resolved = s3_objects.find(uri, owner=owner, s3=s3)
        assert resolved  # noqa: S101 - the world has it
        listing = Listing(objects=(resolved,))
    else:
        uri = f"s3://{SOURCE}/{PREFIX}"
        listing = Listing(objects=tuple(s3_objects.listed(SOURCE, PREFIX, owner=owner, s3=s3)), prefix=PREFIX)
    needed = inventory.take({uri: listing}, application="reviews", stage="qa", bucket=_QA.artifact_bucket, subject=uri)
    work_lists.write(work_lists.INVENTORY, needed.artifacts, _PROMOTION, s3=hub_s3())
    world.target_keys |= {artifact.source.key: artifact.key for artifact in needed.artifacts}
    return replace(_PROMOTION, artifacts=Artifacts(objects=workload.objects, bytes=workload.bytes))


def _compare_target(promotion: Promotion) -> Promotion:
    """What lambdas/handlers/compare_endpoint.py does in S3."""
    account, artifacts = compare_endpoint._begin(promotion)
    _, plan = compare_endpoint._find_copies(artifacts, promotion, account)
    return replace(promotion, copy=plan)


def _plan(promotion: Promotion, workflow: Workflow) -> Promotion:
    return workflow.step("Plan the copy", MEMORY, lambda at: _handle(plan_copy, promotion, at))


def _copy_complete(planned: Promotion, world: World, workflow: Workflow) -> Promotion:
    workflow.choice("Is there anything to copy?")
    copied = _copy(planned, world, workflow)
    workflow.choice("Was every work unit copied?")
    if not copied.copy or not copied.copy.uploads:
        return copied
    completed = workflow.step("Complete the copy", MEMORY, lambda at: _handle(complete_copy, copied, at))
    workflow.choice("Is anything left to receive?")
    return _copy_complete(_plan(completed, workflow), world, workflow) if completed.leg is Leg.BRING else completed


def _copy(promotion: Promotion, world: World, workflow: Workflow) -> Promotion:
    """One work unit is a Task; the items of a Map are the manifest, its output is what all units copied."""
    assert promotion.copy  # noqa: S101 - the plan has been made
    document, function = promotion.to_json(), "copy_unit"
    copied: list[dict[str, int]] = []

    def copy_one(unit: dict[str, int], invocation: Invocation) -> None:
        copied.append(copy_unit.handler({"promotion": document, "work_unit": unit, "retry_count": 0}, invocation))

    if promotion.copy.work_units == 1:
        only = {"offset": 0, "length": promotion.copy.only_unit}
        workflow.step("Copy the only work unit", MEMORY, lambda at: copy_one(only, at), function=function)
    else:
        units = _units(promotion, promotion.copy.manifest, world)
        workflow.distributed_map(
            "Copy the artifacts", units, copy_one, memory=MEMORY, concurrency=partitioning.AT_ONCE, function=function
        )
    return replace(
        promotion,
        copied=Copied(
            objects=promotion.copied.objects + sum(result["objects"] for result in copied),
            bytes=promotion.copied.bytes + sum(result["bytes"] for result in copied),
        ),
    )


def _verify(promotion: Promotion, world: World, workflow: Workflow) -> None:
    function = "verify_artifacts"
    workflow.choice("Are there many copies to verify?")
    if promotion.copy and promotion.copy.to_verify:
        promotion = _verify_units(promotion, world, workflow, function)
        workflow.choice("Was every work unit verified?")
    workflow.step(
        "Verify the artifacts", MEMORY, lambda at: _handle(verify_artifacts, promotion, at), function=function
    )


def _verify_units(promotion: Promotion, world: World, workflow: Workflow, function: str) -> Promotion:
    assert promotion.copy  # noqa: S101 - the plan has been made
    document = promotion.to_json()
    verified: list[dict[str, int]] = []

    def verify_one(unit: dict[str, int], invocation: Invocation) -> None:
        event = {"promotion": document, "work_unit": unit, "retry_count": 0}
        verified.append(verify_artifacts.handler(event, invocation))

    units = _units(promotion, promotion.copy.to_verify, world)
    workflow.distributed_map(
        "Verify the copies", units, verify_one, memory=MEMORY, concurrency=partitioning.AT_ONCE, function=function
    )
    return replace(
        promotion,
        verification=CopyVerification(
            compared=sum(result["compared"] for result in verified),
            computed=sum(result["computed"] for result in verified),
        ),
    )


def _units(promotion: Promotion, manifest: str, world: World) -> list[dict[str, int]]:
    units: list[dict[str, int]] = json.loads(world.s3.objects[promotion.hub.bucket, manifest].body or b"[]")
    return units


def _handle(step: Any, promotion: Promotion, invocation: Invocation) -> Promotion:
    """Run a step's real handler on the document, as JSON, both ways."""
    return Promotion.from_json(step.handler({"promotion": promotion.to_json(), "retry_count": 0}, invocation))


@contextmanager
def _use_simulated_clients(world: World, workflow: Workflow) -> Iterator[None]:
    """Let S3 and STS be simulated for every client, and each client's CPU be that of the Lambda that made it."""
    make = ClientFactory.client

    def client(factory: ClientFactory, *arguments: Any, **named: Any) -> Any:
        made = make(factory, *arguments, **named)
        world.serve(made.meta.events, AWSResponse, workflow.here().machine)
        return made

    with mock.patch.object(ClientFactory, "client", client), workflow.threads_known():
        yield
