"""The sessions of a smoke test: invoking the endpoint, and reading what is sent."""

from __future__ import annotations

from lambdas.promotion.aws.scoped_sessions import arn_below, bucket_arns, object_arns, scoped_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.resource_names import Role
from lambdas.promotion.smoke_test import payloads


def invoker_session(promotion: Promotion, *, endpoint: str | None = None) -> RoleSession:
    """Ask this promotion's endpoint, and read what its smoke tests send from the target's buckets.

    `endpoint` is the one that is asked instead.
    """
    target = promotion.target
    asked = endpoint or promotion.stage.endpoint
    answers = [place.partition("/") for place in promotion.stage.response_locations]
    action = "sagemaker:InvokeEndpointAsync" if answers else "sagemaker:InvokeEndpoint"
    objects, _ = _payloads(promotion, in_source=False)
    return scoped_session(
        promotion,
        target,
        Role.INVOKER,
        ([action], resource_names.endpoint_arns(target.account, target.region, asked)),
        (["s3:GetObject"], [*objects, *(arn_below(bucket, key) for bucket, _, key in answers)]),
        (["s3:ListBucket"], sorted({f"arn:aws:s3:::{bucket}" for bucket, _, _ in answers})),
        (["kms:Decrypt"], ["*"] if objects or answers else []),
    )


def payload_reader_session(promotion: Promotion) -> RoleSession:
    """Read what the stage's smoke tests send from the source's buckets."""
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
    """Return the ARNs of what the smoke tests send, and of the buckets it lies in."""
    found = [place for place in payloads.locations(promotion) if place.in_source is in_source]
    return object_arns((one.bucket, one.key) for one in found), bucket_arns({one.bucket for one in found})


def payload_read_statements(promotion: Promotion) -> list[tuple[list[str], list[str]]]:
    """Return the statements for what the smoke tests send from the target's buckets."""
    objects, _ = _payloads(promotion, in_source=False)
    return [(["s3:GetObject"], objects), (["kms:Decrypt"], ["*"] if objects else [])]
