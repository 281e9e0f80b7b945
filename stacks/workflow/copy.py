"""Phase 4, copy: images one by one, artifacts by a Distributed Map of work units; then the target verifies them.

Artifacts go in two legs (docs/decisions/0024). Objects that are copied whole pass both in one work unit; for those that
are copied by parts, the states from the plan to the completion run once for each leg.
"""

from __future__ import annotations

from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.artifacts import partitioning
from lambdas.promotion.contract.document import Copied, Leg, Promotion
from lambdas.promotion.contract.envelope import Envelope, StateError
from lambdas.promotion.contract.step_events import (
    AbortUploadsEvent,
    CopyImageEvent,
    CopyUnitEvent,
    FailedWorkUnit,
    WorkUnitItem,
)
from lambdas.promotion.contract.steps import Step
from stacks.workflow.document_paths import (
    INPUT,
    MAP_INDEX,
    MAP_ITEM,
    RESULT,
    RETRY_COUNT,
    arguments,
    condition,
    construct,
    equals,
    error_output,
    exists,
    expression,
    map_results,
    merge,
    path,
)
from stacks.workflow.lambda_task import caught_with_promotion, task
from stacks.workflow.resources import WorkflowResources

COPY_LABEL = "CopyTheArtifacts"
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
    copy_artifacts = _copy_artifacts(resources)
    copy_artifacts.add_catch(abort_uploads, errors=["States.ALL"], outputs=caught_with_promotion())
    complete = step_task("Complete the copy", Step.COMPLETE_COPY)
    verify = step_task("Verify the artifacts", Step.VERIFY_ARTIFACTS)
    anything_to_copy = sfn.Choice.jsonata(scope, "Is there anything to copy?")
    all_copied = sfn.Choice.jsonata(scope, "Was every work unit copied?")
    all_received = sfn.Choice.jsonata(scope, "Is anything left to receive?")

    plan_of_leg = path(Promotion).copy
    nothing_to_copy = condition(f"{plan_of_leg.work_units} = 0")
    nothing_by_parts = condition(f"{plan_of_leg.uploads} = 0")
    left_to_receive = condition(f"{equals(plan_of_leg.leg, Leg.BRING)}")
    work_unit_failed = condition(exists(path(Envelope).failed))
    verify.next(then)
    complete.next(all_received.when(left_to_receive, plan).otherwise(verify))
    copy_artifacts.next(
        all_copied.when(work_unit_failed, abort_uploads).when(nothing_by_parts, verify).otherwise(complete)
    )
    return copy_images.next(plan).next(anything_to_copy.when(nothing_to_copy, verify).otherwise(copy_artifacts))


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


def _copy_artifacts(resources: WorkflowResources) -> sfn.DistributedMap:
    """The work units, each an execution of its own, so that one that fails shows its name and its own history.

    A unit's failure is its output: the error of a failed Map has neither the name nor the cause of the unit's.
    """
    item = path(WorkUnitItem)
    copy_artifacts = sfn.DistributedMap.jsonata(
        resources.scope,
        "Copy the artifacts",
        label=COPY_LABEL,
        item_reader=sfn.S3JsonItemReader(bucket=resources.work_lists, key=expression(path(Promotion).copy.manifest)),
        item_selector=arguments(WorkUnitItem, promotion=path(Promotion), work_unit=MAP_ITEM),
        map_execution_type=sfn.StateMachineType.STANDARD,
        max_concurrency=partitioning.AT_ONCE,
        outputs=_copied_or_failed(),
    )
    work_unit_failed = sfn.Pass.jsonata(resources.scope, "Work unit failed")
    return copy_artifacts.item_processor(
        task(
            resources.scope,
            "Copy a work unit",
            resources.steps[Step.COPY_UNIT],
            payload=arguments(
                CopyUnitEvent, promotion=item.promotion, work_unit=item.work_unit, retry_count=RETRY_COUNT
            ),
            caught_by=work_unit_failed,
            catch_output=_work_unit_failed(),
        )
    )


def _work_unit_failed() -> str:
    error = error_output()
    cause = f"$substring({error.Cause}, 0, {_CAUSE_CHARACTERS})"
    return expression(construct(FailedWorkUnit, failed=construct(StateError, Error=error.Error, Cause=cause)))


def _copied_or_failed() -> str:
    """What all work units have copied, added to what those of an earlier leg have; or the first failure of one."""
    failed, copied, before = map_results(FailedWorkUnit).failed, map_results(Copied), path(Promotion).copied
    first = construct(Envelope, failed=f"({failed})[0]", promotion=path(Promotion))
    total = construct(
        Copied, objects=f"{before.objects} + $sum({copied.objects})", bytes=f"{before.bytes} + $sum({copied.bytes})"
    )
    return expression(f"{exists(failed)} ? {first} : {merge(Promotion, copied=total)}")
