"""Find what is promoted, from where to where, and refuse it before anything in the target is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambdas.promotion.artifacts import discovery, inventory
from lambdas.promotion.aws import sessions, work_lists
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.step_events import ResolveEvent, from_event
from lambdas.promotion.images import ecr_client, references
from lambdas.promotion.model import definition, unused_mappings
from lambdas.promotion.outcome import next_model, records
from lambdas.promotion.outcome import origin as origins
from lambdas.promotion.resolve import approval as approvals
from lambdas.promotion.resolve import identity, service, start
from lambdas.promotion.resolve.access import reader_session
from lambdas.promotion.resolve.service import Resolution
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3
from lambdas.promotion.smoke_test import sample_resolution


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The answer is the document."""
    started = from_event(event, ResolveEvent)
    logger.append_keys(promotion_id=started.execution.promotion_id)
    resolution = Resolution.of(started, settings.deployed())
    resolution.require_alias(start.alias_of(started.execution, stepfunctions=sessions.own_stepfunctions()))
    stage, source, target = resolution.stage, resolution.source, resolution.target
    resolution.require_own_package()
    account = reader_session(source, execution=started.execution, external_id=resolution.deployed.external_id)
    resolution = next_model.named(resolution, account, dynamodb=sessions.own_dynamodb())
    resolved = service.find_model(resolution, account)
    origin = origins.of_model(resolution, resolved, dynamodb=sessions.own_dynamodb())
    model = replace(resolved.model, origin_version=origin.promotion.model.version if origin else None)
    approval = approvals.require(resolution, model, promoted_by=origin.promotion_id if origin else None)
    model = sample_resolution.resolved(model, stage, source=account)
    images = resolved.definition.images
    digests = ecr_client.digests(images, account)
    adapted = definition.for_stage(
        resolved.definition, stage=stage, source=source, target=target, digests=digests, subject=model.arn
    )
    artifacts = inventory.take(
        discovery.find_all(adapted.s3_references, owner=source.account, s3=account.s3, subject=model.arn),
        application=resolution.application.name,
        stage=stage.name,
        bucket=target.artifact_bucket,
        subject=model.arn,
    )
    if origin:
        origin.require_same_artifacts(artifacts)
    promotion = resolution.promotion(
        model=model,
        approval=approval,
        images=references.to_copy(images, digests, source=source, target=target, stage=stage),
        unused_mappings=unused_mappings.of(resolved.definition, stage),
        parts=identity.desired_resources(
            adapted,
            artifacts,
            resolved.tags,
            request=resolution.request,
            stage=stage,
            target=target,
            model=model,
            by=started.execution,
        ),
    )
    if promotion.request.dry_run:
        # What a promotion reads when it locks the endpoint, which a dry run does not do.
        known_good = records.read_known_good(promotion.endpoint_key, dynamodb=sessions.own_dynamodb())
        promotion = replace(promotion, known_good=known_good)
    work_lists.write(work_lists.INVENTORY, artifacts.artifacts, promotion, s3=hub_s3())
    log_about(promotion)
    logger.info("Resolved", extra={"source_model": model.arn, "artifacts": promotion.artifacts.objects})
    return promotion.to_json()
