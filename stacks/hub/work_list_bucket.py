"""The hub's bucket for the work lists, which exceed the state size limit, and each step's permissions on it."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.steps import Step
from stacks.baseline.iam_conditions import via_service
from stacks.baseline.nag import accept_finding
from stacks.baseline.retention import RETAIN
from stacks.workflow.lambda_task import StepFunction

_WRITE = frozenset(
    {Step.RESOLVE_MODEL, Step.COMPARE_ENDPOINT, Step.PLAN_COPY, Step.SUSPEND_SCALING, Step.CLEAN_UP_ABORTED}
)
# They read a list that a promotion need not have: without s3:ListBucket a missing object is reported as AccessDenied.
_MAY_BE_MISSING = frozenset({Step.SUSPEND_SCALING, Step.RESUME_SCALING, Step.CLEAN_UP_ABORTED})
_READ = _MAY_BE_MISSING | {
    Step.COMPARE_ENDPOINT,
    Step.PREFLIGHT,
    Step.PLAN_COPY,
    Step.COPY_UNIT,
    Step.COMPLETE_COPY,
    Step.VERIFY_ARTIFACTS,
    Step.ABORT_UPLOADS,
    Step.RECORD_PROMOTION,
}
_RETENTION = Duration.days(90)  # as long as Step Functions retains an execution's history


def work_list_bucket(stack: Stack, key: kms.Key) -> s3.Bucket:
    bucket = s3.Bucket(
        stack,
        "WorkLists",
        bucket_name=resource_names.hub_bucket(stack.account, stack.region),
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        bucket_key_enabled=True,
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        lifecycle_rules=[s3.LifecycleRule(id="forget-with-the-history", expiration=_RETENTION)],
        removal_policy=RETAIN,
    )
    accept_finding(
        bucket, "AwsSolutions-S1", "It stores lists of objects that only Promote's own steps write and read."
    )
    return bucket


def allow_work_lists(steps: Mapping[Step, StepFunction], work_lists: s3.Bucket, key: kms.Key) -> None:
    """Allow each step its own access to the lists: to write one, to read one, or both."""
    objects = work_lists.arn_for_objects(f"{resource_names.WORK_LISTS_PREFIX}/*")
    logical_id = work_lists.stack.get_logical_id(work_lists.node.default_child)  # type: ignore[arg-type]
    for sid, steps_with_access, on_objects, on_key in (
        ("ReadLists", _READ, "s3:GetObject", "kms:Decrypt"),
        ("WriteLists", _WRITE, "s3:PutObject", "kms:GenerateDataKey"),
    ):
        for step in sorted(steps_with_access):
            role = steps[step].role
            role.add_to_policy(iam.PolicyStatement(sid=sid, actions=[on_objects], resources=[objects]))
            role.add_to_policy(
                iam.PolicyStatement(
                    sid=f"{sid}Key",
                    actions=[on_key],
                    resources=[key.key_arn],
                    conditions=via_service("s3", work_lists.stack.region),
                )
            )
    for step in sorted(_READ | _WRITE):
        accept_finding(
            steps[step].role,
            f"AwsSolutions-IAM5[Resource::<{logical_id}.Arn>/{resource_names.WORK_LISTS_PREFIX}/*]",
            "Each promotion has its own lists, below its execution's name.",
        )
    for step in sorted(_MAY_BE_MISSING):
        steps[step].role.add_to_policy(
            iam.PolicyStatement(
                sid="DistinguishMissingFromDenied", actions=["s3:ListBucket"], resources=[work_lists.bucket_arn]
            )
        )
