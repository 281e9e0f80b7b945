"""The record: one item for each attempt to promote, written once when it ends and never changed.

Also refusals, failures and executions that were stopped have one. Key: the stage ("<application>/<stage>") and the
attempt ("<start>#<promotion id>"), so that a stage's attempts are read in their order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import (
    Artifact,
    Execution,
    Failure,
    KnownGood,
    Outcome,
    Promotion,
    from_lenient_json,
    to_json,
)
from lambdas.promotion.contract.document.schema import SCHEMA
from lambdas.promotion.contract.errors import NothingToRollBackTo
from lambdas.promotion.contract.step_events import LONGEST_INPUT
from lambdas.promotion.contract.text import as_json, whole
from lambdas.promotion.endpoint import same_model
from lambdas.promotion.lock import store as lock_store
from lambdas.promotion.outcome.attribute_values import from_attributes, to_attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# An item has 400 KB (AWS: DynamoDB quotas): the document takes up to 140, an artifact with the longest key 2.5.
_MOST_ARTIFACTS = 50
_LONGEST_NAME = 63
_MOST_KNOWN_GOOD = 10
UNKNOWN = "?"


@dataclass(frozen=True, kw_only=True)
class PromotionRecord:
    """Everything that is known when an attempt has ended. `input` is what the execution was started with.

    `promotion` is None for what was refused before it was resolved; `state` is where an execution was stopped.
    """

    execution: Execution
    input: object
    outcome: Outcome
    ended_at: datetime
    promotion: Promotion | None = None
    failure: Failure | None = None
    artifacts: Sequence[Artifact] = ()
    state: str | None = None

    @property
    def stage(self) -> str:
        if isinstance(self.input, Mapping):
            return "/".join(_name(self.input.get(member)) for member in ("application", "stage"))
        # An event leaves out an input that is too long.
        request = self.promotion.request if self.promotion else None
        return f"{request.application}/{request.stage}" if request else f"{UNKNOWN}/{UNKNOWN}"

    @property
    def key(self) -> str:
        return record_key(self.execution)


def record_key(execution: Execution) -> str:
    """The sort key of an execution's record."""
    # Step Functions tells its start to the millisecond, in the execution as in its events.
    return f"{execution.started_at.isoformat(timespec='milliseconds')}#{execution.promotion_id}"


def item(record: PromotionRecord) -> dict[str, Any]:
    """Return the record as plain values. What is not known is left out."""
    fields = {
        "stage": record.stage,
        "record_key": record.key,
        "promotion_id": record.execution.promotion_id,
        "execution": record.execution.arn,
        "outcome": record.outcome.value,
        "started_at": record.execution.started_at.isoformat(),
        "ended_at": record.ended_at.isoformat(),
        "seconds": Decimal(str(round((record.ended_at - record.execution.started_at).total_seconds(), 3))),
        "input": as_json(record.input)[:LONGEST_INPUT],
        "stopped_in": record.state,
        "schema": SCHEMA,
    }
    if record.failure:
        fields |= {"error": record.failure.error, "cause": record.failure.cause}
    if record.promotion:
        fields |= _of_promotion(record.promotion, record.artifacts)
        if record.outcome in {Outcome.PROMOTED, Outcome.UNCHANGED}:
            fields["document"] = json.dumps(record.promotion.to_json(), ensure_ascii=False)
    # DynamoDB's texts are UTF-8 (AWS: DynamoDB, data types).
    return {
        name: whole(value) if isinstance(value, str) else value for name, value in fields.items() if value is not None
    }


def _of_promotion(promotion: Promotion, artifacts: Sequence[Artifact]) -> dict[str, Any]:
    request, change, model = promotion.request, promotion.change, promotion.model
    containers = promotion.desired_model.request.get("Containers") or [
        promotion.desired_model.request.get("PrimaryContainer", {})
    ]
    return {
        "requested_by": request.requested_by,
        "approved_by": model.approved_by,
        "roll_back": request.roll_back or None,
        "rollback_target": to_json(promotion.rollback_target) if promotion.rollback_target else None,
        "source_model": model.arn,
        "source_model_package": model.package,
        "made_at": model.made_at.isoformat(),
        "target_model": promotion.target_arn("model", promotion.desired_model.name),
        "endpoint": promotion.target_arn("endpoint", promotion.stage.endpoint),
        "endpoint_config": promotion.target_arn("endpoint-config", promotion.desired_config.name),
        "previous_endpoint_config": change.previous_config if change else None,
        "images": [container["Image"] for container in containers if "Image" in container],
        "images_copied": [image.target for image in promotion.images if image.copied] or None,
        "unused_mappings": list(promotion.unused_mappings) or None,
        "artifacts": promotion.artifacts.objects,
        "artifact_bytes": promotion.artifacts.bytes,
        "artifacts_copied": promotion.copied.objects,
        "bytes_copied": promotion.copied.bytes,
        **_checksums(artifacts),
        "digest": promotion.digest,
        "verification": to_json(promotion.verification) if promotion.verification else None,
        "verified_copies": _verified_copies(promotion),
        "fence": promotion.lock.fence if promotion.lock else None,
        "rollback": to_json(promotion.rollback) if promotion.rollback else None,
    }


def _verified_copies(promotion: Promotion) -> dict[str, Any] | None:
    """Return where the list of the copies is stored that the model is loaded from."""
    verified, hub = promotion.verified, promotion.hub
    if verified is None:
        return None
    return to_json(verified) | {"list": f"s3://{hub.bucket}/{resource_names.verified_list(verified.sha256)}"}


def _key_of(artifact: Artifact) -> str:
    return artifact.key


def _checksums(artifacts: Sequence[Artifact]) -> dict[str, Any]:
    """Return every artifact's checksum, or the first ones and one digest of all."""
    objects = [
        {"key": artifact.key, "source": source.uri, "size": source.size, "checksum": source.checksum}
        for artifact, source in ((artifact, artifact.source) for artifact in sorted(artifacts, key=_key_of))
    ]
    if not objects:
        return {}
    digest = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()
    return {"artifact_checksums": objects[:_MOST_ARTIFACTS], "artifacts_digest": digest}


def write(record: PromotionRecord, *, dynamodb: DynamoDBClient) -> bool:
    """Write the record unless there is one; return whether it was written. Nothing is ever overwritten."""
    try:
        dynamodb.put_item(
            TableName=resource_names.RECORDS_TABLE,
            Item=to_attributes(item(record)),
            ConditionExpression="attribute_not_exists(record_key)",
        )
    except ClientError as error:
        if error_codes.code_of(error) != error_codes.DYNAMODB_CONDITION_FAILED:
            raise
        return False
    return True


def read(stage: str, key: str, *, dynamodb: DynamoDBClient) -> dict[str, Any] | None:
    """Return one record as plain values, or None."""
    answer = dynamodb.get_item(
        TableName=resource_names.RECORDS_TABLE,
        Key={"stage": {"S": stage}, "record_key": {"S": key}},
        ConsistentRead=True,
    )
    if "Item" not in answer:
        return None
    return from_attributes(answer["Item"])


def has_failed_with(config_arn: str, stage: str, *, since: str, dynamodb: DynamoDBClient) -> bool:
    """Whether a promotion of the stage after the record `since` failed with this endpoint configuration."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=resource_names.RECORDS_TABLE,
        KeyConditionExpression="stage = :stage AND record_key > :since",
        FilterExpression="endpoint_config = :config AND NOT outcome IN (:promoted, :unchanged, :planned)",
        ExpressionAttributeValues={
            ":stage": {"S": stage},
            ":since": {"S": since},
            ":config": {"S": config_arn},
            ":promoted": {"S": Outcome.PROMOTED},
            ":unchanged": {"S": Outcome.UNCHANGED},
            ":planned": {"S": Outcome.PLANNED},
        },
        ProjectionExpression="record_key",
        ConsistentRead=True,
    )
    return any(page["Items"] for page in pages)


def promotion_of(record: Mapping[str, Any]) -> Promotion | None:
    """Return the promotion in the record of one that went well, also if an older Promote wrote it."""
    try:
        return from_lenient_json(json.loads(record["document"]), Promotion)
    except (KeyError, ValueError):
        return None


def require_promotion(stage: str, key: str, *, dynamodb: DynamoDBClient) -> Promotion:
    """Return the promotion of a record to which its stage is rolled back. Raises NothingToRollBackTo."""
    record = read(stage, key, dynamodb=dynamodb)
    promotion = promotion_of(record) if record else None
    if promotion is None:
        raise NothingToRollBackTo(
            f"The record {key} of {stage}, which the stage would go back to, is missing or was written by a "
            'Promote that this one does not understand. Promote the model by its name, with "allow_older": true.'
        )
    return promotion


def known_good_after(promotion: Promotion, *, ended_at: datetime) -> tuple[KnownGood, ...]:
    """Return the endpoint's good promotions with this one, the newest first.

    What is in service already keeps its entry; a rollback removes the entries that it has left. What was verified now
    holds for each entry of the same model: a copy that had been deleted is another version since.
    """
    content = same_model.content_of(promotion.desired_model)
    recorded = tuple(
        replace(good, verified=promotion.verified, content=content)
        if promotion.verified and good.model == promotion.desired_model.name
        else good
        for good in (promotion.lock.last_known_good if promotion.lock else ())
    )
    config = promotion.desired_config.name
    if recorded and recorded[0].config == config:
        return recorded
    if promotion.request.roll_back:
        configs = [good.config for good in recorded]
        return recorded[configs.index(config) :] if config in configs else recorded
    new = KnownGood(
        record_key=record_key(promotion.execution),
        promotion_id=promotion.execution.promotion_id,
        config=config,
        model=promotion.desired_model.name,
        made_at=promotion.model.made_at,
        ended_at=ended_at,
        stage=f"{promotion.request.application}/{promotion.stage.name}",
        verified=promotion.verified,
        content=content,
    )
    return (new, *(good for good in recorded if good.config != config))[:_MOST_KNOWN_GOOD]


def known_good_text(good: Sequence[KnownGood]) -> str:
    """The good promotions as the endpoint's item holds them."""
    return json.dumps([to_json(entry) for entry in good])


def read_known_good(endpoint_key: str, *, dynamodb: DynamoDBClient) -> tuple[KnownGood, ...]:
    """Return the promotions to an endpoint that went well, the newest first."""
    return known_good_of(lock_store.read(endpoint_key, dynamodb=dynamodb).last_known_good)


def known_good_of(text: str | None) -> tuple[KnownGood, ...]:
    return tuple(from_lenient_json(entry, KnownGood) for entry in json.loads(text or "[]"))


def _name(value: object) -> str:
    return value[:_LONGEST_NAME] if isinstance(value, str) and value.strip() else UNKNOWN
