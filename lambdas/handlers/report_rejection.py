"""Tell that a version was rejected which an endpoint serves: nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract import resource_names, settings
from lambdas.promotion.contract.settings import Application, Settings, Stage
from lambdas.promotion.contract.text import in_lines
from lambdas.promotion.outcome import records
from lambdas.promotion.runtime.handler import Event, errors_by_name

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_OUTCOME = "Rejected"
_LONGEST_SUBJECT = 99  # API: Publish, Subject, is "less than 100 characters long"


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is SageMaker's, from a model registry: recordings, events/SageMakerModelPackageStateChange."""
    deployed, version = settings.deployed(), event["detail"]["ModelPackageArn"]
    dynamodb = sessions.own_dynamodb()
    announced = {}
    for application in _applications(event, deployed):
        live = list(_live_stages(application, version, deployed, dynamodb=dynamodb))
        logger.warning("Version rejected", extra={"version": version, "application": application.name, "live_in": live})
        if live:
            _announce(application, version, live, deployed)
            announced[application.name] = live
    return {"live": announced}


def _applications(event: Event, deployed: Settings) -> Iterator[Application]:
    """Yield the applications whose group the version is in."""
    group = event["detail"]["ModelPackageGroupName"].lower()
    for application in deployed.applications.values():
        registry = deployed.environments[application.registry]
        location = (registry.account, registry.region)
        if application.model_package_group.lower() == group and location == (event["account"], event["region"]):
            yield application


def _live_stages(
    application: Application, version: str, deployed: Settings, *, dynamodb: DynamoDBClient
) -> Iterator[str]:
    """Yield a line for each stage whose last known good promotion brought the version."""
    for stage in application.stages.values():
        target = deployed.environments[stage.environment]
        known_good = records.read_known_good(target.endpoint_key(stage.endpoint), dynamodb=dynamodb)
        current = next(iter(known_good), None)
        record = records.read(current.stage, current.record_key, dynamodb=dynamodb) if current else None
        if record and str(record.get("source_model_package", "")).lower() == version.lower():
            yield _line(stage, target.account, record["promotion_id"])


def _line(stage: Stage, account: str, promotion_id: str) -> str:
    return f"stage {stage.name}: endpoint {stage.endpoint} in {stage.environment} ({account}), promotion {promotion_id}"


def _announce(application: Application, version: str, live: list[str], deployed: Settings) -> None:
    hub = deployed.hub
    roll_back = '"roll_back": true'
    attributes = {"outcome": _OUTCOME, "application": application.name, "stage": "unknown", "error": "none"}
    sessions.own_sns().publish(
        TopicArn=resource_names.topic_arn(hub.account, hub.region),
        Subject=f"{_OUTCOME}: a live version of {application.name}"[:_LONGEST_SUBJECT],
        Message=in_lines(
            f"{version} was rejected in the model registry, and is live in",
            live,
            f"Nothing was changed. To return a stage to its previous promotion, start it with {roll_back}.",
        ),
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )
