"""Preflight checks of the smoke tests: their payloads can be read, and the endpoints can be invoked."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

from botocore.exceptions import ClientError

from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import AccessDenied, PayloadUnusable
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.smoke_test_settings import Payload
from lambdas.promotion.preflight import findings
from lambdas.promotion.preflight.access import Purpose
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.context import Context
from lambdas.promotion.preflight.findings import CheckResult, Finding
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preflight.probes import Probe
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.smoke_test import async_invocation, payloads
from lambdas.promotion.smoke_test.access import payload_read_statements

_READABLE = "Make the object readable for the role, or correct the stage's smoke_test in promotion.yaml."


def has_smoke_tests(promotion: Promotion) -> bool:
    return bool(promotion.stage.smoke_tests)


def sends_objects(promotion: Promotion, *, in_source: bool) -> bool:
    """Say whether a smoke test sends an object of the source's account, or of the target's."""
    return any(location.in_source is in_source for location in payloads.locations(promotion))


def _payload_probes(promotion: Promotion, reader: RoleSession, *, in_source: bool) -> Iterator[Probe]:
    _ = reader.s3  # created here: see Check.probes
    for test in promotion.stage.smoke_tests:
        yield functools.partial(payload, test.payload, promotion, readers={in_source: reader})


def _target_payload_probes(context: Context) -> Iterator[Probe]:
    return _payload_probes(context.promotion, context.session(Role.INVOKER), in_source=False)


def _source_payload_probes(context: Context) -> Iterator[Probe]:
    reader = context.session(Role.READER, Purpose.READ_PAYLOADS)
    return _payload_probes(context.promotion, reader, in_source=True)


def payload(payload: Payload, promotion: Promotion, *, readers: Mapping[bool, RoleSession]) -> list[CheckResult]:
    """Read what a smoke test sends, as it will. `readers`: the target's account (False) and the source's (True)."""
    location = payloads.location_of(payload, promotion)
    if location is None or location.in_source not in readers:
        return []
    role = readers[location.in_source].role_arn
    try:
        content = payloads.content_of(payload, promotion, readers=readers)
        if promotion.stage.response_uris:
            async_invocation.require_small(content, promotion.stage.endpoint)
    except AccessDenied as error:
        return [findings.denied(error, remedy=findings.GRANT_PERMISSION)]
    except PayloadUnusable as error:
        return [Finding(role=role, action="s3:GetObject", resource=location.uri, message=str(error), remedy="")]
    except ClientError as error:
        return [Finding(role=role, action="s3:GetObject", resource=location.uri, message=f"S3 says: {error}")]
    return []


def permissions_to_invoke(promotion: Promotion) -> Iterator[RequiredPermission]:
    """Yield what the invoker needs to invoke the endpoints, and to read the responses of asynchronous ones."""
    target, role, stage = promotion.target, promotion.target.role_arn(Role.INVOKER), promotion.stage
    region = {"aws:RequestedRegion": target.region}
    endpoints = [stage.endpoint]
    if preview_state.is_enabled(promotion):
        endpoints.append(preview_state.begin(promotion).endpoint)
    for endpoint in endpoints:
        yield RequiredPermission(
            role=role,
            actions=("sagemaker:InvokeEndpointAsync" if stage.response_uris else "sagemaker:InvokeEndpoint",),
            resource=promotion.target_arn("endpoint", endpoint),
            context=region,
        )
    for location in stage.response_locations:
        bucket = location.partition("/")[0]
        yield RequiredPermission(
            role=role, actions=("s3:GetObject",), resource=f"arn:aws:s3:::{location}/answer", context=region
        )
        yield RequiredPermission(
            role=role, actions=("s3:ListBucket",), resource=f"arn:aws:s3:::{bucket}", context=region
        )


CHECKS = (
    Check(
        title="The invoker can read the payloads in the target's account",
        role=Role.INVOKER,
        remedy=_READABLE,
        applies=functools.partial(sends_objects, in_source=False),
        statements=payload_read_statements,
        probes=_target_payload_probes,
    ),
    Check(
        title="The reader can read the payloads in the source's account",
        role=Role.READER,
        purpose=Purpose.READ_PAYLOADS,
        remedy=_READABLE,
        applies=functools.partial(sends_objects, in_source=True),
        probes=_source_payload_probes,
    ),
    Check(
        title="The invoker can invoke the endpoint",
        role=Role.INVOKER,
        remedy=findings.GRANT_PERMISSION,
        applies=has_smoke_tests,
        permissions=lambda context: permissions_to_invoke(context.promotion),
    ),
)
