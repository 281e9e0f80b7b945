"""Phase 4, copy: images one by one, artifacts by a Distributed Map of work units; then the target verifies them.

Artifacts go in two legs (docs/decisions/0024). A work unit takes its objects through both; for those that several units
share, the states from the plan to the completion run once for each leg. What one work unit can do is no Map's.
"""

from __future__ import annotations

from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.artifacts import partitioning
from lambdas.promotion.contract.document import Copied, CopyVerification, Leg, Promotion
from lambdas.promotion.contract.envelope import Envelope, StateError
from lambdas.promotion.contract.step_events import (
    AbortUploadsEvent,
    CopyImageEvent,
    CopyUnitEvent,
    FailedWorkUnit,
    VerifyArtifactsEvent,
    WorkUnitItem,
    WorkUnitSpan,
)
from lambdas.promotion.contract.steps import Step
from stacks.workflow.document_paths import (
    INPUT,
    MAP_INDEX,
    MAP_ITEM,
    RESULT,
    RETRY_COUNT,
    Path,
    arguments,
    condition,
    construct,
    equals,
    error_output,
    exists,
    expression,
    is_object,
    map_results,
    merge,
    path,
    payload_of,
)
from stacks.workflow.lambda_task import caught_with_promotion, task
from stacks.workflow.resources import WorkflowResources

COPY_LABEL, VERIFY_LABEL = "CopyTheArtifacts", "VerifyTheCopies"
# The beginning of the cause: it holds the message, and the results of all units together have 256 KiB (AWS: quotas).
_CAUSE_CHARACTERS = 600


def copy(resources: WorkflowResources, *, then: sfn.IChainable, explain: sfn.IChainable) -> sfn.IChainable:
    """Return the beginning of the phase. What fails once an upload may be open leads past their end to `explain`."""
    scope = resources.scope
    abort_uploads = task(
        scope,
        "Abort the uploads",
        resources.steps[Step.ABORT_UPLOADS],
        payload=arguments(AbortUploadsEvent, promotion=path(Envelope).promotion),
        outputs=expression(INPUT),
        caught_by=explain,
        catch_output=expression(INPUT),
    ).next(explain)

    def step_task(title: str, step: Step) -> sfn.TaskStateBase:
        return task(scope, title, resources.steps[step], caught_by=abort_uploads)

    copy_images = _copy_images(resources)
    copy_images.add_catch(explain, errors=["States.ALL"], outputs=caught_with_promotion())
    plan = step_task("Plan the copy", Step.PLAN_COPY)
    copy_only_unit = _copy_only_unit(resources, caught_by=abort_uploads)
    copy_artifacts = _copy_artifacts(resources)
    copy_artifacts.add_catch(abort_uploads, errors=["States.ALL"], outputs=caught_with_promotion())
    complete = step_task("Complete the copy", Step.COMPLETE_COPY)
    verify_copies = _verify_copies(resources)
    verify_copies.add_catch(abort_uploads, errors=["States.ALL"], outputs=caught_with_promotion())
    verify = step_task("Verify the artifacts", Step.VERIFY_ARTIFACTS)
    planned = sfn.Choice.jsonata(scope, "Is the copy planned?")
    anything_to_copy = sfn.Choice.jsonata(scope, "Is there anything to copy?")
    all_copied = sfn.Choice.jsonata(scope, "Was every work unit copied?")
    all_received = sfn.Choice.jsonata(scope, "Is anything left to receive?")
    many_to_verify = sfn.Choice.jsonata(scope, "Are there many copies to verify?")
    all_verified = sfn.Choice.jsonata(scope, "Was every work unit verified?")

    plan_of_leg = path(Promotion).copy
    no_unit, only_unit = condition(f"{plan_of_leg.work_units} = 0"), condition(f"{plan_of_leg.work_units} = 1")
    nothing_by_parts = condition(f"{plan_of_leg.uploads} = 0")
    left_to_receive = condition(f"{equals(plan_of_leg.leg, Leg.BRING)}")
    many_copies = condition(f"{plan_of_leg.to_verify} != ''")
    work_unit_failed = condition(exists(path(Envelope).failed))
    verify.next(then)
    verify_copies.next(all_verified.when(work_unit_failed, abort_uploads).otherwise(verify))
    many_to_verify.when(many_copies, verify_copies).otherwise(verify)
    complete.next(all_received.when(left_to_receive, plan).otherwise(many_to_verify))
    all_copied.when(work_unit_failed, abort_uploads).when(nothing_by_parts, many_to_verify).otherwise(complete)
    copy_only_unit.next(all_copied)
    copy_artifacts.next(all_copied)
    anything_to_copy.when(no_unit, verify).when(only_unit, copy_only_unit).otherwise(copy_artifacts)
    plan.next(anything_to_copy)
    planned.when(condition(is_object(plan_of_leg)), anything_to_copy).otherwise(plan)
    return copy_images.next(planned)


def _copy_images(resources: WorkflowResources) -> sfn.Map:
    """The private images that the target gets copies of, a few at a time."""
    item = path(CopyImageEvent)
    copy_images = sfn.Map.jsonata(
        resources.scope,
        "Copy the images",
        items=sfn.ProvideItems.jsonata(expression(path(Promotion).images)),
        item_selector=arguments(CopyImageEvent, promotion=path(Promotion), index=MAP_INDEX),
        outputs=expression(merge(Promotion, images=RESULT)),
        max_concurrency=3,
    )
    return copy_images.item_processor(
        task(
            resources.scope,
            "Copy an image",
            resources.steps[Step.COPY_IMAGE],
            payload=arguments(CopyImageEvent, promotion=item.promotion, index=item.index),
        )
    )


def _copy_only_unit(resources: WorkflowResources, *, caught_by: sfn.IChainable) -> sfn.TaskStateBase:
    """Copy what one work unit can copy, without the seconds that a Map takes to start."""
    span = arguments(WorkUnitSpan, offset=0, length=path(Promotion).copy.only_unit)
    copied, before = payload_of(Copied), path(Promotion).copied
    total = construct(Copied, objects=f"{before.objects} + {copied.objects}", bytes=f"{before.bytes} + {copied.bytes}")
    return task(
        resources.scope,
        "Copy the only work unit",
        resources.steps[Step.COPY_UNIT],
        payload=arguments(CopyUnitEvent, promotion=path(Promotion), work_unit=span, retry_count=RETRY_COUNT),
        outputs=expression(merge(Promotion, copied=total)),
        caught_by=caught_by,
    )


def _copy_artifacts(resources: WorkflowResources) -> sfn.DistributedMap:
    item = path(WorkUnitItem)
    copy_unit = task(
        resources.scope,
        "Copy a work unit",
        resources.steps[Step.COPY_UNIT],
        payload=arguments(CopyUnitEvent, promotion=item.promotion, work_unit=item.work_unit, retry_count=RETRY_COUNT),
        caught_by=sfn.Pass.jsonata(resources.scope, "Work unit failed"),
        catch_output=_work_unit_failed(),
    )
    return _map(
        resources,
        "Copy the artifacts",
        COPY_LABEL,
        copy_unit,
        manifest=path(Promotion).copy.manifest,
        outputs=_copied_or_failed(),
    )


def _verify_copies(resources: WorkflowResources) -> sfn.DistributedMap:
    item = path(WorkUnitItem)
    verify_unit = task(
        resources.scope,
        "Verify a work unit",
        resources.steps[Step.VERIFY_ARTIFACTS],
        payload=arguments(
            VerifyArtifactsEvent, promotion=item.promotion, work_unit=item.work_unit, retry_count=RETRY_COUNT
        ),
        caught_by=sfn.Pass.jsonata(resources.scope, "Verification failed"),
        catch_output=_work_unit_failed(),
    )
    return _map(
        resources,
        "Verify the copies",
        VERIFY_LABEL,
        verify_unit,
        manifest=path(Promotion).copy.to_verify,
        outputs=_verified_or_failed(),
    )


def _map(
    resources: WorkflowResources,
    title: str,
    label: str,
    each: sfn.TaskStateBase,
    *,
    manifest: Path,
    outputs: str,
) -> sfn.DistributedMap:
    """The work units, each an execution of its own, so that one that fails shows its name and its own history.

    A unit's failure is its output: the error of a failed Map has neither the name nor the cause of the unit's.
    """
    return sfn.DistributedMap.jsonata(
        resources.scope,
        title,
        label=label,
        item_reader=sfn.S3JsonItemReader(bucket=resources.work_lists, key=expression(manifest)),
        item_selector=arguments(WorkUnitItem, promotion=path(Promotion), work_unit=MAP_ITEM),
        map_execution_type=sfn.StateMachineType.STANDARD,
        max_concurrency=partitioning.AT_ONCE,
        outputs=outputs,
    ).item_processor(each)


def _work_unit_failed() -> str:
    error = error_output()
    cause = f"$substring({error.Cause}, 0, {_CAUSE_CHARACTERS})"
    return expression(construct(FailedWorkUnit, failed=construct(StateError, Error=error.Error, Cause=cause)))


def _copied_or_failed() -> str:
    """What all work units have copied, added to what those of an earlier leg have; or the first failure of one."""
    copied, before = map_results(Copied), path(Promotion).copied
    total = construct(
        Copied, objects=f"{before.objects} + $sum({copied.objects})", bytes=f"{before.bytes} + $sum({copied.bytes})"
    )
    return _unless_failed(merge(Promotion, copied=total))


def _verified_or_failed() -> str:
    """How the copies of all work units were verified, or the first failure of one."""
    verified = map_results(CopyVerification)
    total = construct(CopyVerification, compared=f"$sum({verified.compared})", computed=f"$sum({verified.computed})")
    return _unless_failed(merge(Promotion, verification=total))


def _unless_failed(promotion: str) -> str:
    failed = map_results(FailedWorkUnit).failed
    first = construct(Envelope, failed=f"({failed})[0]", promotion=path(Promotion))
    return expression(f"{exists(failed)} ? {first} : {promotion}")
