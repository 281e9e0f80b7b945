"""The sessions of a smoke test: invoking the endpoint, and reading what is sent."""

from __future__ import annotations

from lambdas.promotion.aws.scoped_sessions import arn_below, bucket_arns, object_arns, scoped_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.smoke_test import payloads


def invoker_session(promotion: Promotion, *, endpoint: str | None = None) -> RoleSession:
    """Invoke this promotion's endpoint, and read the payloads of its smoke tests from the target's buckets.

    `endpoint` is the one that is invoked instead.
    """
    target = promotion.target
    invoked = endpoint or promotion.stage.endpoint
    responses = [location.partition("/") for location in promotion.stage.response_locations]
    action = "sagemaker:InvokeEndpointAsync" if responses else "sagemaker:InvokeEndpoint"
    objects, _ = _payloads(promotion, in_source=False)
    return scoped_session(
        promotion,
        target,
        Role.INVOKER,
        ([action], resource_names.endpoint_arns(target.account, target.region, invoked)),
        (["s3:GetObject"], [*objects, *(arn_below(bucket, key) for bucket, _, key in responses)]),
        (["s3:ListBucket"], sorted({f"arn:aws:s3:::{bucket}" for bucket, _, _ in responses})),
        (["kms:Decrypt"], ["*"] if objects or responses else []),
    )


def payload_reader_session(promotion: Promotion) -> RoleSession:
    """Read the payloads of the stage's smoke tests from the source's buckets."""
    objects, buckets = _payloads(promotion, in_source=True)
    return scoped_session(
        promotion,
        promotion.source,
        Role.READER,
        (["s3:GetObject"], objects),
        (["s3:ListBucket"], buckets),
        (["kms:Decrypt"], ["*"]),
    )


def _payloads(promotion: Promotion, *, in_source: bool) -> tuple[list[str], list[str]]:
    """Return the ARNs of the payload objects of the smoke tests, and of their buckets."""
    objects = [location for location in payloads.locations(promotion) if location.in_source is in_source]
    arns = object_arns((location.bucket, location.key) for location in objects)
    return arns, bucket_arns({location.bucket for location in objects})


def payload_read_statements(promotion: Promotion) -> list[tuple[list[str], list[str]]]:
    """Return the statements to read the payloads of the smoke tests from the target's buckets."""
    objects, _ = _payloads(promotion, in_source=False)
    return [(["s3:GetObject"], objects), (["kms:Decrypt"], ["*"] if objects else [])]
