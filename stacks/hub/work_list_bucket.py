"""The hub's bucket for lists that exceed the state size limit, of work and of verified copies, and who may use it."""

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
from stacks.workflow.lambda_task import StepFunction, StepRun, functions_of

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
# Each work unit's own lists, which the steps that run it write.
_WRITE_OF_UNITS = {
    Step.COPY_UNIT: resource_names.OBSERVED_FOLDER,
    Step.VERIFY_ARTIFACTS: resource_names.VERIFIED_FOLDER,
}
_READ_VERIFIED = frozenset({Step.COMPARE_ENDPOINT, Step.ROLL_BACK_ENDPOINT})
_WRITE_VERIFIED = frozenset({Step.VERIFY_ARTIFACTS})
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
        lifecycle_rules=[
            s3.LifecycleRule(
                id="forget-with-the-history", prefix=f"{resource_names.WORK_LISTS_PREFIX}/", expiration=_RETENTION
            )
        ],
        removal_policy=RETAIN,
    )
    accept_finding(
        bucket, "AwsSolutions-S1", "It stores lists of objects that only Promote's own steps write and read."
    )
    return bucket


def allow_work_lists(steps: Mapping[Step, StepRun], bucket: s3.Bucket, key: kms.Key) -> None:
    """Allow each step its own access to the lists: to write one, to read one, or both."""
    of_promotion, verified = resource_names.WORK_LISTS_PREFIX, resource_names.VERIFIED_PREFIX
    with_key: set[tuple[StepFunction, str]] = set()
    read, write = ("s3:GetObject", "kms:Decrypt"), ("s3:PutObject", "kms:GenerateDataKey")
    of_units = [
        ("WriteListsOfUnits", f"{of_promotion}/*/{folder}", frozenset({step}), write)
        for step, folder in _WRITE_OF_UNITS.items()
    ]
    for sid, prefix, steps_with_access, (on_objects, on_key) in (
        ("ReadLists", of_promotion, _READ, read),
        ("WriteLists", of_promotion, _WRITE, write),
        ("ReadVerified", verified, _READ_VERIFIED, read),
        ("WriteVerified", verified, _WRITE_VERIFIED, write),
        *of_units,
    ):
        for function in functions_of({step: steps[step] for step in sorted(steps_with_access)}):
            _allow_lists(function, sid, prefix, on_objects, bucket=bucket)
            if (function, on_key) not in with_key:  # one key encrypts all
                with_key.add((function, on_key))
                _allow_key(function, sid, on_key, key)
    for step in sorted(_MAY_BE_MISSING):
        steps[step].role.add_to_policy(
            iam.PolicyStatement(
                sid="DistinguishMissingFromDenied", actions=["s3:ListBucket"], resources=[bucket.bucket_arn]
            )
        )


def allow_verified_reads(function: StepFunction, bucket: s3.Bucket, key: kms.Key) -> None:
    """Allow a job to read the lists of verified copies."""
    _allow_lists(function, "ReadVerified", resource_names.VERIFIED_PREFIX, "s3:GetObject", bucket=bucket)
    _allow_key(function, "ReadVerified", "kms:Decrypt", key)


def _allow_lists(function: StepFunction, sid: str, prefix: str, action: str, *, bucket: s3.Bucket) -> None:
    """Allow one access to the objects below a prefix."""
    function.role.add_to_policy(
        iam.PolicyStatement(sid=sid, actions=[action], resources=[bucket.arn_for_objects(f"{prefix}/*")])
    )
    logical_id = bucket.stack.get_logical_id(bucket.node.default_child)  # type: ignore[arg-type]
    accept_finding(
        function.role,
        f"AwsSolutions-IAM5[Resource::<{logical_id}.Arn>/{prefix}/*]",
        "Lists are named by the execution that they belong to, or by a digest of their content.",
    )


def _allow_key(function: StepFunction, sid: str, action: str, key: kms.Key) -> None:
    """Allow what that access requires of the bucket's key."""
    function.role.add_to_policy(
        iam.PolicyStatement(
            sid=f"{sid}Key",
            actions=[action],
            resources=[key.key_arn],
            conditions=via_service("s3", key.stack.region),
        )
    )
