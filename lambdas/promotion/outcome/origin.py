"""Which version a model came from that an earlier stage has: by the records. Its tags belong to its account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts.inventory import Inventory
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.endpoint import comparison
from lambdas.promotion.outcome import records
from lambdas.promotion.resolve.service import Resolution, ResolvedModel

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class Origin:
    """The promotion that brought a model to the source, and its record."""

    promotion: Promotion
    record: Mapping[str, Any]

    @property
    def promotion_id(self) -> str:
        return self.promotion.execution.promotion_id

    def require_same_artifacts(self, inventory: Inventory) -> None:
        """The artifacts in the source must be those that the record has. Raises ArtifactChanged."""
        artifact_checks.require_recorded(
            inventory.artifacts,
            self.record.get("artifact_checksums", ()),
            bucket=self.promotion.target.artifact_bucket,
            objects=self.promotion.artifacts.objects,
            promoted_by=self.promotion_id,
        )


def of_model(resolution: Resolution, resolved: ResolvedModel, *, dynamodb: DynamoDBClient) -> Origin | None:
    """Return the last known good promotion of the application that created the model; None if there is none.

    Only for an application with a stage that takes only approved versions. Raises NameTaken if the model is no longer
    the one that was created.
    """
    name = resolution.request.model_name
    if name is None or not resolution.application.traces_versions:
        return None
    for origin in _origins(resolution, name, dynamodb=dynamodb):
        created = origin.promotion.desired_model
        if origin.promotion.target_arn("model", created.name) == resolved.model.arn.lower():
            comparison.require_same("model", name, created.request, dict(resolved.described))
            return origin
    return None


def _origins(resolution: Resolution, model: str, *, dynamodb: DynamoDBClient) -> Iterator[Origin]:
    """Yield the good promotions of the application to the source that created a model of this name."""
    application, source = resolution.application, resolution.source
    for stage in application.stages.values():
        if stage.environment != source.name:
            continue
        for good in records.read_known_good(source.endpoint_key(stage.endpoint), dynamodb=dynamodb):
            record = records.read(good.stage, good.record_key, dynamodb=dynamodb) if good.model == model else None
            promotion = records.promotion_of(record) if record else None
            if record and promotion and promotion.request.application == application.name:
                yield Origin(promotion, record)
