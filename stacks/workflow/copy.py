"""The copy in the workflow: images one by one, artifacts by a Distributed Map of units, and the target's own look."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.artifacts import partitioning
from lambdas.promotion.contract.resource_names import Step
from stacks.workflow.lambda_task import CAUGHT_WITH_PROMOTION, StepFunction, task, when

COPY_LABEL = "CopyTheArtifacts"
_UNIT_HAS_FAILED = when("$exists($states.input.failed)")
_NOTHING_TO_COPY = when("$states.input.copy.units = 0")
# The beginning of the cause: it holds the message, and the results of all units together have 256 KiB (AWS: quotas).
_UNIT_FAILED = (
    "{% {'failed': {'Error': $states.errorOutput.Error, 'Cause': $substring($states.errorOutput.Cause, 0, 600)}} %}"
)
# What all units have copied, or the first failure of one.
_COPIED = (
    "{% $exists($states.result.failed) ? {'failed': ($states.result.failed)[0], 'promotion': $states.input} : "
    "$merge([$states.input, {'copied': "
    "{'objects': $sum($states.result.objects), 'bytes': $sum($states.result.bytes)}}]) %}"
)


def copying(
    scope: Construct,
    steps: Mapping[Step, StepFunction],
    *,
    lists: s3.IBucket,
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

    def do(title: str, step: Step) -> sfn.TaskStateBase:
        return task(scope, title, steps[step], caught_by=abort_uploads, catch_output=CAUGHT_WITH_PROMOTION)

    copy_images = _copy_images(scope, steps[Step.COPY_IMAGE])
    copy_images.add_catch(explain, errors=["States.ALL"], outputs=CAUGHT_WITH_PROMOTION)
    plan = do("Plan the copy", Step.PLAN_COPY)
    copy = _copy(scope, steps[Step.COPY_UNIT], lists=lists)
    copy.add_catch(abort_uploads, errors=["States.ALL"], outputs=CAUGHT_WITH_PROMOTION)
    complete = do("Complete the copy", Step.COMPLETE_COPY)
    verify = do("Verify the artifacts", Step.VERIFY_ARTIFACTS)
    anything_to_copy = sfn.Choice.jsonata(scope, "Is there anything to copy?")
    all_copied = sfn.Choice.jsonata(scope, "Was every unit copied?")

    verify.next(then)
    copy.next(all_copied.when(_UNIT_HAS_FAILED, abort_uploads).otherwise(complete.next(verify)))
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


def _copy(scope: Construct, step: StepFunction, *, lists: s3.IBucket) -> sfn.DistributedMap:
    """The units, each an execution of its own, so that one that fails is seen by its name and its own history.

    A unit's failure is its output: the error of a failed Map has neither the name nor the cause of the unit's.
    """
    copy = sfn.DistributedMap.jsonata(
        scope,
        "Copy the artifacts",
        label=COPY_LABEL,
        item_reader=sfn.S3JsonItemReader(bucket=lists, key="{% $states.input.copy.manifest %}"),
        item_selector={"promotion": "{% $states.input %}", "unit": "{% $states.context.Map.Item.Value %}"},
        map_execution_type=sfn.StateMachineType.STANDARD,
        max_concurrency=partitioning.AT_ONCE,
        outputs=_COPIED,
    )
    unit_failed = sfn.Pass.jsonata(scope, "Unit failed")
    return copy.item_processor(
        task(
            scope,
            "Copy a unit",
            step,
            payload={
                "promotion": "{% $states.input.promotion %}",
                "unit": "{% $states.input.unit %}",
                "attempt": "{% $states.context.State.RetryCount %}",
            },
            caught_by=unit_failed,
            catch_output=_UNIT_FAILED,
        )
    )
