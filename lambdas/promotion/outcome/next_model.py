"""The model that a stage takes next, if the input names none: that of the stage before, or the newest version.

By the records, not by what the endpoint before serves now: what a person has put there was promoted by no one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import KnownGood, Request
from lambdas.promotion.contract.errors import InvalidInput, ModelNotFound
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.outcome import records
from lambdas.promotion.resolve import model_registry
from lambdas.promotion.resolve.service import Resolution

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def named(resolution: Resolution, account: RoleSession, *, dynamodb: DynamoDBClient) -> Resolution:
    """Return the resolution with a model: that of the request, or the next one.

    Raises ModelNotFound or ModelPackageNotFound if there is none, InvalidInput if there are several.
    """
    request = resolution.request
    if request.model_name or request.model_package_arn:
        return resolution
    previous = [
        stage for stage in resolution.application.stages.values() if stage.environment == resolution.source.name
    ]
    if previous:
        return _with(resolution, replace(request, model_name=_last_promoted(previous, resolution, dynamodb=dynamodb)))
    if resolution.source.name != resolution.registry.name:
        raise InvalidInput(
            f"Stage {resolution.stage.name!r} takes its models from {resolution.source.name!r}, to which no stage of "
            f"{resolution.application.name!r} promotes: set model_name."
        )
    group = resolution.application.model_package_group
    arn = model_registry.latest_approved(group, sagemaker=account.sagemaker)
    return _with(resolution, replace(request, model_package_arn=arn))


def _with(resolution: Resolution, request: Request) -> Resolution:
    return replace(resolution, request=request)


def _last_promoted(previous: list[Stage], resolution: Resolution, *, dynamodb: DynamoDBClient) -> str:
    """Return the model that the stages before last promoted well, or went back to."""
    models = dict.fromkeys(
        good.model for stage in previous if (good := _current(stage, resolution, dynamodb=dynamodb)) is not None
    )
    names = ", ".join(repr(stage.name) for stage in previous)
    if not models:
        raise ModelNotFound(
            f"No promotion of {resolution.application.name!r} to stage {names} is recorded as last known good, so "
            f"there is no model for stage {resolution.stage.name!r}. Promote one to {names} first, or set model_name."
        )
    if len(models) > 1:
        raise InvalidInput(
            f"Stages {names} of {resolution.application.name!r} last promoted different models ({', '.join(models)}): "
            "set model_name to one of them."
        )
    return next(iter(models))


def _current(stage: Stage, resolution: Resolution, *, dynamodb: DynamoDBClient) -> KnownGood | None:
    known_good = records.read_known_good(resolution.source.endpoint_key(stage.endpoint), dynamodb=dynamodb)
    return next(iter(known_good), None)
