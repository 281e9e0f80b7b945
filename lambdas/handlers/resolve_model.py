"""Find out what is to be promoted, from where to where, and refuse it before anything in the target is touched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.promotion.artifacts import discovery, inventory
from lambdas.promotion.aws import work_lists
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names, settings
from lambdas.promotion.contract.document import Promotion, Request, SourceModel
from lambdas.promotion.contract.settings import Application, Environment, Settings
from lambdas.promotion.contract.step_events import ResolveEvent, from_event
from lambdas.promotion.images import ecr_client, references
from lambdas.promotion.model import definition
from lambdas.promotion.model.definition import Definition
from lambdas.promotion.resolve import eligibility, identity, model_registry
from lambdas.promotion.resolve import request as rules
from lambdas.promotion.resolve.access import reader_session
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3
from lambdas.promotion.smoke_test import sample_resolution


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    resolution = from_event(event, ResolveEvent)
    execution = resolution.execution
    logger.append_keys(promotion_id=execution.promotion_id)
    request = rules.require_request(resolution.input)
    deployed = settings.deployed()
    application, stage = rules.find_stage(request, deployed)
    source, target = deployed.environments[stage.source], deployed.environments[stage.environment]
    if request.model_package_arn:
        eligibility.require_package_of(
            application, request.model_package_arn, deployed.environments[application.registry], source
        )
    account = reader_session(source, execution=execution, external_id=deployed.external_id)
    model, found, tags = _model_of(request, application, source, account, deployed)
    model = sample_resolution.resolved(model, stage, source=account)
    named = found.images
    digests = ecr_client.digests(named, account)
    found = definition.for_stage(found, stage=stage, source=source, target=target, digests=digests, subject=model.arn)
    needed = inventory.take(
        discovery.find_all(found.s3_references, owner=source.account, s3=account.s3, subject=model.arn),
        application=application.name,
        stage=stage.name,
        bucket=target.artifact_bucket,
        subject=model.arn,
    )
    promotion = Promotion(
        request=request,
        execution=execution,
        hub=deployed.hub,
        stage=stage,
        source=source,
        target=target,
        external_id=deployed.external_id,
        deadline=execution.started_at + timedelta(seconds=stage.deadline_seconds),
        model=model,
        images=references.to_copy(named, digests, source=source, target=target, stage=stage),
        **identity.desired_resources(
            found, needed, tags, request=request, stage=stage, target=target, model=model, by=execution
        ),
    )
    work_lists.write(work_lists.INVENTORY, needed.artifacts, promotion, s3=hub_s3())
    log_about(promotion)
    logger.info("Resolved", extra={"source_model": model.arn, "artifacts": promotion.artifacts.objects})
    return promotion.to_json()


def _model_of(
    request: Request, application: Application, source: Environment, account: RoleSession, deployed: Settings
) -> tuple[SourceModel, Definition, dict[str, str]]:
    if request.model_package_arn:
        version = model_registry.describe_model_package(request.model_package_arn, sagemaker=account.sagemaker)
        eligibility.require_approved(version)
        arn = version["ModelPackageArn"]
        made_at = version["CreationTime"].astimezone(UTC)
        model = SourceModel(
            arn=arn,
            created_at=made_at,
            made_at=made_at,
            model_package_arn=arn,
            approved_by=model_registry.changed_by(version),
        )
        return model, definition.of_package(version, subject=arn), {}

    location = f"{source.name} (account {source.account}, {source.region})"
    described = model_registry.describe_model(str(request.model_name), location=location, sagemaker=account.sagemaker)
    tags = model_registry.tags_of(described["ModelArn"], sagemaker=account.sagemaker)
    eligibility.require_application_of(tags, application, subject=described["ModelArn"])
    tags = eligibility.trusted_tags(tags, source, deployed)
    packages = {}
    for named in model_registry.packages_named_by(described):
        # By its name first: nobody may read another application's group.
        eligibility.require_version(named, subject=described["ModelArn"])
        eligibility.require_package_of(application, named, source, source)
        packages[named] = model_registry.describe_model_package(named, sagemaker=account.sagemaker)
        eligibility.require_approved(packages[named])
    arns = [package["ModelPackageArn"] for package in packages.values()]
    model = SourceModel(
        arn=described["ModelArn"],
        created_at=described["CreationTime"].astimezone(UTC),
        made_at=_made_at(described, packages, tags),
        model_package_arn=arns[0] if len(arns) == 1 else None,
        approved_by=model_registry.changed_by(next(iter(packages.values()))) if len(arns) == 1 else None,
    )
    return model, definition.of_model(described, packages, subject=model.arn), tags


def _made_at(
    described: Mapping[str, Any], packages: Mapping[str, Mapping[str, Any]], tags: Mapping[str, str]
) -> datetime:
    """When the model was made where it was trained: of one that Promote made, its tags say so."""
    if resource_names.MADE_AT_TAG in tags:
        return datetime.fromisoformat(tags[resource_names.MADE_AT_TAG])
    made: list[datetime] = [package["CreationTime"] for package in packages.values()] or [described["CreationTime"]]
    return max(made).astimezone(UTC)
