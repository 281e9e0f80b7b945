"""What can be scaled: a variant of an endpoint, by its resource id and its dimension."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from ministack.core.responses import get_account_id, get_region

from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api.errors import Invalid, Refusal
from sandbox.aws.sagemaker.endpoints.endpoint import Endpoint, Variant
from sandbox.aws.sagemaker.state import Record

INSTANCES = "sagemaker:variant:DesiredInstanceCount"
CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"
ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
PRINCIPAL = "sagemaker.application-autoscaling.amazonaws.com"
_VARIANT = re.compile(r"endpoint/(?P<endpoint>[^/]+)/variant/(?P<variant>[^/]+)")

Key = tuple[str, str]


@dataclass(frozen=True)
class ScalableVariant:
    """A variant as requests name it."""

    endpoint: str
    variant: str


def key_of(request: Record) -> Key:
    return request["ResourceId"], request["ScalableDimension"]


def arn_of(key: Key) -> str:
    """The ARN that policies are asked about: no caller can know a target's before it is registered."""
    target = state.scalable_targets.get(key)
    return str(target["ScalableTargetARN"]) if target else _arn("scalable-target/*")


def new_arn() -> str:
    return _arn(f"scalable-target/{uuid.uuid4().hex}")


def role_arn() -> str:
    return f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{PRINCIPAL}/{ROLE}"


def parse(resource: str) -> ScalableVariant | None:
    match = _VARIANT.fullmatch(resource)
    return ScalableVariant(match["endpoint"], match["variant"]) if match else None


def require_target(request: Record) -> Record:
    """The registered target that a request is about. Raises ObjectNotFoundException."""
    target: Record | None = state.scalable_targets.get(key_of(request))
    if target is None:
        raise not_found("No scalable target registered", request)
    return target


def not_found(what: str, request: Record) -> Refusal:
    return Refusal(
        "ObjectNotFoundException",
        f"{what} for service namespace: {request['ServiceNamespace']}, resource ID: {request['ResourceId']}, "
        f"scalable dimension: {request['ScalableDimension']}",
    )


def require_scalable(request: Record) -> None:
    """The variant exists and has what the dimension counts. The texts are guesses: AWS documents the code only."""
    if request["ServiceNamespace"] != "sagemaker":
        raise Invalid("The sandbox scales nothing but variants of SageMaker endpoints.")
    variant = _variant(request)
    specification = variant.specification
    if request["ScalableDimension"] == CONCURRENCY:
        if "ProvisionedConcurrency" not in specification.get("ServerlessConfig", {}):
            raise Invalid(f"The variant {variant.name} has no provisioned concurrency.")
    elif request["ScalableDimension"] != INSTANCES or "InstanceType" not in specification:
        raise Invalid(f"The variant {variant.name} has no {request['ScalableDimension']}.")


def _variant(request: Record) -> Variant:
    scaled = parse(request["ResourceId"])
    endpoint: Endpoint | None = state.endpoints.get(scaled.endpoint.lower()) if scaled else None
    if scaled is None or endpoint is None or endpoint.name != scaled.endpoint:
        raise Invalid(f"No endpoint was found for the resource ID {request['ResourceId']}.")
    for variant in endpoint.variants:
        if variant.name == scaled.variant:
            return variant
    raise Invalid(f"The endpoint {endpoint.name} has no variant {scaled.variant}.")


def _arn(rest: str) -> str:
    return f"arn:aws:application-autoscaling:{get_region()}:{get_account_id()}:{rest}"
