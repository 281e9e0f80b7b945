"""Copy one artifact into the target's bucket, on S3's side, unless it is there already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambdas.promotion import artifacts, duties
from lambdas.promotion.document import Promotion
from lambdas.promotion.step import Event, errors_by_name, log_about


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is {"promotion": the document, "index": which of its artifacts}; the answer is that artifact."""
    promotion = Promotion.from_json(event["promotion"])
    artifact = promotion.artifacts[event["index"]]
    log_about(promotion, artifact=artifact.uri)
    copied = artifacts.copy(
        artifact,
        source_owner=promotion.source.account,
        target_owner=promotion.target.account,
        s3=duties.as_copier(promotion, artifact).s3,
    )
    return replace(artifact, copied=copied).to_json()
