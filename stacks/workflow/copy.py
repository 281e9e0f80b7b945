"""The copy in the workflow: images one by one, artifacts by a Distributed Map of units, and the target's own look."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.artifacts import partitioning
from lambdas.promotion.contract.resource_names import Step
from stacks.workflow.lambda_task import CAUGHT_WITH_PROMOTION, StepFunction, condition, task

COPY_LABEL = "CopyTheArtifacts"
_WORK_UNIT_HAS_FAILED = condition("$exists($states.input.failed)")
_NOTHING_TO_COPY = condition("$states.input.copy.work_units = 0")
# The beginning of the cause: it holds the message, and the results of all units together have 256 KiB (AWS: quotas).
_WORK_UNIT_FAILED = (
    "{% {'failed': {'Error': $states.errorOutput.Error, 'Cause': $substring($states.errorOutput.Cause, 0, 600)}} %}"
)
# What all units have copied, or the first failure of one.
_COPIED = (
    "{% $exists($states.result.failed) ? {'failed': ($states.result.failed)[0], 'promotion': $states.input} : "
    "$merge([$states.input, {'copied': "
    "{'objects': $sum($states.result.objects), 'bytes': $sum($states.result.bytes)}}]) %}"
)


def copy_phase(
    scope: Construct,
    steps: Mapping[Step, StepFunction],
    *,
    work_lists: s3.IBucket,
    then: sfn.IChainable,
    explain: sfn.IChainable,
) -> sfn.IChainable:
    """Return the copy, which leads to `then`, or with a failure to `explain`. `lists`: where its units are listed."""
    abort_uploads = task(
        scope,
        "Abort the uploads",
        steps[Step.ABORT_UPLOADS],
        payload={"promotion": "{% $states.input.promotion %}"},
        outputs="{% $states.input %}",
        caught_by=explain,
        catch_output="{% $states.input %}",
    ).next(explain)

    def step_task(title: str, step: Step) -> sfn.TaskStateBase:
        return task(scope, title, steps[step], caught_by=abort_uploads, catch_output=CAUGHT_WITH_PROMOTION)

    copy_images = _copy_images(scope, steps[Step.COPY_IMAGE])
    copy_images.add_catch(explain, errors=["States.ALL"], outputs=CAUGHT_WITH_PROMOTION)
    plan = step_task("Plan the copy", Step.PLAN_COPY)
    copy = _copy(scope, steps[Step.COPY_UNIT], work_lists=work_lists)
    copy.add_catch(abort_uploads, errors=["States.ALL"], outputs=CAUGHT_WITH_PROMOTION)
    complete = step_task("Complete the copy", Step.COMPLETE_COPY)
    verify = step_task("Verify the artifacts", Step.VERIFY_ARTIFACTS)
    anything_to_copy = sfn.Choice.jsonata(scope, "Is there anything to copy?")
    all_copied = sfn.Choice.jsonata(scope, "Was every work unit copied?")

    verify.next(then)
    copy.next(all_copied.when(_WORK_UNIT_HAS_FAILED, abort_uploads).otherwise(complete.next(verify)))
    return copy_images.next(plan).next(anything_to_copy.when(_NOTHING_TO_COPY, verify).otherwise(copy))


def _copy_images(scope: Construct, step: StepFunction) -> sfn.Map:
    """The few private images that the target is to have copies of, a few at a time."""
    copy = sfn.Map.jsonata(
        scope,
        "Copy the images",
        items=sfn.ProvideItems.jsonata("{% $states.input.images %}"),
        item_selector={"promotion": "{% $states.input %}", "index": "{% $states.context.Map.Item.Index %}"},
        outputs="{% $merge([$states.input, {'images': $states.result}]) %}",
        max_concurrency=3,
    )
    return copy.item_processor(
        task(
            scope,
            "Copy an image",
            step,
            payload={"promotion": "{% $states.input.promotion %}", "index": "{% $states.input.index %}"},
        )
    )


def _copy(scope: Construct, step: StepFunction, *, work_lists: s3.IBucket) -> sfn.DistributedMap:
    """The units, each an execution of its own, so that one that fails is seen by its name and its own history.

    A unit's failure is its output: the error of a failed Map has neither the name nor the cause of the unit's.
    """
    copy = sfn.DistributedMap.jsonata(
        scope,
        "Copy the artifacts",
        label=COPY_LABEL,
        item_reader=sfn.S3JsonItemReader(bucket=work_lists, key="{% $states.input.copy.manifest %}"),
        item_selector={"promotion": "{% $states.input %}", "work_unit": "{% $states.context.Map.Item.Value %}"},
        map_execution_type=sfn.StateMachineType.STANDARD,
        max_concurrency=partitioning.AT_ONCE,
        outputs=_COPIED,
    )
    work_unit_failed = sfn.Pass.jsonata(scope, "Work unit failed")
    return copy.item_processor(
        task(
            scope,
            "Copy a work unit",
            step,
            payload={
                "promotion": "{% $states.input.promotion %}",
                "work_unit": "{% $states.input.work_unit %}",
                "retry_count": "{% $states.context.State.RetryCount %}",
            },
            caught_by=work_unit_failed,
            catch_output=_WORK_UNIT_FAILED,
        )
    )
