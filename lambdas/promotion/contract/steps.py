"""The steps and jobs of the hub: which Lambda functions run them, which roles they assume, which states others know."""

from __future__ import annotations

import enum

from lambdas.promotion.contract.roles import Role


class Step(enum.StrEnum):
    """The Lambda steps. The value is the file in lambdas/handlers/, and the name of a function of its own."""

    RESOLVE_MODEL = "resolve_model"
    RESOLVE_ROLLBACK = "resolve_rollback"
    WAIT_FOR_LOCK = "wait_for_lock"
    COMPARE_ENDPOINT = "compare_endpoint"
    PREFLIGHT = "preflight"
    COPY_IMAGE = "copy_image"
    PLAN_COPY = "plan_copy"
    COPY_UNIT = "copy_unit"
    COMPLETE_COPY = "complete_copy"
    ABORT_UPLOADS = "abort_uploads"
    VERIFY_ARTIFACTS = "verify_artifacts"
    CREATE_MODEL = "create_model"
    CREATE_ENDPOINT_CONFIG = "create_endpoint_config"
    CREATE_PREVIEW = "create_preview"
    DELETE_PREVIEW = "delete_preview"
    CONFIRM_APPROVAL = "confirm_approval"
    DEPLOY_ENDPOINT = "deploy_endpoint"
    INSPECT_ENDPOINT = "inspect_endpoint"
    ROLL_BACK_ENDPOINT = "roll_back_endpoint"
    SMOKE_TEST = "smoke_test"
    SUSPEND_SCALING = "suspend_scaling"
    RESUME_SCALING = "resume_scaling"
    EXPLAIN_FAILURE = "explain_failure"
    RECORD_PROMOTION = "record_promotion"
    CLEAN_UP_ABORTED = "clean_up_aborted"


class Job(enum.StrEnum):
    """The Lambdas that are no steps: a schedule or an event runs them.

    The value is the file, the function's name and its role's.
    """

    REPORT_LOCK_AGE = "report_lock_age"
    RECONCILE_EXECUTIONS = "reconcile_executions"
    AUDIT_ARTIFACTS = "audit_artifacts"
    END_WAIT = "end_wait"
    REPORT_REJECTION = "report_rejection"


class Function(enum.StrEnum):
    """The Lambda functions of several steps each, which so begin in an environment that is warm (docs/decisions/0030).

    The value is the file in lambdas/functions/, the function's name and its role's.
    """

    RESOLVE = "resolve"
    DEPLOY = "deploy"


# The first step of each has every permission that the others need.
STEPS_OF: dict[Function, tuple[Step, ...]] = {
    Function.RESOLVE: (Step.RESOLVE_MODEL, Step.CONFIRM_APPROVAL),
    Function.DEPLOY: (
        Step.COMPARE_ENDPOINT,
        Step.CREATE_MODEL,
        Step.CREATE_ENDPOINT_CONFIG,
        Step.CREATE_PREVIEW,
        Step.DELETE_PREVIEW,
        Step.DEPLOY_ENDPOINT,
        Step.INSPECT_ENDPOINT,
        Step.ROLL_BACK_ENDPOINT,
    ),
}
# The steps that read every object of a model, or copy them: thousands of calls, many at once. The layers of an image
# are streamed through the step, several concurrently. All others make few calls, and end within a minute.
LONG_RUNNING_STEPS = frozenset(
    {
        Step.RESOLVE_MODEL,
        Step.COMPARE_ENDPOINT,
        Step.PREFLIGHT,
        Step.PLAN_COPY,
        Step.COPY_UNIT,
        Step.COPY_IMAGE,
        Step.COMPLETE_COPY,
        Step.VERIFY_ARTIFACTS,
        Step.ABORT_UPLOADS,
        Step.SMOKE_TEST,
        Step.RECORD_PROMOTION,
        Step.CLEAN_UP_ABORTED,
    }
)


def function_of(step: Step | Job) -> Function | Step | Job:
    """Return the function that runs a step or a job: one that it shares, or one of its own."""
    return next((function for function, steps in STEPS_OF.items() if step in steps), step)


def steps_of(function: Function | Step | Job) -> tuple[Step, ...]:
    """Return the steps that a function runs; a job's runs none."""
    return tuple(step for step in Step if function_of(step) is function)


# The states in which an aborted execution leaves something behind (outcome/aborted_cleanup.py).
CREATE_PREVIEW_STATE = "Create the preview endpoint"
SUSPEND_SCALING_STATE = "Suspend scaling"
SUSPEND_SCALING_FOR_ROLLBACK_STATE = "Suspend scaling for the rollback"
# The state in which the workflow ends whatever it has concluded as a failure (outcome/aborted_execution.py).
FAILED_STATE = "Promotion failed"
STEPS_BY_ROLE: dict[Role, tuple[Step, ...]] = {
    Role.READER: (
        Step.RESOLVE_MODEL,
        Step.RESOLVE_ROLLBACK,
        Step.PREFLIGHT,
        Step.COPY_IMAGE,
        Step.CONFIRM_APPROVAL,
        Step.SMOKE_TEST,
    ),
    Role.COPIER: (Step.PREFLIGHT, Step.PLAN_COPY, Step.COPY_UNIT, Step.COMPLETE_COPY),
    Role.RECEIVER: (Step.PREFLIGHT, Step.PLAN_COPY, Step.COPY_UNIT, Step.COMPLETE_COPY),
    Role.PUSHER: (Step.PREFLIGHT, Step.COPY_IMAGE),
    Role.DEPLOYER: (
        Step.RESOLVE_ROLLBACK,
        Step.COMPARE_ENDPOINT,
        Step.PREFLIGHT,
        Step.ABORT_UPLOADS,
        Step.VERIFY_ARTIFACTS,
        Step.CREATE_MODEL,
        Step.CREATE_ENDPOINT_CONFIG,
        Step.CREATE_PREVIEW,
        Step.DELETE_PREVIEW,
        Step.DEPLOY_ENDPOINT,
        Step.INSPECT_ENDPOINT,
        Step.ROLL_BACK_ENDPOINT,
        Step.CLEAN_UP_ABORTED,
    ),
    Role.INVOKER: (Step.PREFLIGHT, Step.SMOKE_TEST),
    Role.SCALER: (Step.PREFLIGHT, Step.SUSPEND_SCALING, Step.RESUME_SCALING, Step.CLEAN_UP_ABORTED),
}
JOBS_BY_ROLE: dict[Role, tuple[Job, ...]] = {Role.AUDITOR: (Job.AUDIT_ARTIFACTS,)}
