"""The story of a promotion, from top to bottom. Tasks are imperatives, questions are choices, endings participles."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Progress
from lambdas.promotion.contract.errors import LockLost
from lambdas.promotion.contract.resource_names import Step
from stacks.workflow import lock as lock_phase
from stacks.workflow.conclude import EXECUTION, WELL, endings
from stacks.workflow.copy import copying
from stacks.workflow.lambda_task import CAUGHT_WITH_PROMOTION, DOCUMENT, POLL, StepFunction, task, when
from stacks.workflow.preview import trial
from stacks.workflow.rollback import rolling_back
from stacks.workflow.tables import Tables

# No endpoint is in service within its first minute.
_UNTIL_THE_NEXT_LOOK = f"{{% $states.input.change.looks = 0 ? 60 : {POLL.to_seconds():.0f} %}}"
_CAPACITY_WAIT = "{% $states.input.stage.capacity_retries.wait_seconds %}"
_CAUGHT = "{% {'failed': $states.errorOutput} %}"
_LOCK_LOST = (
    "{% {'promotion': $states.input, 'failed': "
    f"{{'Error': '{LockLost.__name__}', 'Cause': 'Another promotion has taken over the lock of the endpoint ' & "
    "$states.input.stage.endpoint & ' in ' & $states.input.target.name & ', because this one had gone on for too long. "
    "The endpoint was not changed. Promote again.'}} %}"
)
_TO_ROLL_BACK = when("$type($states.input) = 'object' and $states.input.roll_back = true")
_ASKED_TO_ROLL_BACK = when("$states.input.request.roll_back = true")
_WELL = "{% {'promotion': $states.result.Payload} %}"
_NOT_PUT_BACK = "{% $merge([$states.input, {'scaling_failed': $states.errorOutput}]) %}"
# Nothing was put aside, and the stage says nothing of it.
_NOT_TO_BE_SCALED = when("$not($states.input.scaling != null or $count($states.input.stage.autoscaling) > 0)")
_DRY_RUN = when("$states.input.request.dry_run")


def story(
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
    roll_back = rolling_back(scope, steps, then=put_back)

    def first(title: str, step: Step) -> sfn.TaskStateBase:
        payload = {"input": "{% $states.input %}", "execution": EXECUTION}
        return task(scope, title, steps[step], payload=payload, caught_by=end.explain, catch_output=_CAUGHT)

    def do(
        title: str,
        step: Step,
        *,
        caught_by: sfn.IChainable = end.explain,
        outputs: str = DOCUMENT,
        asked_again_by: sfn.IChainable | None = None,
    ) -> sfn.TaskStateBase:
        return task(
            scope,
            title,
            steps[step],
            outputs=outputs,
            caught_by=caught_by,
            catch_output=CAUGHT_WITH_PROMOTION,
            asked_again_by=asked_again_by,
        )

    resolve = first("Resolve the model", Step.RESOLVE_MODEL)
    resolve_roll_back = first("Resolve the roll-back", Step.RESOLVE_ROLL_BACK)
    lock = lock_phase.lock(scope, "Lock the endpoint", tables.endpoints, lease=lease)
    look_at_lock = do("Look at the lock", Step.LOOK_AT_LOCK)
    confirm_lock = lock_phase.confirm(scope, "Confirm the lock", tables.endpoints)
    confirm_approval = do("Confirm the approval", Step.CONFIRM_APPROVAL, caught_by=put_back)
    check_ahead = do("Check ahead", Step.CHECK_AHEAD)
    compare = do("Compare the endpoint", Step.COMPARE_ENDPOINT)
    create_model = do("Create the model", Step.CREATE_MODEL)
    create_config = do("Create the endpoint configuration", Step.CREATE_ENDPOINT_CONFIG)
    deploy = do("Deploy the endpoint", Step.DEPLOY_ENDPOINT, caught_by=roll_back)
    put_aside = do(resource_names.PUT_ASIDE_STATE, Step.PUT_ASIDE_SCALING, caught_by=roll_back)
    wait = sfn.Wait.jsonata(scope, "Wait for the endpoint", time=sfn.WaitTime.seconds(_UNTIL_THE_NEXT_LOOK))
    inspect = do("Inspect the endpoint", Step.INSPECT_ENDPOINT, caught_by=roll_back, asked_again_by=wait)
    smoke_test = do("Smoke-test the endpoint", Step.SMOKE_TEST, caught_by=roll_back)
    restore = do("Restore the scaling", Step.RESTORE_SCALING, outputs=_WELL)
    wait_for_others = sfn.Wait.jsonata(scope, "Wait for the other change", time=sfn.WaitTime.duration(POLL))
    wait_until_seen = sfn.Wait.jsonata(scope, "Wait for the deregistration", time=sfn.WaitTime.duration(POLL))
    wait_for_lock = sfn.Wait.jsonata(scope, "Wait for the lock", time=sfn.WaitTime.duration(POLL))
    wait_for_capacity = sfn.Wait.jsonata(scope, "Wait for instances", time=sfn.WaitTime.seconds(_CAPACITY_WAIT))

    is_roll_back = sfn.Choice.jsonata(scope, "Is it a roll-back?")
    anything_to_do = sfn.Choice.jsonata(scope, "Is there anything to do?")
    dry_run = sfn.Choice.jsonata(scope, "Is it a dry run?")
    planned = sfn.Choice.jsonata(scope, "Was it to be planned only?")
    somebody_else = sfn.Choice.jsonata(scope, "Is somebody else changing it?")
    in_service = sfn.Choice.jsonata(scope, "Is it in service on our configuration?")
    to_be_scaled = sfn.Choice.jsonata(scope, "Is it to be scaled?")

    lock.add_catch(look_at_lock, errors=[lock_phase.CONDITION_FAILED], outputs="{% $states.input %}")
    lock.add_catch(end.explain, errors=["States.ALL"], outputs=CAUGHT_WITH_PROMOTION)
    look_at_lock.next(wait_for_lock).next(lock)
    confirm_lock.add_catch(put_back, errors=[lock_phase.CONDITION_FAILED], outputs=_LOCK_LOST)
    confirm_lock.add_catch(put_back, errors=["States.ALL"], outputs=CAUGHT_WITH_PROMOTION)

    create_model.next(create_config).next(trial(scope, steps, then=confirm_lock, explain=end.explain))
    confirm_lock.next(confirm_approval).next(deploy)
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
    check_ahead.next(
        planned.when(_DRY_RUN, end.record, outputs=WELL).otherwise(
            copying(scope, steps, lists=lists, then=create_model, explain=end.explain)
        )
    )
    lock.next(compare).next(
        anything_to_do.when(_ended(), to_be_scaled).when(_ASKED_TO_ROLL_BACK, create_model).otherwise(check_ahead)
    )
    # A dry run looks only, so it holds nobody up.
    resolve.next(dry_run.when(_DRY_RUN, compare).otherwise(lock))
    return is_roll_back.when(_TO_ROLL_BACK, resolve_roll_back.next(lock)).otherwise(resolve)


def _progress_is(progress: Progress) -> sfn.Condition:
    return when(f"$states.input.change.progress = '{progress}'")


def _ended() -> sfn.Condition:
    return when("$exists($states.input.result.outcome)")
