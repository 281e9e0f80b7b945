"""The clients that the first invocation of each step makes, by their properties and functions in sessions.py."""

from __future__ import annotations

from lambdas.promotion.contract.steps import Job, Step

_DEPLOYER = ("sagemaker",)
# In an account: with the role that the step assumes.
IN_ACCOUNT: dict[Step | Job, tuple[str, ...]] = {
    Step.ABORT_UPLOADS: ("s3",),
    Job.AUDIT_ARTIFACTS: ("s3",),
    Step.CLEAN_UP_ABORTED: ("sagemaker",),
    Step.COMPARE_ENDPOINT: ("sagemaker", "s3"),
    Step.COMPLETE_COPY: ("s3",),
    Step.CONFIRM_APPROVAL: ("sagemaker",),
    Step.COPY_IMAGE: ("ecr",),
    Step.COPY_UNIT: ("s3",),
    Step.CREATE_ENDPOINT_CONFIG: _DEPLOYER,
    Step.CREATE_MODEL: _DEPLOYER,
    Step.CREATE_PREVIEW: _DEPLOYER,
    Step.DELETE_PREVIEW: _DEPLOYER,
    Step.DEPLOY_ENDPOINT: _DEPLOYER,
    Step.INSPECT_ENDPOINT: _DEPLOYER,
    Step.PLAN_COPY: ("s3",),
    Step.PREFLIGHT: ("sagemaker", "s3", "iam", "keys", "quotas", "autoscaling", "cloudwatch", "ecr"),
    Step.RESOLVE_MODEL: ("sagemaker", "s3"),
    Step.RESOLVE_ROLLBACK: ("sagemaker",),
    Step.RESUME_SCALING: ("sagemaker", "autoscaling", "cloudwatch"),
    Step.ROLL_BACK_ENDPOINT: ("sagemaker", "s3"),
    Step.SMOKE_TEST: ("sagemaker_runtime", "s3"),
    Step.SUSPEND_SCALING: ("sagemaker", "autoscaling", "cloudwatch"),
    Step.VERIFY_ARTIFACTS: ("s3",),
}
# In the hub: with the step's own role.
IN_HUB: dict[Step | Job, tuple[str, ...]] = {
    Job.AUDIT_ARTIFACTS: ("dynamodb", "s3"),
    Job.RECONCILE_EXECUTIONS: ("stepfunctions", "lambda", "dynamodb", "s3"),
    Job.REPORT_LOCK_AGE: ("dynamodb",),
    Step.CLEAN_UP_ABORTED: ("stepfunctions", "s3", "dynamodb", "sns"),
    Step.COMPARE_ENDPOINT: ("s3",),
    Step.COMPLETE_COPY: ("s3",),
    Step.COPY_UNIT: ("s3",),
    Step.PLAN_COPY: ("s3",),
    Step.PREFLIGHT: ("s3",),
    Step.RECORD_PROMOTION: ("dynamodb", "s3"),
    Step.RESOLVE_MODEL: ("stepfunctions", "dynamodb", "s3"),
    Step.RESOLVE_ROLLBACK: ("stepfunctions", "dynamodb"),
    Step.RESUME_SCALING: ("s3",),
    Step.SUSPEND_SCALING: ("s3",),
    Step.VERIFY_ARTIFACTS: ("s3",),
    Step.WAIT_FOR_LOCK: ("dynamodb", "stepfunctions"),
}
