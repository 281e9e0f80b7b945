"""The story of a promotion, from top to bottom. Tasks are imperatives, questions are choices, endings participles."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion import copy_plan
from lambdas.promotion.document import Progress, RollBackProgress
from lambdas.promotion.errors import LockLost
from lambdas.promotion.names import Step
from stacks import locking
from stacks.endings import EXECUTION, WELL, endings
from stacks.step import DOCUMENT, StepFunction, task
from stacks.tables import Tables

COPY_LABEL = "CopyTheArtifacts"
_POLL = Duration.seconds(30)
# No endpoint is in service within its first minute.
_UNTIL_THE_NEXT_LOOK = f"{{% $states.input.change.looks = 0 ? 60 : {_POLL.to_seconds():.0f} %}}"
_CAPACITY_WAIT = "{% $states.input.stage.capacity_retries.wait_seconds %}"
_EXECUTION = {"arn": "{% $states.context.Execution.Id %}", "started_at": "{% $states.context.Execution.StartTime %}"}
_THE_FAILURE = "{% {'failed': $states.input.failed} %}"
_CAUGHT = "{% {'failed': $states.errorOutput} %}"
_CAUGHT_WITH_PROMOTION = "{% {'failed': $states.errorOutput, 'promotion': $states.input} %}"
_ROLL_BACK_FAILED = "{% $merge([$states.input, {'roll_back_failed': $states.errorOutput}]) %}"
_ROLLED_BACK = "{% $merge([$states.input, {'promotion': $states.result.Payload}]) %}"
_LOCK_LOST = (
    "{% {'promotion': $states.input, 'failed': "
    f"{{'Error': '{LockLost.__name__}', 'Cause': 'Another promotion has taken over the lock of the endpoint ' & "
    "$states.input.stage.endpoint & ' in ' & $states.input.target.name & ', because this one had gone on for too long. "
    "The endpoint was not changed. Promote again.'}} %}"
)
_TO_ROLL_BACK = sfn.Condition.jsonata("{% $type($states.input) = 'object' and $states.input.roll_back = true %}")
_ASKED_TO_ROLL_BACK = sfn.Condition.jsonata("{% $states.input.request.roll_back = true %}")
_WELL = "{% {'promotion': $states.result.Payload} %}"
_WITH_ATTEMPT = {
    "promotion": "{% $states.input.promotion %}",
    "attempt": "{% $states.context.State.RetryCount %}",
}
_NOT_PUT_BACK = "{% $merge([$states.input, {'scaling_failed': $states.errorOutput}]) %}"
# Nothing was put aside, and the stage says nothing of it.
_NOT_TO_BE_SCALED = sfn.Condition.jsonata(
    "{% $not($states.input.scaling != null or $count($states.input.stage.autoscaling) > 0) %}"
)
_WITH_PROMOTION = "{% {'failed': $states.errorOutput, 'promotion': $states.input} %}"
_DRY_RUN = sfn.Condition.jsonata("{% $states.input.request.dry_run %}")
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


def story(  # noqa: PLR0915 - the story is told in one place
    scope: Construct,
    steps: Mapping[Step, StepFunction],
    *,
    lists: s3.IBucket,
    tables: Tables,
    outcomes: sns.ITopic,
    lease: Duration,
) -> sfn.IChainable:
    """Return the definition's beginning. Every error of every state leads to the record, and past it to `failed`.

    `lists` is the hub's bucket, in which the copy's units are listed.
    `outcomes`: where they are announced. `lease`: no execution lasts longer.
    """
    end = endings(scope, steps, tables=tables, outcomes=outcomes)
    abort_uploads = task(
        scope,
        "Abort the uploads",
        steps[Step.ABORT_UPLOADS],
        payload={"promotion": "{% $states.input.promotion %}"},
        outputs="{% $states.input %}",
        caught_by=end.explain,
        catch_output="{% $states.input %}",
    ).next(end.explain)
    # After every failure from the first deployment on: a step that failed may have put something aside before.
    put_back = task(
        scope,
        "Put the scaling back",
        steps[Step.RESTORE_SCALING],
        payload={"promotion": "{% $states.input.promotion %}", "failed": "{% $states.input.failed %}"},
        outputs="{% $states.input %}",
        caught_by=end.explain,
        catch_output=_NOT_PUT_BACK,
    ).next(end.explain)
    roll_back = _roll_back(scope, steps, then=put_back)

    def first(title: str, step: Step) -> sfn.TaskStateBase:
        payload = {"input": "{% $states.input %}", "execution": EXECUTION}
        return task(scope, title, steps[step], payload=payload, caught_by=end.explain, catch_output=_CAUGHT)

    def do(
        title: str, step: Step, *, caught_by: sfn.IChainable = end.explain, outputs: str = DOCUMENT
    ) -> sfn.TaskStateBase:
        return task(
            scope, title, steps[step], outputs=outputs, caught_by=caught_by, catch_output=_CAUGHT_WITH_PROMOTION
        )

    resolve = first("Resolve the model", Step.RESOLVE_MODEL)
    resolve_roll_back = first("Resolve the roll-back", Step.RESOLVE_ROLL_BACK)
    lock = locking.lock(scope, "Lock the endpoint", tables.endpoints, lease=lease)
    look_at_lock = do("Look at the lock", Step.LOOK_AT_LOCK)
    confirm_lock = locking.confirm(scope, "Confirm the lock", tables.endpoints)
    confirm_approval = do("Confirm the approval", Step.CONFIRM_APPROVAL, caught_by=put_back)
    check_ahead = do("Check ahead", Step.CHECK_AHEAD)
    copy_images = _copy_images(scope, steps[Step.COPY_IMAGE])
    copy_images.add_catch(end.explain, errors=["States.ALL"], outputs=_CAUGHT_WITH_PROMOTION)
    compare = do("Compare the endpoint", Step.COMPARE_ENDPOINT)
    plan = do("Plan the copy", Step.PLAN_COPY, caught_by=abort_uploads)
    copy = _copy(scope, steps[Step.COPY_UNIT], lists=lists)
    copy.add_catch(abort_uploads, errors=["States.ALL"], outputs=_CAUGHT_WITH_PROMOTION)
    complete = do("Complete the copy", Step.COMPLETE_COPY, caught_by=abort_uploads)
    verify = do("Verify the artifacts", Step.VERIFY_ARTIFACTS, caught_by=abort_uploads)
    create_model = do("Create the model", Step.CREATE_MODEL)
    create_config = do("Create the endpoint configuration", Step.CREATE_ENDPOINT_CONFIG)
    deploy = do("Deploy the endpoint", Step.DEPLOY_ENDPOINT, caught_by=roll_back)
    put_aside = do("Put the scaling aside", Step.PUT_ASIDE_SCALING, caught_by=roll_back)
    inspect = do("Inspect the endpoint", Step.INSPECT_ENDPOINT, caught_by=roll_back)
    wait = sfn.Wait.jsonata(scope, "Wait for the endpoint", time=sfn.WaitTime.seconds(_UNTIL_THE_NEXT_LOOK))
    smoke_test = do("Smoke-test the endpoint", Step.SMOKE_TEST, caught_by=roll_back)
    restore = do("Restore the scaling", Step.RESTORE_SCALING, outputs=_WELL)
    wait_for_others = sfn.Wait.jsonata(scope, "Wait for the other change", time=sfn.WaitTime.duration(_POLL))
    wait_until_seen = sfn.Wait.jsonata(scope, "Wait for the deregistration", time=sfn.WaitTime.duration(_POLL))
    wait_for_lock = sfn.Wait.jsonata(scope, "Wait for the lock", time=sfn.WaitTime.duration(_POLL))
    wait_for_capacity = sfn.Wait.jsonata(scope, "Wait for instances", time=sfn.WaitTime.seconds(_CAPACITY_WAIT))

    is_roll_back = sfn.Choice.jsonata(scope, "Is it a roll-back?")
    anything_to_do = sfn.Choice.jsonata(scope, "Is there anything to do?")
    dry_run = sfn.Choice.jsonata(scope, "Is it a dry run?")
    planned = sfn.Choice.jsonata(scope, "Was it to be planned only?")
    anything_to_copy = sfn.Choice.jsonata(scope, "Is there anything to copy?")
    all_copied = sfn.Choice.jsonata(scope, "Was every unit copied?")
    somebody_else = sfn.Choice.jsonata(scope, "Is somebody else changing it?")
    in_service = sfn.Choice.jsonata(scope, "Is it in service on our configuration?")
    to_be_scaled = sfn.Choice.jsonata(scope, "Is it to be scaled?")

    lock.add_catch(look_at_lock, errors=[locking.CONDITION_FAILED], outputs="{% $states.input %}")
    lock.add_catch(end.explain, errors=["States.ALL"], outputs=_CAUGHT_WITH_PROMOTION)
    look_at_lock.next(wait_for_lock).next(lock)
    confirm_lock.add_catch(put_back, errors=[locking.CONDITION_FAILED], outputs=_LOCK_LOST)
    confirm_lock.add_catch(put_back, errors=["States.ALL"], outputs=_CAUGHT_WITH_PROMOTION)

    create_model.next(create_config).next(confirm_lock).next(confirm_approval).next(deploy)
    deploy.next(
        somebody_else.when(_progress_is(Progress.BUSY), wait_for_others.next(confirm_lock))
        .when(_progress_is(Progress.SCALING_IN_THE_WAY), put_aside.next(wait_until_seen).next(confirm_lock))
        .otherwise(
            wait.next(inspect).next(
                in_service.when(_ended(), to_be_scaled)
                # In service, and not ended: the stage has a smoke test.
                .when(_progress_is(Progress.IN_SERVICE), smoke_test)
                .when(_progress_is(Progress.NO_CAPACITY), wait_for_capacity.next(confirm_lock))
                .otherwise(wait)
            )
        )
    )
    smoke_test.next(to_be_scaled)
    to_be_scaled.when(_NOT_TO_BE_SCALED, end.record, outputs=WELL).otherwise(restore.next(end.record))
    verify.next(create_model)
    copy_and_complete = copy.next(all_copied.when(_exists("failed"), abort_uploads).otherwise(complete.next(verify)))
    check_ahead.next(
        planned.when(_DRY_RUN, end.record, outputs=WELL).otherwise(
            copy_images.next(plan).next(anything_to_copy.when(_NOTHING_TO_COPY, verify).otherwise(copy_and_complete))
        )
    )
    lock.next(compare).next(
        anything_to_do.when(_ended(), to_be_scaled).when(_ASKED_TO_ROLL_BACK, create_model).otherwise(check_ahead)
    )
    # A dry run looks only, so it holds nobody up.
    resolve.next(dry_run.when(_DRY_RUN, compare).otherwise(lock))
    return is_roll_back.when(_TO_ROLL_BACK, resolve_roll_back.next(lock)).otherwise(resolve)


def _roll_back(scope: Construct, steps: Mapping[Step, StepFunction], *, then: sfn.IChainable) -> sfn.IChainable:
    """Back to what served before, until that is seen to serve; the failure goes along."""
    roll_back = task(
        scope,
        "Roll back the endpoint",
        steps[Step.ROLL_BACK],
        payload=_WITH_ATTEMPT,
        outputs=_ROLLED_BACK,
        caught_by=then,
        catch_output=_ROLL_BACK_FAILED,
    )
    put_aside = task(
        scope,
        "Put the scaling aside to go back",
        steps[Step.PUT_ASIDE_SCALING],
        payload=_WITH_ATTEMPT,
        outputs=_ROLLED_BACK,
        caught_by=then,
        catch_output=_ROLL_BACK_FAILED,
    )
    wait = sfn.Wait.jsonata(scope, "Wait for the roll-back", time=sfn.WaitTime.duration(_POLL))
    is_back = sfn.Choice.jsonata(scope, "Is it rolled back?")
    is_back.when(_roll_back_is(RollBackProgress.BUSY, RollBackProgress.UNDER_WAY), wait.next(roll_back)).when(
        _roll_back_is(RollBackProgress.SCALING_IN_THE_WAY), put_aside.next(wait)
    ).otherwise(then)
    roll_back.next(is_back)
    return roll_back


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


def _roll_back_is(*progresses: RollBackProgress) -> sfn.Condition:
    is_so = " or ".join(f"$states.input.promotion.roll_back.progress = '{progress}'" for progress in progresses)
    return sfn.Condition.jsonata(f"{{% {is_so} %}}")


def _exists(member: str) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% $exists($states.input.{member}) %}}")


def _ended() -> sfn.Condition:
    return sfn.Condition.jsonata("{% $exists($states.input.result.outcome) %}")
