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
from stacks.workflow.conclude import EXECUTION, SUCCEEDED, conclude
from stacks.workflow.copy import copy_phase
from stacks.workflow.lambda_task import CAUGHT_WITH_PROMOTION, DOCUMENT, POLL_INTERVAL, StepFunction, condition, task
from stacks.workflow.preview import preview
from stacks.workflow.rollback import rollback
from stacks.workflow.tables import Tables

# No endpoint is in service within its first minute.
_POLL_SECONDS = f"{{% $states.input.change.poll_count = 0 ? 60 : {POLL_INTERVAL.to_seconds():.0f} %}}"
_CAPACITY_WAIT = "{% $states.input.stage.capacity_retries.wait_seconds %}"
_CAUGHT = "{% {'failed': $states.errorOutput} %}"
_LOCK_LOST = (
    "{% {'promotion': $states.input, 'failed': "
    f"{{'Error': '{LockLost.__name__}', 'Cause': 'Another promotion has taken over the lock of the endpoint ' & "
    "$states.input.stage.endpoint & ' in ' & $states.input.target.name & ', because this one had gone on for too long. "
    "The endpoint was not changed. Promote again.'}} %}"
)
_IS_ROLLBACK = condition("$type($states.input) = 'object' and $states.input.roll_back = true")
_ROLLBACK_REQUESTED = condition("$states.input.request.roll_back = true")
_SUCCEEDED = "{% {'promotion': $states.result.Payload} %}"
_SCALING_NOT_RESUMED = "{% $merge([$states.input, {'scaling_failed': $states.errorOutput}]) %}"
# Nothing was put aside, and the stage says nothing of it.
_NO_SCALING = condition("$not($states.input.suspended_scaling != null or $count($states.input.stage.autoscaling) > 0)")
_DRY_RUN = condition("$states.input.request.dry_run")


def definition(
    scope: Construct,
    steps: Mapping[Step, StepFunction],
    *,
    work_lists: s3.IBucket,
    tables: Tables,
    outcomes: sns.ITopic,
    lease: Duration,
) -> sfn.IChainable:
    """Return the definition's beginning. Every error of every state leads to the record, and past it to `failed`.

    `lists` is the hub's bucket, in which the copy's units are listed.
    `outcomes`: where they are announced. `lease`: no execution lasts longer.
    """
    end = conclude(scope, steps, tables=tables, outcomes=outcomes)
    # After every failure from the first deployment on: a step that failed may have put something aside before.
    resume_scaling_after_failure = task(
        scope,
        "Resume scaling after the failure",
        steps[Step.RESUME_SCALING],
        payload={"promotion": "{% $states.input.promotion %}", "failed": "{% $states.input.failed %}"},
        outputs="{% $states.input %}",
        caught_by=end.explain,
        catch_output=_SCALING_NOT_RESUMED,
    ).next(end.explain)
    rollback_start = rollback(scope, steps, then=resume_scaling_after_failure)

    def resolve_task(title: str, step: Step) -> sfn.TaskStateBase:
        payload = {"input": "{% $states.input %}", "execution": EXECUTION}
        return task(scope, title, steps[step], payload=payload, caught_by=end.explain, catch_output=_CAUGHT)

    def step_task(
        title: str,
        step: Step,
        *,
        caught_by: sfn.IChainable = end.explain,
        outputs: str = DOCUMENT,
        polled_after: sfn.IChainable | None = None,
    ) -> sfn.TaskStateBase:
        return task(
            scope,
            title,
            steps[step],
            outputs=outputs,
            caught_by=caught_by,
            catch_output=CAUGHT_WITH_PROMOTION,
            polled_after=polled_after,
        )

    resolve = resolve_task("Resolve the model", Step.RESOLVE_MODEL)
    resolve_rollback = resolve_task("Resolve the rollback", Step.RESOLVE_ROLLBACK)
    lock = lock_phase.acquire_lock(scope, "Lock the endpoint", tables.endpoints, lease=lease)
    check_lock = step_task("Check the lock", Step.WAIT_FOR_LOCK)
    confirm_lock = lock_phase.confirm_lock(scope, "Confirm the lock", tables.endpoints)
    confirm_approval = step_task("Confirm the approval", Step.CONFIRM_APPROVAL, caught_by=resume_scaling_after_failure)
    preflight = step_task("Run the preflight checks", Step.PREFLIGHT)
    compare = step_task("Compare the endpoint", Step.COMPARE_ENDPOINT)
    create_model = step_task("Create the model", Step.CREATE_MODEL)
    create_config = step_task("Create the endpoint configuration", Step.CREATE_ENDPOINT_CONFIG)
    deploy = step_task("Deploy the endpoint", Step.DEPLOY_ENDPOINT, caught_by=rollback_start)
    suspend_scaling = step_task(resource_names.SUSPEND_SCALING_STATE, Step.SUSPEND_SCALING, caught_by=rollback_start)
    wait = sfn.Wait.jsonata(scope, "Wait for the endpoint", time=sfn.WaitTime.seconds(_POLL_SECONDS))
    inspect = step_task("Inspect the endpoint", Step.INSPECT_ENDPOINT, caught_by=rollback_start, polled_after=wait)
    smoke_test = step_task("Smoke-test the endpoint", Step.SMOKE_TEST, caught_by=rollback_start)
    resume_scaling = step_task("Resume scaling", Step.RESUME_SCALING, outputs=_SUCCEEDED)
    wait_for_change = sfn.Wait.jsonata(scope, "Wait for the other change", time=sfn.WaitTime.duration(POLL_INTERVAL))
    wait_for_deregistration = sfn.Wait.jsonata(
        scope, "Wait for the scaling deregistration", time=sfn.WaitTime.duration(POLL_INTERVAL)
    )
    wait_before_lock = sfn.Wait.jsonata(scope, "Wait for the lock", time=sfn.WaitTime.duration(POLL_INTERVAL))
    wait_for_capacity = sfn.Wait.jsonata(scope, "Wait for capacity", time=sfn.WaitTime.seconds(_CAPACITY_WAIT))

    is_rollback = sfn.Choice.jsonata(scope, "Is it a rollback?")
    anything_to_do = sfn.Choice.jsonata(scope, "Is there anything to do?")
    dry_run = sfn.Choice.jsonata(scope, "Is it a dry run?")
    planned = sfn.Choice.jsonata(scope, "Was only a plan requested?")
    change_in_progress = sfn.Choice.jsonata(scope, "Is another change in progress?")
    in_service = sfn.Choice.jsonata(scope, "Is the endpoint in service?")
    to_be_scaled = sfn.Choice.jsonata(scope, "Is scaling to be resumed?")

    lock.add_catch(check_lock, errors=[lock_phase.CONDITION_FAILED], outputs="{% $states.input %}")
    lock.add_catch(end.explain, errors=["States.ALL"], outputs=CAUGHT_WITH_PROMOTION)
    check_lock.next(wait_before_lock).next(lock)
    confirm_lock.add_catch(resume_scaling_after_failure, errors=[lock_phase.CONDITION_FAILED], outputs=_LOCK_LOST)
    confirm_lock.add_catch(resume_scaling_after_failure, errors=["States.ALL"], outputs=CAUGHT_WITH_PROMOTION)

    create_model.next(create_config).next(preview(scope, steps, then=confirm_lock, explain=end.explain))
    confirm_lock.next(confirm_approval).next(deploy)
    deploy.next(
        change_in_progress.when(_progress_is(Progress.BUSY), wait_for_change.next(confirm_lock))
        .when(
            _progress_is(Progress.BLOCKED_BY_SCALING), suspend_scaling.next(wait_for_deregistration).next(confirm_lock)
        )
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
    to_be_scaled.when(_NO_SCALING, end.record, outputs=SUCCEEDED).otherwise(resume_scaling.next(end.record))
    preflight.next(
        planned.when(_DRY_RUN, end.record, outputs=SUCCEEDED).otherwise(
            copy_phase(scope, steps, work_lists=work_lists, then=create_model, explain=end.explain)
        )
    )
    lock.next(compare).next(
        anything_to_do.when(_ended(), to_be_scaled).when(_ROLLBACK_REQUESTED, create_model).otherwise(preflight)
    )
    # A dry run looks only, so it holds nobody up.
    resolve.next(dry_run.when(_DRY_RUN, compare).otherwise(lock))
    return is_rollback.when(_IS_ROLLBACK, resolve_rollback.next(lock)).otherwise(resolve)


def _progress_is(progress: Progress) -> sfn.Condition:
    return condition(f"$states.input.change.progress = '{progress}'")


def _ended() -> sfn.Condition:
    return condition("$exists($states.input.result.outcome)")
