"""Whether what endpoints load, and can be rolled back to, still is what was verified: what SageMaker loads next.

An instance that SageMaker replaces or adds loads the model again, without a promotion that could compare it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import KnownGood, VerifiedCopies
from lambdas.promotion.contract.settings import Environment, Settings
from lambdas.promotion.outcome import records

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, kw_only=True)
class AuditedCopies:
    """A list of verified copies, its environment, and the promotions ("<stage> by <promotion id>") that have it."""

    verified: VerifiedCopies
    target: Environment
    promotions: tuple[str, ...]


def of_endpoints(deployed: Settings, *, dynamodb: DynamoDBClient) -> list[AuditedCopies]:
    """Return each list of the last known good promotions of all endpoints, in the environments that are deployed."""
    targets = {environment.artifact_bucket: environment for environment in deployed.environments.values()}
    return list(_audited(_known_good(dynamodb), targets))


def _audited(known_good: Iterable[KnownGood], targets: Mapping[str, Environment]) -> Iterator[AuditedCopies]:
    promotions: dict[VerifiedCopies, list[str]] = {}
    for good in known_good:
        if good.verified and good.verified.bucket in targets:
            promotions.setdefault(good.verified, []).append(f"{good.stage} by {good.promotion_id}")
    for verified, names in promotions.items():
        yield AuditedCopies(verified=verified, target=targets[verified.bucket], promotions=tuple(names))


def _known_good(dynamodb: DynamoDBClient) -> Iterator[KnownGood]:
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=resource_names.ENDPOINTS_TABLE,
        FilterExpression="attribute_exists(last_known_good)",
        ProjectionExpression="last_known_good",
    )
    for page in pages:
        for item in page["Items"]:
            yield from records.known_good_of(item["last_known_good"]["S"])
