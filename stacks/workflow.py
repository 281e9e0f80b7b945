"""The story of a promotion, from top to bottom. Tasks are imperatives, questions are choices, endings participles."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion import copy_plan
from lambdas.promotion.document import Outcome, Progress
from lambdas.promotion.names import Step
from stacks.step import StepFunction, task

COPY_LABEL = "CopyTheArtifacts"
_POLL = Duration.seconds(30)
_EXECUTION = {"arn": "{% $states.context.Execution.Id %}", "started_at": "{% $states.context.Execution.StartTime %}"}
_THE_FAILURE = "{% {'failed': $states.input.failed} %}"
_CAUGHT = "{% {'failed': $states.errorOutput} %}"
_WITH_PROMOTION = "{% {'failed': $states.errorOutput, 'promotion': $states.input} %}"
_NOTHING_TO_COPY = sfn.Condition.jsonata("{% $states.input.copy.units = 0 %}")
# The beginning of the cause: it holds the message, and the results of all units together have 256 KiB (AWS: quotas).
_UNIT_FAILED = (
    "{% {'failed': {'Error': $states.errorOutput.Error, 'Cause': $substring($states.errorOutput.Cause, 0, 600)}} %}"
)
# What all units have copied, or the first failure of one.
_COPIED = (
    "{% $exists($states.result.failed) ? {'failed': $states.result.failed[0], 'promotion': $states.input} : "
    "$merge([$states.input, {'copied': "
    "{'objects': $sum($states.result.objects), 'bytes': $sum($states.result.bytes)}}]) %}"
)
_AS_CAUGHT = "{% {'error': $states.input.failed.Error, 'cause': $string($states.input.failed)} %}"


def story(scope: Construct, steps: Mapping[Step, StepFunction], *, lists: s3.IBucket) -> sfn.IChainable:
    """Return the definition's beginning. Every error of every state leads to `failed`.

    `lists` is the hub's bucket, in which the copy's units are listed.
    """
    failed = sfn.Fail.jsonata(
        scope, "Promotion failed", error="{% $states.input.error %}", cause="{% $states.input.cause %}"
    )
    explain = task(
        scope,
        "Explain the failure",
        steps[Step.EXPLAIN_FAILURE],
        payload={"failed": "{% $states.input.failed %}", "execution": _EXECUTION},
        caught_by=failed,
        catch_output=_AS_CAUGHT,
    ).next(failed)
    abort_uploads = task(
        scope,
        "Abort the uploads",
        steps[Step.ABORT_UPLOADS],
        payload={"promotion": "{% $states.input.promotion %}"},
        outputs=_THE_FAILURE,
        caught_by=explain,
        catch_output=_THE_FAILURE,
    ).next(explain)

    def do(title: str, step: Step) -> sfn.TaskStateBase:
        return task(scope, title, steps[step], caught_by=explain)

    def copying(title: str, step: Step) -> sfn.TaskStateBase:
        return task(scope, title, steps[step], caught_by=abort_uploads, catch_output=_WITH_PROMOTION)

    resolve = task(
        scope,
        "Resolve the model",
        steps[Step.RESOLVE_MODEL],
        payload={"input": "{% $states.input %}", "execution": _EXECUTION},
        caught_by=explain,
    )
    check_images = do("Check the images", Step.CHECK_IMAGES)
    copy_images = _copy_images(scope, steps[Step.COPY_IMAGE])
    copy_images.add_catch(explain, errors=["States.ALL"], outputs=_CAUGHT)
    compare = do("Compare the endpoint", Step.COMPARE_ENDPOINT)
    plan = copying("Plan the copy", Step.PLAN_COPY)
    copy = _copy(scope, steps[Step.COPY_UNIT], lists=lists)
    copy.add_catch(abort_uploads, errors=["States.ALL"], outputs=_WITH_PROMOTION)
    complete = copying("Complete the copy", Step.COMPLETE_COPY)
    verify = copying("Verify the artifacts", Step.VERIFY_ARTIFACTS)
    create_model = do("Create the model", Step.CREATE_MODEL)
    create_config = do("Create the endpoint configuration", Step.CREATE_ENDPOINT_CONFIG)
    deploy = do("Deploy the endpoint", Step.DEPLOY_ENDPOINT)
    inspect = do("Inspect the endpoint", Step.INSPECT_ENDPOINT)
    wait = sfn.Wait.jsonata(scope, "Wait for the endpoint", time=sfn.WaitTime.duration(_POLL))
    wait_for_others = sfn.Wait.jsonata(scope, "Wait for the other change", time=sfn.WaitTime.duration(_POLL))
    promoted = sfn.Succeed.jsonata(scope, Outcome.PROMOTED, outputs="{% $states.input.result %}")
    unchanged = sfn.Succeed.jsonata(scope, Outcome.UNCHANGED, outputs="{% $states.input.result %}")

    anything_to_do = sfn.Choice.jsonata(scope, "Is there anything to do?")
    anything_to_copy = sfn.Choice.jsonata(scope, "Is there anything to copy?")
    all_copied = sfn.Choice.jsonata(scope, "Was every unit copied?")
    somebody_else = sfn.Choice.jsonata(scope, "Is somebody else changing it?")
    in_service = sfn.Choice.jsonata(scope, "Is it in service on our configuration?")

    verify_and_create = verify.next(create_model).next(create_config).next(deploy)
    deploy.next(
        somebody_else.when(_progress_is(Progress.BUSY), wait_for_others.next(deploy)).otherwise(
            wait.next(inspect).next(
                in_service.when(_ended(Outcome.PROMOTED), promoted)
                .when(_ended(Outcome.UNCHANGED), unchanged)
                .otherwise(wait)
            )
        )
    )
    copy_and_complete = copy.next(
        all_copied.when(_exists("failed"), abort_uploads).otherwise(complete.next(verify_and_create))
    )
    return resolve.next(compare).next(
        anything_to_do.when(_ended(Outcome.UNCHANGED), unchanged).otherwise(
            check_images.next(copy_images)
            .next(plan)
            .next(anything_to_copy.when(_NOTHING_TO_COPY, verify).otherwise(copy_and_complete))
        )
    )


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
        max_concurrency=copy_plan.AT_ONCE,
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


def _progress_is(progress: Progress) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% $states.input.change.progress = '{progress}' %}}")


def _exists(member: str) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% $exists($states.input.{member}) %}}")


def _ended(outcome: Outcome) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% $states.input.result.outcome = '{outcome}' %}}")
